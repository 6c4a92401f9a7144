"""From a frame and a box to what the network sees."""

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
    """Boxes (n, 4) x0 y0 x1 y1 in pixels → the squares around them, a quarter wider than the longer side."""
    boxes = np.asarray(boxes, np.float64)
    corner, far = boxes[:, :2], boxes[:, 2:]
    half = (far - corner).max(1, keepdims=True) * ENLARGED / 2
    centre = (corner + far) / 2
    return np.concatenate([centre - half, centre + half], 1)


def normalise(pictures: NDArray[np.uint8]) -> Floats:
    """(n, h, w, 3) RGB → (n, 3, h, w) float32 around zero."""
    values = (pictures.astype(np.float32) / 255 - MEAN) / SPREAD
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def cut(frame: NDArray[np.uint8], square: NDArray[np.floating], side: int = SIDE) -> NDArray[np.uint8]:
    """What a square shows, scaled to (side, side, 3); black beyond the frame's edges.

    Args:
        frame: (height, width, 3) RGB.
        square: (4,) x0 y0 x1 y1 of `enlarge`, pixels.
    """
    x0, y0, x1, _ = (float(value) for value in square)
    scale = side / (x1 - x0)
    onto = np.array([[scale, 0, -x0 * scale], [0, scale, -y0 * scale]])
    return np.asarray(cv2.warpAffine(frame, onto, (side, side), flags=cv2.INTER_LINEAR), np.uint8)


def crop(frames: NDArray[np.uint8], boxes: NDArray[np.floating]) -> tuple[Floats, Floats, Floats]:
    """What the network is told of frames and boxes.

    Args:
        frames: (n, height, width, 3) RGB.
        boxes: (n, 4) x0 y0 x1 y1 around the dancer, pixels.

    Returns:
        (n, 3, 256, 256) pictures, (n, 4) enlarged boxes and (n, 2) centres of the frames, pixels.

    Raises:
        ValueError: a box has no area or holds values that are no numbers.
    """
    boxes = np.asarray(boxes, np.float64)
    if not (np.isfinite(boxes).all() and (boxes[:, 2:] > boxes[:, :2]).all()):
        raise ValueError("a box is empty or not finite")
    squares = enlarge(boxes)
    shown = np.stack([cut(frame, square) for frame, square in zip(frames, squares, strict=True)])
    height, width = frames.shape[1:3]
    centres = np.tile(np.array([width / 2, height / 2], np.float32), (len(frames), 1))
    return normalise(shown), squares.astype(np.float32), centres
