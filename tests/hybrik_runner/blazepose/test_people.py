"""People are counted with both networks: one proposes, the other one says who is a body."""

from types import SimpleNamespace

import numpy as np
import pytest

from hybrik_runner.blazepose.body import LIMB_LANDMARKS
from hybrik_runner.blazepose.detector import Detections
from hybrik_runner.blazepose.people import People

IMAGE = np.zeros((180, 320, 3), np.uint8)


def detections(*rows: tuple[float, float, float, float]) -> Detections:
    """From x, y, radius, score."""
    x, y, radius, score = np.array(rows, float).T.reshape(4, -1)
    centre = np.column_stack([x, y])
    return Detections(centre, centre - np.column_stack([0 * x, radius]), score)


def people(found: Detections, presence: float = 1.0) -> tuple[People, list[float]]:
    """The detector under test, and where its landmark network was asked to look."""
    asked: list[float] = []

    def landmarks(_image: np.ndarray, region: object) -> SimpleNamespace:
        asked.append(region.x)  # type: ignore[attr-defined]
        points = np.column_stack([np.arange(33.0), np.arange(33.0)])
        return SimpleNamespace(image=points, visibility=np.linspace(0, 1, 33), presence=presence)

    return People(lambda *_: found, landmarks, 0.5), asked  # type: ignore[arg-type]


def test_a_row_has_the_circle_and_its_rim() -> None:
    counter, _ = people(detections((100, 90, 60, 0.9)))
    assert counter(IMAGE, np.empty((0, 4))).tolist() == [[100, 90, 60, 0.9, 100, 30]]


@pytest.mark.parametrize(("presence", "kept"), [(0.9, [100.0, 250.0]), (0.1, [100.0])])
def test_doubtful_people_must_have_a_body(presence: float, kept: list[float]) -> None:
    counter, asked = people(detections((100, 90, 60, 0.9), (250, 90, 40, 0.6)), presence)
    assert counter(IMAGE, np.empty((0, 4)))[:, 0].tolist() == kept
    assert asked == [250.0]


def test_nobody_is_found() -> None:
    counter, asked = people(detections())
    assert (counter(IMAGE).shape, asked) == ((0, 6), [])


def test_limbs_are_the_landmarks_of_shoulders_to_ankles() -> None:
    counter, _ = people(detections())
    person = np.array([100, 90, 60, 0.9, 100, 30.0])
    limbs = counter.limbs(IMAGE, person)
    assert limbs is not None
    np.testing.assert_allclose(limbs[:, 0], LIMB_LANDMARKS)
    np.testing.assert_allclose(limbs[:, 2], LIMB_LANDMARKS / 32)
    assert people(detections(), presence=0.2)[0].limbs(IMAGE, person) is None
    assert counter.limbs(IMAGE, np.array([100, 90, 0, 0.9, 100, 90.0])) is None
