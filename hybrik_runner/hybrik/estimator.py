"""HybrIK as a pose estimator: BlazePose tracks the dancer, the network sees crops in batches.

`pose.hybrik_published` repeats two slips of the published code (`hybrik_runner.hybrik.network.HybrIK`).
Without them, the recorded outputs of the official network (`hybrik_runner.check`, recipe weights) are
still met on the runs without flip test. With it they differ only by the flip test's shift: in the right half
of the mirrored heat maps the published code shows one column in place of fifteen. That is a slip and not a
choice, so it is not repeated by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hybrik_runner.blazepose.estimator import BlazePose
from hybrik_runner.blazepose.estimator import load_estimator as load_blazepose
from hybrik_runner.hybrik import assets
from hybrik_runner.hybrik.crop_estimator import CropEstimator, stacked
from hybrik_runner.hybrik.memory import batch_size, lanes
from hybrik_runner.hybrik.predictions import Crop, CropPrediction, split
from popdanceset.devices import find_device

if TYPE_CHECKING:
    from hybrik_runner.hybrik.engine import Engine
    from hybrik_runner.hybrik.network import HybrIK
    from popdanceset.settings import Settings


class HybrIKEstimator(CropEstimator):
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
        name = f"hybrik-{network.backbone}" + ("-flip" if flip else "")
        super().__init__(name, tracker, box_every=box_every, batch=batch)
        self._network, self._engine = network, engine
        self._flip, self._padded = flip, padded

    @property
    def lanes(self) -> int:
        """As many threads as share the engine's device."""
        return self._engine.lanes

    @property
    def device(self) -> str:
        """The engine's device."""
        return str(self._engine.where)

    def _predict(self, crops: Sequence[Crop]) -> list[CropPrediction | None]:
        import torch

        from hybrik_runner.hybrik.heads import box_offset

        missing = self._halving.size - len(crops)
        batch = [*crops, *[crops[-1]] * missing] if self._padded else crops
        with torch.inference_mode(), self._engine.lane():
            images, squares, centres = stacked(batch)
            prediction = self._engine.predict(images, flip=self._flip)
            usable = prediction.usable()
            offset = box_offset(squares, centres).to(usable.device)
            result = self._network.fit(prediction.where(usable), offset)
            return split(result, crops, usable.cpu().numpy())


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
