"""The stage that computes the music features of every accepted clip with audio."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from popdanceset import layout
from popdanceset.errors import FailedError, InputError, StoreError
from popdanceset.music.command import features as features_command
from popdanceset.music.extractor import fit_length
from popdanceset.music.features import extract_features
from popdanceset.schema import CLIPS, FAILURES, music_schema
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from tests.in_process import InProcess

SCHEMA = music_schema("baseline", 35)


def clip_row(clip_id: str | None, frames: int, music_path: str, accepted: bool = True) -> dict:
    return {
        "clip_id": clip_id,
        "bvid": "BV1",
        "page": 1,
        "start": 0.0,
        "end": frames / 30,
        "frames": frames,
        "path": "media/BV1/clip.mp4",
        "music_path": music_path,
        "music_id": "m1",
        "genre": "unknown",
        "dancer_id": "1",
        "cuts_per_minute": 0.0,
        "shake": 0.0,
        "dancers": 1.0,
        "visibility": 1.0,
        "accepted": accepted,
        "reason": "" if accepted else "too_short",
    }


@pytest.fixture
def clips(store: Store, tmp_path: Path) -> Store:
    """A store with two clips with audio, one without, and a rejected span."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 48_000)
    for n in (1, 2):
        soundfile.write(tmp_path / "sound.wav", noise, 48_000)
        store.put(tmp_path / "sound.wav", f"media/BV1/BV1_Clip_{n}.wav")
    rows = [
        clip_row("BV1_Clip_1", 28, "media/BV1/BV1_Clip_1.wav"),
        clip_row("BV1_Clip_2", 40, "media/BV1/BV1_Clip_2.wav"),
        clip_row("BV1_Clip_3", 30, ""),
        clip_row(None, 0, "", accepted=False),
    ]
    store.write_table("clips/BV1.parquet", from_rows(rows, CLIPS), CLIPS)
    return store


def test_an_engine_computes_what_is_missing(clips: Store, settings: Settings, in_process: InProcess) -> None:
    elsewhere = settings.model_copy(update={"engine": "ray"})
    told: list[int] = []
    assert extract_features(elsewhere, clips, lambda steps=1, note="": told.append(steps)) == 2
    assert in_process.given == ["BV1_Clip_1", "BV1_Clip_2"]
    assert sum(told) == 2
    assert len(clips.read_table("music/baseline", SCHEMA)) == 28 + 40
    assert extract_features(elsewhere, clips) == 0
    clips.remove("music/baseline/BV1_Clip_2.parquet")
    clips.write_bytes("media/BV1/BV1_Clip_2.wav", b"no sound")
    for attempts, retry in ((1, False), (1, False), (2, True)):
        with pytest.raises(FailedError, match="BV1_Clip_2"):
            extract_features(elsewhere, clips, retry_failed=retry)
        assert in_process.given[2:] == ["BV1_Clip_2"] * attempts, "a clip that failed is left alone"


def test_music_of_aist_is_tracked_at_the_tempo_of_its_name(
    clips: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        clip_row(f"BV1_Clip_{n}", 28, f"media/BV1/BV1_Clip_{n}.wav") | {"music_id": music}
        for n, music in ((1, "aist:mHO2"), (2, "m1"))
    ]
    clips.write_table("clips/BV1.parquet", from_rows(rows, CLIPS), CLIPS)
    tempos: list[float | None] = []

    def heard(samples: np.ndarray, rate: int, mode: str, tempo: float | None) -> np.ndarray:
        tempos.append(tempo)
        return np.zeros((28, 35), np.float32)

    monkeypatch.setattr("popdanceset.music.baseline.baseline_features", heard)
    assert extract_features(settings, clips) == 2
    assert tempos == [120.0, None]


class Counter:
    """A feature extractor that only counts: the frame number, and an event in its last frame."""

    name, width, events = "counter", 2, slice(1, 2)

    def __init__(self) -> None:
        self.calls: list[Path] = []

    def __call__(self, path: Path) -> np.ndarray:
        self.calls.append(path)
        features = np.zeros((31, 2), np.float32)
        features[:, 0] = np.arange(31)
        features[-1, 1] = 1
        return features


def test_every_accepted_clip_with_audio_gets_a_row_per_frame(
    clips: Store, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []
    with caplog.at_level(logging.INFO):
        computed = extract_features(settings, clips, lambda steps=1, note="": seen.append(note))
    assert computed == 2
    assert seen == ["BV1_Clip_1", "BV1_Clip_2", "BV1_Clip_3"]
    assert "1 clips have no audio" in caplog.text
    assert "baseline features: 2 of 3 clips computed (68 frames), 1 without audio, in " in caplog.text
    assert "BV1_Clip_3" in caplog.text
    assert clips.list("music") == ["music/baseline/BV1_Clip_1.parquet", "music/baseline/BV1_Clip_2.parquet"]
    for clip_id, frames in (("BV1_Clip_1", 28), ("BV1_Clip_2", 40)):
        table = clips.read_table(layout.music_features(clip_id, "baseline"), SCHEMA)
        assert table["frame_index"].to_pylist() == list(range(frames))
        assert set(table["clip_id"].to_pylist()) == {clip_id}
        assert len(table["features"][0]) == 35


def test_finished_clips_are_kept_and_recut_ones_computed_again(clips: Store, settings: Settings) -> None:
    counter = Counter()
    assert extract_features(settings, clips, extractor=counter) == 2
    assert extract_features(settings, clips, extractor=counter) == 0
    rows = [clip_row("BV1_Clip_1", 25, "media/BV1/BV1_Clip_1.wav")]
    clips.write_table("clips/BV1.parquet", from_rows(rows, CLIPS), CLIPS)
    assert extract_features(settings, clips, extractor=counter) == 1
    assert len(counter.calls) == 3


def test_a_killed_run_leaves_only_whole_tables(clips: Store, settings: Settings) -> None:
    class Killed(Counter):
        def __call__(self, path: Path) -> np.ndarray:
            if len(self.calls) == 1:
                raise KeyboardInterrupt
            return super().__call__(path)

    with pytest.raises(KeyboardInterrupt):
        extract_features(settings, clips, extractor=Killed())
    assert clips.list("music") == ["music/counter/BV1_Clip_1.parquet"]
    assert extract_features(settings, clips, extractor=Counter()) == 1


def test_a_clip_that_fails_does_not_stop_the_others(clips: Store, settings: Settings) -> None:
    """It is left alone afterwards, until another try is wanted."""

    class Stumbling(Counter):
        def __call__(self, path: Path) -> np.ndarray:
            if "Clip_1" in path.name:
                self.calls.append(path)
                raise ZeroDivisionError("planted")
            return super().__call__(path)

    stumbling, seen = Stumbling(), list[str]()
    with pytest.raises(FailedError, match=r"BV1_Clip_1: features/counter: 1 failed") as caught:
        extract_features(settings, clips, lambda _=1, note="": seen.append(note), stumbling)
    assert caught.value.exit_code == 1
    assert seen == ["BV1_Clip_1", "BV1_Clip_2", "BV1_Clip_3"]
    assert clips.list("music") == ["music/counter/BV1_Clip_2.parquet"]
    (row,) = clips.read_table(layout.FAILURES, FAILURES).to_pylist()
    assert (row["reason"], row["item"], row["bvid"]) == ("failed", "BV1_Clip_1", "BV1")
    assert row["note"].startswith("ZeroDivisionError: planted")

    calls = len(stumbling.calls)
    with pytest.raises(FailedError):
        extract_features(settings, clips, extractor=stumbling)
    assert len(stumbling.calls) == calls
    assert extract_features(settings, clips, extractor=Counter(), retry_failed=True) == 1
    assert clips.list(layout.FAILURES) == []
    assert extract_features(settings, clips, extractor=Counter()) == 0


def test_audio_that_cannot_be_read_costs_its_clip(clips: Store, settings: Settings) -> None:
    clips.write_bytes("media/BV1/BV1_Clip_1.wav", b"no sound")
    with pytest.raises(FailedError, match="BV1_Clip_1"):
        extract_features(settings, clips)
    assert clips.list("music") == ["music/baseline/BV1_Clip_2.parquet"]


def test_a_missing_audio_file_is_named(clips: Store, settings: Settings) -> None:
    clips.remove("media/BV1/BV1_Clip_2.wav")
    with pytest.raises(StoreError, match=r"BV1_Clip_2\.wav: file is missing"):
        extract_features(settings, clips, extractor=Counter())


def test_a_store_without_accepted_clips_is_an_error(store: Store, settings: Settings) -> None:
    with pytest.raises(InputError, match=r"there are no accepted clips \(run `popdanceset acquire` first\)"):
        extract_features(settings, store)


def test_the_command_reports_how_many(clips: Store, settings: Settings) -> None:
    result = CliRunner().invoke(features_command, ["--store", settings.store], catch_exceptions=False)
    assert result.output.endswith("computed the music features of 2 clips\n")


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.just(3)), elements=st.integers(0, 9)),
    st.integers(1, 20),
)
def test_fitting_keeps_existing_rows_and_repeats_no_event(features: np.ndarray, frames: int) -> None:
    fitted = fit_length(features, frames, slice(2, 3))
    assert fitted.shape == (frames, 3)
    shared = min(frames, len(features))
    np.testing.assert_array_equal(fitted[:shared], features[:shared])
    assert (fitted[shared:, :2] == features[-1, :2]).all()
    assert not fitted[shared:, 2].any()
