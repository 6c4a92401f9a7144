"""Camera motion from few edges: aligns the steep places of the background with those of the next frame.

Where a wall has no corners to follow, an edge still shows how far it moved perpendicular to itself. The
squared difference of the two frames is minimised over shift, scale, rotation and brightness, from coarse to
fine (Lucas and Kanade 1981, with fixed gradients as in Baker and Matthews 2004), with weights that suppress
outliers. Along directions in which no edge shows anything, the camera is taken to be at rest.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Grey = NDArray[Any]

_HALVINGS, _STEPS = 2, 4  # halvings of the frame size, and steps of the minimisation at each size
_AT_REST = 0.1  # share of the places without a match from which on the camera is taken to have moved
_FIELDS, _PER_FIELD = 8, 10  # fields of the frame along each side, and steep places taken from each
_LEAST_POINTS = 60
_STEEP = 4.0  # least gradient, brightness 0..255 a pixel
_LEAST_SPREAD = 0.3  # diagonals between the outermost steep places
_SHIFT, _TURN = 20.0, 0.15  # pixels: usual bound of a shift, and of scale and rotation at the rim
_LIGHT = 50.0  # brightness 0..255: usual bound of a change of light
_NOISE = 2.0  # least standard deviation of the brightness of one place between frames
_ALIKE = 4.0  # neighbouring places that count as one, since coding and optics blur them together
_OUTLIER = 4.0  # standard deviations
_LEAST_SCATTER = 0.2  # diagonals, of the places that determine a direction: what is in one spot may be a limb
_AGREED = 0.6  # share of what determines a direction that must agree; limbs that move independently do not
_CERTAIN = 0.15  # pixels: a direction is known if its standard deviation is smaller
_MOVED = 3e-3  # pixels: smaller steps end the search


def aligned(before: Grey, now: Grey, mask: Grey | None) -> Floats | None:
    """Determines how the camera moved between two frames.

    Args:
        before, now: (height, width) uint8.
        mask: (height, width) uint8, 0 where something moves by itself; None if that is almost everywhere.

    Returns:
        (2, 3) transform of `before`'s pixels into `now`'s; None if no direction is known.
    """
    if mask is None:
        return None
    fine = _steep(before, mask, _LEAST_POINTS)
    if fine is None:
        return None
    motion = np.zeros(5)
    if _misfit(before, now, fine[0], motion) > _AT_REST:
        motion = _coarse(before, now, mask)
    motion, known = _fitted(before, now, *fine, motion, _STEPS)
    if not known.size:
        return None
    # Along edges that all run in one direction the camera is taken to be at rest.
    motion[:2] = known @ (known.T @ motion[:2])
    half, middle = _frame(before.shape)
    grow, turn = motion[2:4] / half
    linear = np.array([[1 + grow, -turn], [turn, 1 + grow]])
    return np.column_stack([linear, motion[:2] + middle - linear @ middle])


def _coarse(before: Grey, now: Grey, mask: Grey) -> Floats:
    """A motion to start with, from reduced frames; zero if it explains less than a camera at rest does."""
    pyramid = [(before, now)]
    for _ in range(_HALVINGS):
        pyramid.append((cv2.pyrDown(pyramid[-1][0]), cv2.pyrDown(pyramid[-1][1])))
    motion = np.zeros(5)
    for level in range(_HALVINGS, 0, -1):
        found = _steep(pyramid[level][0], mask, _LEAST_POINTS >> level)
        if found is not None:
            start = min((np.zeros(5), motion), key=lambda m: _misfit(*pyramid[level], found[0], m))
            motion, _known = _fitted(*pyramid[level], *found, start, _STEPS)
        motion[:4] *= 2
    return motion


def _frame(shape: tuple[int, ...]) -> tuple[float, Floats]:
    """Half the diagonal, and the centre x, y."""
    height, width = shape[:2]
    return float(np.hypot(height, width)) / 2, np.array([(width - 1) / 2, (height - 1) / 2])


def _steep(image: Grey, mask: Grey, least: int) -> tuple[Floats, Floats] | None:
    """Places (n, 2) x, y where the brightness is steep, and the gradients (n, 2) there.

    None if there are fewer than `least`, or if they lie close together.
    """
    slope = [cv2.Scharr(image, cv2.CV_32F, *axis, scale=1 / 32) for axis in ((1, 0), (0, 1))]
    if mask.shape != image.shape:
        mask = cv2.resize(mask, image.shape[::-1], interpolation=cv2.INTER_NEAREST)
    steep = (slope[0] ** 2 + slope[1] ** 2 > _STEEP**2) & (mask > 0)
    steep[:2] = steep[-2:] = False
    steep[:, :2] = steep[:, -2:] = False
    at = np.flatnonzero(steep)
    if len(at) < least:
        return None
    y, x = np.divmod(at, image.shape[1])
    # As many from every field: an arm that moves is rich in edges, but does not reach far.
    fields = (y * _FIELDS // image.shape[0]) * _FIELDS + x * _FIELDS // image.shape[1]
    order = np.argsort(fields, kind="stable")
    counts = np.bincount(fields)
    rank = np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)
    thinned = order[rank % np.maximum(1, np.repeat(counts, counts) // _PER_FIELD) == 0]
    at, y, x = at[thinned], y[thinned], x[thinned]
    if np.hypot(np.ptp(x), np.ptp(y)) < _LEAST_SPREAD * np.hypot(*image.shape):
        return None
    places = np.column_stack([x, y]).astype(np.float64)
    return places, np.column_stack([side.ravel()[at] for side in slope]).astype(np.float64)


def _residual(before: Grey, now: Grey, places: Floats, motion: Floats) -> tuple[Floats, Floats, Floats]:
    """Brightness (n,) that a motion leaves unexplained, and the places' x, y from the centre, half diagonals.

    Args:
        motion: (5,) shift x, y, scale and rotation at the rim, all in pixels, and brightness.
    """
    half, middle = _frame(before.shape)
    x, y = ((places - middle) / half).T
    there_x = places[:, 0] + motion[0] + motion[2] * x - motion[3] * y
    there_y = places[:, 1] + motion[1] + motion[2] * y + motion[3] * x
    there = there_x.astype(np.float32)[:, None], there_y.astype(np.float32)[:, None]
    seen = cv2.remap(now, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    columns = places.astype(np.intp)
    own = before[columns[:, 1], columns[:, 0]].astype(np.float64)
    return np.asarray(own - seen - motion[4]), x, y


def _misfit(before: Grey, now: Grey, places: Floats, motion: Floats) -> float:
    """Share of the places that a motion leaves unexplained."""
    return float((np.abs(_residual(before, now, places, motion)[0]) > _OUTLIER * _NOISE).mean())


def _fitted(
    before: Grey, now: Grey, places: Floats, slopes: Floats, motion: Floats, steps: int
) -> tuple[Floats, Floats]:
    """Motion as `_residual` takes it, and the directions (2, 0 to 2) in which the shift is known."""
    along, across = slopes.T
    usual = np.diag(1 / np.array([_SHIFT, _SHIFT, _TURN, _TURN, _LIGHT]) ** 2)
    for _ in range(steps):
        residual, x, y = _residual(before, now, places, motion)
        columns = (along, across, along * x + across * y, across * x - along * y, np.ones(len(x)))
        jacobian = np.column_stack(columns)
        noise = max(_NOISE, 1.48 * float(np.median(np.abs(residual))))
        weight = np.clip(1 - (residual / (_OUTLIER * noise)) ** 2, 0, None) ** 2
        weighted = jacobian * weight[:, None] / (noise**2 * _ALIKE)
        inverse = np.linalg.inv(weighted.T @ jacobian + usual)
        step = inverse @ (weighted.T @ residual - usual @ motion)
        motion = motion + step
        if np.abs(step[:2]).max() < _MOVED:
            break
    variances, axes = np.linalg.eigh(inverse[:2, :2])
    evidence = (slopes @ axes) ** 2
    agreed = weight @ evidence / np.maximum(evidence.sum(0), 1e-12)
    wide = _scatter(places, weight[:, None] * evidence) > _LEAST_SCATTER * np.hypot(*before.shape)
    known = (np.sqrt(variances) < _CERTAIN) & (agreed > _AGREED) & wide
    return motion, axes[:, known]


def _scatter(places: Floats, weights: Floats) -> Floats:
    """(k,) standard deviation of places (n, 2) under weights (n, k), pixels."""
    share = weights / np.maximum(weights.sum(0), 1e-12)
    middle = places.T @ share
    return np.asarray(np.sqrt(np.maximum(((places**2).T @ share - middle**2).sum(0), 0.0)))
