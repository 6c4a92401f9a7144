"""Clips on their side: turned while they are read, or for good in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner

from hybrik_runner.commands.extract import extract
from hybrik_runner.estimator import Poses
from hybrik_runner.poses.camera import Calibration
from hybrik_runner.poses.framing import Orientation
from hybrik_runner.running import runner, single_file
from hybrik_runner.running.claims import Claims
from hybrik_runner.running.turning import found_turned, parse_turns, turn_clips, turned, with_rotation
from popdanceset import layout, media
from popdanceset.errors import InputError, MediaError
from popdanceset.film import write_film
from popdanceset.media import Frame
from popdanceset.schema import CLIPS
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.hybrik_runner.conftest import clip_row

SIZE = (96, 64)


def marked(path: Path, frames: int = 12, sound: bool = False) -> Path:
    """A grey film whose upper left quarter is red: which way up it is can be seen."""
    with av.open(str(path), "w") as container:
        heard = container.add_stream("aac", rate=48_000) if sound else None
        stream = container.add_stream("libx264", rate=Fraction(30), options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        image = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
        image[: SIZE[1] // 2, : SIZE[0] // 2] = [200, 0, 0]
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
        if heard is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
            silence.sample_rate = 48_000
            container.mux(heard.encode(silence))
            container.mux(heard.encode())
    return path


def red_corner(image: np.ndarray) -> tuple[bool, bool]:
    """(lower, right) of the red quarter."""
    red = image[..., 0].astype(int) - image[..., 1]
    rows, columns = np.nonzero(red > 100)
    return bool(rows.mean() > image.shape[0] / 2), bool(columns.mean() > image.shape[1] / 2)


CORNERS = {0: (False, False), 90: (False, True), 180: (True, True), 270: (True, False)}


@pytest.mark.parametrize("degrees", CORNERS)
def test_frames_turn_clockwise(tmp_path: Path, degrees: int) -> None:
    image = next(turned(media.frames(marked(tmp_path / "film.mp4")), degrees)).image
    assert image.shape[:2] == (SIZE if degrees % 180 else SIZE[::-1])
    assert red_corner(image) == CORNERS[degrees]


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("degrees", CORNERS)
def test_a_file_states_its_rotation(tmp_path: Path, degrees: int, sound: bool) -> None:
    """Whatever it stated before: 90, then the rotation."""
    data = marked(tmp_path / "film.mp4", sound=sound).read_bytes()
    path = tmp_path / "turned.mp4"
    path.write_bytes(with_rotation(with_rotation(data, 90), degrees))
    assert media.probe(path).rotation == degrees
    assert red_corner(next(media.frames(path)).image) == CORNERS[degrees]
    assert len(path.read_bytes()) == len(data)


@pytest.mark.parametrize("data", [b"", b"\0\0\0\1moov", b"\0\0\0\x08moov", b"\xff" * 100, b"RIFF" * 20])
def test_what_is_not_mp4_is_refused(data: bytes) -> None:
    with pytest.raises(MediaError, match="not an MP4 file"):
        with_rotation(data, 90, "film.mp4")


@pytest.mark.parametrize("value", ["90", "c=45", "=90", "c=", "c=-90", "c"])
def test_turns_that_cannot_be_read(value: str) -> None:
    with pytest.raises(InputError, match="--turn"):
        parse_turns([value])
    assert parse_turns(["c=90", "d=0"]) == {"c": 90, "d": 0}


@pytest.fixture
def sideways(fake: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """An estimator that sees the dancer upright when the red quarter is at the upper left."""

    class Sees(fake):  # type: ignore[misc]
        def track(self, frames: Iterator[Frame]) -> Iterator[tuple[bool, bool]]:
            return (red_corner(frame.image) for frame in frames)

        def poses(
            self, times: np.ndarray, calibration: Calibration, seen: Sequence[tuple[bool, bool]]
        ) -> Poses:
            head = {corner: degrees for degrees, corner in CORNERS.items()}[seen[0]]
            orientation = Orientation(head, 1.0, float(not head))
            return replace(super().poses(times, calibration, seen), orientation=orientation)

    monkeypatch.setattr(single_file, "loaded_estimator", lambda _: Sees())
    monkeypatch.setattr(runner, "loaded_estimator", lambda _: Sees())


@pytest.fixture
def lying(tmp_path: Path) -> Callable[[int], Path]:
    """A film whose frames are turned and whose flag is lost."""

    def write(degrees: int) -> Path:
        source, path = marked(tmp_path / "upright.mp4"), tmp_path / f"lying{degrees}.mp4"
        write_film(path, (frame.image for frame in turned(media.frames(source), degrees)), 30)
        return path

    return write


@pytest.mark.usefixtures("sideways")
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_file_on_its_side_is_reported_and_turned(
    tmp_path: Path, lying: Callable[[int], Path], degrees: int, settings: Settings
) -> None:
    path, out = lying(degrees), tmp_path / "out"
    report = single_file.extract_file(path, out, settings)
    assert report["verdict"] == "review"
    assert "turned" in report["reasons"]
    assert f"--turn {360 - degrees}" in report["note"]
    for turn in (360 - degrees, None):
        report = single_file.extract_file(path, out, settings, overlay="skeleton", turn=turn)
        assert report["turned_by"] == 360 - degrees
        assert "turned" not in report["reasons"]
        overlay = next(media.frames(out / f"{path.stem}_overlay.mp4")).image
        assert red_corner(overlay) == (False, False), "drawn on the turned frames"


@pytest.fixture
def clips(store: Store, lying: Callable[[int], Path], tmp_path: Path) -> Store:
    rows = []
    for clip_id, path in (("BV1_Clip_1", lying(90)), ("BV1_Clip_2", marked(tmp_path / "good.mp4"))):
        store.put(path, f"media/{clip_id}.mp4")
        rows.append(clip_row(clip_id))
    store.write_rows(layout.clip_rows("BV1"), rows, CLIPS)
    return store


def typed(store: Store, *options: str) -> str:
    ended = CliRunner().invoke(extract, ["--store", store.address, *options])
    assert ended.exit_code == 0, ended.output
    return ended.output


@pytest.mark.usefixtures("sideways")
@pytest.mark.parametrize("options", [("--turn", "auto"), ("--turn", "BV1_Clip_1=270")])
def test_a_clip_of_the_store_stays_turned(clips: Store, options: tuple[str, ...]) -> None:
    typed(clips)
    assert found_turned(clips) == {"BV1_Clip_1": 270}
    assert "1 clips turned: BV1_Clip_1" in typed(clips, *options)
    assert found_turned(clips) == {}
    assert "0 clips turned" in typed(clips, *options), "a second time changes nothing"
    with clips.local("media/BV1_Clip_1.mp4") as path:
        assert red_corner(next(media.frames(path)).image) == (False, False)
    assert turn_clips(clips, {"BV1_Clip_1": 0}) == ["BV1_Clip_1"]
    assert not clips.exists(layout.verdict("BV1_Clip_1")), "its poses are extracted again"
    assert clips.exists(layout.verdict("BV1_Clip_2"))


def test_a_clip_in_the_works_or_unknown_is_refused(clips: Store) -> None:
    with pytest.raises(InputError, match="no accepted clip is called 'c'"):
        turn_clips(clips, {"c": 90})
    with Claims(clips) as claims:
        assert claims.take("BV1_Clip_1")
        with pytest.raises(InputError, match="another worker"):
            turn_clips(clips, {"BV1_Clip_1": 270})
