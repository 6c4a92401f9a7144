"""Fewer looks at films of many frames a second: frames that are passed over lie between two that were not.

Poses are kept at 30 frames a second, so a film of 60 is looked at in every second frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hybrik_runner.blazepose.doubts import jumps
from hybrik_runner.blazepose.landmarks import Landmarks

if TYPE_CHECKING:
    from popdanceset.media import Frame

_STEP = 1 / 35
"""Seconds between two looks, at least: all frames of a film of 30 frames a second, half of one of 60."""


def thinned(frames: Iterable[Frame], passed: list[float]) -> Iterator[Frame]:
    """Yields the frames that are to be looked at; appends the times of the others to `passed`."""
    due = -np.inf
    for frame in frames:
        if frame.time < due:
            passed.append(frame.time)
        else:
            due = frame.time + _STEP
            yield frame


def between(one: Landmarks, other: Landmarks, start: float, end: float, time: float) -> Landmarks:
    """Returns landmarks at a time between two looks, linearly interpolated; those of the nearer look if left
    and right were exchanged from one to the other, for their mean would be no body.

    Args:
        one, other: what was found at `start` and at `end`, seconds.
        start, end, time: seconds, ascending.
    """
    share = (time - start) / (end - start)
    if jumps(np.array([start, end]), np.stack([one.metric, other.metric])).any():
        return one if share < 0.5 else other
    return replace(
        one,
        image=(1 - share) * one.image + share * other.image,
        metric=(1 - share) * one.metric + share * other.metric,
        visibility=(1 - share) * one.visibility + share * other.visibility,
        body=(1 - share) * one.body + share * other.body,
        presence=min(one.presence, other.presence),
    )
