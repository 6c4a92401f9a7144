"""The page that explains published contradictions by what protocols do to the same dances."""

from __future__ import annotations

import math
import re
from html import unescape

import numpy as np
import pytest

from popdanceset.errors import InputError
from training.evaluation.explanation import CLOSE, contradictions, explain, html, markdown
from training.metrics.clip import Clip
from training.metrics.factors import NUMBERS, RELEASED_SETUP, numbers, together, without


def clips(seed: int, count: int = 6, fps: float = 30.0) -> list[Clip]:
    """Bodies of which every joint swings about its own place, with music of 150 beats a minute."""
    draw = np.random.default_rng(seed)
    place, phase = draw.normal(0, 0.4, (24, 3)) + np.array([0, 0, 1]), draw.uniform(0, 6, (count, 1, 24, 3))
    time = np.arange(90)[None, :, None, None] / 30
    joints = place + 0.2 * np.sin(draw.uniform(2, 9, (count, 1, 24, 3)) * time + phase)
    return [Clip(f"c{seed}-{n}", joints[n], fps, np.arange(3, 90, 12)) for n in range(count)]


@pytest.fixture(scope="module")
def explanation():
    return explain(clips(1), clips(2), "POPDG")


def test_the_contradictions_are_those_of_the_card() -> None:
    assert [(c.first.metric, c.first.value, c.second.value) for c in contradictions()] == [
        ("FID_k", 27.13, 76.23),
        ("BAS", 0.174, 0.2603),
        ("PFC", 1.5824, 17.26),
    ]
    assert contradictions()[2].ratio == pytest.approx(17.26 / 1.5824)


def test_changes_are_sorted_by_what_they_do_alone(explanation) -> None:
    ours = numbers(clips(1), clips(2))
    for verdict in explanation.verdicts:
        key, printed = verdict.contradiction.first.metric, verdict.contradiction.ratio
        for change in (*verdict.alone, *verdict.larger, *verdict.smaller):
            (variant,) = change.variants
            if variant.only_generated:
                continue
            start = numbers(clips(1), clips(2), RELEASED_SETUP)[key] if change.undone else ours[key]
            setup = without(RELEASED_SETUP, variant.setup) if change.undone else variant.setup
            value = numbers(clips(1), clips(2), setup)[key]
            assert change.ratio == pytest.approx(math.exp(abs(math.log(value / start))))
            assert (change in verdict.alone) == (max(change.ratio / printed, printed / change.ratio) <= CLOSE)
        for change in verdict.pairs:
            value = numbers(clips(1), clips(2), together(v.setup for v in change.variants))[key]
            assert change.ratio == pytest.approx(math.exp(abs(math.log(value / ours[key]))))
            assert all(variant.known for variant in change.variants)
        assert ("not reproduced" in verdict.summary) == (not verdict.alone)


def test_a_known_change_is_told_from_an_invented_one(explanation) -> None:
    for verdict in explanation.verdicts:
        known = any(change.known for change in verdict.alone)
        assert ("by one known change" in verdict.summary) == known


def test_both_pages_show_the_same_numbers(explanation) -> None:
    text, page = markdown(explanation), html(explanation)
    table = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table[: len(explanation.moved) + 2]
    ]
    plain = unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))
    assert len(rows[0]) == 3 + len(NUMBERS)
    for row in rows[1:]:
        assert " ".join(row[3:]).replace("  ", " ") in plain
        assert row[1] in plain.replace("ours (corrected mode)", "ours (`corrected` mode)")
    for verdict in explanation.verdicts:
        assert verdict.summary in text
        assert verdict.summary in plain
    assert "6 dances of POPDG against 6 real ones" in text
    assert "FID_k: 6 motions do not fill 72 channels" in text
    assert "17.26 (Skeleton2Stage, PopDanceSet, training part)" in text
    assert not re.search(r"(src|href)=", page)


def test_without_music_or_model() -> None:
    silent = [Clip(c.name, c.joints, c.fps) for c in clips(3)]
    found = explain(silent)
    assert [v.contradiction.first.metric for v in found.verdicts] == ["FID_k", "PFC"]
    assert found.ours["BAS"] is None
    assert "one half of 6 real dances against the other" in markdown(found)


def test_two_rates_are_an_error() -> None:
    with pytest.raises(InputError, match="dances at 30 and 60 fps cannot explain a protocol"):
        explain(clips(1), clips(2, fps=60.0), "X")
