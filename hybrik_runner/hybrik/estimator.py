"""HybrIK as a pose estimator: BlazePose tracks the dancer, the network sees crops in batches.

`pose.hybrik_published` repeats two slips of the published code (`hybrik_runner.hybrik.network.HybrIK`).
Without them, the recorded outputs of the official network (`hybrik_runner.check`, recipe weights) are
still met on the runs without flip test. With it they differ only by the flip test's shift: in the right half
of the mirrored heat maps the published code shows one column in place of fifteen. That is a slip and not a
choice, so it is not repeated by default.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose.estimator import BlazePose
from hybrik_runner.blazepose.estimator import boxes as boxes_of
from hybrik_runner.blazepose.estimator import load_estimator as load_blazepose
from hybrik_runner.estimator import PoseEstimator, Poses
from hybrik_runner.hybrik import assets
from hybrik_runner.hybrik.boxes import boxes
from hybrik_runner.hybrik.memory import batch_size, lanes
from hybrik_runner.hybrik.predictions import Crop, CropPrediction, cut, poses, split
from hybrik_runner.running.batching import Halving
from popdanceset.devices import find_device

if TYPE_CHECKING:
    from hybrik_runner.hybrik.engine import Engine
    from hybrik_runner.hybrik.network import HybrIK
    from popdanceset.media import Frame
    from popdanceset.settings import Settings

Floats = NDArray[np.float64]


class HybrIKEstimator(PoseEstimator[Crop, CropPrediction]):
    """HybrIK on one device.

    Args:
        network: with weights, in evaluation mode.
        engine: runs it.
        tracker: finds the boxes.
        flip: whether to average with the mirrored image.
        box_every: the tracker looks at every `box_every`-th frame.
        batch: frames that the network takes at a time; halved when memory is used up.
        padded: whether smaller batches are filled up, because a compiled graph serves one batch size.
    """

    def __init__(
        self,
        network: HybrIK,
        engine: Engine,
        tracker: BlazePose,
        *,
        flip: bool = True,
        box_every: int = 1,
        batch: int = 4,
        padded: bool = False,
    ) -> None:
        self.name = f"hybrik-{network.backbone}" + ("-flip" if flip else "")
        self._network, self._engine, self._tracker = network, engine, tracker
        self._flip, self._box_every, self._padded = flip, box_every, padded
        self._halving: Halving[Crop, CropPrediction | None] = Halving(self._predict, batch)

    @property
    def batch(self) -> int:
        """Frames that the network takes at a time."""
        return self._halving.size

    @property
    def lanes(self) -> int:
        """As many threads as share the engine's device."""
        return self._engine.lanes

    @property
    def device(self) -> str:
        """The engine's device."""
        return str(self._engine.where)

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

    def _predict(self, crops: Sequence[Crop]) -> list[CropPrediction | None]:
        import torch

        from hybrik_runner.hybrik.heads import box_offset

        missing = self._halving.size - len(crops)
        batch = [*crops, *[crops[-1]] * missing] if self._padded else crops
        with torch.inference_mode(), self._engine.lane():
            images = torch.from_numpy(np.stack([crop.image for crop in batch]))
            prediction = self._engine.predict(images, flip=self._flip)
            squares = torch.from_numpy(np.stack([crop.square for crop in batch]).astype(np.float32))
            centres = torch.from_numpy(np.stack([crop.centre for crop in batch]).astype(np.float32))
            usable = prediction.usable()
            offset = box_offset(squares, centres).to(usable.device)
            result = self._network.fit(prediction.where(usable), offset)
            return split(result, crops, usable.cpu().numpy())

    def poses(
        self, times: Floats, size: tuple[int, int], predictions: Sequence[CropPrediction | None]
    ) -> Poses:
        """As `PoseEstimator.poses`."""
        return poses(times, size, predictions)


def load_estimator(settings: Settings) -> HybrIKEstimator:
    """Loads the estimator of entry-point group `hybrik_runner.estimators`, on the first of `pose.devices`.

    Raises:
        AssetError: torch, weights, the body or BlazePose's files are missing or not what they should be.
        SettingsError: there is no such device.
    """
    network = assets.load_network(settings)
    import torch

    from hybrik_runner.hybrik import heads, twist_swing
    from hybrik_runner.hybrik.engine import Engine, number_type

    pose = settings.pose
    if pose.hybrik_published:
        network.shift, network.slack = heads.PUBLISHED_SHIFT, twist_swing.PUBLISHED_SLACK
    where = torch.device(find_device(pose.devices[0], "pose.devices"))
    dtype = number_type(pose.precision, where)
    engine = Engine(network, where, dtype, compiled=pose.compile, lanes=lanes(where))
    return HybrIKEstimator(
        network,
        engine,
        load_blazepose(settings),
        flip=pose.flip_test,
        box_every=pose.box_every,
        batch=pose.batch_size or batch_size(engine, where, flip=pose.flip_test),
        padded=pose.compile,
    )
