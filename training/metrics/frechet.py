"""Fréchet distance of two sets of features (FID_k, FID_g), and what it would be for sets without end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from popdanceset.errors import InputError
from training.metrics.clip import Floats
from training.metrics.score import Score, joined


class Gaussian(NamedTuple):
    """Mean (channels,) and covariance (channels, channels) of a set of features, over N − 1."""

    mean: Floats
    covariance: Floats


def gaussian(features: Floats) -> Gaussian:
    """The Gaussian that stands for (clips, channels) features; the covariance of one clip is taken as 0.

    Raises:
        InputError: the features are no table, or hold NaN.
    """
    if features.ndim != 2 or len(features) == 0:
        raise InputError(f"features are (clips, channels), not {features.shape}", do="give one row a clip")
    if not np.isfinite(features).all():
        raise InputError("features hold NaN or infinity", do="leave the clips they come from out")
    mean = features.mean(axis=0)
    away = features.astype(np.float64, copy=False) - features.mean(axis=0, dtype=np.float64)
    return Gaussian(mean.astype(np.float64), away.T @ away / max(len(features) - 1, 1))


def gaussian_distance(real: Gaussian, generated: Gaussian) -> float:
    """Squared Fréchet distance |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½) of two Gaussians.

    tr (Σ₁Σ₂)^½ is the sum of the singular values of Σ₁^½ Σ₂^½: the square roots of the eigenvalues of the
    symmetric product Σ₁^½ Σ₂ Σ₁^½, without the loss of half the digits that squaring them costs. Both factors
    come from symmetric eigenvalue problems, so covariances of any rank will do and nothing becomes complex.
    """
    difference = real.mean - generated.mean
    shared = np.linalg.svd(_root(real.covariance) @ _root(generated.covariance).T, compute_uv=False).sum()
    distance = (
        difference @ difference + np.trace(real.covariance) + np.trace(generated.covariance) - 2 * shared
    )
    return max(float(distance), 0.0)


def _root(covariance: Floats) -> Floats:
    """A matrix R with RᵀR = covariance.

    What rounding leaves of eigenvalues that are 0 is set to 0: its root would be a thousand times as large.
    """
    values, vectors = np.linalg.eigh(covariance)
    noise = len(values) * np.finfo(values.dtype).eps * max(values[-1], 0.0)
    root: Floats = np.sqrt(np.where(values > noise, values, 0.0))[:, None] * vectors.T
    return root


def frechet_distance(real: Floats, generated: Floats) -> float:
    """Fréchet distance of the Gaussians fitted to two sets of features.

    Source: Heusel et al., NeurIPS 2017, for pictures; AIST++ (Li et al., ICCV 2021) for dance. Both modes
    share it: the released code's matrix root differs by rounding only.

    Args:
        real: (clips, channels), standardised.
        generated: (others, channels), standardised alike.

    Returns:
        A number ≥ 0 in squared units of the features, less is better; biased upwards for small sets
        (`bias_note`, `fid_infinity`).

    Raises:
        InputError: different channels, no clips, NaN.
    """
    if real.shape[1:] != generated.shape[1:]:
        raise InputError(
            f"features of {real.shape[1:]} and {generated.shape[1:]} channels",
            do="compare features of one kind",
        )
    return gaussian_distance(gaussian(real), gaussian(generated))


def bias_note(real: int, generated: int, channels: int) -> str:
    """What the sizes of the sets do to a Fréchet distance: "" if nothing worth saying.

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
"""Shares of both sets at which the distance is taken to extrapolate it."""

DRAWS = 8
"""Random subsets of each share."""

INFINITY_RESAMPLE_FACTOR = 10
"""FID∞ takes dozens of Fréchet distances: its interval comes from this many times fewer resamplings."""

INFINITY_RESAMPLE_DRAWS = 2
"""Random subsets of each share in each of those resamplings."""


def fid_infinity(
    real: Floats, generated: Floats, seed: int | np.random.Generator = 0, draws: int = DRAWS
) -> Score:
    """FID∞: the Fréchet distance extrapolated to sets without end.

    The bias of a Fréchet distance falls as 1/N. The distance is taken for random subsets, of the same share
    of both sets, and a line through it over 1/share is followed to 0. Chong & Forsyth draw subsets of the
    generated pictures only, as their real set is large; sets of dance are small on both sides.

    Source: Chong and Forsyth, Effectively Unbiased FID and Inception Score, CVPR 2020.

    Args:
        real: (clips, channels), standardised.
        generated: (others, channels), standardised alike.
        seed: of the subsets, or their generator.
        draws: subsets of each share; the whole sets count as often.

    Returns:
        The intercept, in squared units of the features. It may fall below 0 by chance. Flagged where the
        line is not to be trusted: where the smallest subset is not larger than the number of channels the
        bias is no longer linear; with fewer than four motions in a set nothing can be extrapolated and the
        plain distance stands.

    Raises:
        InputError: different channels, no clips, NaN.
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
        # The share in fact, between that of either set after rounding.
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
