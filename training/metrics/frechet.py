"""Fréchet distance of two sets of features (FID_k, FID_g), and its value for infinitely large sets (FID∞)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from popdanceset.errors import InputError
from training.metrics.clip import Floats
from training.metrics.feature_blocks import check_features
from training.metrics.score import Score, joined


class Gaussian(NamedTuple):
    """Mean (channels,) and covariance (channels, channels) of a set of features, over N − 1."""

    mean: Floats
    covariance: Floats


def fit_gaussian(features: Floats) -> Gaussian:
    """Fits a Gaussian to (clips, channels) features; the covariance of one clip is taken as 0.

    Raises:
        InputError: the features are not a table, or hold NaN.
    """
    check_features(features)
    mean = features.mean(axis=0)
    away = features.astype(np.float64, copy=False) - features.mean(axis=0, dtype=np.float64)
    return Gaussian(mean.astype(np.float64), away.T @ away / max(len(features) - 1, 1))


def gaussian_distance(real: Gaussian, generated: Gaussian) -> float:
    """Squared Fréchet distance |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½) of two Gaussians.

    tr (Σ₁Σ₂)^½ is computed as the sum of the singular values of Σ₁^½ Σ₂^½. These are the square roots of the
    eigenvalues of the symmetric product Σ₁^½ Σ₂ Σ₁^½, without losing half the digits to squaring. Both
    factors come from symmetric eigenvalue problems, so covariances may have any rank and nothing becomes
    complex.
    """
    difference = real.mean - generated.mean
    shared = np.linalg.svd(_root(real.covariance) @ _root(generated.covariance).T, compute_uv=False).sum()
    distance = (
        difference @ difference + np.trace(real.covariance) + np.trace(generated.covariance) - 2 * shared
    )
    return max(float(distance), 0.0)


def _root(covariance: Floats) -> Floats:
    """Returns a matrix R with RᵀR = covariance.

    Eigenvalues that differ from 0 only by rounding are set to 0; their roots would be far larger.
    """
    values, vectors = np.linalg.eigh(covariance)
    noise = len(values) * np.finfo(values.dtype).eps * max(values[-1], 0.0)
    root: Floats = np.sqrt(np.where(values > noise, values, 0.0))[:, None] * vectors.T
    return root


def frechet_distance(real: Floats, generated: Floats) -> float:
    """Fréchet distance (FID_k, FID_g) of the Gaussians fitted to two sets of features.

    Both modes share it, because the released code's matrix root differs only by rounding.

    Source: Heusel et al., NeurIPS 2017, for images; AIST++ (Li et al., ICCV 2021) for dance.

    Args:
        real: (clips, channels), standardised.
        generated: (others, channels), standardised the same way.

    Returns:
        A number ≥ 0 in squared units of the features, less is better; biased upwards for small sets
        (`bias_note`, `fid_infinity`).

    Raises:
        InputError: the sets have different channels, no clips, or NaN.
    """
    if real.shape[1:] != generated.shape[1:]:
        raise InputError(
            f"features of {real.shape[1:]} and {generated.shape[1:]} channels",
            do="compare features of one kind",
        )
    return gaussian_distance(fit_gaussian(real), fit_gaussian(generated))


def bias_note(real: int, generated: int, channels: int) -> str:
    """Describes how the sizes of two sets bias their Fréchet distance; "" if the bias is small.

    Args:
        real: number of real clips.
        generated: number of generated clips.
        channels: width of the features.
    """
    fewest = min(real, generated)
    if fewest < 2:
        return "one motion has no covariance: taken as 0"
    if fewest <= channels:
        return (
            f"{fewest} motions do not fill {channels} channels: covariance rank-deficient, strong upward bias"
        )
    if fewest < 10 * channels:
        return f"upward bias: {fewest} motions for {channels} channels"
    return ""


SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of both sets at which the distance is computed before it is extrapolated."""

DRAWS = 8
"""Random subsets of each share."""

INFINITY_RESAMPLE_FACTOR = 10
"""FID∞ takes dozens of Fréchet distances: its interval comes from this many times fewer resamplings."""

INFINITY_RESAMPLE_DRAWS = 2
"""Random subsets of each share in each of those resamplings."""


def fid_infinity(
    real: Floats, generated: Floats, seed: int | np.random.Generator = 0, draws: int = DRAWS
) -> Score:
    """FID∞: the Fréchet distance extrapolated to infinitely large sets.

    The bias of a Fréchet distance falls as 1/N. The distance is computed for random subsets with the same
    share of both sets, and a line fitted over 1/share is extrapolated to 0. Chong and Forsyth draw subsets of
    the generated images only, because their real set is large; sets of dances are small on both sides.

    Source: Chong and Forsyth, Effectively Unbiased FID and Inception Score, CVPR 2020.

    Args:
        real: (clips, channels), standardised.
        generated: (others, channels), standardised the same way.
        seed: seed of the subsets, or their generator.
        draws: subsets of each share.

    Returns:
        The intercept, in squared units of the features. It may fall below 0 by chance. It is flagged where
        the line is unreliable: if the smallest subset has no more clips than channels, the bias is no longer
        linear. With fewer than four clips in a set it is the plain distance, flagged.

    Raises:
        InputError: the sets have different channels, no clips, or NaN.
    """
    whole = frechet_distance(real, generated)
    fewest = min(len(real), len(generated))
    if fewest < 4:
        return Score(whole, f"{fewest} motions are too few to extrapolate: plain distance")
    rng = np.random.default_rng(seed)
    inverse, distances = [], []
    for share in SHARES:
        sizes = round(share * len(real)), round(share * len(generated))
        if sizes == (len(real), len(generated)):
            found = whole
        else:
            found = float(np.mean([_of_subsets(real, generated, sizes, rng) for _ in range(draws)]))
        # The actual share, averaged over both sets, since sizes are rounded.
        inverse.append(2 / (sizes[0] / len(real) + sizes[1] / len(generated)))
        distances.append(found)
    intercept = float(np.polynomial.Polynomial.fit(inverse, distances, 1)(0))
    smallest, channels = round(SHARES[0] * fewest), real.shape[1]
    bent = f"extrapolated from {smallest} motions in {channels} channels: unreliable"
    return Score(
        intercept,
        joined(bent if smallest <= channels else "", "below 0 by chance" if intercept < 0 else ""),
    )


def _of_subsets(real: Floats, generated: Floats, sizes: tuple[int, int], rng: np.random.Generator) -> float:
    some = [
        features[rng.permutation(len(features))[:size]]
        for features, size in zip((real, generated), sizes, strict=True)
    ]
    return frechet_distance(*some)
