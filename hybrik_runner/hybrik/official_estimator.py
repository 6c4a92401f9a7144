"""The official HybrIK network as a pose estimator, to compare whole clips with ours.

Tracking, boxes, crops and the assembly of poses are those of our HybrIK estimator; only the network is the
official one (`hybrik_runner.hybrik.official`), as it is: in float32, one batch at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hybrik_runner.blazepose.estimator import BlazePose
from hybrik_runner.blazepose.estimator import load_estimator as load_blazepose
from hybrik_runner.hybrik import assets, crop
from hybrik_runner.hybrik.crop_estimator import CropEstimator, stacked
from hybrik_runner.hybrik.predictions import Crop, CropPrediction, split
from popdanceset.devices import find_device
from popdanceset.errors import SettingsError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from hybrik_runner.hybrik.network import HybrIK
    from popdanceset.settings import Settings

BATCHES = {"cpu": 2, "cuda": 32}
"""Frames at a time unless `pose.batch_size` says otherwise; the official network holds every heat map of a
batch, 30 MB a frame, several times over."""


class OfficialEstimator(CropEstimator):
    """The official network on one device.

    Args:
        network: the official one, with weights, in evaluation mode.
        ours: with the same weights; its body completes the outputs.
        where: the device; both are moved there.
        tracker: finds the boxes.
        flip: whether to average with the mirrored image.
        box_every: the tracker looks at every `box_every`-th frame.
        batch: frames that the network takes at a time; halved when memory is used up.
    """

    def __init__(
        self,
        network: nn.Module,
        ours: HybrIK,
        where: torch.device,
        tracker: BlazePose,
        *,
        flip: bool = True,
        box_every: int = 1,
        batch: int = 2,
    ) -> None:
        name = f"hybrik-official-{ours.backbone}" + ("-flip" if flip else "")
        super().__init__(name, tracker, box_every=box_every, batch=batch)
        self._network, self._ours, self._where, self._flip = network.to(where), ours.to(where), where, flip

    @property
    def device(self) -> str:
        """The network's device."""
        return str(self._where)

    def _predict(self, crops: Sequence[Crop]) -> list[CropPrediction | None]:
        import torch

        from hybrik_runner.hybrik import official

        images, squares, centres = stacked(crops)
        x = torch.from_numpy(crop.normalise(images.numpy())).to(self._where)
        with torch.inference_mode():
            boxes = squares.to(self._where), centres.to(self._where)
            seen = official.run(self._network, x, *boxes, flip=self._flip)
            usable = official.prediction(seen).usable().cpu().numpy()
            return split(official.result(seen, self._ours), crops, usable)


def load_estimator(settings: Settings) -> OfficialEstimator:
    """Loads the estimator of entry-point group `hybrik_runner.estimators`, on the first of `pose.devices`.

    Raises:
        AssetError: the official package, torch, weights, the body or BlazePose's files are missing or not
            what they should be.
        SettingsError: there is no such device, or a setting asks for what the official network cannot do.
    """
    pose = settings.pose
    for name, usual in (("precision", ("auto", "float32")), ("compile", (False,))):
        if getattr(pose, name) not in usual:
            raise SettingsError(
                "the official network runs in float32 and is not compiled", f"pose.{name}", "leave it out"
            )
    ours = assets.load_network(settings)
    import torch

    from hybrik_runner.hybrik import official

    where = torch.device(find_device(pose.devices[0], "pose.devices"))
    return OfficialEstimator(
        official.build(ours),
        ours,
        where,
        load_blazepose(settings),
        flip=pose.flip_test,
        box_every=pose.box_every,
        batch=pose.batch_size or BATCHES.get(where.type, BATCHES["cpu"]),
    )
