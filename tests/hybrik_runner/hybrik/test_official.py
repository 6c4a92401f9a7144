"""The official network beside ours, with a stand-in for the official package (`official_checkout/`), which is
ours behind the official interface. The official package itself is not run by these tests.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hybrik_runner import check
from hybrik_runner.estimator import load_estimator
from hybrik_runner.hybrik import official, recipe
from hybrik_runner.hybrik.crop_estimator import CropEstimator
from hybrik_runner.hybrik.estimator import HybrIKEstimator
from hybrik_runner.hybrik.network import HybrIK, Prediction, Result
from hybrik_runner.hybrik.official_estimator import OfficialEstimator
from hybrik_runner.hybrik.predictions import Crop, cut
from hybrik_runner.hybrik.smpl_file import read
from popdanceset.errors import AssetError, SettingsError
from popdanceset.media import Frame
from popdanceset.settings import Settings

CHECKOUT = Path(__file__).parent / "official_checkout"


def forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "hybrik"]:
        del sys.modules[name]


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stand-in on the import path, as docker/gpu.Dockerfile puts the official checkout there."""
    monkeypatch.syspath_prepend(CHECKOUT)
    yield
    forget()


@pytest.fixture
def weights(network: HybrIK, tmp_path: Path) -> Settings:
    """Settings that name weights and nothing else of HybrIK's: they contain the body."""
    torch.save({"model": network.state_dict()}, tmp_path / "hybrik_hrnet.pth")
    pose = {"estimator": "hybrik-official", "model_dir": str(tmp_path), "devices": "cpu", "flip_test": False}
    return Settings.load(overrides={"pose": pose})


def crops(count: int) -> list[Crop]:
    """A dancer who is not in the middle of the frame."""
    random = np.random.default_rng(3)
    cuts = []
    for number in range(count):
        image = random.integers(0, 255, (120, 160, 3)).astype(np.uint8)
        cuts.append(cut(Frame(number / 30, image), np.array([30.0, 20, 80 + number, 110])))
    return [crop for crop in cuts if crop is not None]


def test_weights_and_body_are_ours(package: None, network: HybrIK) -> None:
    here = Path.cwd()
    theirs = official.build(network)

    assert Path.cwd() == here
    assert not theirs.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name]), name
    # Before the weights were loaded, the body came from the files that were written for it.
    for name, value in theirs.built.items():
        assert torch.equal(value, network.state_dict()[name]), name


def test_outputs_are_converted(package: None, network: HybrIK) -> None:
    """Ours, written under official names and read back, is ours again, the Human3.6M root included."""
    seen = Prediction(
        uvd=torch.rand(2, 29, 3) - 0.5,
        maxima=torch.rand(2, 29),
        betas=torch.randn(2, 10),
        delta_shape=torch.randn(2, 10),
        phi=torch.randn(2, 23, 2),
        scale=torch.tensor([[0.8], [1.1]]),
        sigma=torch.full((2, 29), 0.05),
    )
    ours = network.fit(seen, torch.zeros(2, 2))
    theirs = {name: value for name, (value, _) in check.named(ours).items()}
    back = official.result({**theirs, "pred_vertices": ours.vertices}, network)

    for field in Result.__dataclass_fields__:
        torch.testing.assert_close(getattr(back, field), getattr(ours, field), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_the_estimator_differs_from_ours_in_the_network_only(
    package: None, weights: Settings, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pose_detection.tflite", "pose_landmark_full.tflite"):
        (Path(weights.pose.model_dir) / name).symlink_to(models / name)
    theirs = load_estimator(weights)
    pose = weights.pose.model_copy(update={"estimator": "hybrik"})
    ours = load_estimator(weights.model_copy(update={"pose": pose}))

    assert isinstance(theirs, OfficialEstimator)
    assert isinstance(ours, HybrIKEstimator)
    assert theirs.name == "hybrik-official-hrnet_w48"
    assert type(theirs).track is type(ours).track is CropEstimator.track
    assert type(theirs).poses is type(ours).poses
    (one,), (other,) = ours.predict(crops(1)), theirs.predict(crops(1))
    assert one is not None
    assert other is not None
    for field in ("betas", "uvd", "cam_root", "joints_29", "coco", "scores"):
        np.testing.assert_allclose(getattr(other, field), getattr(one, field), atol=1e-3, err_msg=field)


def test_what_cannot_be_done_is_one_line(weights: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        AssetError, match=r"the official HybrIK package: is not installed .*gpu\.Dockerfile"
    ) as e:
        load_estimator(weights)
    assert "\n" not in str(e.value)

    precise = weights.model_copy(update={"pose": weights.pose.model_copy(update={"precision": "float16"})})
    with pytest.raises(SettingsError, match="float32"):
        load_estimator(precise)

    with pytest.raises(AssetError, match="HRNet-W48 only, not resnet34"):
        official.build(HybrIK(backbone="resnet34"))


def test_a_package_of_another_version(
    package: None, network: HybrIK, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, an import or a weight that the pinned version does not have."""
    monkeypatch.setattr(official, "CONFIGURATION", "configs/other.yaml")
    with pytest.raises(AssetError, match="is it another version"):
        official.build(network)
    monkeypatch.undo()
    forget()
    folder = tmp_path / "hybrik"
    folder.mkdir()
    (folder / "__init__.py").write_text("import an_absent_package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AssetError, match="imports an_absent_package, which is not installed"):
        official.build(network)


def one_image() -> dict[str, object]:
    content = check.images()
    return {name: value if isinstance(value, str) else value[:1] for name, value in content.items()}


def test_images_show_the_dancer_at_four_times() -> None:
    content = check.images()

    assert content["x"].shape == (4, 3, 256, 256)
    assert (content["bboxes"][:, 2] - content["bboxes"][:, 0]).unique().numel() > 1
    assert (
        min(float((a - b).abs().mean()) for a, b in zip(content["x"], content["x"][1:], strict=False)) > 0.01
    )


@pytest.mark.slow
def test_cross_check(package: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """All outputs of all runs agree; one that is 5 mm off is named, and the exit code is 1."""
    content, made = one_image(), check.build(one_image(), None)
    monkeypatch.setattr(check, "images", lambda: content)
    monkeypatch.setattr(check, "build", lambda *_: made)
    good = CliRunner().invoke(check.check, ["--official"])
    sys.modules["hybrik.models.network"].HRNetSMPLCam.off = 0.005
    bad = CliRunner().invoke(check.check, ["--official"])

    assert good.exit_code == 0, good.output
    lines = [line.split()[:2] for line in good.output.splitlines()]
    assert {name for name, _ in lines} == {*check.RUNS, "batch"}
    assert sum(name == "plain" for name, _ in lines) == len(check.OFFICIAL_OUTPUTS) + 1
    assert bad.exit_code == 1
    assert {line.split()[1] for line in bad.output.splitlines() if "TOO LARGE" in line} == {"transl"}


def test_without_the_package_or_anything_to_compare_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "images", dict)
    monkeypatch.setattr(check, "build", lambda *_: HybrIK())
    absent = CliRunner().invoke(check.check, ["--official"])
    nothing = CliRunner().invoke(check.check, [])

    assert absent.exit_code == 2
    assert absent.output.startswith("error: the official HybrIK package: is not installed")
    assert len(absent.output.splitlines()) == 1
    assert nothing.exit_code == 2
    assert "GOLDEN and --smpl" in nothing.output


def test_a_body_made_by_rule(body_folder: Path) -> None:
    """As the files' readers return it; bones of the mean skeleton, and a skin that moves with every joint."""
    made, file = recipe.body(), read(body_folder)

    for field in file.__dataclass_fields__:
        assert getattr(made, field).shape == getattr(file, field).shape, field
        assert np.isfinite(getattr(made, field)).all()
    np.testing.assert_allclose(made.weights.sum(1), 1)
    assert (made.weights.sum(0) > 0).all()
    np.testing.assert_allclose(made.J_regressor @ made.v_template, made.v_template[:24])
    assert np.linalg.norm(made.v_template[15] - made.v_template[0]) == pytest.approx(0.65, abs=0.15)
