"""Poses drawn over frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hybrik_runner.estimator import Poses
from hybrik_runner.output import overlay
from hybrik_runner.poses.table import build
from popdanceset import media
from popdanceset.errors import InputError
from popdanceset.motion.body.shading import Pinhole
from popdanceset.settings import Settings

Film = Callable[..., Path]


def test_left_is_orange_right_is_blue_and_the_picture_is_kept() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    points = np.full((17, 2), 100.0)
    points[7], points[8] = [150, 60], [50, 60]  # elbows
    drawn = overlay.draw(image, points)
    assert not image.any()
    assert tuple(drawn[60, 150]) == (255, 140, 0)
    assert tuple(drawn[60, 50]) == (0, 170, 255)


def test_points_far_outside_do_no_harm() -> None:
    points = np.full((17, 2), 1e12)
    points[3] = np.nan
    assert overlay.draw(np.zeros((20, 20, 3), np.uint8), points, np.zeros((24, 2))).shape == (20, 20, 3)


def test_stills_and_film(film: Film, sway: Callable[..., Poses], tmp_path: Path, settings: Settings) -> None:
    path = film(24, fps=24)
    table = build("c", sway(np.arange(24) / 24, np.ones(24, bool)), "fake-1", settings).table
    stills = overlay.stills(path, table, tmp_path, count=3)
    assert [p.name for p in stills] == ["film_00000.png", "film_00014.png", "film_00028.png"]
    assert cv2.imread(str(stills[0])).shape == (48, 64, 3)
    overlay.video(path, table, tmp_path / "drawn.mp4")
    shown = media.probe(tmp_path / "drawn.mp4")
    assert (shown.frames, shown.width, shown.height, shown.fps) == (len(table), 64, 48, 30)


def test_a_bar_marks_frames_whose_left_and_right_were_put_back(
    film: Film, sway: Callable[..., Poses], settings: Settings
) -> None:
    poses = replace(sway(np.arange(24) / 30, np.ones(24, bool)), exchanged=(0.2, 7 / 30))
    table = build("c", poses, "fake-1", settings).table
    tops = [image[0].mean(0) for image in overlay.drawn(film(24), table)]
    marked = [index for index, colour in enumerate(tops) if tuple(colour) == (170, 0, 255)]
    assert marked == [6, 7]


def test_a_body_stands_where_its_skeleton_is(
    film: Film, sway: Callable[..., Poses], tmp_path: Path, settings: Settings
) -> None:
    path = film(12)
    table = build("c", sway(np.arange(12) / 30, np.ones(12, bool)), "fake-1", settings).table
    plain = [frame.image.astype(int) for frame in media.frames(path, fps=30)]
    shown = list(overlay.drawn(path, table, "body"))
    bones = list(overlay.drawn(path, table))
    assert len(shown) == len(bones) == len(table)
    for image, bare, skeleton in zip(shown, plain, bones, strict=False):
        changed = np.abs(image - bare).max(2) > 12
        assert changed.any()
        assert not changed.all()
        # White lines are the bones: the body is round them.
        lines = (skeleton == 255).all(2) & (np.abs(skeleton - bare).max(2) > 40)
        assert changed[lines].mean() > 0.9
    stills = overlay.stills(path, table, tmp_path, count=2, style="body")
    assert np.abs(cv2.imread(str(stills[0]))[..., ::-1].astype(int) - shown[0]).max() == 0


def test_a_body_that_is_nowhere_leaves_the_frame_as_it_is() -> None:
    image = np.full((20, 30, 3), 7, np.uint8)
    camera = Pinhole(np.eye(3, dtype=np.float32), 40.0, (30, 20))
    behind = np.random.default_rng(0).normal(size=(24, 3)) - [0, 0, 9]
    for joints in (np.full((24, 3), np.nan), behind):
        assert (overlay.with_body(image, joints, 1.0, camera) == image).all()


def test_a_folder_that_is_not_there(
    film: Film, sway: Callable[..., Poses], tmp_path: Path, settings: Settings
) -> None:
    path, nowhere = film(5), tmp_path / "nowhere"
    table = build("c", sway(np.arange(5) / 30, np.ones(5, bool)), "fake-1", settings).table
    with pytest.raises(InputError, match="not writable"):
        overlay.stills(path, table, nowhere)
    with pytest.raises(InputError, match="not writable"):
        overlay.video(path, table, nowhere / "drawn.mp4")
