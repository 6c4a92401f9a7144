"""The runner with an estimator that needs no network: verdicts, resuming, faults."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hybrik_runner.running import runner
from popdanceset.errors import InputError, StoreError
from popdanceset.schema import CLIPS, FRAMES, VERDICTS, Reason
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows

Film = Callable[..., Path]


def clip_row(number: int, accepted: bool = True) -> dict[str, object]:
    clip_id = f"BV1_Clip_{number}"
    return {
        "clip_id": clip_id if accepted else None,
        "bvid": "BV1",
        "page": 1,
        "start": 0.0,
        "end": 1.0,
        "frames": 30 if accepted else 0,
        "path": f"media/BV1/{clip_id}.mp4" if accepted else "",
        "music_path": "",
        "music_id": "",
        "genre": "unknown",
        "dancer_id": "1",
        "cuts_per_minute": 0.0,
        "shake": 0.0,
        "dancers": 1.0,
        "visibility": 1.0,
        "accepted": accepted,
        "reason": "" if accepted else Reason.TOO_SHORT.value,
    }


@pytest.fixture
def clips(store: Store, film: Film) -> list[str]:
    """A store with three accepted clips of 30 frames and a rejected span."""
    for number in (1, 2, 3):
        store.put(film(30, name=f"{number}.mp4"), f"media/BV1/BV1_Clip_{number}.mp4")
    rows = [clip_row(1), clip_row(2), clip_row(3), clip_row(4, accepted=False)]
    store.write_table("clips/BV1.parquet", from_rows(rows, CLIPS), CLIPS)
    return [f"BV1_Clip_{number}" for number in (1, 2, 3)]


def read(store: Store, name: str, schema: object) -> list[dict[str, object]]:
    return store.read_table(name, schema).to_pylist()  # type: ignore[arg-type]


def test_an_accepted_clip(store: Store, settings: Settings, film: Film, fake: type) -> None:
    row = runner.extract_clip(film(60), "BV1_Clip_1", "BV1", settings, store, fake())
    assert (row["frames"], row["detected"], row["accepted"], row["reason"]) == (60, 60, True, "")
    assert row["estimator"] == "fake-1"
    assert read(store, "verdicts", VERDICTS) == [row]
    with store.local("poses/BV1_Clip_1.parquet") as path:
        assert pq.ParquetFile(path).num_row_groups == 1
    assert len(read(store, "poses", FRAMES)) == 60


def test_a_finished_clip_is_not_touched(store: Store, settings: Settings, film: Film, fake: type) -> None:
    path, estimator = film(10), fake()
    first = runner.extract_clip(path, "BV1_Clip_1", "BV1", settings, store, estimator)
    path.unlink()
    assert runner.extract_clip(path, "BV1_Clip_1", "BV1", settings, store, estimator) == first
    assert estimator.calls == 1


def test_short_gaps_are_accepted(store: Store, settings: Settings, film: Film, fake: type) -> None:
    row = runner.extract_clip(film(90), "c", "BV1", settings, store, fake(missed=range(40, 46)))
    assert (row["accepted"], row["detected"]) == (True, 84)
    assert "6 frames filled in" in str(row["note"])


@pytest.mark.parametrize(
    ("frames", "missed", "reason", "message", "poses"),
    [
        (300, range(100, 120), Reason.NOT_TRACKED, "lost for 0.67 s", 300),
        (60, range(0, 60, 3), Reason.NOT_TRACKED, "67% of the frames", 60),
        (30, range(30), Reason.NOT_TRACKED, "nobody was found in 30 frames", 0),
        (1, (), Reason.TOO_SHORT, "1 frames hold no motion", 1),
        (1, (0,), Reason.NOT_TRACKED, "nobody was found", 0),
    ],
)
def test_rejected_clips_keep_a_row_with_the_reason(
    store: Store,
    settings: Settings,
    film: Film,
    fake: type,
    frames: int,
    missed: range,
    reason: Reason,
    message: str,
    poses: int,
) -> None:
    row = runner.extract_clip(film(frames), "c", "BV1", settings, store, fake(missed))
    assert (row["accepted"], row["reason"]) == (False, reason.value)
    assert message in str(row["note"])
    assert read(store, "verdicts", VERDICTS) == [row]
    assert len(read(store, "poses", FRAMES)) == poses


def test_restless_poses_are_rejected(store: Store, settings: Settings, film: Film, fake: type) -> None:
    strict = settings.model_copy(update={"pose": settings.pose.model_copy(update={"max_jitter": 0.01})})
    row = runner.extract_clip(film(30), "c", "BV1", strict, store, fake())
    assert row["reason"] == Reason.UNSTEADY_POSE.value


@pytest.mark.parametrize("content", [b"", b"no film at all" * 100])
def test_a_damaged_file(store: Store, settings: Settings, tmp_path: Path, fake: type, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    row = runner.extract_clip(path, "c", "BV1", settings, store, fake())
    assert (row["accepted"], row["reason"], row["frames"]) == (False, Reason.DAMAGED.value, 0)
    assert row["note"]


def test_a_missing_file_is_not_a_verdict(
    store: Store, settings: Settings, tmp_path: Path, fake: type
) -> None:
    with pytest.raises(InputError, match="no such file"):
        runner.extract_clip(tmp_path / "clip.mp4", "c", "BV1", settings, store, fake())
    assert store.list("verdicts") == []


@pytest.mark.parametrize("clip_id", ["../c", "a/b", "", ".hidden", "a\nb"])
def test_ids_never_become_paths(
    store: Store, settings: Settings, film: Film, fake: type, clip_id: str
) -> None:
    with pytest.raises(InputError, match="is not a clip id"):
        runner.extract_clip(film(3), clip_id, "BV1", settings, store, fake())


def test_all_clips_of_a_store(
    store: Store, settings: Settings, clips: list[str], fake: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[Settings] = []

    def load(settings: Settings) -> object:
        loads.append(settings)
        return fake()

    monkeypatch.setattr(runner, "loaded_estimator", load)
    steps: list[str] = []
    rows = runner.extract(settings, store, advance=lambda _, note: steps.append(note))
    assert [row["clip_id"] for row in rows] == clips
    assert sorted(steps) == clips
    assert len(loads) == 1, "all threads share one estimator"
    assert store.list("poses") == [f"poses/{c}.parquet" for c in clips]

    loads.clear()
    assert runner.extract(settings, store) == rows
    assert not loads, "finished clips need no estimator"


def test_the_callers_own_estimator(store: Store, settings: Settings, clips: list[str], fake: type) -> None:
    own = fake()
    runner.extract(settings, store, clips[:1], estimator=own)
    runner.extract(settings, store, clips[1:], estimator=own)
    assert own.calls == 3


def test_chosen_clips(
    store: Store, settings: Settings, clips: list[str], fake: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "loaded_estimator", lambda _: fake())
    assert [row["clip_id"] for row in runner.extract(settings, store, clips[1:2])] == clips[1:2]
    with pytest.raises(InputError, match="BV9"):
        runner.extract(settings, store, ["BV9"])


def test_an_empty_store(store: Store, settings: Settings) -> None:
    assert runner.extract(settings, store) == []


def test_a_missing_file_is_reported_and_the_rest_is_kept(
    store: Store, settings: Settings, clips: list[str], fake: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "loaded_estimator", lambda _: fake())
    store.remove(f"media/BV1/{clips[2]}.mp4")
    with pytest.raises(StoreError, match="missing"):
        runner.extract(settings, store)
    done = {row["clip_id"] for row in read(store, "verdicts", VERDICTS)}
    assert done <= set(clips[:2])


def test_killed_between_poses_and_verdict(
    store: Store, settings: Settings, film: Film, fake: type, tmp_path: Path
) -> None:
    """A process killed (SIGKILL) as it is about to write the verdict leaves nothing that counts as done."""
    path = film(20)
    script = f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from pathlib import Path
        from conftest import FakeEstimator
        from hybrik_runner.running import runner
        from popdanceset.settings import Settings
        from popdanceset.store import Store
        def fatal(self, name, rows, schema):
            assert name.startswith("verdicts")
            os.kill(os.getpid(), signal.SIGKILL)
        Store.write_rows = fatal
        runner.extract_clip(Path({str(path)!r}), "c", "BV1", Settings(), Store({settings.store!r}),
        FakeEstimator())
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert store.list("poses") == ["poses/c.parquet"]
    assert store.list("verdicts") == []
    row = runner.extract_clip(path, "c", "BV1", settings, store, fake())
    assert row["accepted"]
    assert len(read(store, "poses", FRAMES)) == 20
    assert len(read(store, "verdicts", VERDICTS)) == 1
