"""Intervals over seeds and music, and paired tests, against plain calculations and simulated models."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import ttest_ind, ttest_rel

pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.bench.intervals import (
    ONE_SEED,
    Part,
    Replicated,
    holm,
    interval,
    paired_test,
    replicate,
    student,
)
from training.bench.plan import KEYS
from training.metrics.clip import Clip
from training.metrics.compare import compare
from training.metrics.measure import measure
from training.metrics.score import Score

PIECES = 5


def dances(dance, seed, frames=60):
    """Dances to `PIECES` pieces of music with a beat each half second."""
    beats = np.arange(0, frames, 15)
    names = [f"c{number}" for number in range(PIECES)]
    made = [dance(frames, 100 * seed + number).joints for number in range(PIECES)]
    clips = [Clip(f"{n}-{seed}", joints, 30, beats, n) for n, joints in zip(names, made, strict=True)]
    return measure(clips)


def scored(values):
    """A set whose dances have these PFCs; enough for numbers of single dances."""
    clips = [SimpleNamespace(scores={"PFC": Score(float(value))}) for value in values]
    return SimpleNamespace(mode="corrected", clips=clips)


def test_values_are_those_of_the_metric_suite(dance):
    real, runs = dances(dance, 0), [dances(dance, seed) for seed in (1, 2)]
    suite = [compare(real, run, replicates=0).numbers for run in runs]
    for key in KEYS:
        found = replicate(real, runs, key, seed=0, replicates=20)
        alone = [numbers[key].value for numbers in suite]
        np.testing.assert_allclose(found.values, alone, rtol=1e-9)
        got = interval(found, key)
        assert got.low <= got.value <= got.high
        assert got.value == pytest.approx(np.mean(alone))


def test_music_is_resampled_alike_for_all_models(dance):
    real = dances(dance, 0)
    one = replicate(real, [dances(dance, 1)], "PFC", seed=3, replicates=50)
    same = replicate(real, [dances(dance, 1)], "PFC", seed=3, replicates=50)
    np.testing.assert_array_equal(one.replicates, same.replicates)
    assert one.flag == ONE_SEED
    # The plain way: draw pieces, take the mean of their scores.
    values = np.array([clip.scores["PFC"].value for clip in dances(dance, 1).clips])
    counts = np.random.default_rng(3).multinomial(PIECES, np.full(PIECES, 1 / PIECES), size=50)
    plain = [np.repeat(values, row).mean() for row in counts]
    np.testing.assert_allclose(one.replicates, plain, rtol=1e-12)


def test_with_one_seed_the_test_is_students_paired_one():
    random = np.random.default_rng(0)
    first = random.normal(5, 1, 40)
    second = first + random.normal(0.3, 0.8, 40)
    found = {
        name: replicate(scored(first), [scored(values)], "PFC", 0, 20_000)
        for name, values in (("first", first), ("second", second))
    }
    test = paired_test("first", "second", found, found["first"], "PFC")
    assert test.difference == pytest.approx(np.mean(first - second))
    # The standard error comes from resampling, so it is right to a per cent or so.
    assert test.p_value == pytest.approx(ttest_rel(first, second).pvalue, rel=0.1)


def test_without_variation_between_pieces_the_test_is_welchs():
    still = np.zeros(100)
    first, second = np.array([3.0, 3.4, 3.1]), np.array([3.9, 4.4, 3.6, 4.2])
    found = {
        "first": Replicated(first, still + first.mean(), 10),
        "second": Replicated(second, still + second.mean(), 10),
    }
    test = paired_test("first", "second", found, Replicated(np.zeros(1), still, 10), "PFC")
    assert test.p_value == pytest.approx(ttest_ind(first, second, equal_var=False).pvalue)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """Models whose numbers vary with seed and music alike: three seeds, twelve pieces, 400 benches."""
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        music = random.normal(0, 1, 12)
        runs = [scored(10 + music + seed + random.normal(0, 0.3, 12)) for seed in random.normal(0, 0.5, 3)]
        got = interval(replicate(runs[0], runs, "PFC", 0, 300), "PFC")
        covered += got.low <= 10 <= got.high
    assert 0.92 <= covered / 400 <= 1.0


def test_direction_of_losses():
    real = Replicated(np.array([5.0]), np.full(3, 5.0), 4)
    found = {
        "near": Replicated(np.array([5.5, 5.6]), np.full(3, 5.55), 4),
        "far": Replicated(np.array([1.0, 1.1]), np.full(3, 1.05), 4),
    }
    for key, better in (("PFC", "far"), ("BAS", "near"), ("Div_k", "near")):
        test = paired_test("near", "far", found, real, key)
        assert (test.difference < 0) == (better == "near")


def test_degrees_of_freedom():
    assert student([Part(4.0, 7)]) == (2.0, 7.0)
    assert student([Part(0.0, 0), Part(9.0, 3)]) == (3.0, 3.0)
    error, freedom = student([Part(1.0, 5), Part(1.0, 5)])
    assert (error, freedom) == (pytest.approx(np.sqrt(2)), pytest.approx(10.0))


def test_holm_on_the_example_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
