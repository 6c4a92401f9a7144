"""Stills: the right moments, and the skeleton where the keypoints are."""

import cv2
import numpy as np
import pytest

from popdanceset.report.stills import HEIGHT, clip_stills, draw_skeleton, moments, video_stills
from popdanceset.skeleton import LEFT_COLOUR, MIDDLE_COLOUR, RIGHT_COLOUR

JOINTS = 17


def decode(still):
    image = cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (still.height, still.width, 3)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(int)


def square_at(still):
    """Left edge of the green square, pixels."""
    image = decode(still)
    row = image[still.height * 3 // 4]
    return int(np.flatnonzero(row[:, 1] - row[:, 0] > 50)[0])


@pytest.mark.parametrize(
    ("count", "frames", "expected"),
    [(1, 10, [5]), (2, 10, [2, 7]), (6, 60, [5, 15, 25, 35, 45, 55]), (6, 3, [0, 1, 2]), (6, 0, [])],
)
def test_moments_are_evenly_spread(count, frames, expected):
    assert moments(count, frames) == expected


def test_stills_of_a_clip_are_the_frames_asked_for(tmp_path, made_by_hand):
    made_by_hand.write_video(tmp_path / "c.mp4", 48, width=120, height=200)

    stills = clip_stills(tmp_path / "c.mp4", None, [10, 40])

    assert [still.time for still in stills] == pytest.approx([10 / 30, 40 / 30])
    # frame k has its square at k · (120 - 24) / 48 = 2 k
    assert [square_at(still) for still in stills] == pytest.approx([20, 80], abs=2)
    assert stills[0].uri.startswith("data:image/jpeg;base64,/9j/")


def test_large_clips_are_reduced_and_the_skeleton_with_them(tmp_path, made_by_hand):
    made_by_hand.write_video(tmp_path / "c.mp4", 3, width=400, height=720)
    keypoints = np.full((3, JOINTS, 2), [300.0, 100.0], np.float32)

    (plain,) = clip_stills(tmp_path / "c.mp4", None, [1])
    (drawn,) = clip_stills(tmp_path / "c.mp4", keypoints, [1])

    assert (drawn.width, drawn.height) == (200, HEIGHT)
    changed = np.argwhere(np.abs(decode(drawn) - decode(plain)).max(axis=2) > 60)
    assert changed.mean(axis=0) == pytest.approx([50, 150], abs=1)
    assert np.ptp(changed, axis=0).max() < 16


def test_poses_shorter_than_the_clip(tmp_path, made_by_hand):
    made_by_hand.write_video(tmp_path / "c.mp4", 5)
    assert len(clip_stills(tmp_path / "c.mp4", np.zeros((2, JOINTS, 2), np.float32), [0, 4])) == 2


def test_stills_of_a_video_at_times_in_any_order(tmp_path, made_by_hand):
    made_by_hand.write_video(tmp_path / "v.mp4", 48, fps=10)

    stills = video_stills(tmp_path / "v.mp4", [4.0, 1.04, 99.0, 1.0])

    assert [square_at(still) for still in stills] == pytest.approx([80, 20, 94, 20], abs=2)
    assert video_stills(tmp_path / "v.mp4", []) == []


def test_sides_have_their_colours():
    image = np.zeros((200, 200, 3), np.uint8)
    keypoints = np.full((JOINTS, 2), np.nan, np.float32)
    keypoints[[5, 7]] = [[150, 20], [150, 120]]  # left upper arm
    keypoints[[6, 8]] = [[50, 20], [50, 120]]  # right upper arm

    draw_skeleton(image, keypoints)

    assert tuple(image[70, 150]) == LEFT_COLOUR
    assert tuple(image[70, 50]) == RIGHT_COLOUR
    assert tuple(image[20, 100]) == MIDDLE_COLOUR  # between the shoulders
    assert not image[150:].any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e9])
def test_points_that_cannot_be_drawn_are_left_out(value):
    image = np.zeros((50, 40, 3), np.uint8)
    draw_skeleton(image, np.full((JOINTS, 2), value, np.float32))
    assert not image.any()
