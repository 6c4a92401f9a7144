"""Left and right that were exchanged for any time are found; a right walk stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from hybrik_runner.poses.labelling import labelling
from hybrik_runner.poses.sides import PARTS, SMPL_SIDES, exchanged
from tests.hybrik_runner.poses.walking import seen, walk

COUNT = 90
TIMES = np.arange(COUNT) / 30
SURE = np.full(COUNT, 0.9)


def flags(start: int, length: int, parts: tuple[int, ...]) -> np.ndarray:
    result = np.zeros((COUNT, len(PARTS)), bool)
    result[start : start + length, list(parts)] = True
    return result


@pytest.mark.parametrize("yaw", [0, 45, 90, 180])
@pytest.mark.parametrize("fps", [15, 30, 60])
def test_a_right_walk_stays(yaw: float, fps: float) -> None:
    """From the side too, where the legs pass each other in the picture."""
    metric, image = seen(walk(COUNT, fps, yaw), noise=0.01)
    found, reversed_depths = labelling(metric, image, np.arange(COUNT) / fps, SMPL_SIDES, SURE)
    assert not found.any()
    assert not reversed_depths.any()


@pytest.mark.parametrize("length", [1, 3, 20])
@pytest.mark.parametrize("parts", [(0, 1, 2), (1,), (2,)])
@pytest.mark.parametrize("yaw", [0, 45])
def test_exchanged_frames_are_found(length: int, parts: tuple[int, ...], yaw: float) -> None:
    metric, image = seen(walk(COUNT, 30, yaw), noise=0.01)
    wrong = flags(30, length, parts)
    found, _ = labelling(
        exchanged(metric, wrong, SMPL_SIDES), exchanged(image, wrong, SMPL_SIDES), TIMES, SMPL_SIDES, SURE
    )
    assert (found == wrong).all()


def test_a_front_that_was_taken_for_a_back_has_its_depths_reversed() -> None:
    metric, image = seen(walk(COUNT, 30, 30), noise=0.01)
    wrong = flags(40, 20, (0, 1, 2))
    metric, image = exchanged(metric, wrong, SMPL_SIDES), exchanged(image, wrong, SMPL_SIDES)
    metric[40:60, :, 2] *= -1
    found, reversed_depths = labelling(metric, image, TIMES, SMPL_SIDES, SURE)
    assert (found == wrong).all()
    assert (reversed_depths == wrong[:, 0]).all()


def test_exchanges_that_come_and_go_round_a_frame_seen_quite_wrongly() -> None:
    metric, image = seen(walk(COUNT, 30), noise=0.01)
    wrong = flags(30, 12, (0, 1, 2)) | flags(44, 1, (0, 1, 2)) | flags(46, 2, (0, 1, 2))
    metric, image = exchanged(metric, wrong, SMPL_SIDES), exchanged(image, wrong, SMPL_SIDES)
    image[43] = np.random.default_rng(0).normal(size=image[43].shape)
    found, _ = labelling(metric, image, TIMES, SMPL_SIDES, SURE)
    right = np.delete(np.arange(COUNT), 43)
    assert (found[right] == wrong[right]).all()


def test_half_of_the_frames_prove_nothing() -> None:
    metric, image = seen(walk(COUNT, 30), noise=0.01)
    wrong = flags(0, 45, (0, 1, 2))
    found, _ = labelling(
        exchanged(metric, wrong, SMPL_SIDES), exchanged(image, wrong, SMPL_SIDES), TIMES, SMPL_SIDES, SURE
    )
    assert not found.any()


def test_the_cues_of_front_and_back_decide_it() -> None:
    """A trunk that is exchanged for longer than a second, up to the start of the clip."""
    metric, image = seen(walk(COUNT, 30), noise=0.01)
    wrong = flags(0, 35, (0,))
    metric, image = exchanged(metric, wrong, SMPL_SIDES), exchanged(image, wrong, SMPL_SIDES)

    def backwards(points: np.ndarray) -> np.ndarray:
        return np.where(points[:, 16, 0] < points[:, 17, 0], 1.0, 0.0)  # front: left shoulder at the right

    found, _ = labelling(metric, image, TIMES, SMPL_SIDES, SURE, backwards)
    assert (found == wrong).all()


@pytest.mark.parametrize(("start", "length", "is_found"), [(10, 15, True), (50, 20, False), (30, 20, False)])
def test_only_what_begins_and_ends_in_judged_frames_is_exchanged(
    start: int, length: int, is_found: bool
) -> None:
    """The first half can be judged: an exchange within it, one in the other half, one across the middle."""
    metric, image = seen(walk(COUNT, 30), noise=0.01)
    wrong = flags(start, length, (0, 1, 2))
    metric, image = exchanged(metric, wrong, SMPL_SIDES), exchanged(image, wrong, SMPL_SIDES)
    found, _ = labelling(metric, image, TIMES, SMPL_SIDES, SURE, judged=np.arange(COUNT) < 45)
    assert (found == (wrong & is_found)).all()


def test_the_minority_is_one_of_the_judged_frames() -> None:
    """Twenty frames are few of ninety and half of forty."""
    metric, image = seen(walk(COUNT, 30), noise=0.01)
    wrong = flags(10, 20, (0, 1, 2))
    metric, image = exchanged(metric, wrong, SMPL_SIDES), exchanged(image, wrong, SMPL_SIDES)
    found, _ = labelling(metric, image, TIMES, SMPL_SIDES, SURE, judged=np.arange(COUNT) < 40)
    assert not found.any()


def test_where_nothing_can_be_judged_nothing_is_exchanged() -> None:
    metric, image = seen(walk(COUNT, 30), noise=0.01)
    wrong = flags(30, 20, (0, 1, 2))
    metric, image = exchanged(metric, wrong, SMPL_SIDES), exchanged(image, wrong, SMPL_SIDES)
    found, reversed_depths = labelling(metric, image, TIMES, SMPL_SIDES, SURE, judged=np.zeros(COUNT, bool))
    assert not found.any()
    assert not reversed_depths.any()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_frames(count: int) -> None:
    metric, image = seen(walk(count, 30))
    found, reversed_depths = labelling(metric, image, TIMES[:count], SMPL_SIDES, np.zeros(count))
    assert found.shape == (count, 3)
    assert not found.any()
    assert reversed_depths.shape == (count,)


def test_frames_far_apart_and_of_no_score_change_nothing() -> None:
    metric, image = seen(walk(COUNT, 30), noise=0.3)
    found, _ = labelling(metric, image, np.arange(COUNT) / 2, SMPL_SIDES, np.zeros(COUNT))
    assert not found.any()
