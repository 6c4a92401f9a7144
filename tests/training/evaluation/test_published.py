"""The protocol card: what others printed, and how far it can be compared with what we measure."""

from __future__ import annotations

import re
import sys
from dataclasses import fields

import pytest

from popdanceset.errors import InputError
from training.evaluation import published
from training.evaluation.comparison import published_rows
from training.evaluation.published import (
    FACTORS,
    TITLES,
    PublishedProtocol,
    chosen,
    differences,
    other_metrics,
    published_numbers,
)
from training.metrics.catalogue import METRICS

RUN = {"frames": {"least": 150, "most": 150}, "fps": [30.0]}
CORRECTED = {"mode": "corrected", "rows": {"ground truth": RUN}}
RELEASED = {"mode": "released", "rows": {"ground truth": RUN}}


def one(source: str, model: str, metric: str, dataset: str = "PopDanceSet"):
    (found,) = (
        number
        for number in chosen([source])
        if (number.model, number.metric, number.dataset) == (model, metric, dataset)
    )
    return found


def flags(number, run=CORRECTED) -> list[str]:
    return differences(number, published.protocol_of_run(run)).split("; ")


def test_table_2_matches_the_notes_on_the_paper(shared) -> None:
    """The notes list the same numbers in the same order."""
    text = (shared / "facts/paper.md").read_text()
    printed = re.findall(r"\d+\.\d{3,4}", text[text.index("- Table 2") : text.index("- User study")])
    assert [float(number) for number in printed] == [number.value for number in chosen(["paper"])]


def test_the_numbers_of_peers_stand_in_the_notes_on_them(shared) -> None:
    """Every number of the card is in the notes, and the other way round; pose papers are not on the card."""
    text = (shared / "facts/peers.md").read_text()
    table = text[text.index("| TokenDance") : text.index("| world-space pose")]
    ours = {f"{value:g}" for n in chosen(["peers"]) for value in (n.value, n.deviation) if value is not None}
    # Names hold digits too, and the lengths that were timed are titles on the card.
    bare = re.sub(r"arXiv \d+\.\d+|Skeleton2Stage|\[2\]|1,024|4,096|FID_k/g", "", table).replace(",", "")
    assert ours == {f"{float(number):g}" for number in re.findall(r"\d+(?:\.\d+)?", bare)}


@pytest.mark.parametrize(
    ("names", "sources"),
    [
        (["paper"], {"paper"}),
        (["TOKENDANCE", "MambaDance"], {"TokenDance", "MambaDance"}),
        (["peers"], {n.source.name for n in published_numbers()} - {"paper"}),
        (["all"], {n.source.name for n in published_numbers()}),
    ],
)
def test_sources_are_chosen_by_name_or_group(names, sources) -> None:
    assert {number.source.name for number in chosen(names)} == sources


def test_a_released_run_lacks_only_what_nobody_tells() -> None:
    """The same number differs in five ways from a corrected run, in none from a run of the released code."""
    number = one("paper", "POPDG", "Div_k")
    assert {flag.partition(": ")[2] for flag in flags(number) if ", here " in flag} == {
        "vertical axis of features y, here z",
        "time step 1/60 s (kinetic), 1/120 s (geometric), here 1/fps",
        "feature code AIST++ as released, here AIST++ as defined",
    }
    assert [flag for flag in flags(number, RELEASED) if ", here " in flag] == []
    assert "paper does not tell clip length" in flags(number, RELEASED)


def test_only_what_moves_a_number_is_stated() -> None:
    text = " ".join(flags(one("paper", "POPDG", "PFC")))
    assert "BAS" not in text
    assert "feature" not in text
    assert "clip length" in text


def test_deviations_and_second_hand_numbers_are_marked() -> None:
    assert "MambaDance: standard deviation 712 over 10 runs" in flags(
        one("MambaDance", "POPDG", "FID_k", "AIST++")
    )
    assert "FlowerDance: read second hand" in flags(one("FlowerDance", "FlowerDance", "FID_g", "FineDance"))


def test_rows_hold_the_numbers_that_the_suite_computes() -> None:
    rows = {row.name: row.numbers for row in published_rows(published_numbers(), CORRECTED)}
    assert set(rows["POPDG (Skeleton2Stage, PopDanceSet)"]) == {"FID_k", "PFC"}
    assert rows["POPDG (TokenDance, PopDanceSet)"]["FID_k"].value == 27.13
    assert rows["POPDG (MambaDance, AIST++)"]["FID_k"].low == 777  # a deviation is no interval
    assert not any("EDGE (TokenDance" in name for name in rows)  # seconds only


def test_names_and_titles_are_complete() -> None:
    assert [field.name for field in fields(PublishedProtocol)] == list(TITLES)
    assert set(FACTORS) <= {*METRICS, *other_metrics()}
    assert {n.metric for n in published_numbers()} <= {*METRICS, *other_metrics()}
    names = [(n.row, n.metric) for n in published_numbers()]
    assert len(names) == len(set(names))


SOURCE = {"name": "X", "title": "X", "group": "peers", "read": "text"}
TABLE = {"dataset": "D", "columns": ["PFC"], "rows": {"M": [1.0]}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": ["FVD"]}, "no number is called 'FVD'"),
        ({"rows": {"M": [1.0, 2.0]}}, "M has 2 values"),
        ({"protocol": {"rate": "30"}}, "protocols have no 'rate'"),
    ],
)
def test_mistakes_of_a_card_are_named(change, message) -> None:
    assert len(published_numbers({"source": [SOURCE | {"table": [TABLE]}]})) == 1
    with pytest.raises(InputError, match=re.escape(message)):
        published_numbers({"source": [SOURCE | {"table": [TABLE | change]}]})


def test_the_card_is_printed(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["published", "mambadance"])
    with pytest.raises(SystemExit) as exited:
        published.main()
    assert exited.value.code == 0
    out = capsys.readouterr().out
    assert "| MambaDance | AIST++ | POPDG | FID_k | 777 ± 712 (10 runs) |" in out
