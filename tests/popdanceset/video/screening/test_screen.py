"""One pass over a video gives all measures; its report survives as JSON."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from popdanceset.errors import MediaError, StoreError
from popdanceset.media import Frame
from popdanceset.settings import ScreeningSettings, Settings
from popdanceset.video.planning import plan
from popdanceset.video.screening import screen as screen_module
from popdanceset.video.screening.report import Screening
from popdanceset.video.screening.screen import _groups, fingerprint, screen


@pytest.fixture(scope="module")
def two_shots(stage: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3 s of one dancer, then 3 s before another wall: two dancers and a shaking camera."""
    walls = stage.wall(0), stage.wall(1)
    wave = 4 * np.sin(2 * np.pi * 6 * np.arange(90) / stage.fps)
    calm = [stage.picture(walls[0], people=[stage.dancer(n)]) for n in range(90)]
    wild = [stage.picture(walls[1], (0, wave[n]), [(80, 95, 110), (240, 95, 110)]) for n in range(90)]
    return stage.write(tmp_path_factory.mktemp("films") / "film.mp4", calm + wild)


@pytest.fixture(scope="module")
def report(stage: Any, two_shots: Path) -> Screening:
    return screen(two_shots, ScreeningSettings(), stage.find_ovals, "made from this")


def test_everything_is_measured(stage: Any, report: Screening) -> None:
    assert (report.duration, report.fps) == (pytest.approx(6.0), pytest.approx(30.0))
    assert report.cuts == pytest.approx((3.0,))
    assert report.dancers.time == pytest.approx(np.arange(12) / 2)
    assert report.dancers.count == (1,) * 6 + (2,) * 6
    assert report.dancers.whole == report.dancers.count
    time = np.array(report.shake.time)
    value = np.array(report.shake.value, float)
    assert np.diff(time) == pytest.approx(0.1, abs=0.02)
    assert value[time < 2.9].max() < 0.001
    expected = 4 / np.sqrt(2) / np.hypot(stage.width, stage.height)
    assert np.median(value[time > 3.2]) == pytest.approx(expected, rel=0.2)


def test_a_video_is_decoded_once(stage: Any, two_shots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    frames = screen_module.frames
    monkeypatch.setattr(screen_module, "frames", lambda *a, **k: calls.append(a) or frames(*a, **k))
    screen(two_shots, ScreeningSettings(height=90), stage.find_ovals)
    assert calls == [(two_shots, 90)]


@pytest.mark.parametrize("fps", [24000 / 1001, 30, 60])
def test_people_are_searched_for_at_even_intervals(fps: float) -> None:
    pictures = [Frame(n / fps, np.zeros((2, 2, 3), np.uint8)) for n in range(round(4 * fps))]
    groups = list(_groups(pictures, 0.5))
    assert [g[0].time for g in groups] == pytest.approx(np.arange(8) / 2, abs=1 / fps)
    assert [frame for group in groups for frame in group] == pictures


def test_the_report_survives_as_json(report: Screening) -> None:
    text = json.dumps(report.as_json(), allow_nan=False)
    assert Screening.from_json(json.loads(text)) == report
    assert {"duration", "fps", "cuts", "shake", "dancers"} <= json.loads(text).keys()


def test_what_is_not_report_says_so() -> None:
    for document in ({}, [], {"duration": "x"}, {"duration": 1, "fps": 30, "cuts": [], "shake": 0}):
        with pytest.raises(StoreError, match="not a screening report"):
            Screening.from_json(document)


def test_the_fingerprint_knows_what_a_report_depends_on() -> None:
    plain = fingerprint("aa", ScreeningSettings())
    assert plain == fingerprint("aa", ScreeningSettings(max_shake=0.01, min_visibility=0.5))
    assert plain != fingerprint("bb", ScreeningSettings())
    assert plain != fingerprint("aa", ScreeningSettings(sample_fps=5))


def test_a_video_that_ends_early_is_damaged(stage: Any, tmp_path: Path) -> None:
    """As a download that was cut off after its header."""
    whole = stage.write(tmp_path / "whole.mp4", [stage.picture(stage.wall(n % 3)) for n in range(120)])
    front = tmp_path / "front.mp4"
    with (
        av.open(str(whole)) as source,
        av.open(str(front), "w", options={"movflags": "faststart"}) as target,
    ):
        copy = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    data = front.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    front.write_bytes(data[: data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2])
    with pytest.raises(MediaError, match=r"front\.mp4"):
        screen(front, ScreeningSettings(), stage.find_ovals)


def test_only_the_damaged_span_is_rejected(
    stage: Any, ffmpeg: Any, tmp_path: Path, settings: Settings
) -> None:
    """From a packet of noise to the next key frame, a second later at most."""
    wall = stage.wall(1)
    pictures = [stage.picture(wall, people=[stage.dancer(n)]) for n in range(360)]
    whole = ffmpeg(
        "-i", stage.write(tmp_path / "plain.mp4", pictures), "-g", 30, "-bf", 2, tmp_path / "whole.mp4"
    )
    noise = ("-bsf:v", "noise=amount=if(eq(n\\,185)\\,2\\,0)")
    path = ffmpeg("-i", whole, "-c", "copy", *noise, tmp_path / "noisy.mp4")
    report = screen(path, settings.screening, stage.find_ovals)
    assert report.duration == pytest.approx(12.0, abs=0.01)
    (damaged,) = report.damaged
    assert (damaged[0], damaged[1]) == pytest.approx((185 / 30, 7.0), abs=0.2)
    spans = [(span.start, span.end, str(span.reason)) for span in plan(report, settings)]
    assert [reason for _, _, reason in spans] == ["", "damaged_picture", ""]
    assert spans[1][:2] == pytest.approx(damaged, abs=0.2)


@pytest.mark.parametrize("held", [0.4, 0.55, 1.0, 3.0])
def test_pictures_that_are_held_before_a_cut(
    film: Any, tmp_path: Path, settings: Settings, held: float
) -> None:
    """As a variable rate leaves out what does not change."""
    rng = np.random.default_rng(7)
    scenes = [rng.integers(0, 255, (12, 20, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(3)]
    stamps, pictures = [0], []
    for scene in scenes:
        for n in range(30):
            pictures.append(np.roll(scene, n, axis=1))
            stamps.append(stamps[-1] + 33 + (round(1000 * held) if n == 29 else 0))
    path = film.write(tmp_path / "held.mkv", pictures=pictures, times=stamps[:-1])
    report = screen(path, settings.screening, lambda image, near=None: np.zeros((0, 4)))
    assert report.cuts == pytest.approx([stamps[30] / 1000, stamps[60] / 1000], abs=0.01)
    times = np.array(report.picture.time)
    assert np.diff(times).max() < 0.2  # what is held is measured too
    if held > 1:
        still = (times > stamps[29] / 1000 + 0.7) & (times < stamps[30] / 1000 - 0.05)
        assert max(c for c, there in zip(report.picture.change, still, strict=True) if there) < 2


def test_odd_times_never_stop_the_measures() -> None:
    """Any times, any pictures: as many as two hundred random videos of uneven rate."""
    from popdanceset.video.screening.cuts import CutDetector
    from popdanceset.video.screening.panels import PanelMeter
    from popdanceset.video.screening.shake import ShakeMeter
    from popdanceset.video.screening.stillness import StillnessMeter
    from popdanceset.video.screening.transitions import TransitionDetector

    for seed in range(60):
        rng = np.random.default_rng(seed)
        steps = rng.choice([0.001, 1 / 60, 1 / 30, 0.2, 0.5, 0.6, 3.0], rng.integers(1, 50))
        scenes = rng.integers(0, 255, (4, 45, 80, 3)).astype(np.uint8)
        scenes[:2] = scenes[:2, :1, :1]  # of one colour
        cuts, soft, shake, still, panels = (
            CutDetector(), TransitionDetector(), ShakeMeter(), StillnessMeter(), PanelMeter()
        )  # fmt: skip
        for time in np.cumsum(steps) - steps[0]:
            frame = Frame(float(time), scenes[rng.integers(4)])
            for measure in (cuts, soft, still):
                measure.see(frame)
            shake.see(frame, np.empty((0, 3)))
            panels.see(frame, np.empty((0, 3)))
        hard = soft.cuts(cuts.cuts())
        assert list(hard) == sorted(hard)
        soft.transitions(hard)
        shake.motion(hard)
        panels.panels(hard)
