"""Diversity of a set of dances (Div_k, Div_g): overall, for the same music, and between pieces of music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import pdist, squareform

from popdanceset.errors import InputError
from training.metrics.clip import Floats, Ints
from training.metrics.feature_blocks import check_features
from training.metrics.mode import Mode
from training.metrics.score import Score

ONE_MOTION = "one motion only: no pairs"
NO_PAIR_OF_ONE_MUSIC = "no music with two dances"
NO_PAIR_OF_TWO = "no dances to different music"


def diversity(features: Floats, mode: Mode = "corrected") -> Score:
    """Diversity (Div_k, Div_g): mean Euclidean distance over all pairs of dances.

    `released` adds up in single precision, pair after pair, as the released code (`calculate_avg_distance`).

    Source: AIST++ (Li et al., ICCV 2021); POPDG, Sec. 5.2, with features standardised by the real set.

    Args:
        features: (clips, channels).
        mode: `corrected` or `released`.

    Returns:
        A number ≥ 0 in units of the features; 0 and flagged for one dance. Nearer to the real set's is
        better.

    Raises:
        InputError: the features are not a table, or hold NaN.
    """
    check_features(features)
    if len(features) < 2:
        return Score(0.0, ONE_MOTION)
    distances = pdist(features)
    if mode == "released":
        return Score(float(np.cumsum(distances, dtype=np.float32)[-1] / np.float32(len(distances))))
    return Score(float(distances.mean()))


def resampled_diversity(distances: Floats, counts: Floats, groups: Ints | None = None) -> Floats:
    """Computes the diversity of many resamplings at once, for its confidence interval.

    A clip drawn twice does not form a pair with itself, because its distance of 0 is not one of two dances.

    Args:
        distances: (clips, clips), symmetric.
        counts: (resamplings, clips), how often each clip was drawn.
        groups: (clips,) group of each clip, if only pairs of different groups count.

    Returns:
        One number for each resampling that has a pair.
    """
    allowed = ~np.eye(len(distances), dtype=bool) if groups is None else groups[:, None] != groups
    total = np.einsum("rc,rc->r", counts @ (distances * allowed), counts)
    pairs = np.einsum("rc,rc->r", counts @ allowed.astype(counts.dtype), counts)
    means: Floats = total[pairs > 0] / pairs[pairs > 0]
    return means


def multimodality(groups: Sequence[Floats]) -> Score:
    """Multimodality: mean distance of dances to the same music, first over pairs, then over pieces of music.

    Source: Lee et al., Dancing to Music, NeurIPS 2019.

    Args:
        groups: (dances, channels) features of the dances to each piece of music.

    Returns:
        A number ≥ 0 in units of the features; 0 and flagged if no music has two dances. Nearer to the real
        set's is better.

    Raises:
        InputError: the features are not a table, or hold NaN.
    """
    for group in groups:
        check_features(group)
    within = [float(pdist(group).mean()) for group in groups if len(group) > 1]
    return Score(float(np.mean(within))) if within else Score(0.0, NO_PAIR_OF_ONE_MUSIC)


def music_diversity(features: Floats, music: Sequence[str]) -> Score:
    """Diversity between music: mean distance of dances to different music.

    Source: Lee et al., Dancing to Music, NeurIPS 2019.

    Args:
        features: (clips, channels).
        music: name of the music of each clip.

    Returns:
        A number ≥ 0 in units of the features; 0 and flagged if all dances are to one piece. Nearer to the
        real set's is better.

    Raises:
        InputError: the features are not a table or hold NaN, or `music` has another length.
    """
    check_features(features)
    if len(music) != len(features):
        raise InputError(
            f"{len(music)} names of music for {len(features)} dances", do="name the music of each dance"
        )
    numbers = np.unique(np.asarray(music), return_inverse=True)[1]
    different = numbers[:, None] != numbers
    if not different.any():
        return Score(0.0, NO_PAIR_OF_TWO)
    return Score(float(squareform(pdist(features))[different].mean()))
