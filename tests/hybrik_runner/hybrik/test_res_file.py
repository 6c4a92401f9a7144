"""A network's result in the layout that the official demo writes."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hybrik_runner import check
from hybrik_runner.commands import export_res
from hybrik_runner.hybrik import heads
from hybrik_runner.hybrik.network import HybrIK, Prediction, Result
from hybrik_runner.hybrik.predictions import Crop, CropPrediction
from hybrik_runner.output import res_file
from popdanceset.errors import InputError
from popdanceset.media import Frame

OFFICIAL = {
    "pred_uvd": "pred_uvd_jts", "pred_xyz_17": "pred_xyz_jts_17", "pred_xyz_29": "pred_xyz_jts_29",
    "pred_xyz_24_struct": "pred_xyz_jts_24_struct", "pred_scores": "maxvals", "pred_camera": "pred_camera",
    "pred_betas": "pred_shape", "pred_thetas": "pred_theta_mats", "pred_phi": "pred_phi",
    "pred_cam_root": "cam_root", "transl": "transl",
}  # fmt: skip
"""Key of the file → the network's output from which the demo fills it."""


@pytest.fixture(scope="module")
def seen(network: HybrIK) -> tuple[object, torch.Tensor, torch.Tensor]:
    """Three images as seen with boxes, and those."""
    random = torch.Generator().manual_seed(8)
    boxes = torch.tensor([[100.0, 50, 400, 350], [120, 60, 420, 360], [0, 0, 512, 512]])
    centre = torch.tensor([[320.0, 240]] * 3)
    prediction = Prediction(
        uvd=torch.rand(3, 29, 3, generator=random) - 0.5,
        maxima=torch.rand(3, 29, generator=random),
        betas=torch.randn(3, 10, generator=random),
        delta_shape=torch.zeros(3, 10),
        phi=torch.randn(3, 23, 2, generator=random),
        scale=0.8 + 0.2 * torch.rand(3, 1, generator=random),
        sigma=torch.full((3, 29), 0.02),
    )
    with torch.no_grad():
        return network.fit(prediction, heads.box_offset(boxes, centre)), boxes, centre


def test_every_key_is_the_official_output(seen: tuple) -> None:  # type: ignore[type-arg]
    """The names and units of the outputs are those that recorded ones were compared with."""
    result, boxes, _ = seen
    res = res_file.from_result(result, boxes.numpy(), (640, 480), ["a.png", "b.png", "c.png"])
    outputs = check.named(result)

    for key, output in OFFICIAL.items():
        np.testing.assert_allclose(
            res[key].reshape(3, -1), outputs[output][0].numpy(), rtol=1e-6, err_msg=key
        )
        assert res[key].dtype == np.float32
    side = np.array([[300], [300], [512]])
    np.testing.assert_allclose(res["transl_camsys"], res["transl"] * 256 / side, rtol=1e-6)
    assert res["bbox"].tolist() == boxes.tolist()
    assert (res["height"].tolist(), res["width"].tolist()) == ([480] * 3, [640] * 3)
    assert res["img_path"].tolist() == ["a.png", "b.png", "c.png"]
    assert set(res) == {*OFFICIAL, "transl_camsys", "bbox", "height", "width", "img_path"}
    assert res["pred_thetas"].shape == (3, 216)
    assert res["pred_camera"].shape == (3, 1)


def test_sights_are_as_good_as_results(seen: tuple) -> None:  # type: ignore[type-arg]
    result, boxes, centre = seen
    names = ["a", "b", "c"]
    res = res_file.from_predictions(of_crops(result, crops(boxes, centre)), (640, 480), names)
    for key, wanted in res_file.from_result(result, boxes.numpy(), (640, 480), names).items():
        if wanted.dtype.kind == "U":
            assert res[key].tolist() == wanted.tolist()
        else:
            np.testing.assert_allclose(res[key], wanted, rtol=1e-6, atol=1e-7, err_msg=key)


def crops(boxes: torch.Tensor, centre: torch.Tensor) -> list[Crop]:
    blank = np.zeros((256, 256, 3), np.uint8)
    return [
        Crop(blank, box, middle, box)
        for box, middle in zip(boxes.double().numpy(), centre.numpy(), strict=True)
    ]


def of_crops(result: Result, crops: Sequence[Crop]) -> list[CropPrediction]:
    """What the estimator takes from a result, row by row; COCO's joints do not matter here."""
    predictions = []
    for row, crop in enumerate(crops):
        values = {"crop": crop, "coco": np.zeros((17, 3)), "scores": result.maxima[row].double().numpy()}
        for field in fields(CropPrediction):
            if field.name not in values:
                values[field.name] = getattr(result, field.name)[row].double().numpy()
        predictions.append(CropPrediction(**values))
    return predictions


class Recorded:
    """HybrIK with three known predictions: the dancer is seen in every second frame, once without a
    prediction."""

    batch = 2

    def __init__(self, seen: tuple) -> None:  # type: ignore[type-arg]
        result, boxes, centre = seen
        self.crops = crops(boxes, centre)
        first, _, third = of_crops(result, self.crops)
        self.predictions = [first, None, third]

    def track(self, frames: Iterable[Frame]) -> Iterator[Crop | None]:
        for number, _ in enumerate(frames):
            yield self.crops[number // 2] if number % 2 else None

    def predict(self, detections: Sequence[Crop]) -> list[CropPrediction | None]:
        assert len(detections) <= self.batch
        return [self.predictions[[seen is crop for crop in self.crops].index(True)] for seen in detections]


def test_a_video_through_hybrik(
    seen: tuple,  # type: ignore[type-arg]
    film: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export_res, "_hybrik", lambda settings: Recorded(seen))
    out = tmp_path / "out"
    ended = CliRunner().invoke(export_res.export_res, [str(film(6)), "--out", str(out)])

    assert ended.exit_code == 0, ended.output
    assert ended.output == f"{out / 'res.pk'}: 2 frames\n"
    res = pickle.loads((out / "res.pk").read_bytes())  # noqa: S301 - written here
    assert res["img_path"].tolist() == ["film-000002.png", "film-000006.png"]
    assert (res["width"][0], res["height"][0]) == (640, 480)
    np.testing.assert_allclose(res["pred_betas"], seen[0].betas[[0, 2]])


def test_a_film_without_a_dancer(seen: tuple, film: Callable[..., Path]) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match="no dancer"):
        res_file.from_video(Recorded(seen), film(1))  # type: ignore[arg-type]
