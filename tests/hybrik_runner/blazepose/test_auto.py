"""Second looks of the heavy network: where they are taken, what they cost, and what they mend."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest

from hybrik_runner.blazepose.auto import CHUNK, Auto, chosen, load_estimator
from hybrik_runner.blazepose.body import ALL_SIDES
from hybrik_runner.blazepose.detector import Detections
from hybrik_runner.blazepose.doubts import Doubt
from hybrik_runner.blazepose.estimator import BlazePose
from hybrik_runner.blazepose.landmarks import Landmarks, Region
from hybrik_runner.poses.table import build, extraction
from popdanceset import media
from popdanceset.errors import PopDanceSetError
from popdanceset.media import Frame
from popdanceset.motion.accuracy import pa_mpjpe
from popdanceset.settings import Settings
from popdanceset.skeleton import LIMB_JOINTS

FPS = 30
MIRROR = np.arange(33)
for left, right in (pair for pairs in ALL_SIDES.values() for pair in pairs):
    MIRROR[[left, right]] = right, left


def frames(count: int) -> Iterator[Frame]:
    """Frames that contain their number."""
    for number in range(count):
        yield Frame(number / FPS, np.full((480, 640, 3), number % 256, np.uint8))


def standing(number: int) -> np.ndarray:
    """(33, 3) metres: a body that sways a little, seen from the front."""
    points = np.zeros((33, 3))
    sides = {
        11: (0.18, -0.5),
        13: (0.3, -0.3),
        15: (0.4, -0.1),
        23: (0.1, 0),
        25: (0.12, 0.4),
        27: (0.13, 0.8),
    }
    for left, (x, y) in sides.items():
        points[left], points[left + 1] = (x, y, 0), (-x, y, 0)
    points[:11] = 0, -0.7, -0.15
    points[[7, 8]] = [[0.08, -0.7, 0], [-0.08, -0.7, 0]]
    points[17:23] = points[[15, 16] * 3] + np.repeat(
        [[0, 0.1, 0], [0, 0.1, -0.04], [0, 0.05, -0.06]], 2, axis=0
    )
    points[29:33] = points[[27, 28] * 2] + np.repeat([[0, 0.05, 0.05], [0, 0.05, -0.15]], 2, axis=0)
    points[:23, 0] += 0.05 * np.sin(number / FPS)
    return points


class Network:
    """Sees `standing`, left and right exchanged in some frames. The pixels tell it the frame's number."""

    def __init__(self, exchanged: Collection[int] = (), presence: float = 1.0) -> None:
        self.exchanged, self.presence = exchanged, presence
        self.looks: list[int] = []

    def __call__(self, image: np.ndarray, region: Region) -> Landmarks:
        return self.in_cut(image, region)

    def in_cut(self, pixels: np.ndarray, region: Region) -> Landmarks:
        number = int(pixels[len(pixels) // 2, len(pixels) // 2, 0])
        self.looks.append(number)
        metric = standing(number)
        if number in self.exchanged:
            metric = metric[MIRROR]
        return Landmarks(
            image=metric[:, :2] * 100 + [320, 240],
            metric=metric,
            visibility=np.full(33, 0.95),
            body=np.array([[320.0, 240], [320, 140]]),
            presence=self.presence,
        )


def detector(image: np.ndarray, square: object = None) -> Detections:
    return Detections(np.array([[320.0, 240]]), np.array([[320.0, 140]]), np.array([0.9]))


def auto(full: Network, heavy: Network, share: float = 0.08) -> Auto:
    return Auto(detector, full, lambda: heavy, share=share)  # type: ignore[arg-type, return-value]


def test_without_looks_the_heavy_network_is_never_loaded() -> None:
    def load() -> Network:
        raise AssertionError("there is no budget")

    poses = Auto(detector, Network(), load, share=0.0).estimate(frames(150))  # type: ignore[arg-type]
    plain = BlazePose(detector, Network()).estimate(frames(150))  # type: ignore[arg-type]
    assert poses.second_looks == 0
    np.testing.assert_array_equal(poses.rotations, plain.rotations)


def test_a_body_that_stays_exchanged_is_put_back() -> None:
    wrong = set(range(40, 70))  # a whole second: nothing but a second opinion tells which half is right
    heavy = Network()
    poses = auto(Network(wrong), heavy).estimate(frames(150))
    right = BlazePose(detector, Network()).estimate(frames(150))  # type: ignore[arg-type]
    np.testing.assert_allclose(poses.keypoints3d, right.keypoints3d, atol=0.02)
    assert poses.exchanged == tuple(poses.times[sorted(wrong)])
    assert poses.second_looks == len(heavy.looks)
    assert 0 < len(heavy.looks) <= 0.08 * 150


def test_the_budget_holds_where_everything_is_doubtful() -> None:
    heavy = Network()
    auto(Network(set(range(0, 240, 2))), heavy, share=0.1).estimate(frames(240))
    assert 0.05 * 240 <= len(heavy.looks) <= 0.1 * 240


def test_without_doubts_the_budget_is_spent_evenly() -> None:
    heavy = Network()
    auto(Network(), heavy, share=0.25).estimate(frames(120))
    assert heavy.looks == list(range(0, 120, 4))


def test_with_a_share_of_one_it_looks_everywhere() -> None:
    heavy = Network()
    auto(Network(), heavy, share=1.0).estimate(frames(90))
    assert heavy.looks == list(range(0, 90, 2))


def test_looks_that_find_nobody_change_nothing() -> None:
    poses = auto(Network({50}), Network(presence=0.2)).estimate(frames(120))
    assert poses.second_looks == 0
    assert poses.found.all()


def test_an_exchange_that_outlasts_the_looks_is_put_back_to_its_end() -> None:
    """Four seconds, with looks round its start and its end only."""
    wrong = set(range(45, 165))
    poses = auto(Network(wrong), Network()).estimate(frames(240))
    right = BlazePose(detector, Network()).estimate(frames(240))  # type: ignore[arg-type]
    np.testing.assert_allclose(poses.keypoints3d, right.keypoints3d, atol=0.02)
    assert poses.exchanged == tuple(poses.times[sorted(wrong)])


def test_a_film_of_sixty_frames_a_second_is_looked_at_in_every_second_one() -> None:
    full = Network()
    sixty = [Frame(number / 60, frame.image) for number, frame in enumerate(frames(121))]
    poses = auto(full, Network()).estimate(iter(sixty))
    assert len(poses.times) == 121
    assert poses.found.all()
    assert sorted(set(full.looks)) == list(range(0, 121, 2))
    plain = BlazePose(detector, Network()).estimate(iter(sixty))  # type: ignore[arg-type]
    np.testing.assert_allclose(poses.keypoints3d, plain.keypoints3d, atol=0.002)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_very_short_clips(count: int) -> None:
    poses = auto(Network(), Network()).estimate(frames(count))
    assert len(poses.times) == len(poses.rotations) == count


def test_nobody() -> None:
    poses = auto(Network(presence=0.0), Network()).estimate(frames(70))
    assert not poses.found.any()
    assert poses.second_looks == 0


def test_twice_the_same() -> None:
    one, other = (auto(Network(set(range(40, 70))), Network()).estimate(frames(150)) for _ in range(2))
    np.testing.assert_array_equal(one.rotations, other.rotations)


def test_frames_are_not_kept_and_detections_are_two_seconds_late_at_most() -> None:
    alive: list[weakref.ref[np.ndarray]] = []

    def watched() -> Iterator[Frame]:
        for frame in frames(300):
            alive.append(weakref.ref(frame.image))
            yield frame

    late, kept = 0, 0
    for done, _ in enumerate(auto(Network({50}), Network()).track(watched())):
        late = max(late, len(alive) - done)
        kept = max(kept, sum(image() is not None for image in alive))
    assert late <= CHUNK * FPS + 1
    assert kept <= 3


@pytest.mark.parametrize(
    ("levels", "allowance", "looks"),
    [
        ([0] * 10, 0.9, []),
        ([0] * 10, 5, [0, 2, 4, 6, 8]),
        ([0] * 10, 2, [0, 2]),
        ([0] * 4, 4, [0, 1, 2, 3]),
        ([0, 0, 0, 2, 0, 0], 3, [0, 2, 3]),
        ([0, 1, 1, 1, 0], 3, [1, 2, 3]),  # all that are doubtful
        ([0, 1, 1, 1, 1], 3, [1, 3]),  # every second one
        ([1, 1, 1, 1, 2, 2, 2, 2], 2, [4, 6]),  # the most doubtful ones
        ([1] * 8, 2.9, [0, 2]),  # the first ones
        ([2, 2], 0.9, []),
    ],
)
def test_choice_of_looks(levels: list[int], allowance: float, looks: list[int]) -> None:
    assert chosen(np.array(levels), [True] * len(levels), allowance) == looks


def test_frames_without_a_crop_are_left_out() -> None:
    assert chosen(np.full(4, Doubt.JUMP), [True, False, False, True], 9) == [0, 3]


def test_the_table_says_how_often_it_looked() -> None:
    poses = auto(Network(set(range(40, 70))), Network()).estimate(frames(150))
    quality = build("clip", poses, "blazepose-auto", Settings())
    assert quality.table is not None
    assert quality.second_looks == extraction(quality.table)["second_looks"] == poses.second_looks > 0


def test_a_hard_view_of_a_real_person(shared: Path, heavy_models: Path) -> None:
    """The full network takes front for back here: 120 mm, and left and right change all the time."""
    folder = shared / "media" / "multiview"
    if not folder.exists():
        pytest.skip(f"{folder} is missing")
    estimator = load_estimator(Settings.load())
    film = folder / "cam02.mp4"
    try:
        poses = estimator.estimate(media.frames(film))
    except PopDanceSetError as error:
        pytest.skip(str(error))
    quality = build("cam02", poses, estimator.name, Settings())
    assert quality.table is not None
    joints = np.asarray(quality.table["joints3d"].combine_chunks().values).reshape(-1, 24, 3)[
        :, list(LIMB_JOINTS)
    ]
    assert pa_mpjpe(joints, np.load(folder / "truth.npz")["J"]) < 0.062
    assert poses.second_looks <= 0.25 * len(poses.times)
