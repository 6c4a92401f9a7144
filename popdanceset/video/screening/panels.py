"""Split screens: straight seams from rim to rim, with separate pictures on both sides.

The edge of a door, a pole or a wall is a line too. But a seam runs through the whole frame, nothing ever
passes in front of it, it is straight to the pixel, something moves on both sides of it, and what is left of
it does not continue on its right.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from popdanceset.media import Frame
from popdanceset.video.screening.report import Panels

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

_EVERY = 0.5  # seconds
_SLACK = 0.002  # seconds
_WINDOW = 3.0  # seconds over which a seam must stay
_STAYS = 0.5  # quantile of a seam's strength in that time: two people are sometimes detected as one between

_DARK = 24  # brightness 0..255 of the lightest pixels of a bar next to the picture
_PARTS = 12  # parts of a line that are judged separately
_STEP = 8.0  # least step of brightness at a seam, 0..255
_STANDS_OUT = 2.0  # multiple of the steps next to it
_NEAR, _FAR = 4, 12  # pixels: distances from a seam with which it is compared
_CANDIDATE = 0.6  # least share of a line's parts that have such a step
_WEAKER = 0.15  # a line that is weaker than its neighbour by more is not a seam
_BREADTH, _HEIGHT = 0.3, 0.6  # radii around a person that no vertical and no horizontal seam crosses
_BAR = 0.08  # share of the frame's breadth; two lines closer to each other are the sides of a bar or pole
_PANEL = 0.15  # least breadth of a panel, likewise
_STRIP = 0.04  # breadth of the strips on both sides of a bar that are compared, likewise
_GOES_ON = 1.2  # multiple of the change along a strip: what differs less across a bar is one scene
_DIFFERS = 0.25  # least share of a bar's parts whose two sides differ
_DETAIL = 0.2  # share of the sharpest panel's detail that a panel has; blurred margins have less
_STEEPEST = 99.5  # percentile of the steps in a panel that is its detail
_CONTRAST = 12.0  # standard deviation of the brightness of a panel that shows something
_SMALLER = 4  # factor by which frames are reduced to look for motion
_MOTION = 10.0  # change of brightness 0..255 since the last look, in the parts of a panel that move most
_MOST = 99.7  # percentile at which these parts begin
_LEAST_SIDE = 64  # pixels


class PanelMeter:
    """Looks for seams twice a second."""

    def __init__(self) -> None:
        self._next = 0.0
        self._times: list[float] = []
        self._last: Image | None = None
        self._seams: list[NDArray[np.uint8]] = []

    def see(self, frame: Frame, people: Floats) -> None:
        """Takes the next frame, and looks at it if it is due.

        Args:
            people: (n, ≥ 3) centre x, y and radius of the circles around the people, pixels of this frame.
        """
        if frame.time < self._next - _SLACK:
            return
        self._next += _EVERY
        self._times.append(round(frame.time, 4))
        x, y, radius = people[:, :3].T
        height, width = frame.image.shape[:2]
        size = max(1, width // _SMALLER), max(1, height // _SMALLER)
        grey = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
        # In the first frame everything may move.
        before = np.invert(small) if self._last is None else self._last
        change = np.asarray(cv2.absdiff(small, before), np.uint8)
        self._last = small
        flipped = np.asarray(cv2.transpose(frame.image), np.uint8)
        upright = seams(frame.image, change, np.column_stack([x, _BREADTH * radius]))
        level = seams(flipped, change.T, np.column_stack([y, _HEIGHT * radius]))
        # Floors have horizontal lines too, but nobody dances below them while somebody dances above.
        line = np.arange(height)
        level[(line <= y.min(initial=height)) | (line >= y.max(initial=0))] = 0
        # Found a pixel further in the next frame, it is still the same seam.
        near = [np.max([np.roll(side, shift) for shift in (-1, 0, 1)], axis=0) for side in (upright, level)]
        self._seams.append(np.round(_PARTS * np.concatenate(near)).astype(np.uint8))

    def panels(self, cuts: Sequence[float]) -> Panels:
        """How certainly the frame is divided, over the whole video.

        Args:
            cuts: times of the first frames of new shots; each shot is searched separately.
        """
        times = np.array(self._times)
        shot = np.searchsorted(cuts, times, side="right")
        reach = round(_WINDOW / _EVERY / 2)
        strength = []
        for n in range(len(times)):
            around = np.arange(max(0, n - reach), min(len(times), n + reach + 1))
            seen = np.stack([self._seams[m] for m in around[shot[around] == shot[n]]])
            lasting = np.quantile(seen, _STAYS, axis=0, method="lower")
            strength.append(round(float(lasting.max()) / _PARTS, 3))
        return Panels(tuple(self._times), tuple(strength))


def seams(image: Image, change: Image, people: Floats) -> Floats:
    """Finds the vertical seams of a frame.

    Args:
        image: (height, width, 3) uint8.
        change: (h, w) uint8 change of brightness since the last frame, in a reduced copy.
        people: (n, 2) centre x and half the breadth of people that no seam crosses, pixels.

    Returns:
        (width,) share 0..1 of the frame's height in which another picture begins at column x; 0 where none
        does.
    """
    strength = np.zeros(image.shape[1])
    light = _largest(image) > _DARK
    rows, columns = np.flatnonzero(light.any(1)), np.flatnonzero(light.any(0))
    if not len(rows) or min(np.ptp(rows), np.ptp(columns)) < _LEAST_SIDE:
        return strength
    left = int(columns[0])
    shown = image[rows[0] : rows[-1] + 1, left : columns[-1] + 1]
    width = shown.shape[1]
    found = lines(shown)
    through = np.abs(np.arange(width)[:, None] - (people[:, 0] - left)) < people[:, 1]
    places = np.flatnonzero((found >= _CANDIDATE) & ~through.any(1))
    groups = _bars(places, found, _BAR * width)
    scale = change.shape[1] / image.shape[1]

    def lively(a: int, b: int) -> float:
        """Detail of the panel between two columns; 0 if nothing moves there."""
        moving = _moves(change[:, round((left + a) * scale) : round((left + b) * scale)])
        return _detail(shown[:, a:b], _PANEL * width) if moving else 0.0

    found_sides = []
    for first, last in groups:
        # Up to the next line; a line too near for a panel in between may be an edge inside the panel.
        before = max((end for _, end in groups if first - end >= _PANEL * width), default=0)
        after = min((start for start, _ in groups if start - last >= _PANEL * width), default=width)
        found_sides.append((lively(before, first), lively(last, after)))
    sharpest = max((detail for sides in found_sides for detail in sides), default=0.0)
    for (first, last), sides in zip(groups, found_sides, strict=True):
        alive = min(sides) >= _DETAIL * sharpest > 0
        if alive and (first == last or _divides(shown, first, last)):
            strength[[left + first, left + last]] = max(found[first], found[last])
    return strength


def lines(image: Image) -> Floats:
    """Finds lines at which the brightness steps.

    Returns:
        (width,) share of the parts of each column in which the step from the column before stands out from
        the steps on both sides; 0 except for the largest of neighbouring columns.
    """
    steps = _largest(np.asarray(cv2.absdiff(image[:, 3:], image[:, :-3]), np.uint8)).astype(np.float32)
    mean = cv2.resize(steps, (steps.shape[1], _PARTS), interpolation=cv2.INTER_AREA)
    sums = np.cumsum(np.pad(mean, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    at = np.arange(mean.shape[1])

    def mean_step(first: int, last: int) -> Floats:
        a, b = np.clip(at + first, 0, len(at)), np.clip(at + last + 1, 0, len(at))
        return np.asarray((sums[:, b] - sums[:, a]) / np.maximum(b - a, 1))

    usual = np.maximum(mean_step(-_FAR, -_NEAR), mean_step(_NEAR, _FAR))
    share = ((mean >= _STEP) & (mean >= _STANDS_OUT * usual)).mean(0)
    # One step is spread over several columns; the one with the largest part of it counts.
    power = np.convolve(mean.mean(0), (0.25, 0.5, 0.25), "same")
    highest = np.max([np.roll(power, shift) for shift in range(-3, 4)], axis=0)
    inside = (power >= highest) & (at >= _NEAR) & (at < len(at) - _NEAR)
    result = np.zeros(image.shape[1])
    result[2:-1] = np.where(inside, share, 0.0)
    return result


def _largest(image: Image) -> Image:
    """(height, width) the largest of the three channels."""
    red, green, blue = cv2.split(image)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def _bars(places: NDArray[np.intp], strength: Floats, breadth: float) -> list[tuple[int, int]]:
    """First and last line of each bar that is narrower than `breadth`; both are the same for a single line.

    Lines much weaker than another line of their bar are left out.
    """
    bars: list[list[int]] = []
    for place in places.tolist():
        if bars and place - bars[-1][-1] < breadth:
            bars[-1].append(place)
        else:
            bars.append([place])
    strong = [[n for n in bar if strength[n] >= strength[bar].max() - _WEAKER] for bar in bars]
    return [(bar[0], bar[-1]) for bar in strong]


def _divides(image: Image, first: int, last: int) -> bool:
    """Returns whether the two sides of a bar, columns `first` to `last`, show different scenes."""
    strip = max(4, round(_STRIP * image.shape[1]))

    def colours(start: int) -> Floats:
        piece = image[:, max(start, 0) : start + strip]
        return np.asarray(cv2.resize(piece, (1, _PARTS), interpolation=cv2.INTER_AREA)[:, 0], np.float64)

    if first < 2 * strip + 2 or last > image.shape[1] - 2 * strip - 2:
        return False
    left, right = colours(first - strip - 2), colours(last + 2)
    further_left, further_right = colours(first - 2 * strip - 2), colours(last + strip + 2)
    across = np.abs(left - right).max(1)
    along = np.maximum(np.abs(left - further_left).max(1), np.abs(right - further_right).max(1))
    return bool(((across >= _STEP) & (across >= _GOES_ON * along)).mean() >= _DIFFERS)


def _moves(change: Image) -> bool:
    """Returns whether anything moves in a panel, given its part of the change."""
    return bool(change.size and np.percentile(change, _MOST) >= _MOTION)


def _detail(panel: Image, least: float) -> float:
    """Sharpness of a panel, from its steepest places; 0 if it is narrower than `least` or shows nothing."""
    if panel.shape[1] < max(least, 8):
        return 0.0
    grey = np.asarray(cv2.cvtColor(panel, cv2.COLOR_RGB2GRAY)[::3], np.int16)
    return float(np.percentile(np.abs(np.diff(grey, axis=1)), _STEEPEST)) if grey.std() >= _CONTRAST else 0.0
