"""BlazePose's landmark network on a rotated square crop: image points, metric points, visibilities.

Bazarevsky et al. (2020) and the model card of "BlazePose GHUM 3D": 33 body landmarks, 6 more
that only steer the crop, heat maps that sharpen the image points, and metric points with their origin between
the hips.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose.network import Network

SIDE = 256
COUNT = 33
_ALL = 39
_CENTRE, _RIM = 33, 34
_CELLS = 64
_REACH = 3  # windows of 7 × 7 cells
_LEAST_HEAT = 0.5
_ENLARGE = 1.25
_SHOULDERS, _HIPS, _ANKLES = [11, 12], [23, 24], [27, 28]
_VISIBLE = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Region:
    """A rotated square of an image: middle x, y and side in pixels, angle in radians, clockwise."""

    x: float
    y: float
    side: float
    angle: float

    @classmethod
    def of_body(cls, centre: Floats, rim: Floats) -> Region:
        """Returns the square round a body, given by the middle of its hips and the point of its circle above
        the head."""
        across, down = rim - centre
        side = 2 * _ENLARGE * float(np.hypot(across, down))
        return cls(float(centre[0]), float(centre[1]), side, float(np.arctan2(across, -down)))

    @property
    def axes(self) -> Floats:
        """(2, 2) rotation from the crop's axes to the image's."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The landmarks of one body.

    Attributes:
        image: (33, 2) pixels of the frame.
        metric: (33, 3) metres from the middle of the hips; x right, y down, z away from the camera.
        visibility: (33,) 0..1.
        body: (2, 2) centre and rim of the body's circle, pixels: where to look in the next frame.
        presence: confidence that this is a body, 0..1.
    """

    image: Floats
    metric: Floats
    visibility: Floats
    body: Floats
    presence: float

    @property
    def axis(self) -> Floats:
        """(2,) from the ankles to the shoulders, pixels; from the hips if no ankle is visible."""
        feet = _ANKLES if self.visibility[_ANKLES].max() > _VISIBLE else _HIPS
        axis: Floats = self.image[_SHOULDERS].mean(0) - self.image[feet].mean(0)
        return axis


class Landmarker:
    """The landmark network.

    Args:
        path: `pose_landmark_full.tflite`.
        threads: CPU threads for one inference.
        depths: what is added to the depths of landmarks, metres (`hybrik_runner.blazepose.variants`).

    Raises:
        AssetError: as `Network`.
    """

    def __init__(self, path: Path, threads: int = 1, depths: Mapping[int, float] | None = None) -> None:
        self._network = Network(path, threads)
        self._depths = np.zeros(COUNT)
        for landmark, metres in (depths or {}).items():
            self._depths[landmark] = metres

    def __call__(self, image: NDArray[np.uint8], region: Region) -> Landmarks:
        """Finds the landmarks of the body in a region of an image (height, width, 3) uint8 RGB."""
        return self.in_cut(cut(image, region), region)

    def in_cut(self, pixels: NDArray[np.uint8], region: Region) -> Landmarks:
        """The same for a region that was cut out before (`cut`)."""
        outputs = self._network(pixels.astype(np.float32) / np.float32(255))
        points = outputs[_ALL * 5].reshape(_ALL, 5).astype(np.float64)
        heat = outputs[_ALL * _CELLS**2].reshape(_CELLS, _CELLS, _ALL)
        metric = outputs[_ALL * 3].reshape(_ALL, 3)[:COUNT].astype(np.float64)
        sharp = refine(points[:, :2], heat)
        middle = [region.x, region.y]
        points2d = (sharp / SIDE - 0.5) * region.side @ region.axes.T + middle
        metric[:, :2] = metric[:, :2] @ region.axes.T
        metric[:, 2] += self._depths
        return Landmarks(
            image=points2d[:COUNT],
            metric=metric,
            visibility=1 / (1 + np.exp(-points[:COUNT, 3])),
            body=points2d[[_CENTRE, _RIM]],
            presence=float(outputs[1].reshape(-1)[0]),
        )


def crop(image: NDArray[np.uint8], region: Region) -> NDArray[np.float32]:
    """Returns a region upright, (256, 256, 3) float32 in 0..1; what lies beyond the image is black."""
    return cut(image, region).astype(np.float32) / np.float32(255)


def cut(image: NDArray[np.uint8], region: Region) -> NDArray[np.uint8]:
    """Returns the same as (256, 256, 3) uint8."""
    scale = region.side / SIDE
    # Pixel centres lie at whole numbers in OpenCV, at halves in ours.
    corner = np.array([region.x, region.y]) + region.axes @ np.full(2, (0.5 - SIDE / 2) * scale) - 0.5
    matrix = np.column_stack([region.axes * scale, corner])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=flags), np.uint8)


def refine(points: Floats, heat: NDArray[np.float32]) -> Floats:
    """Moves landmarks to the centre of mass of their heat map's neighbourhood, where it is hot enough.

    Args:
        points: (k, 2) pixels of the crop.
        heat: (64, 64, k) logits.

    Returns:
        (k, 2) pixels of the crop.
    """
    size = SIDE // _CELLS
    cell = np.floor(points / size).astype(int)
    window = np.arange(-_REACH, _REACH + 1)
    xs, ys = cell[:, :1] + window, cell[:, 1:] + window
    inside = ((xs >= 0) & (xs < _CELLS))[:, None, :] & ((ys >= 0) & (ys < _CELLS))[:, :, None]
    index = np.arange(len(points))[:, None, None]
    logits = heat[np.clip(ys, 0, _CELLS - 1)[:, :, None], np.clip(xs, 0, _CELLS - 1)[:, None, :], index]
    weight = np.where(inside, 1 / (1 + np.exp(-logits.astype(np.float64))), 0.0)
    total = weight.sum((1, 2))
    hot = weight.max((1, 2)) >= _LEAST_HEAT
    hot &= ((cell >= 0) & (cell < _CELLS)).all(1)
    mass = np.stack([(weight * xs[:, None, :]).sum((1, 2)), (weight * ys[:, :, None]).sum((1, 2))], 1)
    return np.where(hot[:, None], mass / np.maximum(total, 1e-12)[:, None] * size, points)
