"""HybrIK as a pose estimator, with a stand-in for the convolutions: it always sees the same known body."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hybrik_runner.blazepose.estimator import load_estimator as load_blazepose
from hybrik_runner.estimator import load_estimator
from hybrik_runner.hybrik import heads, memory, twist_swing
from hybrik_runner.hybrik.estimator import HybrIKEstimator
from hybrik_runner.hybrik.memory import batch_size, lanes
from hybrik_runner.hybrik.network import HybrIK, Prediction
from hybrik_runner.hybrik.predictions import Crop, cut, poses
from hybrik_runner.hybrik.smpl_file import read
from hybrik_runner.poses import camera
from hybrik_runner.running import runner
from popdanceset.errors import AssetError
from popdanceset.media import Frame
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.schema import FRAMES, Reason, shape_of
from popdanceset.settings import Settings
from popdanceset.store import Store

Film = Callable[[str], Path]
SIZE = (640, 480)
CAMERA = camera.Calibration.assumed(SIZE)
SCALE = 0.8
TURNS = np.random.default_rng(1).uniform(-0.3, 0.3, (24, 3))
# SMPL rests with y up, the camera's y points down. The body is turned by 0.3 to its right and leans forward.
TURN = Rotation.from_rotvec([0, -0.3, 0])
TURNS[0] = (Rotation.from_rotvec([np.pi - 0.2, 0, 0]) * TURN).as_rotvec()


class Engine:
    """Sees the body of `TURNS` in the middle of every crop; spoils the predictions that the test names."""

    where = torch.device("cpu")
    lanes = 1
    lane = staticmethod(contextlib.nullcontext)

    def __init__(self, network: HybrIK, room: int = 100) -> None:
        self.network, self.room, self.sizes, self.looks = network, room, list[int](), 0
        self.spoilt: dict[int, tuple[str, float]] = {}

    def predict(self, crops: torch.Tensor, *, flip: bool) -> Prediction:
        count = len(crops)
        self.sizes.append(count)
        if count > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        seen = known(self.network, count)
        for row in range(count):
            if self.looks in self.spoilt:
                name, value = self.spoilt[self.looks]
                getattr(seen, name)[row] = value
            self.looks += 1
        return seen


def known(network: HybrIK, count: int) -> Prediction:
    """What a perfect network predicts for `TURNS`."""
    rotations = torch.from_numpy(Rotation.from_rotvec(TURNS).as_matrix()).float().expand(count, 24, 3, 3)
    rest = network.smpl.rest(network.smpl.shaped(torch.zeros(count, 10)))
    joints = twist_swing.forward_kinematics(rotations, rest)[0]
    joints = joints - joints[:, :1]
    away = joints[..., 2:] + heads.distance(torch.tensor(SCALE))
    children = [twist_swing.CHILDREN[joint] for joint in range(1, 24)]
    axes = (rest[0, children] - rest[0, 1:24]).numpy()
    axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
    quaternions = Rotation.from_rotvec(TURNS[1:]).as_quat()
    angles = 2 * np.arctan2((quaternions[:, :3] * axes).sum(-1), quaternions[:, 3])
    phi = torch.from_numpy(np.stack([np.cos(angles), np.sin(angles)], -1)).float()
    return Prediction(
        uvd=torch.cat([joints[..., :2] / away * (1000 / 256), joints[..., 2:] / 2.2], 2),
        maxima=torch.linspace(0.1, 0.9, 29).repeat(count, 1),
        betas=torch.zeros(count, 10),
        delta_shape=torch.zeros(count, 10),
        phi=phi.repeat(count, 1, 1),
        scale=torch.full((count, 1), SCALE),
        sigma=torch.full((count, 29), 0.01),
    )


def standing(count: int, side: float = 200.0) -> list[Crop]:
    """Crops of a dancer in the middle of the frame; the box grows a little."""
    given = []
    for number in range(count):
        half = (side + 4 * number) / 2
        box = np.array([320 - half / 2, 240 - half, 320 + half / 2, 240 + half])
        crop = cut(Frame(number / 30, np.zeros((SIZE[1], SIZE[0], 3), np.uint8)), box)
        assert crop is not None
        given.append(crop)
    return given


@pytest.fixture
def engine(network: HybrIK) -> Engine:
    return Engine(network)


@pytest.fixture
def estimator(network: HybrIK, engine: Engine) -> HybrIKEstimator:
    return HybrIKEstimator(network, engine, None, batch=3)  # type: ignore[arg-type]


def test_the_known_body_in_world_axes(network: HybrIK, estimator: HybrIKEstimator) -> None:
    crops = standing(5)
    given = poses(np.arange(5) / 30, CAMERA, estimator.predict(crops))
    assert given.found.all()
    assert given.observed.all()
    assert estimator.name == "hybrik-hrnet_w48-flip"
    # What had y up has z up now, and faces the camera: its front, z at rest, towards -y.
    upright = Rotation.from_rotvec([np.pi / 2, 0, 0])
    np.testing.assert_allclose(upright.apply([[0, 1, 0], [0, 0, 1]]), [[0, 0, 1], [0, -1, 0]], atol=1e-12)
    root = Rotation.from_rotvec([np.pi / 2 - 0.2, 0, 0]) * TURN
    np.testing.assert_allclose(given.rotations[2, 0], root.as_matrix(), atol=1e-3)
    others = Rotation.from_rotvec(TURNS[1:]).as_matrix()
    np.testing.assert_allclose(given.rotations[2, 1:], others, atol=2e-3)
    assert given.scaling == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(given.unfiltered_joints3d, forward_kinematics(given.rotations, 1.0), atol=2e-3)
    np.testing.assert_allclose(given.scores[0], np.linspace(0.1, 0.9, 29), atol=1e-6)


def test_the_same_pixels_in_both_cameras(estimator: HybrIKEstimator) -> None:
    """HybrIK's own camera, written out; the clip's camera; and the weak perspective of the pose table."""
    crops = standing(4)
    seen = [prediction for prediction in estimator.predict(crops) if prediction is not None]
    given = poses(np.arange(4) / 30, CAMERA, seen)
    for number, (prediction, crop) in enumerate(zip(seen, crops, strict=True)):
        focal = 1000 * (crop.square[2] - crop.square[0]) / 256
        for joint in range(17):
            x, y, z = prediction.coco[joint] + prediction.cam_root
            wanted = [320 + focal * x / z, 240 + focal * y / z]
            np.testing.assert_allclose(given.keypoints2d[number, joint], wanted, atol=1e-9)
        root = prediction.cam_root
        pixel = np.array([320 + focal * root[0] / root[2], 240 + focal * root[1] / root[2]])
        np.testing.assert_allclose(camera.project(given.cam_root[number], CAMERA), pixel, atol=1e-6)
        s, x, y = given.camera[number]
        middle, half = (crop.bbox[:2] + crop.bbox[2:]) / 2, (crop.bbox[3] - crop.bbox[1]) / 2
        np.testing.assert_allclose(middle + half * s * np.array([x, y]), pixel, atol=1e-6)
        # Pixels of a metre at the root's distance.
        assert half * s == pytest.approx(focal / root[2], rel=0.02)
    # The same body in a larger box is nearer.
    depth = given.cam_root[:, 2]
    sides = [crop.square[2] - crop.square[0] for crop in crops]
    np.testing.assert_allclose(depth * sides, depth[0] * sides[0], rtol=1e-6)
    assert depth[0] == pytest.approx(1000 / (256 * SCALE) * math.hypot(*SIZE) / (1000 * 250 / 256), rel=1e-3)


def test_limbs_are_named_as_coco_does(network: HybrIK, estimator: HybrIKEstimator) -> None:
    """In the body of these tests Human3.6M's joint j is SMPL's, and vertex j is joint j."""
    (prediction,) = estimator.predict(standing(1))
    assert prediction is not None
    pelvis = prediction.joints_24[[0]]
    wanted = prediction.joints_24[[11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3]]
    np.testing.assert_allclose(prediction.coco[5:] - pelvis, wanted, atol=1e-4)
    seen = known(network, 1)
    body = network.fit(seen, torch.zeros(1, 2))
    face = (body.vertices[0, [332, 2800, 6260, 583, 4071]] + body.pelvis[0]).numpy()
    np.testing.assert_allclose(prediction.coco[:5], face, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("uvd", np.nan), ("phi", np.inf), ("scale", np.nan), ("scale", -0.5), ("scale", 0.0), ("scale", 1e-9),
     ("betas", 1e30), ("maxima", np.nan)],
)  # fmt: skip
def test_answers_of_no_use_count_as_not_found(
    estimator: HybrIKEstimator, engine: Engine, name: str, value: float
) -> None:
    engine.spoilt = {1: (name, value), 4: (name, value)}
    given = estimator.poses(np.arange(6) / 30, CAMERA, estimator.predict(standing(6)))
    assert given.found.tolist() == [True, False, True, True, False, True]
    assert np.isfinite(given.rotations).all()
    assert np.isfinite(given.cam_root).all()


def test_a_body_behind_the_camera_counts_as_not_found(
    estimator: HybrIKEstimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refinement may turn the scale round, or let it vanish, where image and body contradict each other."""
    for refined in (-0.3, 0.0, 1e-30):
        monkeypatch.setattr(heads, "refine_scale", lambda *_, to=refined: torch.full((3, 1), to))
        assert estimator.predict(standing(3)) == [None] * 3


def test_batches_shrink_when_memory_is_used_up(network: HybrIK) -> None:
    engine = Engine(network, room=3)
    estimator = HybrIKEstimator(network, engine, None, batch=8)  # type: ignore[arg-type]
    assert all(prediction is not None for prediction in estimator.predict(standing(8)))
    assert engine.sizes == [8, 4, 2, 2, 2, 2]
    assert estimator.batch == 2


def test_a_compiled_graph_gets_batches_of_one_size(network: HybrIK, engine: Engine) -> None:
    estimator = HybrIKEstimator(network, engine, None, batch=4, padded=True)  # type: ignore[arg-type]
    assert len(estimator.predict(standing(5))) == 5
    assert engine.sizes == [4, 4]


def test_boxes_that_show_nothing() -> None:
    frame = Frame(0.0, np.zeros((48, 64, 3), np.uint8))
    assert cut(frame, np.array([10.0, 10, 12, 17])) is None
    assert cut(frame, np.array([10.0, np.nan, 40, 40])) is None
    assert cut(frame, np.array([10.0, 10, 12, 40])) is not None


def test_lanes_and_batches_fit_the_memory(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core each, as long as there are 128 MB for each."""
    cpu, usual = torch.device("cpu"), torch.get_num_threads()
    for free, cores, want in ((1 << 33, 16, 16), (1 << 30, 16, 6), (1 << 20, 16, 1)):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        torch.set_num_threads(cores)
        try:
            engine.lanes = lanes(cpu)
        finally:
            torch.set_num_threads(usual)
        assert engine.lanes == want
        assert 1 <= batch_size(engine, cpu, flip=True) <= 4  # type: ignore[arg-type]


def test_missing_weights_are_reported_in_one_line(tmp_path: Path) -> None:
    settings = Settings.load(overrides={"pose": {"estimator": "hybrik", "model_dir": str(tmp_path)}})
    with pytest.raises(AssetError) as caught:
        load_estimator(settings)
    assert "weights are missing" in str(caught.value)
    assert "blazepose" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("published", [False, True])
def test_loaded_by_its_settings(body_folder: Path, models: Path, tmp_path: Path, published: bool) -> None:
    """Weights of the smaller backbone, from a file; a crop through all of it."""
    torch.manual_seed(0)
    weights = tmp_path / "weights.pth"
    torch.save({"model": HybrIK(read(body_folder), backbone="resnet34").state_dict()}, weights)
    pose = {
        "estimator": "hybrik", "hybrik_checkpoint": str(weights), "model_dir": str(models),
        "flip_test": published, "hybrik_published": published, "devices": "cpu",
    }  # fmt: skip
    estimator = load_estimator(Settings.load(overrides={"pose": pose}))
    assert isinstance(estimator, HybrIKEstimator)
    assert estimator.name == ("hybrik-resnet34-flip" if published else "hybrik-resnet34")
    assert estimator.lanes == lanes(torch.device("cpu"))
    shift = heads.PUBLISHED_SHIFT if published else heads.SHIFTED
    assert estimator._network.shift == shift
    (prediction,) = estimator.predict(standing(1))
    given = estimator.poses(np.zeros(1), CAMERA, [prediction])
    assert given.found.sum() == (prediction is not None)


# -- films with something wrong, boxes by the real BlazePose


def holds_numbers_only(store: Store) -> bool:
    table = store.read_table("poses", FRAMES)
    arrays = [table[field.name].combine_chunks().values for field in FRAMES if shape_of(field)]
    return all(np.isfinite(np.asarray(values, np.float64)).all() for values in arrays)


@pytest.fixture
def whole(network: HybrIK, engine: Engine, models: Path) -> HybrIKEstimator:
    """With BlazePose's boxes."""
    settings = Settings.load(overrides={"pose": {"model_dir": str(models)}})
    return HybrIKEstimator(network, engine, load_blazepose(settings), box_every=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("empty", Reason.DAMAGED),
        ("nobody", Reason.NOT_TRACKED),
        ("leaves", Reason.NOT_TRACKED),
        ("four", Reason.SEVERAL_DANCERS),
        ("single", Reason.TOO_SHORT),
        ("portrait", Reason.NONE),
        ("good", Reason.NONE),
    ],
)
def test_films(
    store: Store, settings: Settings, faulty_film: Film, whole: HybrIKEstimator, kind: str, reason: Reason
) -> None:
    row = runner.extract_clip(faulty_film(kind), kind, "BV1", settings, store, whole)
    assert row["reason"] == reason.value
    assert holds_numbers_only(store)


def spoil(every: Sequence[int]) -> dict[int, tuple[str, float]]:
    return dict.fromkeys(every, ("uvd", math.nan))


@pytest.mark.parametrize(
    ("spoilt", "reason", "rows"), [(range(100), Reason.NOT_TRACKED, 0), ([10], Reason.NONE, 24)]
)
def test_numbers_that_are_none(
    store: Store,
    settings: Settings,
    faulty_film: Film,
    whole: HybrIKEstimator,
    engine: Engine,
    spoilt: Sequence[int],
    reason: Reason,
    rows: int,
) -> None:
    engine.spoilt = spoil(spoilt)
    row = runner.extract_clip(faulty_film("good"), "c", "BV1", settings, store, whole)
    assert row["reason"] == reason.value
    assert len(store.read_table("poses", FRAMES)) == rows
    assert holds_numbers_only(store)
