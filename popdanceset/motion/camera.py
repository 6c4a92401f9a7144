"""The camera that took a clip: where it saw the joints of the clip's rows.

A pinhole without distortion, whose principal point is the middle of the frame and which does not move. Camera
axes: x right, y down, z forward.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.schema import CAMERA_COLUMNS

Floats = NDArray[np.float64]

LINES, ASSUMED = "lines", "assumed"
"""Where a focal length comes from: straight lines of the room, or the assumption that it is the diagonal."""


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """The camera of a clip, as the columns of `popdanceset.schema` state it.

    Attributes:
        size: width and height of the displayed frame, pixels.
        focal_length: pixels.
        focal_length_from: `lines` or `assumed`.
        to_world: (3, 3) rotation from camera axes to world axes.
    """

    size: tuple[int, int]
    focal_length: float
    focal_length_from: str
    to_world: Floats

    def see(self, joints3d: NDArray[np.floating[Any]], cam_root: NDArray[np.floating[Any]]) -> Floats:
        """Returns joints in camera axes.

        Args:
            joints3d: (n, k, 3) relative to the root, world axes, metres.
            cam_root: (n, 3) the root in camera axes, metres.

        Returns:
            (n, k, 3) metres.
        """
        seen: Floats = joints3d.astype(np.float64) @ self.to_world + cam_root.astype(np.float64)[:, None]
        return seen

    def project(self, joints3d: NDArray[np.floating[Any]], cam_root: NDArray[np.floating[Any]]) -> Floats:
        """Returns where joints are in the frames, (n, k, 2) pixels; the arguments are those of `see`."""
        return project(self.see(joints3d, cam_root), self.focal_length, self.size)

    def columns(self) -> dict[str, Any]:
        """Returns its columns of a row."""
        return {
            "width": self.size[0],
            "height": self.size[1],
            "focal_length": self.focal_length,
            "focal_length_from": self.focal_length_from,
            "camera_to_world": self.to_world.ravel().tolist(),
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Camera | None:
        """Returns the camera of a row that has these columns; None if one of them is null."""
        if any(row[name] is None for name in CAMERA_COLUMNS):
            return None
        return cls(
            (row["width"], row["height"]),
            row["focal_length"],
            row["focal_length_from"],
            np.array(row["camera_to_world"], np.float64).reshape(3, 3),
        )


def project(points: Floats, focal_length: float, size: tuple[int, int]) -> Floats:
    """Projects points in camera axes (…, 3) to pixels (…, 2) of frames of a size (width, height)."""
    pixels: Floats = points[..., :2] / points[..., 2:] * focal_length + np.array(size) / 2
    return pixels
