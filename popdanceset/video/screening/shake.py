"""Camera motion from optical flow of the background: its fast part is shake, the rest is pan and zoom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, savgol_filter

from popdanceset.media import Frame
from popdanceset.video.screening.alignment import aligned
from popdanceset.video.screening.report import CameraMotion, Shake

Floats = NDArray[np.float64]
Grey = NDArray[Any]

_HEIGHT = 240  # pixels: height of the frames in which motion is measured
_POINTS = 60
_LEAST_POINTS = 30  # with fewer points left, new ones are searched for
_SEARCHED_AGAIN = 0.2  # seconds until a background with too few points is searched again
_LEAST_AGREEING = 12  # points of the background that must move alike; otherwise the motion is unknown
_WIDER = 1.2  # multiple of the circle around a body, for arms that leave it
_THICK = 0.5  # breadth in radii of the lines that cover a body's limbs, which move on until the next look
_LEAST_BACKGROUND = 0.15  # share of the frame that must be outside all circles
_LEAST_SPREAD = 0.3  # diagonals between the outermost points
_AGREES_WITHIN = 0.75  # pixels
_HIGHEST_RATE = 31.0  # 1/s: frames in between add nothing about a shaking hand
_SMOOTHING = 1.0  # seconds: motion that a parabola describes over this time is taken for a pan
_STEADY = 0.5  # seconds over which pan and zoom are averaged
_WINDOW = 1.0  # seconds over which jitter is averaged
_REPORTED_EVERY = 0.1  # seconds
_SLACK = 0.002  # seconds: time stamps are rounded

_FLOW: dict[str, Any] = {
    "winSize": (15, 15),
    "maxLevel": 2,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 0.03),
}
_CORNERS: dict[str, Any] = {"maxCorners": _POINTS, "qualityLevel": 0.01, "minDistance": 7, "blockSize": 5}


class ShakeMeter:
    """Measures camera motion.

    Points of the background are followed (sparse Lucas-Kanade flow), and a similarity transform is fitted to
    each pair of frames (RANSAC), which outvotes what moves by itself. Where a plain background has too few
    points, its edges are aligned (`aligned`); if all of them run in one direction, the motion perpendicular
    to them is reported, the least that the motion can be.

    People are masked beforehand, at the places where they were seen last.
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._motions: list[Floats] = []
        self._diagonal = 1.0
        self._shape = (1, 1)
        self._last: Grey | None = None
        self._people: tuple[Floats, Floats | None] = np.empty((0, 3)), None
        self._next_search = -np.inf
        self._points: NDArray[Any] = np.empty((0, 1, 2), np.float32)

    def see(self, frame: Frame, people: Floats | None, limbs: Floats | None = None) -> None:
        """Takes the next frame.

        Args:
            people: (n, ≥ 3) centre x, y and radius of the circles around the people, in pixels; None:
                nobody was searched for.
            limbs: (12, ≥ 2) of the first of them, as `LimbFinder` returns them; None if they are not known.
        """
        if self._times and frame.time - self._times[-1] < 1 / _HIGHEST_RATE:
            return
        height, width = frame.image.shape[:2]
        scale = min(1.0, _HEIGHT / min(height, width))
        grey: Grey = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        if scale < 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale)
        self._shape = (grey.shape[0], grey.shape[1])
        self._diagonal = float(np.hypot(*grey.shape))
        circles = np.empty((0, 3)) if people is None else people[:, :3] * scale
        self._times.append(frame.time)
        self._motions.append(np.full((4, 2), np.nan) if self._last is None else self._moved(self._last, grey))
        if len(self._points) < _LEAST_POINTS and frame.time >= self._next_search:
            mask = _background(grey.shape, circles)
            found = None if mask is None else cv2.goodFeaturesToTrack(grey, mask=mask, **_CORNERS)
            self._points = np.empty((0, 1, 2), np.float32) if found is None else found
            # A plain background will not have more of them in the next frame.
            self._next_search = frame.time + (_SEARCHED_AGAIN if len(self._points) < _LEAST_POINTS else 0.0)
        self._people = circles, None if limbs is None else limbs[:, :2] * scale
        self._last = grey

    def _moved(self, before: Grey, now: Grey) -> Floats:
        """Motion (4, 2) of four points of the frame, pixels; NaN if it is not known."""
        transform = self._followed(before, now)
        if transform is None:
            transform = aligned(before, now, _background(before.shape, *self._people))
        if transform is None:
            return np.full((4, 2), np.nan)
        corners = _corners(now.shape)
        return np.asarray(corners @ transform[:, :2].T + transform[:, 2] - corners)

    def _followed(self, before: Grey, now: Grey) -> Floats | None:
        """Transform (2, 3) of most of the points that are followed; None if they are too few."""
        if len(self._points) < _LEAST_AGREEING:
            self._points = self._points[:0]
            return None
        there: NDArray[Any]
        there, found, _ = cv2.calcOpticalFlowPyrLK(before, now, self._points, None, **_FLOW)  # type: ignore[call-overload]
        kept = found.ravel() == 1
        here, there = self._points[kept], there[kept]
        transform, agrees = None, np.zeros(0, bool)
        if len(here) >= _LEAST_AGREEING:
            transform, agrees = cv2.estimateAffinePartial2D(
                here, there, method=cv2.RANSAC, ransacReprojThreshold=_AGREES_WITHIN
            )
        if transform is None or agrees.sum() < _LEAST_AGREEING:
            self._points = self._points[:0]
            return None
        self._points = there[agrees.ravel() == 1]
        # A few points close together determine little, and may all lie on an arm.
        if np.hypot(*np.ptp(self._points.reshape(-1, 2), axis=0)) < _LEAST_SPREAD * self._diagonal:
            return None
        return np.asarray(transform, np.float64)

    def shake(self, cuts: Sequence[float]) -> Shake:
        """Jitter over the whole video.

        Args:
            cuts: times of the first frames of new shots; motion is not followed across them.
        """
        if not self._times:
            return Shake((), ())
        times = np.array(self._times)
        value = jitter(times, np.stack(self._motions) / self._diagonal, np.array(cuts))
        kept = _reported(times)
        return Shake(tuple(times[kept].round(4).tolist()), _without_nan(value[kept]))

    def motion(self, cuts: Sequence[float]) -> CameraMotion:
        """Pan and zoom over the whole video.

        Args:
            cuts: as for `shake`.
        """
        if not self._times:
            return CameraMotion((), (), ())
        times = np.array(self._times)
        pan, zoom = movement(times, np.stack(self._motions) / self._diagonal, self._shape, np.array(cuts))
        kept = _reported(times)
        return CameraMotion(
            tuple(times[kept].round(4).tolist()), _without_nan(pan[kept]), _without_nan(zoom[kept])
        )


def _reported(times: Floats) -> NDArray[np.intp]:
    """Indices of the frames that the report keeps, about ten a second."""
    return np.flatnonzero(np.diff(np.floor((times + _SLACK) / _REPORTED_EVERY), prepend=-1.0))


def _without_nan(values: Floats) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(v) else round(float(v), 6) for v in values)


def movement(times: Floats, motions: Floats, shape: tuple[int, int], cuts: Floats) -> tuple[Floats, Floats]:
    """Computes pan and zoom: the mean motion over `_STEADY` seconds.

    Args:
        times: (n,) seconds, ascending.
        motions: (n, 4, 2) motion of the points of `_corners` since the frame before, diagonals.
        shape: height and width of the frames, pixels.
        cuts: times of the first frames of new shots.

    Returns:
        (n,) speed of the frames' centre in diagonals a second, and (n,) absolute rate of the logarithm of
        the scale, 1/s; NaN where more than half of the motions in that time are unknown.
    """
    arms = _corners(shape) / np.hypot(*shape)
    arms = arms - arms.mean(0)
    known = np.logical_not(np.isnan(motions).any(axis=(1, 2)))
    known[np.searchsorted(times, cuts)[np.searchsorted(times, cuts) < len(times)]] = False
    steps = np.where(known[:, None, None], motions, 0.0)
    slide = steps.mean(1)
    growth = (steps * arms).sum((1, 2)) / (arms**2).sum()
    series = np.column_stack([slide, growth])
    shot = np.searchsorted(cuts, times, side="right")
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    half = max(1, round(_STEADY / interval / 2))
    result = np.full((len(times), 3), np.nan)
    for number in range(len(cuts) + 1):
        inside = np.flatnonzero(shot == number)
        if len(inside) < 3:
            continue
        sums = np.cumsum(np.vstack([np.zeros((1, 4)), np.column_stack([series, known])[inside]]), 0)
        at = np.arange(len(inside))
        first, end = np.maximum(at - half, 0), np.minimum(at + half + 1, len(inside))
        window = sums[end] - sums[first]
        count = window[:, 3]
        enough = count >= 0.5 * (end - first)
        result[inside[enough]] = window[enough, :3] / count[enough, None] / interval
    return np.hypot(result[:, 0], result[:, 1]), np.abs(result[:, 2])


def jitter(times: Floats, motions: Floats, cuts: Floats) -> Floats:
    """Computes the high-frequency part of a camera's path.

    The path is the sum of the motions of one shot. Its slow part is a parabola fitted around each frame over
    `_SMOOTHING` seconds (Savitzky-Golay filter, so that a pan may begin and end); the rest is shake. Unknown
    motion counts as none, and has no value of its own.

    Args:
        times: (n,) seconds, ascending.
        motions: (n, points, 2) motion of points of the frame since the frame before, any unit of length.
        cuts: (c,) times of the first frames of new shots.

    Returns:
        (n,) root mean square of the shake over `_WINDOW` seconds and all points, in the motions' unit; NaN
        where more than half of the motions in that time are unknown.
    """
    known: NDArray[np.bool_] = np.logical_not(np.isnan(motions).any(axis=(1, 2)))
    shot = np.searchsorted(cuts, times, side="right")
    value = np.full(len(times), np.nan)
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    for number in range(len(cuts) + 1):
        inside = np.flatnonzero(shot == number)
        if len(inside) < 3:
            continue
        steps = np.where(known[inside, None, None], motions[inside], 0.0)
        steps[0] = 0.0  # the first motion of a shot is across the cut
        path = np.cumsum(steps, 0).reshape(len(inside), -1)
        fast = path - _slow(path, _SMOOTHING / interval)
        power = (fast**2).reshape(len(inside), -1, 2).sum(2).mean(1)
        seen = known[inside].astype(float)
        seen[0] = 0.0
        window = np.ones(min(2 * round(_WINDOW / interval / 2) + 1, 2 * len(inside) - 1))
        length, count, energy = (
            fftconvolve(x, window, "same") for x in (np.ones(len(inside)), seen, seen * power)
        )
        enough = count >= 0.5 * length
        value[inside[enough]] = np.sqrt(np.maximum(energy[enough], 0.0) / count[enough])
    return value


def _slow(path: Floats, width: float) -> Floats:
    """The slow part of a path (n, d): parabolas fitted over about `width` rows."""
    window = min(2 * max(2, round(width / 2)) + 1, len(path) - 1 + len(path) % 2)
    if window < 5:
        return path
    return np.asarray(savgol_filter(path, window, 2, axis=0))


def _corners(shape: tuple[int, ...]) -> Floats:
    """Four points (4, 2) half-way between the centre and the corners: rotation and zoom move them too."""
    height, width = shape[:2]
    return np.array([(x * width, y * height) for x in (0.25, 0.75) for y in (0.25, 0.75)])


def _background(shape: tuple[int, ...], circles: Floats, limbs: Floats | None = None) -> Any:
    """Mask (height, width) uint8 of what lies outside people's circles (n, 3); None if it is almost empty.

    If the limbs (12, 2) of the first person are known, only the body is masked, not the circle.
    """
    mask = np.full(shape[:2], 255, np.uint8)
    if limbs is not None and len(circles):
        _mask_body(mask, limbs, float(circles[0, 2]))
        circles = circles[1:]
    for x, y, radius in circles:
        cv2.circle(mask, (round(x), round(y)), round(_WIDER * radius), 0, -1)
    return mask if (mask > 0).mean() > _LEAST_BACKGROUND else None


def _mask_body(mask: NDArray[np.uint8], limbs: Floats, radius: float) -> None:
    """Blackens a body: thick lines along its limbs (12, 2), with hands, feet and head beyond their ends."""
    left, right = limbs[::2], limbs[1::2]
    shoulders, hips = (left[0] + right[0]) / 2, (left[3] + right[3]) / 2
    lines = [[shoulders + 0.6 * (shoulders - hips), hips], [left[0], right[0], right[3], left[3], left[0]]]
    for shoulder, elbow, wrist, hip, knee, ankle in (left, right):
        lines.append([shoulder, elbow, wrist, wrist + 0.5 * (wrist - elbow)])
        lines.append([hip, knee, ankle, ankle + 0.3 * (ankle - knee)])
    for line in lines:
        points = np.round(np.clip(line, -1e4, 1e4)).astype(np.int32)
        cv2.polylines(mask, [points], False, 0, max(1, round(_THICK * radius)))
