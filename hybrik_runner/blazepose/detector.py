"""BlazePose's person detector: a network on a letterboxed square, decoded from anchors.

Bazarevsky et al., "BlazePose: On-device Real-time Body Pose tracking" (2020): a person is a
circle round the middle of the hips, given by two key points, the centre and a point on the rim that
determines radius and inclination.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose.network import Network

SIDE = 224
_LAYERS = ((8, 2), (16, 2), (32, 6))
"""Stride in pixels and anchors per cell."""


def anchors() -> NDArray[np.float64]:
    """Returns the anchor centres (2254, 2), x and y as shares of the square, in the order of the network's
    output."""
    centres = []
    for stride, count in _LAYERS:
        cells = (np.arange(SIDE // stride) + 0.5) * stride / SIDE
        y, x = np.meshgrid(cells, cells, indexing="ij")
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), count, axis=0))
    return np.concatenate(centres)


@dataclass(frozen=True, slots=True)
class Detections:
    """People found in an image, best first.

    Attributes:
        centre: (n, 2) middle of the hips, pixels.
        rim: (n, 2) the point of the circle above the head, pixels.
        score: (n,) confidence 0..1.
    """

    centre: NDArray[np.float64]
    rim: NDArray[np.float64]
    score: NDArray[np.float64]

    @property
    def radius(self) -> NDArray[np.float64]:
        """(n,) radius of the body's circle, pixels."""
        distance: NDArray[np.float64] = np.linalg.norm(self.rim - self.centre, axis=1)
        return distance

    def __len__(self) -> int:
        return len(self.score)


class Detector:
    """The detection network.

    Args:
        path: `pose_detection.tflite`.
        threads: CPU threads for one inference.

    Raises:
        AssetError: as `Network`.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._network = Network(path, threads)
        self._anchors = anchors()

    def __call__(
        self,
        image: NDArray[np.uint8],
        square: tuple[float, float, float] | None = None,
        least_score: float = 0.5,
    ) -> Detections:
        """Finds people in a square of the image; overlapping detections of one person are reduced to the
        best.

        Args:
            image: (height, width, 3) uint8 RGB.
            square: x, y of its upper left corner and its side, pixels; it may reach beyond the image, which
                continues in black; None: the smallest centred square that contains the whole image.
            least_score: smallest confidence of a detection.
        """
        height, width = image.shape[:2]
        if square is None:
            side = float(max(height, width))
            square = ((width - side) / 2, (height - side) / 2, side)
        left, top, side = square
        scale = SIDE / side
        # Pixel centres lie at whole numbers in OpenCV, at halves in ours.
        shift = (scale - 1) / 2
        matrix = np.array([[scale, 0, shift - left * scale], [0, scale, shift - top * scale]])
        crop = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        outputs = self._network(crop.astype(np.float32) / 127.5 - 1)
        logits = outputs[len(self._anchors)].reshape(-1).astype(np.float64)
        threshold = np.log(least_score / (1 - least_score))
        chosen = np.flatnonzero(logits > threshold)
        chosen = chosen[np.argsort(-logits[chosen], kind="stable")]
        boxes = outputs[len(self._anchors) * 12].reshape(-1, 12)[chosen]
        points = (boxes[:, 4:8].reshape(-1, 2, 2) / SIDE + self._anchors[chosen, None]) * side + [left, top]
        found = Detections(points[:, 0], points[:, 1], 1 / (1 + np.exp(-logits[chosen])))
        # If the square shows only one end of a body, the rest is guessed, far outside of it.
        inside = ((found.centre >= [left, top]) & (found.centre <= [left + side, top + side])).all(1)
        found = keep(found, np.flatnonzero(inside))
        return keep(found, distinct(found))


def keep(found: Detections, which: NDArray[np.intp]) -> Detections:
    """Returns the detections with these indices."""
    return Detections(found.centre[which], found.rim[which], found.score[which])


def distinct(found: Detections, reach: float = 0.6) -> NDArray[np.intp]:
    """Returns the indices of the detections of different people, best first.

    Two detections are the same person if the middles of their hips are closer than `reach` radii of the
    larger body.
    """
    order = np.argsort(-found.score, kind="stable")
    gap = np.linalg.norm(found.centre[:, None] - found.centre, axis=2)
    same = gap < reach * np.maximum(found.radius[:, None], found.radius)
    kept: list[int] = []
    for index in order:
        if not same[index, kept].any():
            kept.append(int(index))
    return np.array(kept, np.intp)
