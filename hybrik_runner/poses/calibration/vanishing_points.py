"""The camera from vanishing points: parallel edges of a room meet in one point of the picture.

Edges of doors, walls and furniture are vertical. The point in which they meet is the direction of gravity,
seen by the camera. The other edges of a room are level and mostly of two directions, at right angles to each
other. Only with the true focal length do three points of a picture lie at right angles as seen from the
camera (Caprile and Torre, "Using vanishing points for camera calibration", IJCV 1990).

Whether lines meet by chance is decided a contrario (Desolneux et al., "Meaningful alignments", IJCV 2000):
the binomial distribution tells how many of the points that were tried as many random lines would meet in.
Where verticals fail this test, up in the picture is taken for up in the world. Where level edges fail it, or
tell the focal length too vaguely, the assumed one is kept.

Camera axes: x right, y down, z forward. Lines are in units of the assumed focal length, from the picture's
middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from scipy.stats import binom

from hybrik_runner.poses.camera import Calibration

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_TOLERANCE = np.radians(1.5)
"""How far a line may point past a vanishing point on which it counts."""
_SIGMA = np.radians(0.5)
"""Standard deviation of the directions of lines that meet."""
_PERHAPS, _BY_CHANCE = 1e-2, 1e-8
"""In how many of the points that are tried as many random lines would meet: for verticals that level edges
confirm, and for lines that stand alone. Both are low because each of the two sides of a bar is a line, and
pictures hold bars. Of 200 pictures of random bars, one showed a vertical."""

_NEARLY_VERTICAL = np.radians(50)
"""Directions of lines in the picture, from its vertical, that may be vertical in the room."""
_LARGEST_TILT = np.radians(40)
_PAIRED = 40
"""How many of the longest lines are tried in pairs."""

_RATIOS = np.geomspace(0.5, 1.65, 37)
"""Focal lengths that are tried, in units of the assumed one: phones reach from 0.6 to 1.3."""
_RATIO_SIGMA = 0.3
"""Standard deviation of the logarithm of true focal lengths about the assumed one."""
_PRIOR = 0.02
"""What a focal length one such deviation away costs, as a share of the length of all lines."""
_CERTAIN = 0.1
"""Standard error of the logarithm of a focal length that is believed."""
_AZIMUTHS = np.radians(np.arange(0, 90, 1.0))
_ROUNDS = 3
"""Lines are assigned to their vanishing points again after the camera was fitted to them."""


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines of a picture: their middles (n, 2), directions (n, 2) of length 1, and lengths (n,)."""

    middle: Floats
    direction: Floats
    length: Floats

    def __len__(self) -> int:
        return len(self.length)

    def where(self, chosen: Flags) -> _Lines:
        """Some of them."""
        return _Lines(self.middle[chosen], self.direction[chosen], self.length[chosen])

    def off(self, towards: Floats, ratio: float = 1.0) -> Floats:
        """Sines (…, n) of the angles by which lines point past the vanishing points of directions (…, 3), in
        camera axes of a camera whose focal length is `ratio` of the assumed one."""
        aim = ratio * towards[..., None, :2] - self.middle * towards[..., None, 2:]
        across = aim[..., 0] * self.direction[:, 1] - aim[..., 1] * self.direction[:, 0]
        sines: Floats = across / np.maximum(np.linalg.norm(aim, axis=-1), 1e-9)
        return sines


def calibrate(lines: Floats, size: tuple[int, int]) -> Calibration:
    """Returns what straight lines (n, 4), x0 y0 x1 y1 in pixels, tell of the camera.

    Args:
        lines: of what stands still in the frames.
        size: width and height of the frames, pixels.
    """
    assumed = Calibration.assumed(size)
    ends = (lines.reshape(-1, 2, 2) - np.array(size) / 2) / assumed.focal_length
    along = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(along, axis=1)
    known = length > 0
    given = _Lines(ends[known].mean(1), along[known] / length[known, None], length[known])
    down, by_chance = _vertical(given)
    found = _three_directions(given, down) if by_chance < _PERHAPS else None
    if found is not None:
        axes, ratio = found
        return Calibration(size, ratio * assumed.focal_length, _up(axes[:, 1]), focal_length_seen=True)
    if by_chance < _BY_CHANCE:
        return Calibration(size, assumed.focal_length, _up(down))
    return assumed


def _up(down: Floats) -> tuple[float, float, float]:
    """The unit vector against gravity."""
    x, y, z = (-down / np.linalg.norm(down)).tolist()
    return x, y, z


def _vertical(lines: _Lines) -> tuple[Floats, float]:
    """(3,) the direction of gravity with the assumed focal length, and in how many of the directions tried as
    many random lines would meet."""
    level_camera = np.array([0.0, 1.0, 0.0])
    upright = lines.where(np.abs(lines.direction[:, 1]) > np.cos(_NEARLY_VERTICAL))
    if len(upright) < 3:
        return level_camera, np.inf
    normals = _normals(upright)
    first, second = np.triu_indices(min(len(upright), _PAIRED), 1)
    tried = np.cross(normals[first], normals[second])
    tried *= np.sign(tried[:, 1:2])
    tried = tried[tried[:, 1] > np.cos(_LARGEST_TILT) * np.linalg.norm(tried, axis=1)]
    if not len(tried):
        return level_camera, np.inf
    best = tried[np.argmax(_agreement(upright.off(tried)) @ upright.length)]
    for _ in range(_ROUNDS):
        weight = upright.length * _agreement(upright.off(best))
        best = np.linalg.eigh((normals * weight[:, None]).T @ normals)[1][:, 0]
        best *= np.sign(best[1])
    met = int((np.abs(upright.off(best)) < np.sin(_TOLERANCE)).sum())
    # Two of them meet in any case.
    by_chance = len(tried) * binom.sf(met - 3, len(upright) - 2, _TOLERANCE / _NEARLY_VERTICAL)
    return best, float(by_chance) if best[1] > np.cos(_LARGEST_TILT) else np.inf


def _three_directions(lines: _Lines, down: Floats) -> tuple[Floats, float] | None:
    """The room's axes, columns of (3, 3) of which the second is the direction of gravity, and the focal
    length in units of the assumed one; None if lines do not tell them."""
    level = lines.where(np.abs(lines.off(down)) >= np.sin(_TOLERANCE))
    if len(level) < 2:
        return None
    best, axes, ratio = -np.inf, np.eye(3), 1.0
    for tried in _RATIOS.tolist():
        # The vertical vanishing point stays where it is in the picture.
        vertical = down / [tried, tried, 1.0]
        vertical /= np.linalg.norm(vertical)
        sides = _level_axes(vertical)
        support = _agreement(np.abs(level.off(sides, tried)).min(0)) @ level.length
        azimuth = int(np.argmax(support))
        value = support[azimuth] / lines.length.sum() - _PRIOR / 2 * (np.log(tried) / _RATIO_SIGMA) ** 2
        if value > best:
            best, ratio = value, tried
            axes = np.stack([sides[0, azimuth], vertical, sides[1, azimuth]], axis=1)
    axes, ratio, error = _fitted(lines, axes, ratio)
    off = np.abs(lines.off(axes.T, ratio))
    on = np.bincount(off.argmin(0)[off.min(0) < np.sin(_TOLERANCE)], minlength=3)
    loose = len(lines) - int(on.sum())
    tries = len(_RATIOS) * len(_AZIMUTHS)
    by_chance = tries * max(binom.sf(met - 1, loose + met, 2 * _TOLERANCE / np.pi) for met in on[[0, 2]])
    certain = error < _CERTAIN and _RATIOS[0] < ratio < _RATIOS[-1]
    believed = certain and by_chance < _BY_CHANCE and axes[1, 1] > np.cos(_LARGEST_TILT)
    return (axes, ratio) if believed else None


def _level_axes(vertical: Floats) -> Floats:
    """(2, azimuths, 3) pairs of directions at right angles to each other and to the vertical."""
    first = np.cross(vertical, [0.0, 0.0, 1.0])
    first /= np.linalg.norm(first)
    second = np.cross(vertical, first)
    sine, cosine = np.sin(_AZIMUTHS)[:, None], np.cos(_AZIMUTHS)[:, None]
    return np.stack([cosine * first + sine * second, cosine * second - sine * first])


def _fitted(lines: _Lines, axes: Floats, ratio: float) -> tuple[Floats, float, float]:
    """Axes and ratio that fit all lines best, each line belonging to the axis that it is nearest to, and the
    standard error of the ratio's logarithm."""
    weight = np.sqrt(np.minimum(lines.length / np.median(lines.length), 4)) / _SIGMA
    index = np.arange(len(lines))

    def turned(unknown: Floats) -> Floats:
        rotated: Floats = Rotation.from_rotvec(unknown[:3]).as_matrix() @ axes
        return rotated

    unknown = np.array([0.0, 0.0, 0.0, np.log(ratio)])
    for _ in range(_ROUNDS):
        nearest = np.abs(lines.off(turned(unknown).T, np.exp(unknown[3]))).argmin(0)

        def missed(unknown: Floats, nearest: NDArray[np.int_] = nearest) -> Floats:
            off = lines.off(turned(unknown).T, np.exp(unknown[3]))[nearest, index]
            return np.append(weight * off, unknown[3] / _RATIO_SIGMA)

        # Cauchy's loss: a line that belongs to none of them hardly counts.
        fit = least_squares(missed, unknown, loss="cauchy", x_scale=[0.01, 0.01, 0.01, 0.1])
        unknown = fit.x
    error = float(np.sqrt(np.linalg.pinv(fit.jac.T @ fit.jac)[3, 3]))
    return turned(unknown), float(np.exp(unknown[3])), error


def _normals(lines: _Lines) -> Floats:
    """(n, 3) unit normals of the planes through the camera and each line."""
    places = np.column_stack([lines.middle, np.ones(len(lines))])
    directions = np.column_stack([lines.direction, np.zeros(len(lines))])
    normals = np.cross(places, directions)
    unit: Floats = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    return unit


def _agreement(off: Floats) -> Floats:
    """1 for lines that point at a vanishing point, 0 from the tolerance on."""
    agreement: Floats = np.maximum(1 - (off / np.sin(_TOLERANCE)) ** 2, 0)
    return agreement
