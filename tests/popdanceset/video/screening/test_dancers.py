"""People are counted at even distances, and looked at whether they are whole."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from popdanceset.commands import with_values
from popdanceset.errors import SettingsError
from popdanceset.media import Frame
from popdanceset.settings import Settings
from popdanceset.video.screening import dancers
from popdanceset.video.screening.dancers import DancerCounter, is_whole, load_detector

WIDTH, HEIGHT = 640, 360


@pytest.mark.parametrize(
    ("x", "y", "radius", "whole"),
    [
        (320, 180, 150, True),  # in the middle
        (320, 180, 200, True),  # arms raised: the circle leaves the frame a little, above and below
        (320, 290, 150, False),  # feet cut off
        (320, 60, 150, False),  # head cut off
        (320, 180, 400, False),  # a portrait
        (70, 180, 150, True),  # near the side
        (30, 180, 150, False),  # half of the body beyond the side
        (615, 180, 150, False),
    ],
)
def test_whole_bodies(x: float, y: float, radius: float, whole: bool) -> None:
    assert is_whole(np.array([[x, y, radius, 0.9]]), HEIGHT, WIDTH).tolist() == [whole]


def test_nobody_is_not_whole() -> None:
    assert is_whole(np.empty((0, 4)), HEIGHT, WIDTH).shape == (0,)


@pytest.mark.parametrize("fps", [24000 / 1001, 30, 60])
def test_pictures_are_looked_at_at_even_distances(fps: float) -> None:
    looked: list[int] = []

    def detector(image: np.ndarray) -> np.ndarray:
        looked.append(int(image[0, 0, 0]))
        return np.empty((0, 4))

    counter = DancerCounter(detector, fps=2.0, least_score=0.6)
    for n in range(round(4 * fps)):
        counter.see(Frame(n / fps, np.full((4, 4, 3), n % 256, np.uint8)))
    found = counter.dancers()
    assert len(looked) == 8
    assert np.array(found.time) == pytest.approx(np.arange(8) / 2, abs=1 / fps)
    assert found.count == found.whole == (0,) * 8


def test_only_confident_finds_count(stage: Any) -> None:
    answers = iter(
        [
            np.array([[160, 90, 60, 0.9]]),
            np.array([[160, 90, 60, 0.9], [60, 90, 60, 0.5]]),
            np.array([[160, 90, 60, 0.9], [60, 90, 60, 0.7]]),
            np.array([[160, 170, 60, 0.9]]),
        ]
    )
    counter = DancerCounter(lambda image: next(answers), fps=1.0, least_score=0.6)
    for time in range(4):
        counter.see(Frame(float(time), np.zeros((180, 320, 3), np.uint8)))
    assert counter.dancers().count == (1, 1, 2, 1)
    assert counter.dancers().whole == (1, 1, 2, 0)
    assert counter.people.tolist() == [[160, 170, 60, 0.9]]


def test_without_pictures_nothing_was_counted() -> None:
    assert DancerCounter(lambda image: np.empty((0, 4)), 1.0, 0.5).dancers().time == ()


def test_the_detector_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch, stage: Any) -> None:
    asked = []

    def entry_points(group: str, name: str = "mine") -> list[Any]:
        asked.append((group, name))
        point = SimpleNamespace(name="mine", load=lambda: lambda settings: stage.find_ovals)
        return [point] if name == "mine" else []

    monkeypatch.setattr(dancers, "entry_points", entry_points)
    mine = with_values(Settings(), "screening", detector="mine")
    assert load_detector(mine) is stage.find_ovals
    assert asked == [("popdanceset.detectors", "mine")]
    with pytest.raises(SettingsError, match=r"no person detector 'yours' \(installed: mine\)"):
        load_detector(with_values(Settings(), "screening", detector="yours"))
