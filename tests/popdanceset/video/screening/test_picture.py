"""Stills, blank pictures, bars."""

from typing import Any

import numpy as np
import pytest

from popdanceset.media import Frame
from popdanceset.video.screening.overlays import OverlayMeter
from popdanceset.video.screening.stillness import StillnessMeter


def met(pictures: list[np.ndarray], meter: Any) -> Any:
    for n, image in enumerate(pictures):
        meter.see(Frame(n / 30, image))
    return meter


def test_who_dances_moves_and_a_still_does_not(stage: Any) -> None:
    wall = stage.wall(1)
    moving = met(
        [stage.picture(wall, people=[stage.dancer(n)]) for n in range(60)], StillnessMeter()
    ).picture()
    still = met([stage.picture(wall, people=[stage.dancer(0)])] * 60, StillnessMeter()).picture()
    assert min(moving.change) > 10
    assert max(still.change) == 0
    assert np.diff(moving.time) == pytest.approx(0.1, abs=0.02)
    assert min(moving.contrast) > 40


def test_one_colour_has_no_contrast() -> None:
    assert max(met([np.full((90, 160, 3), 20, np.uint8)] * 30, StillnessMeter()).picture().contrast) == 0
    assert StillnessMeter().picture().time == ()


def test_bars_are_measured(stage: Any) -> None:
    image = stage.picture(stage.wall(1))
    image[:18] = image[-27:] = 0
    assert met([image] * 3, OverlayMeter()).overlays().bars == pytest.approx((0.1, 0.15, 0, 0), abs=0.02)
    assert met([stage.picture(stage.wall(1))] * 3, OverlayMeter()).overlays().bars == (0, 0, 0, 0)
    assert OverlayMeter().overlays().bars == (0, 0, 0, 0)
