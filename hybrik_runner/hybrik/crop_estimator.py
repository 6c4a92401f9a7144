"""What all estimators that show HybrIK one crop a frame have in common: BlazePose tracks the dancer, and
predictions become poses. Only the network differs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose.estimator import BlazePose
from hybrik_runner.blazepose.estimator import boxes as boxes_of
from hybrik_runner.estimator import PoseEstimator, Poses
from hybrik_runner.hybrik.boxes import boxes
from hybrik_runner.hybrik.predictions import Crop, CropPrediction, cut, poses
from hybrik_runner.running.batching import Halving

if TYPE_CHECKING:
    from torch import Tensor

    from hybrik_runner.poses.camera import Calibration
    from popdanceset.media import Frame

Floats = NDArray[np.float64]


class CropEstimator(PoseEstimator[Crop, CropPrediction]):
    """A pose estimator whose network sees crops; subclasses run it.

    Args:
        name: as it is written into every row.
        tracker: finds the boxes.
        box_every: the tracker looks at every `box_every`-th frame.
        batch: frames that the network takes at a time; halved when memory is used up.
    """

    def __init__(self, name: str, tracker: BlazePose, *, box_every: int, batch: int) -> None:
        self.name = name
        self._tracker, self._box_every = tracker, box_every
        self._halving: Halving[Crop, CropPrediction | None] = Halving(self._predict, batch)

    @abstractmethod
    def _predict(self, crops: Sequence[Crop]) -> list[CropPrediction | None]:
        """Runs the network on a batch that should fit the memory."""
        ...

    @property
    def batch(self) -> int:
        """Frames that the network takes at a time."""
        return self._halving.size

    def track(self, frames: Iterable[Frame]) -> Iterator[Crop | None]:
        """As `PoseEstimator.track`: boxes by BlazePose, cut out."""
        find, census = self._tracker.tracker(), self._tracker.census()
        counts: dict[float, int] = {}
        axes: dict[float, Floats] = {}
        met: set[float] = set()

        def box_of(frame: Frame) -> Floats | None:
            landmarks = find(frame)
            if landmarks is None:
                return None
            if (count := census(frame)) is not None:
                counts[frame.time] = count
            axes[frame.time] = landmarks.axis
            if find.met:
                met.add(frame.time)
            height, width = frame.image.shape[:2]
            bbox: Floats = boxes_of(landmarks.image[None], (width, height))[0]
            return bbox

        for frame, bbox in boxes(frames, box_of, self._box_every):
            people, axis = counts.pop(frame.time, None), axes.pop(frame.time, None)
            crop = None if bbox is None else cut(frame, bbox, people, axis)
            yield crop and replace(crop, met=frame.time in met)

    def predict(self, detections: Sequence[Crop]) -> list[CropPrediction | None]:
        """As `PoseEstimator.predict`. None where a value is NaN or infinite, or the camera's scale not
        positive.

        Raises:
            AssetError: not even one frame fits the memory.
        """
        return self._halving(detections)

    def poses(
        self, times: Floats, calibration: Calibration, predictions: Sequence[CropPrediction | None]
    ) -> Poses:
        """As `PoseEstimator.poses`."""
        return poses(times, calibration, predictions)


def stacked(crops: Sequence[Crop]) -> tuple[Tensor, Tensor, Tensor]:
    """Returns (n, 256, 256, 3) uint8 images, (n, 4) squares and (n, 2) centres of frames, pixels."""
    import torch

    images = torch.from_numpy(np.stack([crop.image for crop in crops]))
    squares = torch.from_numpy(np.stack([crop.square for crop in crops]).astype(np.float32))
    centres = torch.from_numpy(np.stack([crop.centre for crop in crops]).astype(np.float32))
    return images, squares, centres
