"""The embedded estimator: its logic with scripted networks, and the real networks on real frames."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hybrik_runner.blazepose.body import Body
from hybrik_runner.blazepose.detector import Detections
from hybrik_runner.blazepose.estimator import BlazePose, boxes, load_estimator, observed
from hybrik_runner.blazepose.inverse_kinematics import inverse_kinematics
from hybrik_runner.blazepose.landmarks import Landmarks, Region
from hybrik_runner.blazepose.people import load_detector
from hybrik_runner.blazepose.variants import FULL
from hybrik_runner.estimator import Poses
from hybrik_runner.poses.table import build
from popdanceset import media
from popdanceset.media import Frame
from popdanceset.motion.accuracy import acceleration_error, pa_mpjpe
from popdanceset.motion.forward_kinematics import forward_kinematics, global_rotations
from popdanceset.settings import Settings
from popdanceset.skeleton import LIMB_JOINTS

BODY = np.array([[320.0, 240.0], [320.0, 140.0]])


def images(count: int) -> Iterator[Frame]:
    for number in range(count):
        yield Frame(number / 30, np.zeros((480, 640, 3), np.uint8))


class ScriptedDetector:
    """Finds people at the places it is given."""

    def __init__(self, *places: tuple[float, float]) -> None:
        self.places, self.calls = np.array(places, float).reshape(-1, 2), 0

    def __call__(self, image: np.ndarray, square: tuple[float, float, float] | None = None) -> Detections:
        self.calls += square is None or square[2] < 390  # larger squares are looks for others near
        return Detections(self.places, self.places - [0, 100.0], np.full(len(self.places), 0.9))


class ScriptedLandmarker:
    """A standing body where it is looked for; sees nothing, or nonsense, at the looks that the test names."""

    def __init__(self, blind: Collection[int] = (), nonsense: Collection[int] = ()) -> None:
        self.blind, self.nonsense, self.looks = blind, nonsense, 0
        self.regions: list[Region] = []

    def __call__(self, image: np.ndarray, region: Region) -> Landmarks:
        number, self.looks = self.looks, self.looks + 1
        self.regions.append(region)
        metric = np.random.default_rng(0).normal(0, 0.3, (33, 3))
        metric[[23, 24, 11, 12]] = [[0.1, 0, 0], [-0.1, 0, 0], [0.18, -0.5, 0], [-0.18, -0.5, 0]]
        if number in self.nonsense:
            metric[5] = np.nan
        return Landmarks(
            image=metric[:, :2] * 200 + [region.x, region.y],
            metric=metric,
            visibility=np.full(33, 0.8),
            body=np.array([[region.x, region.y], [region.x, region.y - 100]]),
            presence=0.0 if number in self.blind else 1.0,
        )


def estimate(detector: ScriptedDetector, landmarker: ScriptedLandmarker, count: int) -> Poses:
    return BlazePose(detector, landmarker).estimate(images(count))  # type: ignore[arg-type]


def test_detects_once_and_then_follows() -> None:
    detector, landmarker = ScriptedDetector((320, 240)), ScriptedLandmarker()
    poses = estimate(detector, landmarker, 10)
    assert poses.found.all()
    assert detector.calls == 1
    assert landmarker.looks == 11, "the first frame is looked at twice"


def test_a_lost_dancer_is_detected_again_in_the_same_frame() -> None:
    detector, landmarker = ScriptedDetector((320, 240)), ScriptedLandmarker(blind={5})
    assert estimate(detector, landmarker, 10).found.all()
    assert detector.calls == 2


def test_numbers_that_are_none_count_as_not_found() -> None:
    poses = estimate(ScriptedDetector(), ScriptedLandmarker(), 4)
    assert not poses.found.any()
    poses = estimate(ScriptedDetector((320, 240)), ScriptedLandmarker(nonsense=set(range(6, 12))), 10)
    assert 0 < poses.found.sum() < 10
    assert np.isfinite(poses.rotations).all()


def test_no_frames() -> None:
    assert len(estimate(ScriptedDetector(), ScriptedLandmarker(), 0).times) == 0


def test_boxes_hold_the_landmarks_and_stay_in_the_frame() -> None:
    image = np.zeros((1, 33, 2))
    image[0, 0], image[0, 1], image[0, 2:] = [100, 50], [200, 470], [150, 100]
    np.testing.assert_allclose(boxes(image, (640, 480)), [[58, 8, 242, 480]])


def laid_of(vectors: np.ndarray) -> tuple[Body, np.ndarray]:
    """A skeleton in a pose (24, 3) with head and hands as the pose has them, and its rotations."""
    matrices = Rotation.from_rotvec(vectors).as_matrix()[None]
    turns = global_rotations(matrices)
    laid = Body(forward_kinematics(matrices), turns[:, 15], turns[:, 20:22])
    return laid, inverse_kinematics(laid.joints, laid.head, laid.hands)


def test_observed_follows_bending_and_visibility() -> None:
    vectors = np.zeros((24, 3))
    vectors[18] = [0, -1.2, 0]
    laid, rotations = laid_of(vectors)
    visible = np.ones((1, 33))
    seen = observed(laid, rotations, visible)[0]
    assert list(np.flatnonzero(seen)) == [0, 1, 2, 4, 5, 9, 15, 16, 20, 21]  # the right arm is straight
    visible[0, [0, 27, 13]] = 0.1
    assert list(np.flatnonzero(observed(laid, rotations, visible)[0])) == [0, 2, 5, 9, 21]


@pytest.mark.parametrize(
    ("joint", "vector", "unseen"),
    [
        (15, [0, 2.4, 0], {15}),  # a head turned backwards
        (20, [2.6, 0, 0], {20}),  # a hand wrung
        (4, [-0.8, 0, 0], {1, 4}),  # a knee that bends the wrong way
        (18, [0, 1.2, 0], {16}),  # an elbow as well
    ],
)
def test_what_joints_cannot_do_was_not_observed(joint: int, vector: list[float], unseen: set[int]) -> None:
    vectors = np.zeros((24, 3))
    vectors[18] = [0, -1.2, 0]
    plain = observed(*laid_of(vectors), np.ones((1, 33)))[0]
    vectors[joint] = vector
    strained = observed(*laid_of(vectors), np.ones((1, 33)))[0]
    assert set(np.flatnonzero(plain & ~strained)) == unseen


# -- with the real networks
# ---------------------------------------------------------------------------------------


@pytest.fixture
def real(models: Path) -> Settings:
    return Settings.load(overrides={"pose": {"model_dir": str(models)}})


@pytest.mark.parametrize("dance", ["dance_a", "dance_b"])
def test_rendered_dances_against_their_truth(real: Settings, shared: Path, dance: str) -> None:
    truth = np.load(shared / "media" / f"{dance}_truth.npz")["J"]
    poses = load_estimator(real).estimate(media.frames(shared / "media" / f"{dance}.mp4"))
    quality = build(dance, poses, FULL.name, real)
    assert quality.detected == quality.frames == 150
    limbs = list(LIMB_JOINTS)
    joints = np.asarray(quality.table["joints3d"].combine_chunks().values).reshape(-1, 24, 3)[:, limbs]
    assert pa_mpjpe(joints, truth) < 0.085

    def about_hips(points: np.ndarray) -> np.ndarray:
        return points - points[:, 6:8].mean(1, keepdims=True)

    before = acceleration_error(about_hips(poses.unfiltered_joints3d[:, limbs]), about_hips(truth), 30)
    after = acceleration_error(about_hips(joints), about_hips(truth), 30)
    assert after < 0.5 * before


def test_a_real_person_is_found_in_every_frame(real: Settings, shared: Path) -> None:
    def every_fourth() -> Iterator[Frame]:
        for number, frame in enumerate(media.frames(shared / "media" / "taiji.mp4", height=480)):
            if number % 4 == 0:
                yield frame

    poses = load_estimator(real).estimate(every_fourth())
    assert poses.found.sum() == 103
    quality = build("taiji", poses, FULL.name, real)
    trans = np.asarray(quality.table["smpl_trans"].combine_chunks().values).reshape(-1, 3)
    assert 0.7 < trans[:, 2].min() < trans[:, 2].max() < 1.2, "the pelvis of a standing adult"


def test_nobody_in_a_plain_frame(real: Settings) -> None:
    frames = [Frame(k / 30, np.full((240, 320, 3), 128, np.uint8)) for k in range(3)]
    assert not load_estimator(real).estimate(frames).found.any()
    assert len(load_detector(real)(frames[0].image)) == 0


def test_one_dancer_and_two(real: Settings, shared: Path) -> None:
    folder = shared / "media"
    one = [f.image for f in media.frames(folder / "dance_a.mp4", height=360, fps=1)]
    other = [f.image for f in media.frames(folder / "dance_b.mp4", height=360, fps=1)]
    people = load_detector(real)
    assert [len(people(image)) for image in one] == [1] * 5
    for left, right in zip(one, other, strict=True):
        found = people(np.hstack([left, right]))
        assert sorted(found[:, 0] > 360) == [False, True]
        assert (found[:, 3] > 0.6).all()
