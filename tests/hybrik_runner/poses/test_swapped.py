"""Left and right that were exchanged on purpose are put back where a reviewer says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from hybrik_runner.blazepose.inverse_kinematics import inverse_kinematics
from hybrik_runner.estimator import Poses
from hybrik_runner.poses.swapped import spans_of, swapped
from popdanceset.motion.forward_kinematics import forward_kinematics

MIRROR = list(range(24))
for left, right_ in ((1, 2), (4, 5), (7, 8), (10, 11), (13, 14), (16, 17), (18, 19), (20, 21), (22, 23)):
    MIRROR[left], MIRROR[right_] = right_, left
COCO_MIRROR = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
WRONG = slice(30, 60)


@pytest.fixture
def right(sway: Callable[..., Poses]) -> Poses:
    """A dancer whose every frame can be told from the others, and left from right."""
    poses = sway(np.arange(90) / 30, np.ones(90, bool))
    return replace(
        poses,
        scores=np.linspace(0, 1, 90 * 29).reshape(90, 29),
        observed=np.random.default_rng(0).random((90, 24)) < 0.5,
    )


def mixed_up(poses: Poses, frames: slice) -> Poses:
    """The same as a network reports it that takes left for right in some frames; by way of positions."""
    joints = forward_kinematics(poses.rotations, poses.scaling)
    wrong = {f.name: np.array(getattr(poses, f.name)) for f in fields(poses) if f.name in CHANGED}
    wrong["rotations"][frames] = inverse_kinematics(joints[frames][:, MIRROR])
    for name, order in (("keypoints3d", COCO_MIRROR), ("keypoints2d", COCO_MIRROR), ("observed", MIRROR)):
        wrong[name][frames] = wrong[name][frames][:, order]
    wrong["unfiltered_joints3d"][frames] = joints[frames][:, MIRROR]
    wrong["scores"][frames] = wrong["scores"][frames][:, [*MIRROR, 24, 26, 25, 28, 27]]
    return replace(poses, **wrong)


CHANGED = ("rotations", "keypoints3d", "keypoints2d", "scores", "observed", "unfiltered_joints3d")


def distances(one: Poses, other: Poses) -> np.ndarray:
    """(n,) of the farthest joint, metres."""
    joints = [forward_kinematics(poses.rotations, poses.scaling) for poses in (one, other)]
    return np.asarray(np.linalg.norm(joints[0] - joints[1], axis=2).max(1))


def angles(one: Poses, other: Poses) -> np.ndarray:
    """(n, 24) between the rotations, degrees."""
    cosine = (np.einsum("nkab,nkab->nk", one.rotations, other.rotations) - 1) / 2
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def test_an_exchange_is_put_back(right: Poses) -> None:
    wrong = mixed_up(right, WRONG)
    assert distances(wrong, right)[WRONG].min() > 0.3
    again = swapped(wrong, [(1.0, 2.0)])
    for name in CHANGED[1:]:
        assert np.abs(getattr(again, name).astype(float) - getattr(right, name)).max() < 1e-9, name
    assert distances(again, right).max() < 0.01
    assert angles(again, right).max() < 20  # twists are inferred
    untouched = [f.name for f in fields(Poses) if f.name not in CHANGED]
    assert all(getattr(again, name) is getattr(wrong, name) for name in untouched)


def test_other_frames_stay_as_they_are(right: Poses) -> None:
    again = swapped(right, [(0.5, 0.7), (2.5, 99.0)])
    changed = distances(again, right) > 0.1
    assert np.flatnonzero(changed).tolist() == [*range(15, 21), *range(75, 90)]
    for name in CHANGED:
        assert (getattr(again, name)[~changed] == getattr(right, name)[~changed]).all()
    assert swapped(right, []) is right
    assert swapped(right, [(5.0, 6.0)]) is right


def test_frames_are_counted_where_the_dancer_was_found(sway: Callable[..., Poses]) -> None:
    found = np.ones(90, bool)
    found[10:40] = False
    poses = sway(np.arange(90) / 30, found)
    again = swapped(poses, [(1.0, 2.0)])
    assert np.flatnonzero(distances(again, poses) > 0.1).tolist() == list(range(10, 30))
    nobody = Poses.none(np.arange(90) / 30, (640, 480))
    assert swapped(nobody, [(1.0, 2.0)]) is nobody


def test_frames_without_numbers_are_left_out(right: Poses) -> None:
    rotations = np.array(right.rotations)
    rotations[40] = np.nan
    again = swapped(replace(right, rotations=rotations), [(1.0, 2.0)])
    assert (np.isfinite(again.rotations).all(), again.found.sum()) == (True, 89)


@pytest.mark.parametrize(
    ("text", "spans"),
    [(None, []), ("", []), ("1.500-2.250", [(1.5, 2.25)]), ("0.000-1.000+4.000-5.000", [(0, 1), (4, 5)])],
)
def test_spans_of_a_row(text: str | None, spans: list[tuple[float, float]]) -> None:
    assert spans_of(text) == spans


@pytest.mark.parametrize("text", ["1", "1-2,3-4", "a-b", "1-2+"])
def test_a_wrong_text_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        spans_of(text)
