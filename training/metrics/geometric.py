"""Geometric features (FID_g, Div_g): how often each of 32 predicates holds ("right hand above neck")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from popdanceset.skeleton import SMPL_JOINTS
from training.metrics.clip import Floats
from training.metrics.feature_blocks import FeatureVariant, features_in_mode
from training.metrics.mode import Mode

Bools = np.ndarray[Any, np.dtype[np.bool_]]

WIDTH = 32

RELEASED_STEP = 1 / 120
"""Seconds: the time step of the released code, whatever the data."""

# Lengths of a T pose, in metres, that serve as units of length.
_SHOULDER = np.array([0.199113488, 0.236807942, -0.0180702247])
UPPER_ARM = float(np.linalg.norm(_SHOULDER - (0.454445392, 0.221158922, -0.0410167128)))
SHOULDERS = float(np.linalg.norm(_SHOULDER - (-0.191692337, 0.236928746, -0.0123055102)))
HIPS = float(
    np.linalg.norm(
        np.subtract((0.0564076714, -0.323069185, 0.0109197125), (-0.0624834076, -0.331302464, 0.0150412619))
    )
)

POINTS = {name: number for number, name in enumerate((*SMPL_JOINTS, "zero", "up", "down", "low"))}
"""Joints, then four reference points: the origin, the points 1 m above and below it, and the origin raised to
the height of the lowest joint."""

# Number of the feature, its points, and its threshold (metres, or metres a second).
_TURNS = (
    (0, "neck rhip lhip rwrist", 1.8 * UPPER_ARM),
    (1, "neck lhip rhip lwrist", 1.8 * UPPER_ARM),
)
"""The last point's velocity relative to the first, along the normal of the plane of the first three."""

_APPROACHES = (
    (4, "belly chest belly rwrist", 1.8 * UPPER_ARM),
    (5, "belly chest belly lwrist", 1.8 * UPPER_ARM),
    (9, "lwrist rwrist rwrist lwrist", 1.4 * UPPER_ARM),
    (10, "rwrist root rwrist root", 1.4 * UPPER_ARM),
    (11, "lwrist root lwrist root", 1.4 * UPPER_ARM),
)
"""The last point's velocity relative to the third, along the line from the first to the second: a hand rises,
the hands approach each other, a hand leaves the root."""

_RELEASED_APPROACHES = (
    (4, "belly chest belly chest", 1.8 * UPPER_ARM),
    (5, "belly chest belly chest", 1.8 * UPPER_ARM),
    (9, "lwrist rwrist lwrist rwrist", 1.4 * UPPER_ARM),
    (10, "rwrist root rwrist lwrist", 1.4 * UPPER_ARM),
    (11, "lwrist root lwrist rwrist", 1.4 * UPPER_ARM),
)
"""The points of the released code, which passes four points and uses the first three."""

_PLANES = (
    (14, "root lhip ltoes rankle", 0.38 * UPPER_ARM),
    (15, "root rhip rtoes lankle", 0.38 * UPPER_ARM),
    (27, "rankle neck lankle root", 0.5 * UPPER_ARM),
)
"""The last point's distance from the plane of the first three."""

_NORMALS = (
    (2, "chest neck neck rwrist", 0.2 * UPPER_ARM),
    (3, "chest neck neck lwrist", 0.2 * UPPER_ARM),
    (8, "lshoulder rshoulder lwrist rwrist", 2.5 * SHOULDERS),
    (16, "zero up low rankle", 1.2 * UPPER_ARM),
    (17, "zero up low lankle", 1.2 * UPPER_ARM),
    (18, "lhip rhip lankle rankle", 2.1 * HIPS),
    (29, "zero down low rwrist", -1.2 * UPPER_ARM),
    (30, "zero down low lwrist", -1.2 * UPPER_ARM),
)
"""The last point's distance from the plane through the third, normal to the line of the first two."""

_SPEEDS = (
    (12, "rwrist", 2.5 * UPPER_ARM),
    (13, "lwrist", 2.5 * UPPER_ARM),
    (21, "rankle", 2.5 * UPPER_ARM),
    (22, "lankle", 2.5 * UPPER_ARM),
    (31, "root", 2.3 * UPPER_ARM),
)

# Number of the feature, its points, and the open range of degrees.
_ANGLES = (
    (6, "relbow rshoulder relbow rwrist", 0.0, 110.0),
    (7, "lelbow lshoulder lelbow lwrist", 0.0, 110.0),
    (19, "rknee rhip rknee rankle", 0.0, 110.0),
    (20, "lknee lhip lknee lankle", 0.0, 110.0),
    (23, "neck root rshoulder relbow", 25.0, 180.0),
    (24, "neck root lshoulder lelbow", 25.0, 180.0),
    (25, "neck root rhip rknee", 50.0, 180.0),
    (26, "neck root lhip lknee", 50.0, 180.0),
    (28, "neck root zero up", 70.0, 110.0),
)
"""The angle between the line from the first point to the second and that from the third to the fourth."""


def geometric_features(joints: Floats | Sequence[Floats], fps: float, mode: Mode = "corrected") -> Floats:
    """Computes the geometric ("manual") features of one dance or of many.

    A feature is the share of frames in which its predicate holds. `released` takes y for up and 1/120 s for
    the time step, and the five predicates of approach (hands that rise, meet, or leave the root) use the
    wrong points; for example, those of rising hands follow the chest. `corrected` takes z, 1/fps and the
    points that the predicates are named after.

    Source: Müller et al., SIGGRAPH 2005; AIST++ (Li et al., ICCV 2021); fairmotion.

    Args:
        joints: one dance or several, as in `feature_blocks.features_in_mode`.
        fps: frames a second.
        mode: `corrected` or `released`.

    Returns:
        (32,) or (clips, 32), all in 0..1.

    Raises:
        InputError: a dance has a wrong shape, too few frames or NaN.
    """
    return features_in_mode(features, WIDTH, RELEASED_STEP, joints, fps, mode)


def features(joints: Floats, variant: FeatureVariant) -> Floats:
    """Computes (…, 32) geometric features of (…, frames, 24, 3) float64 joints, of any variant."""
    up, step, released_formula = variant
    points = _with_reference_points(joints, up)
    velocity = (points[..., 1:] - points[..., :-1]) / step
    points = points[..., 1:]
    holds = np.empty((WIDTH, *points.shape[2:]), dtype=np.bool_)
    with np.errstate(invalid="ignore", divide="ignore"):  # directions of length 0 give NaN: nothing holds
        a, b, c, p, threshold = _columns(_TURNS)
        normal = _cross(points[:, c] - points[:, a], points[:, b] - points[:, a])
        holds[_numbers(_TURNS)] = _along(velocity[:, p] - velocity[:, a], normal) > _each(threshold, points)

        approaches = _RELEASED_APPROACHES if released_formula else _APPROACHES
        a, b, c, p, threshold = _columns(approaches)
        moving = _along(velocity[:, p] - velocity[:, c], points[:, b] - points[:, a])
        holds[_numbers(approaches)] = moving > _each(threshold, points)

        a, b, c, p, threshold = _columns(_PLANES)
        normal = _cross(points[:, c] - points[:, a], points[:, b] - points[:, a])
        holds[_numbers(_PLANES)] = _along(points[:, p] - points[:, a], normal) > _each(threshold, points)

        a, b, c, p, threshold = _columns(_NORMALS)
        distance = _along(points[:, p] - points[:, c], points[:, b] - points[:, a])
        holds[_numbers(_NORMALS)] = distance > _each(threshold, points)

        speed = _norm(velocity[:, [POINTS[row[1]] for row in _SPEEDS]])
        holds[_numbers(_SPEEDS)] = speed > _each([row[2] for row in _SPEEDS], points)

        a, b, c, p, _ = _columns(_ANGLES)
        degrees = _degrees(points[:, b] - points[:, a], points[:, p] - points[:, c])
        low, high = [row[2] for row in _ANGLES], [row[3] for row in _ANGLES]
        holds[_numbers(_ANGLES)] = (degrees > _each(low, points)) & (degrees < _each(high, points))
    share: Floats = np.moveaxis(holds.mean(axis=-1), 0, -1)
    return share


def _with_reference_points(joints: Floats, up: int) -> Floats:
    """(3, 28, …, frames): joints and reference points; frames come last, adjacent in memory."""
    points = np.zeros((3, len(POINTS), *joints.shape[:-2]))
    points[:, : len(SMPL_JOINTS)] = np.moveaxis(joints, (-1, -2), (0, 1))
    points[up, POINTS["up"]] = 1
    points[up, POINTS["down"]] = -1
    points[up, POINTS["low"]] = points[up, : len(SMPL_JOINTS)].min(axis=0)
    return points


def _numbers(rows: Sequence[tuple[Any, ...]]) -> list[int]:
    return [row[0] for row in rows]


class _Columns(NamedTuple):
    a: list[int]
    b: list[int]
    c: list[int]
    p: list[int]
    threshold: list[float]


def _columns(rows: Sequence[tuple[Any, ...]]) -> _Columns:
    a, b, c, p = (
        [POINTS[name] for name in names] for names in zip(*(row[1].split() for row in rows), strict=True)
    )
    return _Columns(a, b, c, p, [row[2] for row in rows])


def _each(thresholds: Sequence[float], points: Floats) -> Floats:
    """The thresholds in a shape that broadcasts with (predicates, …, frames)."""
    return np.array(thresholds).reshape(-1, *[1] * (points.ndim - 2))


def _dot(left: Floats, right: Floats) -> Floats:
    product: Floats = left[0] * right[0] + left[1] * right[1] + left[2] * right[2]
    return product


def _norm(vectors: Floats) -> Floats:
    norm: Floats = np.sqrt(_dot(vectors, vectors))
    return norm


def _along(vectors: Floats, direction: Floats) -> Floats:
    """Component of vectors along directions, which may have any length."""
    return _dot(vectors, direction) / _norm(direction)


def _cross(left: Floats, right: Floats) -> Floats:
    (x, y, z), (u, v, w) = left, right
    product: Floats = np.stack([y * w - z * v, z * u - x * w, x * v - y * u])
    return product


def _degrees(left: Floats, right: Floats) -> Floats:
    cosine = _dot(left, right) / (_norm(left) * _norm(right))
    angle: Floats = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return angle
