"""From a frame and a box to the network's input."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SIDE = 256
ENLARGED = 1.25
MEAN = np.array([0.406, 0.457, 0.480], np.float32)
SPREAD = np.float32(0.225)


def enlarge(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    """Returns the squares around boxes (n, 4) x0 y0 x1 y1 in pixels, a quarter wider than the longer side."""
    boxes = np.asarray(boxes, np.float64)
    corner, far = boxes[:, :2], boxes[:, 2:]
    half = (far - corner).max(1, keepdims=True) * ENLARGED / 2
    centre = (corner + far) / 2
    return np.concatenate([centre - half, centre + half], 1)


def normalise(images: NDArray[np.uint8]) -> Floats:
    """Converts (n, h, w, 3) RGB to (n, 3, h, w) float32 around zero."""
    values = (images.astype(np.float32) / 255 - MEAN) / SPREAD
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def cut(frame: NDArray[np.uint8], square: NDArray[np.floating], side: int = SIDE) -> NDArray[np.uint8]:
    """Cuts out a square, scaled to (side, side, 3); black beyond the frame's edges.

    Args:
        frame: (height, width, 3) RGB.
        square: (4,) x0 y0 x1 y1 of `enlarge`, pixels.
    """
    x0, y0, x1, _ = (float(value) for value in square)
    scale = side / (x1 - x0)
    matrix = np.array([[scale, 0, -x0 * scale], [0, scale, -y0 * scale]])
    return np.asarray(cv2.warpAffine(frame, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)


def crop(frames: NDArray[np.uint8], boxes: NDArray[np.floating]) -> tuple[Floats, Floats, Floats]:
    """Prepares frames and boxes for the network.

    Args:
        frames: (n, height, width, 3) RGB.
        boxes: (n, 4) x0 y0 x1 y1 around the dancer, pixels.

    Returns:
        (n, 3, 256, 256) images, (n, 4) enlarged boxes and (n, 2) centres of the frames, pixels.

    Raises:
        ValueError: a box has no area, or contains NaN or infinity.
    """
    boxes = np.asarray(boxes, np.float64)
    if not (np.isfinite(boxes).all() and (boxes[:, 2:] > boxes[:, :2]).all()):
        raise ValueError("a box is empty or not finite")
    squares = enlarge(boxes)
    shown = np.stack([cut(frame, square) for frame, square in zip(frames, squares, strict=True)])
    height, width = frames.shape[1:3]
    centres = np.tile(np.array([width / 2, height / 2], np.float32), (len(frames), 1))
    return normalise(shown), squares.astype(np.float32), centres
