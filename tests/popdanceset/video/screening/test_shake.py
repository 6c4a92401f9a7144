"""Camera shake is measured as what it is: the fast part of the camera's path."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from popdanceset.media import Frame, frames
from popdanceset.video.screening.shake import ShakeMeter, _background, jitter

FPS = 30
TIMES = np.arange(300) / FPS


def motions(path: np.ndarray) -> np.ndarray:
    """(n, 4, 2) motion of four points that all follow a path (n, 2)."""
    return np.repeat(np.diff(path, axis=0, prepend=path[:1])[:, None], 4, axis=1)


def test_a_still_camera_has_no_jitter() -> None:
    assert jitter(TIMES, np.zeros((300, 4, 2)), np.array([])) == pytest.approx(0)


@hypothesis_settings(max_examples=30, deadline=None)
@given(x=st.floats(-0.01, 0.01), y=st.floats(-0.01, 0.01))
def test_a_steady_pan_has_no_jitter(x: float, y: float) -> None:
    path = np.arange(300)[:, None] * [x, y]
    assert jitter(TIMES, motions(path), np.array([])) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("hertz", [4.0, 6.0, 10.0])
def test_jitter_is_the_amplitude_of_fast_motion(hertz: float) -> None:
    """A sine of amplitude a has the root mean square a / √2."""
    path = np.stack([0.004 * np.sin(2 * np.pi * hertz * TIMES), 0.3 * TIMES], 1)
    value = jitter(TIMES, motions(path), np.array([]))
    assert np.median(value) == pytest.approx(0.004 / np.sqrt(2), rel=0.12)


def test_slow_motion_counts_little() -> None:
    path = np.stack([0.05 * np.sin(2 * np.pi * 0.1 * TIMES), 0 * TIMES], 1)
    assert np.nanmax(jitter(TIMES, motions(path), np.array([]))) < 0.0005


@hypothesis_settings(max_examples=20, deadline=None)
@given(factor=st.floats(0.1, 10), seed=st.integers(0, 99))
def test_jitter_scales_with_the_motion(factor: float, seed: int) -> None:
    path = np.cumsum(np.random.default_rng(seed).standard_normal((120, 2)), 0)
    once = jitter(TIMES[:120], motions(path), np.array([]))
    assert jitter(TIMES[:120], motions(factor * path), np.array([])) == pytest.approx(factor * once)


def test_motion_is_not_followed_across_cuts() -> None:
    path = np.zeros((300, 2))
    path[150:] = 0.2  # another place: a cut
    assert jitter(TIMES, motions(path), np.array([TIMES[150]])) == pytest.approx(0)
    assert jitter(TIMES, motions(path), np.array([])).max() > 0.01


def test_unknown_motion_gives_no_value() -> None:
    moved = motions(0.001 * np.random.default_rng(0).standard_normal((300, 2)))
    moved[100:200] = np.nan
    value = jitter(TIMES, moved, np.array([]))
    assert np.isnan(value[120:180]).all()
    assert not np.isnan(value[:80]).any()
    assert not np.isnan(value[220:]).any()


def metered(stage: Any, path: np.ndarray, people: bool = True, fps: int = FPS) -> np.ndarray:
    """Jitter of a filmed wall, by the whole meter; the dancer's circle is known as screening knows it."""
    meter, wall = ShakeMeter(), stage.wall(4)
    for n, camera in enumerate(path):
        dancer = stage.dancer(n)
        shown = [dancer] if people else []
        circles = np.array([[x, y, h / 2, 0.9] for x, y, h in [stage.dancer(15 * (n // 15))]][: len(shown)])
        meter.see(Frame(n / fps, stage.picture(wall, camera, shown)), circles.reshape(-1, 4))
    return np.array([np.nan if v is None else v for v in meter.shake(()).value])


@pytest.mark.parametrize("amplitude", [0.0, 0.001, 0.002, 0.004, 0.008])
def test_known_shake_is_measured(stage: Any, noise: Any, amplitude: float) -> None:
    diagonal = np.hypot(stage.width, stage.height)
    path = amplitude * diagonal / np.sqrt(2) * noise(90, 6, seed=5)  # both axes together: `amplitude`
    assert np.median(metered(stage, path)) == pytest.approx(amplitude, rel=0.15, abs=0.0003)


def test_a_dancer_alone_is_not_shake(stage: Any) -> None:
    assert np.nanmax(metered(stage, np.zeros((90, 2)))) < 0.0005


def test_a_pan_is_not_shake(stage: Any) -> None:
    path = np.stack([np.linspace(-30, 30, 90), np.linspace(5, -5, 90)], 1)
    assert np.nanmax(metered(stage, path)) < 0.0005


def test_the_rate_of_frames_does_not_matter(stage: Any) -> None:
    diagonal = np.hypot(stage.width, stage.height)
    found = []
    for fps in (24, 30, 60):
        times = np.arange(3 * fps) / fps
        path = 0.005 * diagonal * np.stack([np.sin(2 * np.pi * 5 * times), 0 * times], 1)
        found.append(np.median(metered(stage, path, fps=fps)))
    assert found == pytest.approx([0.005 / np.sqrt(2)] * 3, rel=0.2)


@pytest.mark.parametrize("amplitude", [0.0, 0.003, 0.008])
def test_a_skirting_board_reveals_shake(stage: Any, noise: Any, amplitude: float) -> None:
    """Up and down: what lies along the board cannot be seen."""
    wall = np.full((stage.height, stage.width, 3), 170, np.uint8)
    wall[130:134], wall[134:] = 220, 110
    path = amplitude * np.hypot(stage.width, stage.height) * noise(90, 6, seed=5)[:, 1]
    meter = ShakeMeter()
    for n, y in enumerate(path):
        move = np.array([[1, 0, 0], [0, 1, y]], float)
        image = cv2.warpAffine(wall, move, (stage.width, stage.height), borderMode=cv2.BORDER_REPLICATE)
        meter.see(Frame(n / FPS, image), np.empty((0, 4)))
    found = [v for v in meter.shake(()).value if v is not None]
    assert len(found) == len(meter.shake(()).value)
    assert np.median(found) == pytest.approx(amplitude, rel=0.2, abs=0.0003)


@pytest.mark.parametrize("name", ["dance_a", "dance_b"])
def test_videos_before_plain_walls_are_measured(shared: Path, name: str) -> None:
    """Still cameras; the dancer is somewhere in a circle that leaves the rims free."""
    meter = ShakeMeter()
    for frame in frames(shared / "media" / f"{name}.mp4", height=240):
        meter.see(frame, np.array([[120.0, 125.0, 75.0, 1.0]]))
    values = meter.shake(()).value
    known = [v for v in values if v is not None]
    assert len(known) > len(values) / 2
    assert np.sqrt(np.mean(np.square(known))) < 0.002


def test_a_body_is_left_out_but_not_its_whole_circle() -> None:
    """If a dancer's limbs are known, more of the background can be used."""
    up = np.array([[x, y] for y in (60, 80, 100, 120, 145, 170) for x in (150, 170)], float)
    circle = np.array([[160.0, 120.0, 70.0]])
    left_out = _background((180, 320), circle), _background((180, 320), circle, up)
    assert (left_out[0] == 0).mean() > 1.5 * (left_out[1] == 0).mean()
    for x, y in up.astype(int):
        assert left_out[1][y, x] == 0


def test_a_plain_wall_determines_nothing(stage: Any) -> None:
    meter = ShakeMeter()
    for n in range(30):
        meter.see(Frame(n / FPS, np.full((stage.height, stage.width, 3), 128, np.uint8)), np.empty((0, 4)))
    assert set(meter.shake(()).value) == {None}


def test_nothing_seen() -> None:
    assert ShakeMeter().shake(()).time == ()
