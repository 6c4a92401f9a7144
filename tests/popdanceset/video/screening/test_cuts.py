"""Cuts are found at the first frame of a new shot, and nowhere else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from popdanceset.media import Frame, frames
from popdanceset.video.screening.cuts import CutDetector


def cuts_of(pictures: list[np.ndarray], fps: float = 30.0) -> tuple[float, ...]:
    detector = CutDetector()
    for n, image in enumerate(pictures):
        detector.see(Frame(n / fps, image))
    return detector.cuts()


def shots(stage: Any, *lengths: int) -> list[np.ndarray]:
    """Shots before walls that differ, with a dancer."""
    walls = [stage.wall(seed) for seed in range(len(lengths))]
    which = [s for s, length in enumerate(lengths) for _ in range(length)]
    return [stage.picture(walls[s], people=[stage.dancer(n)]) for n, s in enumerate(which)]


def test_one_shot_has_no_cut(stage: Any) -> None:
    assert cuts_of(shots(stage, 60)) == ()


def test_a_cut_is_the_first_picture_of_the_new_shot(stage: Any) -> None:
    assert cuts_of(shots(stage, 30, 25, 20)) == pytest.approx([30 / 30, 55 / 30])


def test_times_are_those_of_the_frames_whatever_the_rate(stage: Any) -> None:
    assert cuts_of(shots(stage, 12, 12), fps=23.976) == pytest.approx([12 / 23.976])


def test_cuts_closer_than_the_adaptive_window_are_both_found(stage: Any) -> None:
    assert cuts_of(shots(stage, 20, 1, 20)) == pytest.approx([20 / 30, 21 / 30])


def test_a_shaking_camera_is_not_a_cut(stage: Any, noise: Any) -> None:
    motion = 9 * noise(60, 6, seed=2)
    wall = stage.wall(1)
    assert (
        cuts_of([stage.picture(wall, m.clip(-30, 30), [stage.dancer(n)]) for n, m in enumerate(motion)]) == ()
    )


def test_a_pan_is_not_a_cut(stage: Any) -> None:
    wall = stage.wall(1)
    assert cuts_of([stage.picture(wall, (n - 30, 0), [stage.dancer(n)]) for n in range(60)]) == ()


def test_nothing_seen_is_not_a_cut() -> None:
    assert CutDetector().cuts() == ()


@pytest.mark.parametrize("name", ["taiji", "dance_a", "dance_b"])
def test_videos_of_one_shot(shared: Path, name: str) -> None:
    detector = CutDetector()
    for frame in frames(shared / "media" / f"{name}.mp4", height=144):
        detector.see(frame)
    assert detector.cuts() == ()
