"""How frames are displayed: display matrices, pixels that are not square, sizes that change in the middle."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from popdanceset.errors import MediaError

log = logging.getLogger(__name__)

Image = np.ndarray[Any, np.dtype[np.uint8]]

MOST_PIXELS = 8192 * 4608
"""Of a frame: more do not occur in videos, and would only fill the memory."""

_MOST_STRETCH = 8.0  # pixels that are longer than this multiple of their width are a wrong header
_SQUARE = 0.01  # ratio of a pixel's sides minus one that is an encoder's rounding
_SAME_SHAPE = 0.02  # change of the aspect ratio below which a frame keeps its shape


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to put a rectangle: transposed first, then flipped."""

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of_matrix(cls, matrix: bytes) -> Orientation:
        """Reads a display matrix (nine int32 as in ISO 14496-12: a b u c d v x y w), to the nearest right
        angle. A pixel at (x, y) is shown at (a x + c y, b x + d y).

        A matrix whose determinant is negative mirrors, as front cameras write it.
        """
        values = np.frombuffer(matrix[:36], "<i4").astype(np.float64)
        if len(values) < 9:
            return cls()
        a, b, _, c, d = values[:5]
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, bool(c < 0), bool(b < 0))
        return cls(False, bool(a < 0), bool(d < 0))

    @property
    def mirrored(self) -> bool:
        """Whether left and right are exchanged: the frame is mirrored first, then turned by `rotation`."""
        return self.transposed ^ self.flip_x ^ self.flip_y

    @property
    def rotation(self) -> int:
        """Degrees clockwise, one of 0, 90, 180, 270."""
        if self.transposed:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    def turned(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of a frame afterwards."""
        return (height, width) if self.transposed else (width, height)

    def apply(self, image: Image) -> Image:
        """The image (height, width, …) as displayed."""
        if self.transposed:
            image = image.swapaxes(0, 1)
        return image[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]


@dataclass(frozen=True, slots=True)
class Placement:
    """How a decoded frame fills a displayed one.

    Attributes:
        coded: width and height to which the frame is scaled before it is turned.
        orientation: how it is turned.
        size: width and height of the displayed frame. What the frame does not fill is black.
    """

    coded: tuple[int, int]
    orientation: Orientation
    size: tuple[int, int]

    def apply(self, image: Image, black: int = 0) -> Image:
        """Turns a scaled image (height, width, …) and puts it in the middle of the displayed frame."""
        image = self.orientation.apply(image)
        height, width = image.shape[:2]
        if (width, height) == self.size:
            return np.ascontiguousarray(image)
        result: Image = np.full((self.size[1], self.size[0], *image.shape[2:]), black, np.uint8)
        top, left = (self.size[1] - height) // 2, (self.size[0] - width) // 2
        result[top : top + height, left : left + width] = image
        return result


class Geometry:
    """The geometry of a video track: the first frame says how large all are displayed.

    Args:
        stream: the PyAV stream.
        path: of the file, for messages.
    """

    def __init__(self, stream: Any, path: object) -> None:
        self._stream, self._path = stream, path
        self._coded_ratio = stream.codec_context.sample_aspect_ratio
        self._orientation: Orientation | None = None
        self._size: tuple[int, int] | None = None
        self._warned = False
        self._cache: dict[tuple[Any, ...], Placement] = {}

    @property
    def orientation(self) -> Orientation:
        """Of the first frame."""
        return self._orientation or Orientation()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as displayed, known from the first frame on."""
        assert self._size is not None, "no frame was placed yet"
        return self._size

    @property
    def pixel_ratio(self) -> float:
        """Width of a stored pixel over its height."""
        return self._ratio()

    def shape(self, frame: Any) -> float:
        """Width over height of a frame as displayed."""
        width, height = self._displayed(frame)
        return width / height

    def place(self, frame: Any, height: int | None = None) -> Placement:
        """Says how a frame is displayed.

        Args:
            height: the displayed frame is reduced to it (never enlarged).

        Raises:
            MediaError: the frame is unreasonably large.
        """
        key = frame.width, frame.height, self._ratio(), height
        if key not in self._cache:
            self._cache[key] = self._placed(frame, height)
        return self._cache[key]

    def _placed(self, frame: Any, height: int | None) -> Placement:
        if self._orientation is None:
            self._orientation = _orientation(frame)
        shown = self._displayed(frame)
        if max(shown[0] * shown[1], frame.width * frame.height) > MOST_PIXELS:
            raise too_large(*shown, self._path)
        self._size = self._size or shown
        size = self._size
        if height is not None and height < size[1]:
            size = max(2, round(size[0] * height / size[1])), max(2, height)
        inner = size
        if not same_shape(shown[0] / shown[1], self._size[0] / self._size[1]):
            scale = min(size[0] / shown[0], size[1] / shown[1])
            inner = max(1, round(shown[0] * scale)), max(1, round(shown[1] * scale))
        return Placement(self.orientation.turned(*inner), self.orientation, size)

    def _displayed(self, frame: Any) -> tuple[int, int]:
        """Width and height of a frame with square pixels, upright."""
        width = max(1, round(frame.width * self._ratio()))
        return self.orientation.turned(width, frame.height)

    def _ratio(self) -> float:
        """Width of a pixel over its height."""
        ratio, coded = self._stream.sample_aspect_ratio, self._stream.codec_context.sample_aspect_ratio
        if coded != self._coded_ratio:  # changed in the middle: the container only states the first one
            ratio = coded
        if not ratio or ratio <= 0 or abs(ratio - 1) < _SQUARE:
            return 1.0
        if not 1 / _MOST_STRETCH <= ratio <= _MOST_STRETCH:
            if not self._warned:
                log.warning("%s: its pixels cannot be %s as wide as high; taken as square", self._path, ratio)
            self._warned = True
            return 1.0
        return float(ratio)


def too_large(width: int, height: int, path: object) -> MediaError:
    """The error for frames of more than `MOST_PIXELS`."""
    return MediaError(f"its frames have {width} × {height} pixels", path, "its header is probably damaged")


def _orientation(frame: Any) -> Orientation:
    from av.sidedata.sidedata import Type

    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    return Orientation.of_matrix(bytes(matrix)) if matrix is not None else Orientation()


def same_shape(one: float, other: float) -> bool:
    """Returns whether two aspect ratios differ by no more than rounding does."""
    return abs(one / other - 1) < _SAME_SHAPE
