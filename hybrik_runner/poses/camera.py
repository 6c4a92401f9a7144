"""The camera: where the dancer stands in front of it, from matching points in space and in the image.

Its focal length, and which way is up, are found from straight lines of the room
(`hybrik_runner.poses.calibration`). Where there are none, two assumptions replace them. The focal length is
the image's diagonal in pixels (a diagonal field of view of 53°; Li et al., "CLIFF", ECCV 2022). The camera is
level: up in the image is up in the world. The principal point is in the middle, and lenses do not distort.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popdanceset.motion import camera as pinhole
from popdanceset.rotations.arrays import rotation_between

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is known of the camera of a clip.

    Attributes:
        size: width and height of the frames, pixels.
        focal_length: pixels.
        up: unit vector against gravity, camera axes; None: not seen, and taken for up in the image.
        focal_length_seen: false: it is the assumed one.
    """

    size: tuple[int, int]
    focal_length: float
    up: tuple[float, float, float] | None = None
    focal_length_seen: bool = False

    @classmethod
    def assumed(cls, size: tuple[int, int]) -> Calibration:
        """The calibration of frames (width, height) of which nothing is known."""
        return cls(size, float(np.hypot(*size)))

    def across(self, pixels: Floats) -> Floats:
        """(…, 2) pixels → (…, 2) x and y of their rays, where z is 1."""
        rays: Floats = (pixels - np.array(self.size) / 2) / self.focal_length
        return rays


def to_world(points: Floats) -> Floats:
    """(…, 3) camera axes (x right, y down, z forward) → world axes (x right, y forward, z up)."""
    return points[..., [0, 2, 1]] * [1.0, 1.0, -1.0]


def to_camera(points: Floats) -> Floats:
    """(…, 3) world axes → camera axes."""
    return points[..., [0, 2, 1]] * [1.0, -1.0, 1.0]


def project(points: Floats, calibration: Calibration) -> Floats:
    """(…, 3) points in camera axes → (…, 2) pixels."""
    return pinhole.project(points, calibration.focal_length, calibration.size)


def towards(pixels: Floats, calibration: Calibration) -> Floats:
    """Returns the rotations (n, 3, 3) that turn the optical axis into the rays through pixels (n, 2).

    An estimator describes what it sees in a crop as though the camera looked straight at it; these rotations
    lead from there to the camera's own axes.
    """
    across = calibration.across(pixels)
    rays = np.column_stack([across, np.ones(len(across))])
    return rotation_between(np.broadcast_to([0.0, 0.0, 1.0], rays.shape), rays)


def locate(points: Floats, pixels: Floats, weights: Floats, calibration: Calibration) -> Floats:
    """Locates a body's origin by least squares over its points under the pinhole camera.

    With the focal length f, a pixel (u, v) from the image's middle and its point (x, y, z), each point
    contributes f·tx − u·tz = u·z − f·x and f·ty − v·tz = v·z − f·y.

    Args:
        points: (n, k, 3) from the body's origin, camera axes, metres.
        pixels: (n, k, 2).
        weights: (n, k) of each point; at least two points need a positive one.
        calibration: of the frames.

    Returns:
        (n, 3) the origin in camera axes, metres; not finite where all points lie in one spot of the image.
    """
    u = calibration.across(pixels)
    right = u * points[..., 2:] - points[..., :2]
    total = weights.sum(1)
    mean_u = np.einsum("nk,nka->na", weights, u) / total[:, None]
    mean_right = np.einsum("nk,nka->na", weights, right) / total[:, None]
    spread = u - mean_u[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = -np.einsum("nk,nka,nka->n", weights, spread, right) / np.einsum(
            "nk,nka,nka->n", weights, spread, spread
        )
    return np.column_stack([mean_right + mean_u * depth[:, None], depth])


def weak_perspective(points: Floats, pixels: Floats, bbox: Floats) -> Floats:
    """Returns the scale s and shift (tx, ty) that carry points into the dancer's box.

    With the middle c of the box and the longer of its sides b: pixel = c + b/2 · s · ((x, y) + (tx, ty)).

    Args:
        points: (n, k, 3) from the root, camera axes, metres.
        pixels: (n, k, 2).
        bbox: (n, 4) x0 y0 x1 y1 pixels.

    Returns:
        (n, 3) s in 1/m, tx and ty in m.
    """
    middle = (bbox[:, :2] + bbox[:, 2:]) / 2
    side = np.maximum((bbox[:, 2:] - bbox[:, :2]).max(1), 1e-6)
    seen = (pixels - middle[:, None]) / (side / 2)[:, None, None]
    flat = points[..., :2]
    seen_mean, flat_mean = seen.mean(1), flat.mean(1)
    spread = flat - flat_mean[:, None]
    scale = ((seen - seen_mean[:, None]) * spread).sum((1, 2)) / np.maximum((spread**2).sum((1, 2)), 1e-12)
    scale = np.maximum(scale, 1e-6)
    return np.column_stack([scale, seen_mean / scale[:, None] - flat_mean])
