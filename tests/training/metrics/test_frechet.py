"""Fréchet distances: closed forms, scipy's root, sets of low rank, and extrapolation to infinite sets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from popdanceset.errors import InputError
from training.metrics.feature_standardisation import standardise_features
from training.metrics.frechet import (
    Gaussian,
    bias_note,
    fid_infinity,
    fit_gaussian,
    frechet_distance,
    gaussian_distance,
)


def test_diagonal_gaussians_have_a_closed_form() -> None:
    rng = np.random.default_rng(0)
    means, deviations = rng.normal(size=(2, 40)), rng.uniform(0, 3, size=(2, 40))
    deviations[0, :5] = 0
    deviations[1, 3:9] = 0  # neither has full rank
    found = gaussian_distance(*(Gaussian(m, np.diag(d**2)) for m, d in zip(means, deviations, strict=True)))
    expected = ((means[0] - means[1]) ** 2).sum() + ((deviations[0] - deviations[1]) ** 2).sum()
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_same_as_with_scipys_root() -> None:
    rng = np.random.default_rng(1)
    real, generated = (rng.normal(size=(200, 24)) @ rng.normal(size=(24, 24)) for _ in range(2))
    ours, theirs = np.cov(real.T), np.cov(generated.T)
    expected = (
        ((real.mean(axis=0) - generated.mean(axis=0)) ** 2).sum()
        + np.trace(ours)
        + np.trace(theirs)
        - 2 * np.trace(sqrtm(ours @ theirs)).real
    )
    assert frechet_distance(real, generated) == pytest.approx(expected, rel=1e-10)


@given(clips=st.integers(1, 90), channels=st.integers(1, 72), seed=st.integers(0, 100))
def test_a_sets_distance_from_itself_is_0(clips: int, channels: int, seed: int) -> None:
    """This holds for covariances of any rank."""
    features = np.random.default_rng(seed).normal(size=(clips, channels))
    assert 0 <= frechet_distance(features, features) < 1e-6
    assert frechet_distance(features, features[::-1]) < 1e-6


def test_the_distance_is_symmetric_and_ignores_rotation() -> None:
    rng = np.random.default_rng(2)
    real, generated = rng.normal(size=(10, 30)), rng.normal(size=(15, 30)) + 1  # rank-deficient both
    turn = np.linalg.qr(rng.normal(size=(30, 30)))[0]
    distance = frechet_distance(real, generated)
    assert frechet_distance(generated, real) == pytest.approx(distance, rel=1e-10)
    assert frechet_distance(real @ turn, generated @ turn) == pytest.approx(distance, rel=1e-10)


def test_moments_are_those_of_numpy() -> None:
    features = np.random.default_rng(3).normal(size=(50, 8)).astype(np.float32)
    found = fit_gaussian(features)
    np.testing.assert_allclose(found.covariance, np.cov(features.astype(float).T), rtol=1e-12)
    np.testing.assert_allclose(found.mean, features.mean(axis=0))
    assert not fit_gaussian(features[:1]).covariance.any()


def test_infinity_removes_the_bias() -> None:
    """Both sets come from one Gaussian: their distance is all bias."""
    rng = np.random.default_rng(4)
    plain, endless = [], []
    for seed in range(8):
        real, generated = rng.normal(size=(150, 16)), rng.normal(size=(120, 16))
        plain.append(frechet_distance(real, generated))
        endless.append(fid_infinity(real, generated, seed).value)
    assert np.mean(plain) > 0.7
    assert abs(np.mean(endless)) < 0.15 * np.mean(plain)


def test_infinity_finds_a_known_distance() -> None:
    rng = np.random.default_rng(5)
    real, generated = rng.normal(size=(600, 8)), rng.normal(size=(600, 8)) * 1.5 + 0.5
    assert fid_infinity(real, generated).value == pytest.approx(8 * 0.25 + 8 * 0.25, rel=0.1)


def test_infinity_is_the_same_for_the_same_seed() -> None:
    features = np.random.default_rng(6).normal(size=(2, 40, 8))
    assert fid_infinity(*features, seed=3) == fid_infinity(*features, seed=3)
    assert fid_infinity(*features, seed=3) != fid_infinity(*features, seed=4)


def test_small_sets_are_flagged() -> None:
    rng = np.random.default_rng(7)
    few = fid_infinity(rng.normal(size=(3, 8)), rng.normal(size=(50, 8)))
    assert few.flag == "3 motions are too few to extrapolate: plain distance"
    low = fid_infinity(rng.normal(size=(12, 8)), rng.normal(size=(50, 8)) + 9)
    assert low.flag == "extrapolated from 6 motions in 8 channels: unreliable"
    assert bias_note(1, 50, 8) == "one motion has no covariance: taken as 0"
    assert bias_note(6, 50, 8).startswith("6 motions do not fill 8 channels")
    assert bias_note(60, 50, 8) == "upward bias: 50 motions for 8 channels"
    assert bias_note(800, 500, 8) == ""


def test_bad_features_get_one_line() -> None:
    some = np.zeros((5, 8))
    with pytest.raises(InputError, match=r"features of \(8,\) and \(7,\) channels"):
        frechet_distance(some, some[:, :7])
    with pytest.raises(InputError, match="features hold NaN"):
        frechet_distance(some, some + np.nan)
    with pytest.raises(InputError, match="one row per clip"):
        frechet_distance(some[:0], some)


def test_the_released_codes_distances(shared: Path) -> None:
    folder = shared / "golden/metrics"
    expected = json.loads((folder / "expected.json").read_text())
    for kind in ("kinetic", "manual"):
        sets = [np.load(folder / f"synthfeat_{kind}_{part}.npy") for part in ("real", "gen")]
        for mode in ("released", "corrected"):
            standard = standardise_features(*sets, mode)
            found = frechet_distance(standard.real, standard.generated)
            assert found == pytest.approx(expected[f"synthfeat_{kind}"]["FID"], rel=1e-6)
