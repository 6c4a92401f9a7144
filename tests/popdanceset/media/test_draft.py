"""Rough pictures: what they show, and when there is none."""

from __future__ import annotations

import av
import numpy as np
import pytest

from popdanceset.media.draft import draft


def frame(image: np.ndarray, pixel_format: str = "yuv420p") -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.asarray(image, np.uint8), "rgb24").reformat(format=pixel_format)


def test_colours_are_those_of_the_matrix_of_television() -> None:
    """Luma and colour differences of BT.601 (Rec. ITU-R BT.601-7, 2.5), limited range."""
    luma, blue, red = 120.0, 90.0, 200.0
    planes = np.repeat([luma, blue, red], (64, 16, 16)).astype(np.uint8).reshape(-1, 8)
    shown = draft(av.VideoFrame.from_ndarray(planes, "yuv420p"), 4, 4)
    y, b, r = (luma - 16) / 219, (blue - 128) / 224, (red - 128) / 224
    expected = [y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b]
    assert shown is not None
    assert (shown.shape, shown.dtype) == ((4, 4, 3), np.uint8)
    assert np.abs(shown - 255 * np.array(expected)).max() <= 1.5


def test_the_reduced_picture_has_the_means_of_the_whole_one() -> None:
    grey = np.random.default_rng(1).integers(30, 220, (48, 64, 1)).repeat(3, 2)
    shown = draft(frame(grey), 16, 12)
    assert shown is not None
    assert np.abs(shown.mean(2) - grey[..., 0].reshape(12, 4, 16, 4).mean((1, 3))).max() < 3


@pytest.mark.parametrize(
    ("size", "wanted", "pixel_format"),
    [
        ((64, 48), (32, 24), "yuvj420p"),  # full range
        ((64, 48), (32, 24), "yuv444p"),
        ((64, 48), (32, 24), "yuv420p10le"),
        ((64, 48), (33, 24), "yuv420p"),
        ((64, 48), (32, 23), "yuv420p"),
        ((65, 48), (32, 24), "yuv420p"),
        ((64, 48), (64, 48), "yuv420p"),
    ],
)
def test_there_is_none_of(size: tuple[int, int], wanted: tuple[int, int], pixel_format: str) -> None:
    assert draft(frame(np.zeros((size[1], size[0], 3)), pixel_format), *wanted) is None
