"""Soft transitions and flashes, from small copies of all frames.

A dissolve mixes two frames: whatever it shows lies on the line between them. A fade passes through frames of
one colour. A flash becomes brighter and returns to the same scene.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from popdanceset.media import Frame
from popdanceset.runs import runs_of

Floats = NDArray[np.float64]

_WIDTH, _HEIGHT = 32, 18  # pixels of the small copies
_BLANK = 6.0  # standard deviation of the brightness, 0..255, below which a frame is of one colour

_REACHES = (0.2, 0.35, 0.6, 1.0)  # seconds before and after the middle of a dissolve that are compared
_CHANGED = 9.0  # least median change, 0..255: of most of the frame, not of a dancer in it
_ALIKE = 0.75  # correlation of two frames of one scene, even under another light
_UNLIKE = 0.6  # largest correlation of the two frames of a dissolve
_OFF_THE_LINE = 0.2  # largest share of the usual change that mixing does not explain
_MOST = 2.5  # multiple of the median change: larger changes in one place are clipped
_PALER = 0.15  # variance half-way in excess of that of a mixture, as a share of the two frames' own
_LONGEST_FADE = 1.0  # seconds: one colour for longer is not a fade, but its beginning and end are
_BEGUN = 0.08  # share of a dissolve below which it counts as not begun
_STEADIER = 0.5  # change next to a dissolve, as a share of the change across it, that counts as motion

_FLASH = 0.5  # seconds within which a flash is over
_FLASH_RISE = 8.0  # least change of the mean brightness, 0..255
_FLASH_BACK = 0.5  # change that may remain, as a share of the flash's
_FADE_REACH = 1.5  # seconds that a fade takes at most on each side of the blank
_FADED = 0.85  # contrast, as a share of the shot's, below which a fade has begun


class TransitionDetector:
    """Finds dissolves and fades, and distinguishes flashes from cuts."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._small: list[NDArray[np.uint8]] = []

    def see(self, frame: Frame) -> None:
        """Takes the next frame."""
        self._times.append(frame.time)
        small = cv2.resize(frame.image, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
        self._small.append(np.asarray(small, np.uint8))

    def cuts(self, cuts: Sequence[float]) -> tuple[float, ...]:
        """The cuts without those that are only the two sides of a flash."""
        if not self._small:
            return ()
        times, small = np.array(self._times), self._flat()
        kept: list[float] = []
        over = -1.0
        for cut in cuts:
            if cut <= over:
                continue
            back = flash_end(times, small, int(np.searchsorted(times, cut - 1e-6)))
            if back is None:
                kept.append(cut)
            else:
                over = back
        return tuple(kept)

    def transitions(self, cuts: Sequence[float]) -> tuple[tuple[float, float], ...]:
        """Start and end of dissolves and fades, seconds, ascending, without overlap.

        Args:
            cuts: times of hard cuts, which are not reported again.
        """
        if len(self._small) < 3:
            return ()
        times, small = np.array(self._times), self._flat()
        found = fades(times, small)
        apart = np.array([*cuts, *(edge for fade in found for edge in fade)])
        return joined(found + dissolves(times, small, apart))

    def _flat(self) -> Floats:
        return np.stack(self._small).reshape(len(self._small), -1).astype(np.float64)


def flash_end(times: Floats, small: Floats, n: int) -> float | None:
    """Time at which a flash that begins with frame `n` is over; None if it is not a flash.

    Args:
        times: (frames,) seconds.
        small: (frames, values) brightness 0..255.
    """
    if n < 1:
        return None
    before, first = small[n - 1], small[n]
    # The frame before counts even if it is shown for longer.
    recent = small[min(int(np.searchsorted(times, times[n] - _FLASH)), n - 1) : n].std(1)
    if before.std() < _FADED * recent.max():  # fading already
        return None
    rise = np.median(np.abs(first - before))
    same_scene = first.std() < 4 * _BLANK or _correlation(before[None], first[None])[0] > 0.5
    if abs(first.mean() - before.mean()) < _FLASH_RISE or not same_scene:
        return None
    until = int(np.searchsorted(times, times[n] + _FLASH))
    after = small[n + 1 : until]
    if not len(after):
        return None
    left = np.median(np.abs(after - before), axis=1)
    alike = _correlation(after, before[None]) > _ALIKE
    returned = (left < _CHANGED) | ((left < _FLASH_BACK * rise) & alike)
    if not returned.any():
        return None
    return float(times[n + 1 + int(np.flatnonzero(returned)[-1])])


def fades(times: Floats, small: Floats) -> list[tuple[float, float]]:
    """Finds spans of frames of one colour, with the fading on both sides; flashes are left out."""
    contrast = small.std(1)
    found = []
    for first, end in runs_of(contrast < _BLANK):
        inside = first > 0 and end < len(times)
        if inside and times[end] - times[first - 1] < _FLASH and flash_end(times, small, int(first)):
            continue
        out, back = _faded(times, contrast, first, -1), _faded(times, contrast, end - 1, 1)
        if times[end - 1] - times[first] <= _LONGEST_FADE and inside:
            found.append((out, back))
        else:
            found += [(out, float(times[first]))] if first > 0 else []
            found += [(float(times[end - 1]), back)] if end < len(times) else []
    return found


def _faded(times: Floats, contrast: Floats, n: int, step: int) -> float:
    """Where the fading next to blank frame `n` begins or ends; walks in direction `step`."""
    reach = np.abs(times - times[n]) <= _FADE_REACH
    side = reach & ((np.arange(len(times)) - n) * step > 0)
    if not side.any():
        return float(times[n])
    full = _FADED * contrast[side].max()
    while 0 <= n + step < len(times) and reach[n + step] and contrast[n] < full:
        n += step
    return float(times[n])


def dissolves(times: Floats, small: Floats, apart: Floats) -> list[tuple[float, float]]:
    """Finds spans in which one frame turns into another by mixing.

    Around each frame n, those `reach` seconds before (A) and after (B) are compared. With D = B − A, the
    frames between must be A + a D, with a growing from 0 to 1, up to a small residual.

    Args:
        times: (frames,) seconds.
        small: (frames, values) brightness 0..255.
        apart: times of cuts and ends of fades; dissolves are not searched for across them.
    """
    found = []
    interval = float(np.median(np.diff(times)))
    barred = np.searchsorted(np.sort(apart), times, side="right")
    for reach in _REACHES:
        half = max(2, round(reach / interval))
        n = np.arange(half, len(times) - half)
        n = n[barred[n - half] == barred[n + half]]
        if len(n):
            n = n[np.median(np.abs(small[n + half] - small[n - half]), axis=1) > _CHANGED]
        if len(n):
            before, after = small[n - half], small[n + half]
            alike = _correlation(before, after)
            # Half-way, what two unlike frames show cancels out; a frame that moves keeps its contrast.
            own = (before.var(1) + after.var(1)) / 2
            pale = small[n].var(1) < own * (0.5 * (1 + np.maximum(alike, 0)) + _PALER)
            n = n[(alike < _UNLIKE) & pale]
        if not len(n):
            continue
        before = small[n - half]
        way = small[n + half] - before
        # A dancer's own motion must not outweigh the rest of the frame.
        limit = _MOST * np.median(np.abs(way), axis=1, keepdims=True)
        way = np.clip(way, -limit, limit)
        length, usual = (way**2).sum(1), np.median(way**2, axis=1)
        shares, residuals = [], []
        for offset in (-half // 2, 0, half // 2):
            there = np.clip(small[n + offset] - before, -limit, limit)
            share = _share(there, way)
            shares.append(share)
            residuals.append(np.median((there - share[:, None] * way) ** 2, axis=1) / usual)
        early, middle, late = shares
        grows = (early < middle) & (middle < late) & (np.abs(middle - 0.5) < 0.2) & (late - early > 0.35)
        # What keeps moving at the same pace beyond both ends is a camera, not a dissolve.
        earlier = small[np.maximum(n - half - half // 2, 0)]
        later = small[np.minimum(n + half + half // 2, len(times) - 1)]
        change_next_to_it = np.minimum(
            ((before - earlier) ** 2).sum(1) / length, ((later - small[n + half]) ** 2).sum(1) / length
        )
        hit = grows & (np.max(residuals, axis=0) < _OFF_THE_LINE) & (change_next_to_it < _STEADIER)
        found += [(float(times[i - half]), float(times[i + half])) for i in n[hit]]
    return [_tightened(times, small, start, end) for start, end in joined(found)]


def _tightened(times: Floats, small: Floats, start: float, end: float) -> tuple[float, float]:
    """A dissolve's own beginning and end, inside a span that contains it with frames on both sides."""
    first, last = np.searchsorted(times, [start, end])
    share = _share(small[first : last + 1] - small[first], (small[last] - small[first])[None])
    begins = np.flatnonzero(share < _BEGUN)
    ends = np.flatnonzero(share > 1 - _BEGUN)
    a = int(begins[begins < ends.max()].max()) if len(begins) and len(ends) else 0
    b = int(ends[ends > a].min()) if (ends > a).any() else len(share) - 1
    return float(times[first + a]), float(times[first + b])


def _share(there: Floats, way: Floats) -> Floats:
    """How far along a change frames (n, values) are, 0..1.

    It is the median over the values that change more than the others, so that the background counts.
    """
    clear = np.abs(way) >= np.median(np.abs(way), axis=1, keepdims=True)
    return np.asarray(
        np.nanmedian(np.where(clear, there / np.where(clear & (way != 0), way, 1.0), np.nan), axis=1)
    )


def joined(spans: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Spans in order, with overlapping ones joined."""
    together: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if together and start <= together[-1][1]:
            together[-1] = (together[-1][0], max(end, together[-1][1]))
        else:
            together.append((start, end))
    return tuple(together)


def _correlation(one: Floats, other: Floats) -> Floats:
    """Correlation (n,) of rows (n, values); 0 where a row is of one colour."""
    one = one - one.mean(1, keepdims=True)
    other = other - other.mean(1, keepdims=True)
    size = np.sqrt((one**2).sum(1) * (other**2).sum(1))
    return np.asarray((one * other).sum(1) / np.maximum(size, 1e-9))
