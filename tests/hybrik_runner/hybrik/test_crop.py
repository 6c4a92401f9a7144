"""Boxes, cutting, normalisation."""

import numpy as np
import pytest

from hybrik_runner.hybrik import crop


def test_boxes_become_squares_a_quarter_wider():
    assert crop.enlarge([[100, 200, 140, 300], [0, 0, 8, 4]]).tolist() == [
        [57.5, 187.5, 182.5, 312.5],
        [-1, -3, 9, 7],
    ]


def test_normalisation():
    image = np.full((1, 2, 2, 3), (255, 0, 51), np.uint8)

    np.testing.assert_allclose(
        crop.normalise(image)[0, :, 1, 1],
        [(1 - 0.406) / 0.225, -0.457 / 0.225, (0.2 - 0.48) / 0.225],
        rtol=1e-5,
    )


def test_a_square_of_the_networks_size_is_cut_out_unchanged():
    frame = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)

    np.testing.assert_array_equal(crop.cut(frame, [20, 30, 276, 286]), frame[30:286, 20:276])
    beyond = crop.cut(frame, [300, 100, 556, 356])
    np.testing.assert_array_equal(beyond[:200, :100], frame[100:, 300:])
    assert not beyond[200:].any()
    assert not beyond[:, 100:].any()


def test_frames_and_boxes_together():
    frames = np.zeros((2, 90, 160, 3), np.uint8)
    images, squares, centres = crop.crop(frames, [[10, 10, 50, 60], [0, 0, 160, 90]])

    assert images.shape == (2, 3, 256, 256)
    assert images.dtype == squares.dtype == centres.dtype == np.float32
    assert centres.tolist() == [[80, 45], [80, 45]]


@pytest.mark.parametrize("box", [[5, 5, 5, 9], [0, 0, np.nan, 3], [9, 0, 3, 3]])
def test_boxes_without_area_are_refused(box):
    with pytest.raises(ValueError, match="box"):
        crop.crop(np.zeros((1, 9, 9, 3), np.uint8), [box])
