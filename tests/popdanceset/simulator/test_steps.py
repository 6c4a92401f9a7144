"""Written dances of the studio: feet that stand do not move, and captures turn without jumps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.studio import stage, trial
from tests.studio.stage import Camera
from tests.studio.steps import Build, walk_through, wave_arms

BUILD = Build(np.array([0.02, -0.05, 0.09]), 0.41, 0.40, 0.08)
FPS = 30


def ankles(poses: np.ndarray, build: Build) -> np.ndarray:
    """(n, 2, 3) left and right ankle by a chain of rotations, in the captures' axes."""
    root = Rotation.from_quat(poses[:, 3:7], scalar_first=True)
    found = []
    for first, sign in ((29, -1), (15, 1)):
        hip = Rotation.from_quat(poses[:, first : first + 4], scalar_first=True)
        knee = Rotation.from_rotvec(poses[:, first + 4, None] * [0, 0, 1.0])
        thigh = root * hip
        found.append(
            poses[:, :3]
            + root.apply(build.hip * [1, 1, sign])
            + thigh.apply([0, -build.thigh, 0])
            + (thigh * knee).apply([0, -build.shin, 0])
        )
    return np.stack(found, axis=1)


@pytest.mark.parametrize("name", [n for n, t in trial.TRIALS.items() if isinstance(t.dance, trial.Written)])
def test_feet_of_a_written_dance_stand_or_step(name: str) -> None:
    dance = trial.TRIALS[name].dance
    assert isinstance(dance, trial.Written)
    feet = ankles(walk_through(dance.counts, dance.bpm, 6.0, FPS, BUILD), BUILD)
    low = feet[..., 1] < BUILD.ankle + 0.004
    both = low[1:] & low[:-1]
    assert low.mean() > 0.3
    assert np.linalg.norm(np.diff(feet, axis=0), axis=2)[both].max() < 0.01
    assert feet[..., 1].min() > BUILD.ankle - 0.004


def test_waved_arms_leave_the_rest_alone() -> None:
    dance = trial.TRIALS["tune_arms"].dance
    assert isinstance(dance, trial.Written)
    poses = walk_through(dance.counts, dance.bpm, 2.0, FPS, BUILD)
    waved = wave_arms(poses, ("up", "down"), 60, FPS)
    assert np.array_equal(waved[:, :24], poses[:, :24])
    assert np.array_equal(waved[:, 29:38], poses[:, 29:38])
    assert not np.allclose(waved[:, 24:28], poses[:, 24:28])


def test_test_films_share_no_body_room_camera_or_motion_of_captures_with_tuning_films() -> None:
    tuning, test = ([t for t in trial.TRIALS.values() if t.split == split] for split in trial.SPLITS)
    assert len(test) >= 6
    assert {t.kind for t in tuning} == {t.kind for t in test} == set(trial.KINDS)

    def motions(films: list[trial.Trial]) -> set[object]:
        captured = {
            phrase.motion for t in films if isinstance(t.dance, trial.Captured) for phrase in t.dance.phrases
        }
        return captured | {frozenset(t.dance.counts) for t in films if isinstance(t.dance, trial.Written)}

    assert not motions(tuning) & motions(test)
    assert not {"dance_a", "dance_b"} & motions([*tuning, *test])
    for trait in ("look", "room", "camera"):
        assert not {getattr(t, trait) for t in tuning} & {getattr(t, trait) for t in test}


def test_a_camera_sees_the_middle_of_the_stage_where_it_aims() -> None:
    camera = Camera(30, 4.0, 1.2, 0.9, 40)
    middle = np.array([0.5, -0.2, 0.1])
    pinhole, rotation, shift = stage.calibration(camera, middle, (640, 480))
    aimed, above = middle + 0.9 * stage.UP, middle + 1.4 * stage.UP
    seen = [pinhole @ (rotation @ point + shift) for point in (aimed, above)]
    assert (seen[0] / seen[0][2])[:2] == pytest.approx([320, 240])
    assert (seen[1] / seen[1][2])[1] < 240
    assert seen[0][2] == pytest.approx(np.hypot(4.0, 0.3))
    assert np.linalg.det(rotation) == pytest.approx(1)
    # On the audience's right, the stage's right side is nearer.
    right = rotation @ (aimed + np.array([0.5, 0, 0])) + shift
    assert right[2] < seen[0][2]
