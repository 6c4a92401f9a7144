"""Which columns are shown, and which model is best."""

from __future__ import annotations

import pytest

from popdanceset.errors import InputError
from training.evaluation.comparison import (
    DESCRIPTIONS,
    GROUPS,
    LATENCY,
    Comparison,
    Row,
    best,
    check_unique,
    groups,
    undefined,
)
from training.metrics.catalogue import AGAINST_TRAINING, METRICS
from training.metrics.score import Interval


def at(value, flag=""):
    return Interval(value, value - 1, value + 1, flag)


def comparison(**columns):
    """`comparison(PFC=(real, A, B))`; None leaves a number out."""
    rows = []
    for place, (name, kind) in enumerate((("ground truth", "real"), ("A", "model"), ("B", "model"))):
        numbers = {key: values[place] for key, values in columns.items() if values[place] is not None}
        rows.append(Row(name, kind, {k: v if isinstance(v, Interval) else at(v) for k, v in numbers.items()}))
    return Comparison(tuple(rows), {})


def test_every_metric_has_its_place():
    assert sorted(key for keys in GROUPS.values() for key in keys) == sorted(DESCRIPTIONS)
    assert {*METRICS, *AGAINST_TRAINING, LATENCY} == set(DESCRIPTIONS)


def test_the_best_model_by_the_direction_of_the_column():
    table = comparison(PFC=(0, 2, 3), BAS=(0.9, 0.2, 0.3), Div_k=(5, 9, 2), jitter=(1, 4, 4))
    assert best(table, "PFC") == "A"
    assert best(table, "BAS") == "B"
    assert best(table, "Div_k") == "B"  # 3 away; A is 4 away
    assert best(table, "jitter") is None  # equal
    assert best(table, "FID_k") is None  # no model has it


def test_no_best_without_competition_or_goal():
    nothing = Interval(0, 0, 0, "no music: 4 of 4 clips left out")
    assert best(comparison(BAS=(0.5, nothing, 0.3)), "BAS") is None
    assert best(comparison(Div_k=(None, 2, 3)), "Div_k") is None


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("", False),
        ("no music: 4 of 4 clips left out", True),
        ("no music: 3 of 4 clips left out", False),
        ("no music beats: 12 of 12 clips left out; other", True),
        ("no motion beats: 4 of 4 clips", False),  # the dances missed every beat, which is a score
        ("music not named", True),
        ("no music with two dances", True),
        ("the real set against itself", False),
    ],
)
def test_placeholders_are_recognised_by_their_flag(flag, expected):
    assert undefined(Interval(0, 0, 0, flag)) is expected


def test_empty_columns_are_shown_only_if_chosen():
    nothing = Interval(0, 0, 0, "music not named")
    table = comparison(PFC=(1, 2, 3), multimodality_k=(nothing, nothing, nothing))
    assert [key for keys in groups(table).values() for key in keys] == ["PFC"]
    assert groups(table, ["multimodality_k", "PFC"]) == {"": ("multimodality_k", "PFC")}
    with pytest.raises(InputError, match=r"no column is called 'FVD'.*PFC"):
        groups(table, ["FVD"])


def test_two_rows_of_one_name_are_an_error():
    with pytest.raises(InputError, match="two rows would have this name"):
        check_unique(["ground truth", "A", "A"])
