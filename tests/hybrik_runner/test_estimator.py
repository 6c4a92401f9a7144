"""Estimators are found by name."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from hybrik_runner.estimator import Clip, load_estimator
from hybrik_runner.poses.camera import Calibration
from popdanceset.errors import SettingsError
from popdanceset.media import Frame
from popdanceset.settings import Settings


def test_an_unknown_estimator_names_the_known_ones() -> None:
    settings = Settings.load(overrides={"pose": {"estimator": "clairvoyant"}})
    with pytest.raises(SettingsError, match=r"clairvoyant.*installed: .*blazepose"):
        load_estimator(settings)


def hall() -> Iterator[Frame]:
    """A hall of pillars that converge upwards, since the camera looks up by 15 degrees."""
    image = np.full((480, 640, 3), 90, np.uint8)
    meeting = (320, round(240 - 800 / np.tan(np.radians(15))))
    for foot in range(20, 640, 30):
        top = round(foot + (meeting[0] - foot) * 400 / (440 - meeting[1]))
        cv2.line(image, (foot, 440), (top, 40), (240, 240, 240), 3, cv2.LINE_AA)
    for number in range(3):
        yield Frame(number / 30, image)


def test_a_clip_knows_the_camera_that_its_frames_show() -> None:
    clip: Clip[int] = Clip()
    assert len(list(clip.recorded(hall()))) == len(clip.times) == 3
    found = clip.calibration()
    assert (found.size, found.focal_length) == ((640, 480), 800.0)
    assert found.up == pytest.approx((0, -np.cos(np.radians(15)), np.sin(np.radians(15))), abs=0.01)


def test_a_clip_that_is_not_to_be_calibrated_assumes_its_camera() -> None:
    clip: Clip[int] = Clip(calibrated=False)
    assert len(list(clip.recorded(hall()))) == 3
    assert clip.calibration() == Calibration.assumed((640, 480))


def test_a_clip_without_frames_assumes_a_camera() -> None:
    assert Clip[int]().calibration() == Calibration.assumed((0, 0))
