"""The referee's measures on bodies whose faults were made on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.transform import Rotation

from popdanceset.skeleton import SMPL_OFFSETS
from tests.referee.clips import Clip
from tests.referee.measures import (
    NOTHING,
    Score,
    acceleration_about_hips,
    deviation,
    exchanged_frames,
    gliding,
    score,
)
from tests.referee.verdict import table, targets

STANDING = np.array(
    [
        [-0.18, 0.0, 1.45], [0.18, 0.0, 1.45], [-0.38, -0.1, 1.22], [0.40, 0.05, 1.25], [-0.45, -0.3, 1.1],
        [0.5, -0.1, 1.45], [-0.1, 0.0, 0.92], [0.1, 0.0, 0.92], [-0.14, -0.1, 0.5], [0.12, 0.05, 0.5],
        [-0.15, 0.0, 0.08], [0.14, 0.3, 0.15],
    ]
)  # fmt: skip
"""Shoulders, elbows, wrists, hips, knees, ankles, left before right; facing −y."""


def bodies(count: int = 30) -> np.ndarray:
    """The standing body, turning and swaying, seen with 15 mm of noise."""
    turns = Rotation.from_rotvec(np.linspace(0, 2, count)[:, None] * [0, 0, 1.0])
    noise = np.random.default_rng(1).normal(0, 0.015, (count, 12, 3))
    return np.stack([turn.apply(STANDING) for turn in turns]) + noise


def swapped(points: np.ndarray, *first: int) -> np.ndarray:
    order = np.arange(12)
    for left in first:
        order[[left, left + 1]] = left + 1, left
    return points[:, order]


@pytest.mark.parametrize("first", [(2, 4), (8, 10), (0, 2, 4, 6, 8, 10), (6, 8, 10)])
def test_frames_whose_sides_were_exchanged_are_counted_and_no_others(first: tuple[int, ...]) -> None:
    truth = np.stack([STANDING] * 30)
    seen = bodies()
    seen[10:14] = swapped(seen[10:14], *first)
    assert np.flatnonzero(exchanged_frames(seen, truth)).tolist() == [10, 11, 12, 13]


def test_a_poor_pose_is_no_exchange() -> None:
    truth = np.stack([STANDING] * 200)
    seen = bodies(200) + np.random.default_rng(2).normal(0, 0.06, (200, 12, 3))
    assert not exchanged_frames(seen, truth).any()


def test_acceleration_error_does_not_depend_on_axes_or_on_the_root() -> None:
    times = np.arange(60) / 30
    truth = np.stack([STANDING] * 60)
    truth[:, 4, 2] += 0.1 * np.sin(2 * np.pi * times)
    rotation = Rotation.from_rotvec([0.1, 0.2, 2.0]).as_matrix()
    seen = truth @ rotation.T + (times**2)[:, None, None]
    assert acceleration_about_hips(seen, truth) == pytest.approx(0, abs=1e-6)
    still = np.stack([STANDING] * 60)
    # One of twelve joints accelerates by 0.1 (2π)² sin: 2/π of its peak in the mean.
    expected = 0.1 * (2 * np.pi) ** 2 * 2 / np.pi / 12
    assert acceleration_about_hips(still, truth) == pytest.approx(expected, rel=0.05)


def test_feet_are_judged_where_they_truly_stand() -> None:
    height = np.full((4, 4), 0.5)
    height[:2, [0, 2]] = [[0.1, 0.02], [0.1, -0.04]]
    contact = np.array([[True, False], [True, False], [False, False], [False, False]])
    assert deviation(height, contact) == pytest.approx(0.03)
    assert np.isnan(deviation(height, np.zeros((4, 2), bool)))


def test_a_film_in_which_nobody_was_found_has_a_row_of_its_own() -> None:
    clip = Clip(Path("empty.mp4"), "test", "floor")
    row = score(clip, None, {"found": 0, "pictures": 60})
    assert row.found == 0
    assert np.isnan(row.error)
    assert any(line.startswith("empty") for line in table([clip], {"x": {"empty": row}}))


def test_a_film_that_only_one_code_could_follow_is_no_comparison() -> None:
    clips = [Clip(Path(f"{name}.mp4"), "test", "floor") for name in ("a", "b")]
    before = {"a": Score(**NOTHING | {"error": 100.0}), "b": Score(**NOTHING)}
    now = {"a": Score(**NOTHING | {"error": 50.0}), "b": Score(**NOTHING | {"error": 150.0})}
    (share,) = (t for t in targets(clips, now, before, 0.9) if t.text.startswith("test clips: PA-MPJPE"))
    assert share.reached == pytest.approx(50)


def test_feet_that_glide_in_the_picture_are_counted_at_the_distance_of_the_body() -> None:
    count, size = 20, (300, 400)  # a focal length of 500 pixels
    joints = np.zeros((count, 24, 3))
    joints[:, [7, 8], 2] = -SMPL_OFFSETS[[10, 11], 1]  # flat feet
    ankles = np.zeros((count, 17, 2))
    ankles[:, 15, 0] = 4.0 * np.arange(count)  # 120 pixels a second: 0.96 m/s at 4 m, 0.48 m/s at 2 m
    for distance, share in ((4.0, 0.5), (2.0, 0.0)):
        glides = pa.table({
            name: pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values[0].size)
            for name, values in {
                "coco_keypoints2d": ankles,
                "cam_root": np.tile([0.0, 0.0, distance], (count, 1)),
                "smpl_trans": np.zeros((count, 3)),
                "joints3d": joints,
                "smpl_scaling": np.ones((count, 1)),
            }.items()
        })  # fmt: skip
        assert gliding(glides, size) == share
