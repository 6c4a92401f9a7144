"""Tables hold the same numbers in every format, and each number has its flag as a footnote."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.comparison import Comparison, LeftOut, Row, published_rows
from training.evaluation.published import chosen
from training.evaluation.table import csv_text, decimals, json_text, latex, markdown
from training.metrics.score import Interval

RATES = {"motions": 4, "frames": {"least": 90, "most": 90}, "fps": [30.0]}
PROTOCOL = {
    "mode": "corrected",
    "axes": "metres, z up",
    "seed": 7,
    "versions": {"popdanceset": "1"},
    "rows": {
        "ground truth": RATES,
        "A_1": RATES | {"resampled_from": "60 fps"},
        "B|C": RATES | {"frames": {"least": 80, "most": 90}},
    },
}


@pytest.fixture
def table():
    nothing = Interval(0.0, 0.0, 0.0, "no music: 4 of 4 clips left out")
    low = Interval(-2.0, -3.0, -1.0, "few motions; odd")
    rows = (
        Row("ground truth", "real", {"PFC": Interval(1.0, 0.5, 1.5), "BAS": Interval(0.5, 0.4, 0.6)}),
        Row("A_1", "model", {"PFC": Interval(12.5, 10.0, 15.0, "few motions"), "BAS": nothing}),
        Row("B|C", "model", {"PFC": low, "BAS": Interval(0.25, 0.2, 0.3)}),
    )
    return Comparison(rows, PROTOCOL, {}, (LeftOut("A_1", "clip 9", "it holds NaN"),))


@given(st.floats(-1e12, 1e12))
def test_numbers_keep_three_digits_or_three_decimals(value):
    shown = float(f"{value:{decimals(value)}}".replace(",", ""))
    assert abs(shown - value) <= max(abs(value) * 5.1e-3, 5.1e-4)


def test_markdown(table):
    text = markdown(table)
    lines = text.splitlines()

    assert "| | PFC (10⁻⁴ m²) ↓ | BAS ↑ |" in lines
    assert "| ground truth | 1.000 [0.500, 1.500] | 0.500 [0.400, 0.600] |" in lines
    assert "| A_1 | 12.50 [10.00, 15.00]<sup>a</sup> | –<sup>b</sup> |" in lines
    assert "| B\\|C | **-2.000** [-3.000, -1.000]<sup>a,c</sup> | 0.250 [0.200, 0.300] |" in lines
    assert "<sup>a</sup> few motions  " in lines
    assert "<sup>b</sup> no music: 4 of 4 clips left out  " in lines
    assert "A_1: clip 9 was left out, it holds NaN  " in lines
    assert "mode corrected; metres, z up; seed 7; popdanceset 1" in text
    assert "A_1: 4 motions of 90 frames at 30 fps, resampled from 60 fps" in text
    assert "B|C: 4 motions of 80–90 frames" in text


def test_printed_rows_stand_in_the_same_columns_with_source_and_differences(table):
    numbers = chosen(["paper", "Skeleton2Stage"])
    rows = (*table.rows, *published_rows(numbers, PROTOCOL))
    text = markdown(Comparison(rows, PROTOCOL, published=numbers))
    notes = dict(re.findall(r"<sup>(\w+)</sup> (.+?)  \n", text))

    (popdg,) = re.findall(r"\| \*POPDG \(paper, PopDanceSet\)\* \| 4\.370<sup>.*</sup> \| (.*) \|", text)
    value, marks = re.fullmatch(r"0\.482<sup>(.*)</sup>()", popdg).group(0, 1)
    assert value.startswith("0.482")
    assert "paper: mean of BAS sum over clips divided by 24, here mean over clips" in {
        notes[mark] for mark in marks.split(",")
    }
    assert "| *ground truth (Skeleton2Stage, PopDanceSet, training part)* | 17.26<sup>" in text
    assert any(
        "Skeleton2Stage does not tell vertical axis, fps, clip length" in note for note in notes.values()
    )
    assert "CVPR 2024, Table 2" in text
    assert "other clips, lengths, joints and code" in text
    assert latex(Comparison(rows, PROTOCOL, published=numbers)).count("17.26") == 1
    document = json.loads(json_text(Comparison(rows, PROTOCOL, published=numbers)))
    assert len(document["published"]["numbers"]) == len(numbers)


def test_csv_reads_back(table):
    ground_truth, a, b = csv.DictReader(io.StringIO(csv_text(table)))
    assert ground_truth["kind"] == "real"
    assert (float(a["PFC"]), float(a["PFC_low"]), a["PFC_flag"]) == (12.5, 10.0, "few motions")
    assert (a["BAS"], a["BAS_flag"]) == ("", "no music: 4 of 4 clips left out")
    assert b["name"] == "B|C"


def test_json_reads_back(table):
    read = json.loads(json_text(table))
    assert read["table"]["A_1"]["PFC"] == {"value": 12.5, "low": 10.0, "high": 15.0, "flag": "few motions"}
    assert read["table"]["A_1"]["BAS"]["value"] is None
    assert read["columns"]["BAS"]["better"] == "more"
    assert read["protocol"]["seed"] == 7
    assert read["left_out"] == [{"row": "A_1", "clip": "clip 9", "reason": "it holds NaN"}]


def test_latex_is_escaped_and_balanced(table):
    text = latex(table)
    assert r"A\_1 & 12.50 {\scriptsize [10.00, 15.00]}$^{a}$ & --$^{b}$ \\" in text
    assert r"\textbf{$-$2.000} {\scriptsize [$-$3.000, $-$1.000]}$^{a,c}$" in text
    assert text.count(r"\begin{tabular}{lrr}") == text.count(r"\end{tabular}") == 1
    assert text.count("{") == text.count("}")
    assert text.startswith("% mode corrected")
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert "".join(body).isascii()


def test_columns_can_be_chosen(table):
    assert "PFC" not in markdown(table, ["BAS"])
    assert csv_text(table, ["BAS"]).splitlines()[0] == "name,kind,BAS,BAS_low,BAS_high,BAS_flag"
