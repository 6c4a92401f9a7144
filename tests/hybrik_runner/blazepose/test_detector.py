"""Anchors and merging, without the network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hybrik_runner.blazepose import people
from hybrik_runner.blazepose.detector import Detections, anchors, distinct, keep


def persons(*rows: tuple[float, float, float, float]) -> Detections:
    """Detections from x, y, radius, score."""
    x, y, radius, score = np.array(rows, float).T
    centre = np.column_stack([x, y])
    return Detections(centre, centre - np.column_stack([np.zeros(len(x)), radius]), score)


def test_anchors_by_counting_cells() -> None:
    expected = []
    for stride, count in ((8, 2), (16, 2), (32, 6)):
        cells = 224 // stride
        for row in range(cells):
            for column in range(cells):
                expected += [[(column + 0.5) / cells, (row + 0.5) / cells]] * count
    assert len(expected) == 2254
    np.testing.assert_allclose(anchors(), expected)


def test_the_same_person_seen_twice_is_one() -> None:
    found = persons((100, 200, 80, 0.7), (110, 190, 90, 0.9), (300, 200, 85, 0.8))
    kept = keep(found, distinct(found))
    assert kept.score.tolist() == [0.9, 0.8]
    np.testing.assert_allclose(kept.radius, [90, 85])


def test_reach_is_a_share_of_the_larger_body() -> None:
    beside = persons((0, 0, 100, 0.9), (59, 0, 20, 0.8))
    apart = persons((0, 0, 100, 0.9), (61, 0, 20, 0.8))
    assert len(distinct(beside)) == 1
    assert len(distinct(apart)) == 2


def test_nobody() -> None:
    nobody = Detections(np.empty((0, 2)), np.empty((0, 2)), np.empty(0))
    assert len(distinct(nobody)) == 0
    assert len(people.merge([nobody, nobody])) == 0


def test_people_of_several_squares_are_merged() -> None:
    merged = people.merge([persons((50, 50, 40, 0.8)), persons((52, 49, 38, 0.9), (200, 60, 40, 0.7))])
    np.testing.assert_allclose(merged.centre, [[52, 49], [200, 60]])


def test_tiles_cover_the_picture_and_overlap() -> None:
    for width, height in ((640, 360), (360, 640), (300, 300), (101, 77)):
        covered = np.zeros((height, width), bool)
        sides = set()
        for x, y, side in people.tiles(width, height):
            assert -1e-9 <= x <= width - side + 1e-9
            assert -1e-9 <= y <= height - side + 1e-9
            sides.add(round(side, 6))
            if side < min(width, height):
                covered[round(y) : round(y + side), round(x) : round(x + side)] = True
        assert covered.all()
        assert len(sides) == 2
        small = [x for x, y, side in people.tiles(width, height) if side < min(width, height) and y == 0]
        assert np.diff(small).max() <= 0.4 * min(width, height) + 1e-9


def test_only_who_is_missing_is_looked_for_again() -> None:
    near = np.array([[50.0, 50, 40, 0.9], [200, 60, 30, 0.8]])
    assert people.missing(near, persons((55, 52, 38, 0.9))).tolist() == near[1:].tolist()
    ((x, y, side),) = people.around(near[1:])
    assert (x + side / 2, y + side / 2) == (200, 60)
    assert side > 2 * 30


def test_detector_keeps_what_it_is_given(fake_network: Callable[..., object]) -> None:
    """One cell of the coarsest layer answers: its point is where arithmetic says."""
    detector = fake_network(cell=(3, 2), hips=(11.2, -22.4), rim=(11.2, -72.4), logit=3.0)
    found = detector(np.zeros((112, 224, 3), np.uint8))  # type: ignore[operator]
    # anchor of column 3, row 2 at stride 32: (112, 80); letterboxed by 56 above
    np.testing.assert_allclose(found.centre, [[112 + 11.2, 80 - 22.4 - 56]], atol=1e-4)
    np.testing.assert_allclose(found.radius, [50], atol=1e-4)
    np.testing.assert_allclose(found.score, [1 / (1 + np.exp(-3.0))], atol=1e-6)


def test_a_body_guessed_outside_of_the_square_is_dropped(fake_network: Callable[..., object]) -> None:
    detector = fake_network(cell=(6, 2), hips=(80.0, 0.0), rim=(80.0, -90.0), logit=3.0)
    assert len(detector(np.zeros((224, 224, 3), np.uint8))) == 0  # type: ignore[operator]
