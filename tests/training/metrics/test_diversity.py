"""Diversity, multimodality, and the standardisation of features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.errors import InputError
from training.metrics.bootstrap import resampling_counts
from training.metrics.diversity import diversity, multimodality, music_diversity, resampled_diversity
from training.metrics.feature_standardisation import standardise_features

SQUARE = np.array([[0.0, 0], [3, 0], [3, 4], [0, 4]])
"""Sides 3 and 4, diagonals 5: mean distance 4."""


def test_distances_computed_by_hand() -> None:
    assert diversity(SQUARE).value == 4
    assert multimodality([SQUARE[:2], SQUARE[2:], SQUARE[:1]]).value == 3
    assert music_diversity(SQUARE, ["a", "a", "b", "b"]).value == 4.5


@given(order=st.permutations(range(12)), seed=st.integers(0, 50))
def test_the_order_of_dances_does_not_matter(order: list[int], seed: int) -> None:
    features = np.random.default_rng(seed).normal(size=(12, 5))
    found = diversity(features[order]).value
    assert found == pytest.approx(diversity(features).value, rel=1e-12)


def test_diversity_equals_a_plain_loop(plain) -> None:
    features = np.random.default_rng(0).normal(size=(40, 72))
    for mode, precision in (("corrected", 1e-12), ("released", 1e-5)):
        found = diversity(features, mode).value
        assert found == pytest.approx(plain.plain_pairs(features), rel=precision)


def test_too_few_dances_are_flagged() -> None:
    assert diversity(SQUARE[:1]).flag == "one motion only: no pairs"
    assert multimodality([SQUARE[:1], SQUARE[1:2]]).flag == "no music with two dances"
    assert music_diversity(SQUARE, ["a"] * 4).flag == "no dances to different music"


def test_bad_features_get_one_line() -> None:
    with pytest.raises(InputError, match="features hold NaN"):
        diversity(SQUARE * np.nan)
    with pytest.raises(InputError, match=r"features are \(clips, channels\)"):
        multimodality([SQUARE[0]])
    with pytest.raises(InputError, match="2 names of music for 4 dances"):
        music_diversity(SQUARE, ["a", "b"])


def test_resampled_means_are_those_of_the_drawn_clips() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(6, 3))
    distances = np.linalg.norm(features[:, None] - features, axis=-1)
    drawn = resampling_counts(6, 20, rng)
    groups = np.array([0, 0, 1, 1, 2, 2])
    for kind in (None, groups):
        expected = []
        for row in drawn.astype(int):
            clips = np.repeat(np.arange(6), row)
            label = clips if kind is None else groups[clips]
            pairs = label[:, None] != label
            expected.append(distances[np.ix_(clips, clips)][pairs].mean())
        np.testing.assert_allclose(resampled_diversity(distances, drawn, kind), expected)
    np.testing.assert_array_equal(resampled_diversity(distances, np.eye(6)[:2] * 6), [])


def test_standardised_by_the_real_set() -> None:
    rng = np.random.default_rng(2)
    real, generated = rng.normal(2, 3, size=(50, 4)), rng.normal(size=(30, 4))
    for mode in ("corrected", "released"):
        standard = standardise_features(real, generated, mode)
        np.testing.assert_allclose(standard.real.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(standard.real.std(axis=0), 1, rtol=1e-9)
        expected = (generated - real.mean(axis=0)) / real.std(axis=0)
        np.testing.assert_allclose(standard.generated, expected, rtol=1e-8)


def test_constant_channels_keep_their_unit() -> None:
    real, generated = np.array([[0.1, 1.0], [0.1, 3.0]]), np.array([[0.6, 2.0]])
    standard = standardise_features(real, generated)
    np.testing.assert_allclose(standard.generated, [[0.5, 0.0]])
    assert standard.constant == 1
    assert not standard.real[:, 0].any()
    assert standardise_features(real, generated, "released").generated[0, 0] > 1e9


def test_the_released_codes_distances(shared: Path, expected) -> None:
    for kind in ("kinetic", "manual"):
        sets = [np.load(shared / f"golden/metrics/synthfeat_{kind}_{part}.npy") for part in ("real", "gen")]
        found = diversity(standardise_features(*sets, "released").generated, "released")
        assert found.value == pytest.approx(expected[f"synthfeat_{kind}"]["Dist"], rel=1e-5)
