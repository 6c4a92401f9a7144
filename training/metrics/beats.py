"""Beats of a motion, and how well they match the beats of the music (beat alignment score, BAS)."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from scipy.ndimage import minimum_filter1d
from scipy.signal import argrelmin

from popdanceset.errors import InputError
from popdanceset.runs import runs_of
from training.metrics.clip import Floats, Ints, checked
from training.metrics.mode import PUBLISHED_FPS, Mode
from training.metrics.score import NO_MOTION_BEATS, NO_MUSIC_BEATS, Score

Direction = Literal["motion", "music"]

NEIGHBOURS = 10
"""A beat is slower than this many frames on each side, at 30 fps."""

SIGMA = 3.0
"""Distance in frames at which the score of a beat falls to exp(−1/2), at 30 fps."""

TOLERANCE = 0.1
"""Seconds within which two beats count as the same: `SIGMA` at 30 fps."""

ROUNDING = 9
"""Decimals to which summed displacements in metres are rounded before they are compared."""

RELEASED_MOTION = 300
"""Frames after which the released script cuts the motion."""

RELEASED_MUSIC = 150
"""Frames after which the released script cuts the music."""

RELEASED_DIVISOR = 24
"""The released script divides the sum over all clips by this, however many clips there are."""


def motion_beats(joints: Floats, fps: float, mode: Mode = "corrected") -> Ints:
    """Finds the frames in which a dance pauses: strict local minima of the summed joint speeds.

    A minimum is compared with 1/3 s on each side. A speed belongs to the later of its two frames. A pause of
    several equally slow frames is one beat, at its middle. `released` compares 10 frames on each side at any
    frame rate, finds no beat in a pause of equally slow frames, and gives the first frame the speed 0, so
    that none of the frames 0 to 10 can be a beat.

    Source: AIST++ (Li et al., ICCV 2021); POPDG, Sec. 5.2.

    Args:
        joints: (frames, 24, 3) metres; 3 frames at least.
        fps: frames a second.
        mode: `corrected` or `released`.

    Returns:
        Frame numbers from 0, ascending.

    Raises:
        InputError: the dance has a wrong shape, too few frames or NaN.
    """
    checked(joints, fps)
    if mode == "released":
        velocity = np.zeros(joints.shape, dtype=np.float32)
        velocity[1:] = joints[1:] - joints[:-1]
        found: Ints = argrelmin(np.linalg.norm(velocity, axis=2).sum(axis=1), order=NEIGHBOURS)[0]
        return found
    speeds = np.linalg.norm(np.diff(joints.astype(np.float64, copy=False), axis=0), axis=2).sum(axis=1)
    return _pauses(speeds, max(1, round(NEIGHBOURS * fps / PUBLISHED_FPS))) + 1


def _pauses(speeds: Floats, order: int) -> Ints:
    """Indices slower than all others within `order`; of a run of equal ones the middle; never the ends."""
    speeds = np.round(speeds, ROUNDING)
    lowest = speeds == minimum_filter1d(speeds, 2 * order + 1, mode="nearest")
    found = []
    for first, stop in runs_of(lowest):
        around = np.concatenate([speeds[max(first - order, 0) : first], speeds[stop : stop + order]])
        if first > 0 and stop < len(speeds) and (around > speeds[first]).all():
            found.append((first + stop - 1) // 2)
    return np.array(found, dtype=int)


def beat_align_score(
    motion: Ints,
    music: Ints,
    fps: float = PUBLISHED_FPS,
    mode: Mode = "corrected",
    direction: Direction = "motion",
) -> Score:
    """Beat alignment score (BAS): mean of exp(−d²/2σ²) over beats.

    d is the distance from a beat of the motion to the nearest one of the music, or the other way round. σ is
    0.1 s: 3 frames at 30 fps, in `released` mode 3 frames at any rate. The mean is over the motion's beats as
    in AIST++, EDGE and POPDG, or over the music's as in Bailando; the two cannot be compared.

    Source: POPDG, Sec. 5.2; Li et al., ICCV 2021; Siyao et al., Bailando, CVPR 2022.

    Args:
        motion: frame numbers of the motion's beats.
        music: frame numbers of the music's beats.
        fps: frames a second of both.
        mode: `corrected` or `released`; `released` adds up in single precision, as the released code does.
        direction: whose beats the mean is over.

    Returns:
        A number in 0..1, more is better. It is 0 and flagged if there are no motion beats (the dance misses
        all music beats) or no music beats (the released code crashes).

    Raises:
        InputError: the direction is unknown.
    """
    _check_direction(direction)
    if len(music) == 0:
        return Score(0.0, NO_MUSIC_BEATS)
    if len(motion) == 0:
        return Score(0.0, NO_MOTION_BEATS)
    distance = nearest(motion, music) if direction == "motion" else nearest(music, motion)
    if mode == "released":
        each = np.exp(-(distance.astype(np.float32) ** 2) / 2 / SIGMA**2)
        return Score(float(np.cumsum(each, dtype=np.float32)[-1] / np.float32(len(each))))
    sigma = SIGMA * fps / PUBLISHED_FPS
    return Score(float(np.exp(-(distance**2) / (2 * sigma**2)).mean()))


def beat_hit_rate(
    motion: Ints, music: Ints, fps: float, tolerance: float = TOLERANCE, direction: Direction = "motion"
) -> Score:
    """Beat hit rate: share of the motion's beats that have a music beat within the tolerance.

    The other direction, `music`, is the share of the music's beats that are danced. A dance that pauses once,
    on a beat, has the rates 1 and nearly 0; one that trembles has a low rate and a high one.

    Source: Lee et al., Dancing to Music, NeurIPS 2019 (aligned over all kinematic beats).

    Args:
        motion: frame numbers of the motion's beats.
        music: frame numbers of the music's beats.
        fps: frames a second of both.
        tolerance: seconds, rounded to frames.
        direction: whose beats are counted.

    Returns:
        A number in 0..1, more is better; 0 and flagged if motion or music has no beats.

    Raises:
        InputError: the direction is unknown.
    """
    _check_direction(direction)
    if len(music) == 0:
        return Score(0.0, NO_MUSIC_BEATS)
    if len(motion) == 0:
        return Score(0.0, NO_MOTION_BEATS)
    distance = nearest(motion, music) if direction == "motion" else nearest(music, motion)
    return Score(float((distance <= round(tolerance * fps)).mean()))


def beat_coverage(motion: Ints, music: Ints) -> Score:
    """Beat coverage: beats of the motion per beat of the music, to be read together with the hit rate.

    It is near 0 for dances that never pause and exceeds 1 for trembling ones.

    Source: Lee et al., Dancing to Music, NeurIPS 2019.

    Args:
        motion: frame numbers of the motion's beats.
        music: frame numbers of the music's beats.

    Returns:
        A number ≥ 0; 0 and flagged if the music has no beats.
    """
    if len(music) == 0:
        return Score(0.0, NO_MUSIC_BEATS)
    return Score(len(motion) / len(music), "" if len(motion) else NO_MOTION_BEATS)


def _check_direction(direction: str) -> None:
    if direction not in get_args(Direction):
        raise InputError(f"direction of the beat alignment is {direction!r}", do="take 'motion' or 'music'")


def nearest(beats: Ints, others: Ints) -> Ints:
    """Returns (len(beats),) distances in frames from each beat to the nearest of the (non-empty) others."""
    others = np.unique(others)
    after = np.searchsorted(others, beats).clip(max=len(others) - 1)
    before = (after - 1).clip(min=0)
    distance: Ints = np.minimum(np.abs(others[after] - beats), np.abs(others[before] - beats))
    return distance
