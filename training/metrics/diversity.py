"""How different the dances of a set are: from each other, for one piece of music, and between pieces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import pdist, squareform

from popdanceset.errors import InputError
from training.metrics.clip import Floats, Ints
from training.metrics.mode import Mode
from training.metrics.score import Score

ONE_MOTION = "one motion only: no pairs"
NO_PAIR_OF_ONE_MUSIC = "no music with two dances"
NO_PAIR_OF_TWO = "no dances to different music"


def diversity(features: Floats, mode: Mode = "corrected") -> Score:
    """Mean Euclidean distance over all pairs of dances (Div_k, Div_g).

    `released` adds up in single precision, one pair after the other, as there.

    Source: AIST++ (Li et al., ICCV 2021); POPDG, Sec. 5.2, on features standardised by the real set.

    Args:
        features: (clips, channels).
        mode: way of counting.

    Returns:
        A number ≥ 0 in units of the features; 0 and flagged for one dance. Near the real set's own is better.

    Raises:
        InputError: the features are no table, or hold NaN.
    """
    _check(features)
    if len(features) < 2:
        return Score(0.0, ONE_MOTION)
    distances = pdist(features)
    if mode == "released":
        return Score(float(np.cumsum(distances, dtype=np.float32)[-1] / np.float32(len(distances))))
    return Score(float(distances.mean()))


def resampled_diversity(distances: Floats, counts: Floats, groups: Ints | None = None) -> Floats:
    """Mean pairwise distances of many resamplings at once, for their confidence interval.

    A clip drawn twice makes no pair with itself: its distance of 0 is none between two dances.

    Args:
        distances: (clips, clips), symmetric.
        counts: (resamplings, clips), how often each clip was drawn.
        groups: (clips,) if only pairs of different groups count.

    Returns:
        One number for each resampling that has a pair.
    """
    allowed = ~np.eye(len(distances), dtype=bool) if groups is None else groups[:, None] != groups
    total = np.einsum("rc,rc->r", counts @ (distances * allowed), counts)
    pairs = np.einsum("rc,rc->r", counts @ allowed.astype(counts.dtype), counts)
    means: Floats = total[pairs > 0] / pairs[pairs > 0]
    return means


def multimodality(groups: Sequence[Floats]) -> Score:
    """Mean distance of dances to the same music: mean over music of the mean over pairs.

    Source: Lee et al., Dancing to Music, NeurIPS 2019.

    Args:
        groups: for each piece of music the (dances, channels) features of its dances.

    Returns:
        A number ≥ 0 in units of the features, more is more varied; 0 and flagged if no music has two dances.

    Raises:
        InputError: features are no table, or hold NaN.
    """
    for group in groups:
        _check(group)
    within = [float(pdist(group).mean()) for group in groups if len(group) > 1]
    return Score(float(np.mean(within))) if within else Score(0.0, NO_PAIR_OF_ONE_MUSIC)


def music_diversity(features: Floats, music: Sequence[str]) -> Score:
    """Mean distance of dances to different music.

    Source: Lee et al., Dancing to Music, NeurIPS 2019.

    Args:
        features: (clips, channels).
        music: the music of each clip.

    Returns:
        A number ≥ 0 in units of the features; 0 and flagged if all dances are to one piece.

    Raises:
        InputError: features are no table, hold NaN, or `music` has another length.
    """
    _check(features)
    if len(music) != len(features):
        raise InputError(
            f"{len(music)} pieces of music for {len(features)} dances", do="name the music of each"
        )
    numbers = np.unique(np.asarray(music), return_inverse=True)[1]
    different = numbers[:, None] != numbers
    if not different.any():
        return Score(0.0, NO_PAIR_OF_TWO)
    return Score(float(squareform(pdist(features))[different].mean()))


def _check(features: Floats) -> None:
    if features.ndim != 2 or len(features) == 0:
        raise InputError(f"features are (clips, channels), not {features.shape}", do="give one row a clip")
    if not np.isfinite(features).all():
        raise InputError("features hold NaN or infinity", do="leave the clips they come from out")
