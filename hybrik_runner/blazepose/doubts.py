"""Which frames the full network may have got wrong, by its own landmarks alone.

None of the signs proves an error; they say where a second look is worth its cost. On two views of a real
person, two dances and four films of the tuning set, second looks everywhere lower the error by 3 mm. Where
the body jumps they lower it by 12 mm, where limbs change their length by 15 mm, where it accelerates most by
11 mm, in side views by 2 mm; limbs that are unseen gain nothing unless most of them are.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose.body import HIPS, LIMB_LANDMARKS, SHOULDERS, limb_lengths, sharpen
from hybrik_runner.blazepose.landmarks import Landmarks
from hybrik_runner.poses.camera import Calibration

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_BODY = slice(11, None)
"""Landmarks below the face."""
_SPEED = 8.0
"""m/s about the hips, mean over the body. Nobody moves so fast: left and right were exchanged, or front and
back."""
_ACCELERATION = 200.0
"""m/s², mean over the body. 98 % of the frames of the fastest dance stay below."""
_STRETCHED = 0.12
"""Mean change of the lengths of arms and legs, as a logarithm, about 12 %. Bones keep their length."""
_UNSEEN = 0.75
"""Mean visibility of shoulders, elbows, wrists, hips, knees and ankles below which much was guessed."""
_SIDEWAYS = 0.5
"""Share of the widths of shoulders and hips that is seen across the line of sight: a side view is below."""
_STEP = 1 / 30
_MARGIN, _JUMP_MARGIN = 0.2, 0.3
"""Seconds before and after a doubtful frame, and before and after a jump, that are doubtful too."""


def jumps(times: Floats, metric: Floats) -> Flags:
    """Returns between which frames (n - 1,) the body moves faster than anybody can.

    Args:
        times: (n,) seconds.
        metric: (n, 33, 3) metres about the hips.
    """
    steps = np.linalg.norm(np.diff(metric[:, _BODY], axis=0), axis=2).mean(1)
    return np.asarray(steps > _SPEED * np.maximum(np.diff(times), 1e-3))


class Doubt(IntEnum):
    """How doubtful a frame is."""

    NONE = 0
    SOME = 1  # limbs change their length, high acceleration, low visibility, side view
    JUMP = 2  # left and right, or front and back, were exchanged


def doubts(times: Floats, landmarks: Sequence[Landmarks], size: tuple[int, int]) -> NDArray[np.int64]:
    """Returns the `Doubt` (n,) about each frame of a stretch; frames next to a doubtful one share it.

    Args:
        times: (n,) seconds.
        landmarks: n of them.
        size: width and height of the frames, pixels.
    """
    levels = np.full(len(times), Doubt.NONE, np.int64)
    if not len(times):
        return levels
    metric = np.array([seen.metric for seen in landmarks])
    visibility = np.array([seen.visibility for seen in landmarks])
    across, widths = np.zeros(len(times)), np.zeros(len(times))
    for left, right in (SHOULDERS, HIPS):
        line = metric[:, left] - metric[:, right]
        across += np.linalg.norm(line[:, :2], axis=1)
        widths += np.linalg.norm(line, axis=1)
    some = across < _SIDEWAYS * widths
    some |= visibility[:, LIMB_LANDMARKS].mean(1) < _UNSEEN
    some |= accelerations(times, metric) > _ACCELERATION
    some |= stretching(metric, np.array([seen.image for seen in landmarks]), size) > _STRETCHED
    levels[_widened(times, some, _MARGIN)] = Doubt.SOME
    jump = jumps(times, metric)
    levels[_widened(times, np.append(jump, False) | np.append(False, jump), _JUMP_MARGIN)] = Doubt.JUMP
    return levels


def stretching(metric: Floats, image: Floats, size: tuple[int, int]) -> Floats:
    """Returns by how much arms and legs differ from their median lengths (n,): mean of the absolute
    logarithms.

    Args:
        metric: (n, 33, 3) metres.
        image: (n, 33, 2) pixels.
        size: width and height of the frames, pixels.
    """
    lengths = np.maximum(limb_lengths(sharpen(metric, image, Calibration.assumed(size))), 1e-3)
    change: Floats = np.abs(np.log(lengths / np.median(lengths, axis=0))).mean(1)
    return change


def accelerations(times: Floats, metric: Floats) -> Floats:
    """Returns the acceleration (n,) of the body, mean over its landmarks, m/s².

    Differences reach over a thirtieth of a second, for noise grows with the square of the frame rate.
    """
    result = np.zeros(len(times))
    reach = max(1, round(_STEP / max(float(np.median(np.diff(times))), 1e-3))) if len(times) > 1 else 1
    if len(times) > 2 * reach:
        steps = np.maximum(times[reach:] - times[:-reach], 1e-3)
        speeds = (metric[reach:, _BODY] - metric[:-reach, _BODY]) / steps[:, None, None]
        change = np.linalg.norm(speeds[reach:] - speeds[:-reach], axis=2).mean(1)
        result[reach:-reach] = change / steps[reach:]
    return result


def _widened(times: Floats, flags: Flags, margin: float) -> Flags:
    """Flags with all frames within a margin of a flagged one, seconds."""
    marked = times[flags]
    if not len(marked):
        return flags
    after = np.searchsorted(marked, times).clip(0, len(marked) - 1)
    gap = np.minimum(np.abs(marked[after] - times), np.abs(marked[after - 1] - times))
    return np.asarray(gap <= margin)
