"""Landmarks of two networks made one: the full network on every frame, the heavy one on some of them.

Where the heavy network looked, its image points count, and the mean of both networks' metric points, of which
each alone is biased in its own way. Frames between follow the motion that the full network saw, shifted by
what was found at the looks before and after; where that leads away from both looks, the full network was
wrong there, and the frames follow a smooth curve through the looks instead. Round a stretch of looks the
shift fades, so that nothing jumps.

Left and right of the full network change only where its landmarks jump. So what a look says about them holds
from the jump before to the next one, however far away that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from hybrik_runner.blazepose.body import ALL_SIDES, SIDES
from hybrik_runner.blazepose.doubts import jumps
from hybrik_runner.blazepose.landmarks import COUNT, Landmarks, Region
from hybrik_runner.poses import sides

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_BRIDGE = 0.21
"""Seconds between two looks of one stretch, at most."""
_FADE = 0.2
"""Seconds in which the shift fades beyond the first and the last look of a stretch."""
_METRIC_SHARE = 0.5
"""Share of the heavy network in the metric points."""
_ASTRAY = 0.05
"""Metres from the smooth curve through the looks, from which on the full network is not believed."""
_SWING = 40.0
"""m/s² by which a limb may leave that curve between two looks."""
_CROSSED = 0.8
"""Ratio of the distances from the heavy network's points, exchanged and not, below which left and right are
exchanged."""
_BODY_SIDE = 2.5
"""Metres that the side of the body's square is long, about."""


def mirrored(first: Floats, second: Floats, slack: Floats | float = 0.0) -> Flags:
    """Returns in which frames left and right of `first` are exchanged if `second` is right.

    Args:
        first, second: (n, 33, d) points in metres.
        slack: metres by which both may differ, one number or one a frame.

    Returns:
        (n, 3) for trunk, arms and legs.
    """
    flags = np.zeros((len(first), len(sides.PARTS)), bool)
    for part, name in enumerate(sides.PARTS):
        order = [index for pair in SIDES[name] for index in pair]
        mirror = [index for pair in SIDES[name] for index in reversed(pair)]
        straight = np.linalg.norm(first[:, order] - second[:, order], axis=2).mean(1)
        crossed = np.linalg.norm(first[:, mirror] - second[:, order], axis=2).mean(1)
        flags[:, part] = (crossed < _CROSSED * straight) & (straight > slack)
    return flags


def points(landmarks: Sequence[Landmarks], pixel: float) -> Floats:
    """Returns metric points and image points, the latter in metres about, (n, 33, 5).

    Args:
        landmarks: n of them.
        pixel: metres that a pixel is long about, as `pixel_length` returns it.
    """
    image = np.array([seen.image for seen in landmarks]).reshape(-1, COUNT, 2)
    metric = np.array([seen.metric for seen in landmarks]).reshape(-1, COUNT, 3)
    return np.concatenate([metric, image * pixel], axis=2)


def pixel_length(landmarks: Sequence[Landmarks]) -> float:
    """Returns how many metres a pixel is long where the dancer is, about: median over the frames."""
    return float(_BODY_SIDE / np.median([Region.of_body(*seen.body).side for seen in landmarks]))


def fused(
    times: Floats,
    first: Sequence[Landmarks],
    second: Sequence[Landmarks | None],
) -> tuple[list[Landmarks], Flags]:
    """Returns the landmarks of a clip, and in which frames (n,) left and right of the full network were
    exchanged and put back.

    Args:
        times: (n,) seconds.
        first: n of the full network.
        second: n of the heavy network; None where it did not look.
    """
    looks = np.flatnonzero([look is not None for look in second])
    if not len(looks):
        return list(first), np.zeros(len(first), bool)
    heavy = [look for look in second if look is not None]
    own, exchanged = _in_order(times, first, looks, heavy)
    result = list(own)
    for run in np.split(np.arange(len(looks)), np.flatnonzero(np.diff(times[looks]) > _BRIDGE) + 1):
        known = times[looks[run]]
        near = np.flatnonzero((times > known[0] - _FADE) & (times < known[-1] + _FADE)).tolist()
        changed, flags = _stretch(
            times[near], [own[index] for index in near], known, [heavy[index] for index in run]
        )
        exchanged[near] |= flags
        for index, new in zip(near, changed, strict=True):
            result[index] = new
    return result, exchanged


def _in_order(
    times: Floats,
    first: Sequence[Landmarks],
    looks: NDArray[np.intp],
    heavy: list[Landmarks],
) -> tuple[list[Landmarks], Flags]:
    """Landmarks whose sides are exchanged between two jumps wherever most looks there say so; and in which
    frames (n,) they were."""
    pixel = pixel_length(first)
    seen = points([first[index] for index in looks], pixel)
    votes = mirrored(seen, points(heavy, pixel))
    metric = np.array([landmarks.metric for landmarks in first])
    runs = np.append(0, np.cumsum(jumps(times, metric)))
    count = np.bincount(runs[looks], minlength=runs[-1] + 1)
    share = np.stack([np.bincount(runs[looks], vote, runs[-1] + 1) for vote in votes.T], axis=1)
    flags = (share > count[:, None] / 2)[runs]
    return _exchanged(first, flags), np.asarray(flags.any(1))


def _exchanged(first: Sequence[Landmarks], flags: Flags) -> list[Landmarks]:
    """Landmarks whose left and right are exchanged in the frames and parts of `flags` (n, 3)."""
    image, metric, visibility = (
        sides.exchanged(np.array([getattr(landmarks, name) for landmarks in first]), flags, ALL_SIDES)
        for name in ("image", "metric", "visibility")
    )
    return [
        replace(old, image=image[index], metric=metric[index], visibility=visibility[index])
        if flags[index].any()
        else old
        for index, old in enumerate(first)
    ]


def _stretch(
    times: Floats,
    first: list[Landmarks],
    looks: Floats,
    heavy: list[Landmarks],
) -> tuple[list[Landmarks], Flags]:
    """Fuses one stretch of looks at the times `looks` (m,) with the frames within and round it; also returns
    in which frames left and right were exchanged."""
    at = np.searchsorted(times, looks)
    pixel = pixel_length(first)
    own, other = points(first, pixel), points(heavy, pixel)
    slack = _ASTRAY + _SWING / 2 * np.abs(times[:, None] - looks).min(1) ** 2
    flags = mirrored(own, _curve(looks, other, times), slack)
    flags[(times < looks[0]) | (times > looks[-1])] = False
    own = sides.exchanged(own, flags, ALL_SIDES)

    target = np.array(other)
    target[..., :3] = _METRIC_SHARE * other[..., :3] + (1 - _METRIC_SHARE) * own[at][..., :3]
    shift = _line(looks, target - own[at], times)
    outside = np.maximum(looks[0] - times, times - looks[-1]).clip(0)
    shifted = own + shift * (1 - outside / _FADE)[:, None, None]
    curve = _curve(looks, target, times)
    inside = outside == 0
    for axes in (slice(0, 3), slice(3, 5)):
        gap = np.linalg.norm((shifted - curve)[..., axes], axis=2, keepdims=True)
        trust = 1 / (1 + (gap / slack[:, None, None]) ** 4)
        mixed = trust * shifted[..., axes] + (1 - trust) * curve[..., axes]
        shifted[inside, :, axes] = mixed[inside]
    visibility = np.array([seen.visibility for seen in first])
    visibility[inside] = _line(looks, np.array([seen.visibility for seen in heavy]), times)[inside]
    changed = [
        replace(old, metric=new[:, :3], image=new[:, 3:] / pixel, visibility=sure)
        for old, new, sure in zip(first, shifted, visibility, strict=True)
    ]
    return changed, np.asarray(flags.any(1))


def _line(known: Floats, values: Floats, times: Floats) -> Floats:
    """Values (m, …) at the times `known`, linearly interpolated; constant beyond them."""
    if len(known) == 1:
        return np.repeat(values, len(times), axis=0)
    after = np.searchsorted(known, times).clip(1, len(known) - 1)
    share = ((times - known[after - 1]) / (known[after] - known[after - 1])).clip(0, 1)
    share = share.reshape(-1, *(1,) * (values.ndim - 1))
    between: Floats = (1 - share) * values[after - 1] + share * values[after]
    return between


def _curve(known: Floats, values: Floats, times: Floats) -> Floats:
    """The same along a cubic spline; constant beyond."""
    if len(known) < 3:
        return _line(known, values, times)
    spline: Floats = CubicSpline(known, values, axis=0, bc_type="natural")(times.clip(known[0], known[-1]))
    return spline
