"""Damaged data cost what they show, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from popdanceset.errors import MediaError
from popdanceset.media import frames, probe
from popdanceset.settings import Settings
from popdanceset.video.cutting import cut
from popdanceset.video.screening.screen import screen

FFmpeg = Callable[..., Path]
Make = Callable[..., Path]


@pytest.fixture
def damaged(film: Any, ffmpeg: FFmpeg, tmp_path: Path) -> Make:
    """A film of ten seconds, a key frame every second, of which some packets are noise."""

    def make(suffix: str, packets: str, codec: tuple[object, ...] = ("-c:v", "libx264")) -> Path:
        film.write(tmp_path / "plain.mkv", 300)
        whole = ffmpeg(
            "-i", tmp_path / "plain.mkv", *codec, "-g", 30, "-crf", 12, tmp_path / f"whole.{suffix}"
        )
        noise = f"noise=amount=if({packets}\\,2\\,0)"
        return ffmpeg("-i", whole, "-c", "copy", "-bsf:v", noise, tmp_path / f"noisy.{suffix}")

    return make


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
def test_one_damaged_packet_costs_its_span(suffix: str, damaged: Make, film: Any, tmp_path: Path) -> None:
    path = damaged(suffix, "eq(n\\,100)", ("-c:v", "libx264", "-bf", 0))
    damage: list[tuple[float, float]] = []
    shown = {film.number(f.image) for f in frames(path, damage=damage)}
    assert shown >= set(range(100)) | set(range(120, 300))
    if suffix != "ts":  # there the packet is lost, and its picture with it
        assert len(damage) == 1
        assert damage[0] == pytest.approx((100 / 30, 4.0), abs=0.05)

    assert sum(1 for _ in frames(path, fps=30)) == 300
    assert cut(path, 3.0, 5.0, tmp_path / "clip.mp4", None) == 60
    numbers = film.numbers(tmp_path / "clip.mp4")
    assert numbers[:9] == list(range(90, 99))
    assert numbers[-25:] == list(range(125, 150))


def test_the_report_keeps_what_is_damaged(damaged: Make, settings: Settings) -> None:
    report = screen(
        damaged("mp4", "eq(n\\,150)"), settings.screening, lambda image, near=None: np.zeros((0, 4))
    )
    again = type(report).from_json(report.as_json())
    assert again == report
    old = {name: value for name, value in report.as_json().items() if name != "damaged"}
    assert type(report).from_json(old).damaged == ()


def test_a_film_of_noise_is_damaged(damaged: Make, settings: Settings) -> None:
    path = damaged("mp4", "gt(mod(n\\,30)\\,3)")
    with pytest.raises(MediaError, match="cannot be decoded"):
        screen(path, settings.screening, lambda image, near=None: np.zeros((0, 4)))


def test_extraction_says_what_it_hides(damaged: Make, caplog: pytest.LogCaptureFixture) -> None:
    path = damaged("mp4", "between(n\\,100\\,103)", ("-c:v", "mpeg4", "-q:v", 3))
    list(frames(path))
    assert "packets are damaged" in caplog.text or probe(path).frames == 300


def test_shared_case(shared: Path, settings: Settings) -> None:
    path = shared / "cases" / "data" / "media" / "m18_noise.mp4"
    report = screen(path, settings.screening, lambda image, near=None: np.zeros((0, 4)))
    (span,) = report.damaged
    assert span == pytest.approx((52 / 30, 2.0), abs=0.1)
    assert report.duration == pytest.approx(4.0)
