"""People are counted at even intervals, and checked whether they are whole."""

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from popdanceset.commands import with_values
from popdanceset.errors import SettingsError
from popdanceset.media import Frame
from popdanceset.settings import Settings
from popdanceset.video.screening import detector
from popdanceset.video.screening.dancers import DancerCounter, behind_itself, is_whole, likeness, limb_scores
from popdanceset.video.screening.detector import load_detector

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


class Scripted:
    """A detector that returns prepared answers and remembers whether it searched everywhere."""

    def __init__(self, *answers: list[list[float]]) -> None:
        self.answers = iter(answers)
        self.searches: list[bool] = []

    def __call__(self, image: np.ndarray, near: np.ndarray | None = None) -> np.ndarray:
        self.searches.append(near is None)
        return np.array(next(self.answers), float).reshape(-1, 4)


def counted(detector: Any, looks: int, search_seconds: float = 0.0, distance: float = 0.5) -> DancerCounter:
    counter = DancerCounter(detector, 0.6, search_seconds)
    for n in range(looks):
        counter.look(Frame(n * distance, np.zeros((180, 320, 3), np.uint8)))
    return counter


ONE = [160.0, 90.0, 60.0, 0.9]
LEFT, RIGHT = [80.0, 90.0, 60.0, 0.9], [240.0, 90.0, 58.0, 0.9]


def test_only_confident_finds_count() -> None:
    found = counted(
        Scripted([ONE], [ONE, [60, 90, 60, 0.5]], [ONE, [60, 90, 30, 0.7]], [[160, 170, 60, 0.9]]), 4
    ).dancers()
    assert found.time == (0.0, 0.5, 1.0, 1.5)
    assert found.count == (1, 1, 2, 1)
    assert found.whole == (1, 1, 2, 0)
    assert found.main == (1, 1, 1, 0)
    assert found.size == pytest.approx((120 / 180,) * 4, abs=0.001)
    assert found.second == (0.0, 0.0, 0.5, 0.0)


def searched(detector: Any) -> list[int]:
    """Numbers of the looks in which everybody was searched for."""
    return [n for n, everywhere in enumerate(detector.searches) if everywhere]


def test_everybody_is_searched_for_less_and_less_often_while_nobody_comes() -> None:
    detector = Scripted(*[[ONE]] * 80)
    counted(detector, 80, search_seconds=2.0)
    assert searched(detector) == [0, 4, 12, 28, 44, 60, 76]  # after 2, 4 and then 8 seconds


def test_a_search_that_finds_somebody_leads_to_more_searches() -> None:
    alone, together = [[ONE]] * 12, [[LEFT, RIGHT]] * 12
    detector = Scripted(*alone, *together)
    counted(detector, 24, search_seconds=2.0)
    assert searched(detector) == [0, 4, 12, 16]


def test_another_main_dancer_leads_to_more_searches() -> None:
    detector = Scripted(*[[LEFT]] * 14, *[[RIGHT]] * 10)
    counted(detector, 24, search_seconds=2.0)
    assert searched(detector) == [0, 4, 12, 16]


def test_a_change_leads_to_a_thorough_search() -> None:
    """The third quick look finds nobody, the search that follows does."""
    detector = Scripted([ONE], [ONE], [], [ONE], [ONE])
    counter = counted(detector, 4, search_seconds=9.0)
    assert detector.searches == [True, False, False, True, False]
    assert counter.dancers().count == (1, 1, 1, 1)


def test_the_main_dancer_is_followed() -> None:
    """Whoever was there first stays the main dancer next to somebody of the same size, also after a gap."""
    closer = [LEFT[0] + 30, *LEFT[1:]]
    found = counted(Scripted([LEFT], [closer, RIGHT], [RIGHT, LEFT], [], [LEFT]), 5).dancers()
    assert found.track == (1, 1, 1, 0, 1)


def test_another_dancer_is_another_track() -> None:
    found = counted(Scripted([LEFT], [RIGHT], [RIGHT]), 3).dancers()
    assert found.track == (1, 2, 2)
    giant = [240.0, 90.0, 110.0, 0.9]
    assert counted(Scripted([LEFT], [LEFT, giant]), 2).dancers().track == (1, 2)


def figure(n: int, mirrored: bool = False) -> np.ndarray:
    """(120, 120, 3) a figure in pose `n` before a wall."""
    image = np.full((120, 120, 3), 150, np.uint8)
    angle = 1.3 * n + 0.4
    for end, colour in (
        ((60 + 40 * np.cos(angle), 45 + 30 * np.sin(angle)), 30),
        ((80, 110), 60),
        ((48, 112), 60),
    ):
        start = (60, 40) if colour == 30 else (60, 70)
        cv2.line(image, start, (round(end[0]), round(end[1])), (colour,) * 3, 8)
    cv2.line(image, (60, 25), (60, 70), (200, 40, 40), 14)
    return image[:, ::-1] if mirrored else image


@pytest.mark.parametrize("mirrored", [False, True])
def test_one_dancer_shown_twice_is_like_itself(mirrored: bool) -> None:
    """Also where the two circles do not quite agree."""
    people = np.array([[60.0, 62.0, 50.0, 0.9], [184.0, 58.0, 54.0, 0.9]])
    for n in range(4):
        assert likeness(np.hstack([figure(n), figure(n, mirrored)]), people) > 0.95
        apart = np.array([[60.0, 62.0, 50.0, 0.9], [180.0, 58.0, 54.0, 0.9]])
        assert likeness(np.hstack([figure(n), 255 - figure(n + 2)]), apart) < 0.6


def test_people_of_other_sizes_and_single_ones_have_no_twin() -> None:
    image = np.hstack([figure(0), figure(0)])
    assert likeness(image, np.array([[60.0, 60.0, 60.0], [180.0, 60.0, 30.0]])) == 0
    assert likeness(image, np.array([[60.0, 60.0, 50.0]])) == 0
    assert likeness(np.zeros_like(image), np.array([[60.0, 60.0, 50.0], [180.0, 60.0, 50.0]])) == 0


def test_limbs_beyond_the_picture_are_marked() -> None:
    limbs = np.array([[10, 10, 0.914], [-1, 5, 0.9], [5, 101, 0.9], [100, 50, 0.2]], float)
    assert limb_scores(limbs, 100, 100) == (0.91, None, None, 0.2)
    assert limb_scores(None, 100, 100) is None


class WithLimbs(Scripted):
    """A detector that knows limbs, which lie at the person's hips, except when it is asked for the `blind`-th
    time."""

    blind = 0

    def limbs(self, image: np.ndarray, person: np.ndarray) -> np.ndarray | None:
        self.blind -= 1
        if self.blind == 0:
            return None
        return np.column_stack([np.tile(person[:2], (12, 1)), np.linspace(0, 1, 12)])


# Shoulders, elbows, wrists, hips, knees, ankles; left, right. The trunk is 100 pixels long.
FROM_BEHIND = np.array(
    [
        (130, 100, 1), (70, 100, 1), (140, 150, 1), (60, 150, 1), (110, 160, 0.2), (90, 160, 0.2),
        (120, 200, 1), (80, 200, 1), (122, 280, 1), (78, 280, 1), (125, 360, 1), (75, 360, 1),
    ],
    float,
)  # fmt: skip
"""Both hands hold something in front of the body."""

FROM_THE_SIDE = np.array(
    [
        (105, 100, 1), (95, 100, 1), (110, 150, 0.9), (90, 150, 0.3), (150, 170, 0.9), (100, 180, 0.2),
        (103, 200, 1), (97, 200, 1), (110, 280, 1), (106, 280, 0.4), (100, 360, 1), (103, 355, 0.3),
    ],
    float,
)  # fmt: skip
"""The far arm is behind the trunk, the far leg behind the near one."""

BEHIND_A_TABLE = np.array(
    [
        (130, 100, 1), (70, 100, 1), (160, 150, 1), (40, 150, 1), (180, 190, 1), (20, 190, 1),
        (120, 200, 0.9), (80, 200, 0.9), (122, 280, 0.2), (78, 280, 0.2), (125, 360, 0.1), (75, 360, 0.1),
    ],
    float,
)  # fmt: skip


@pytest.mark.parametrize(
    ("limbs", "unseen_but_behind"),
    [(FROM_BEHIND, {4, 5}), (FROM_THE_SIDE, {3, 5, 9, 11}), (BEHIND_A_TABLE, set())],
    ids=["from behind", "from the side", "behind a table"],
)
def test_a_body_hides_some_of_its_limbs(limbs: np.ndarray, unseen_but_behind: set[int]) -> None:
    for pose in (limbs, limbs * (-1, 1, 1) + (300, 0, 0)):
        behind = behind_itself(pose)
        assert behind is not None
        assert {n for n in range(12) if behind[n] and pose[n, 2] < 0.5} == unseen_but_behind


def test_what_is_not_seen_hides_nothing() -> None:
    assert behind_itself(None) is None
    nothing = FROM_THE_SIDE * (1, 1, 0)
    assert behind_itself(nothing) == (False,) * 12
    assert behind_itself(np.zeros((12, 3))) == (False,) * 12


def test_the_main_dancers_limbs_are_looked_at() -> None:
    counter = DancerCounter(WithLimbs([RIGHT], [LEFT, RIGHT], [LEFT, RIGHT], []), 0.6, 0.0)
    seen = [counter.look(Frame(n / 2, np.zeros((180, 320, 3), np.uint8))) for n in range(4)]
    assert [len(s.people) for s in seen] == [1, 2, 2, 0]
    assert seen[2].people[0].tolist() == RIGHT
    assert seen[2].limbs[0].tolist() == [*RIGHT[:2], 0.0]
    assert seen[1].limbs is None  # in every second look
    found = counter.dancers().limbs
    assert found == (*3 * [tuple(np.linspace(0, 1, 12).round(2).tolist())], None)
    assert counted(Scripted([ONE]), 1).dancers().limbs == (None,)


def test_limbs_of_another_dancer_or_not_found_before_are_looked_at() -> None:
    far = [300.0, 90.0, 60.0, 0.9]
    finder = WithLimbs([ONE], [far], [far], [far])
    finder.blind = 2
    counter = DancerCounter(finder, 0.6, 0.0)
    looks = [counter.look(Frame(n / 2, np.zeros((180, 320, 3), np.uint8))) for n in range(4)]
    assert [look.limbs is not None for look in looks] == [True, False, True, False]
    assert [scores is not None for scores in counter.dancers().limbs] == [True, False, True, True]


def test_without_frames_nothing_was_counted() -> None:
    assert DancerCounter(Scripted(), 0.5, 1.0).dancers().time == ()


def test_the_detector_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch, stage: Any) -> None:
    asked = []

    def entry_points(group: str, name: str = "mine") -> list[Any]:
        asked.append((group, name))
        point = SimpleNamespace(name="mine", load=lambda: lambda settings: stage.find_ovals)
        return [point] if name == "mine" else []

    monkeypatch.setattr(detector, "entry_points", entry_points)
    mine = with_values(Settings(), "screening", detector="mine")
    assert load_detector(mine) is stage.find_ovals
    assert asked == [("popdanceset.detectors", "mine")]
    with pytest.raises(SettingsError, match=r"no person detector 'yours' \(installed: mine\)"):
        load_detector(with_values(Settings(), "screening", detector="yours"))
