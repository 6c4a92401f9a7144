"""Several workers on one list of clips, killed at any moment: nothing lost or done twice, the same tables."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from hybrik_runner.commands.extract import extract
from hybrik_runner.running import devices, runner
from popdanceset.errors import PopDanceSetError
from popdanceset.ledger import read_ledger
from popdanceset.schema import CLIPS, FRAMES
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from tests.hybrik_runner.conftest import FakeEstimator, clip_row

CLIP_IDS = [f"BV1_Clip_{number}" for number in range(1, 9)]


@pytest.fixture
def clips(store: Store, film: Callable[..., Path]) -> list[str]:
    """A store with eight short accepted clips."""
    rows = []
    for number, clip_id in enumerate(CLIP_IDS):
        store.put(film(6 + number, name=f"{clip_id}.mp4"), f"media/{clip_id}.mp4")
        rows.append(clip_row(clip_id))
    store.write_table("clips/BV1.parquet", from_rows(rows, CLIPS), CLIPS)
    return CLIP_IDS


def begin(store: Store, log: Path) -> subprocess.Popen[bytes]:
    """A worker process with the estimator of the tests, which is slow and records what it does."""
    script = f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from conftest import FakeEstimator
        from hybrik_runner.running import runner
        from popdanceset.settings import Settings
        from popdanceset.store import Store
        class Slow(FakeEstimator):
            def poses(self, times, calibration, predictions):
                time.sleep(0.05)
                with open({str(log)!r}, "a") as file:
                    file.write(f"{{len(times) - 5}}\\n")
                return super().poses(times, calibration, predictions)
        runner.loaded_estimator = lambda settings: Slow()
        rows = runner.extract(Settings(), Store({store.address!r}))
        assert len(rows) == 8
    """
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])


def tables(store: Store) -> dict[str, bytes]:
    return {name: store.read_bytes(name) for name in store.list("poses") + store.list("verdicts")}


def test_two_processes_share_a_list(store: Store, clips: list[str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    workers = [begin(store, log), begin(store, log)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert sorted(log.read_text().split()) == [str(n) for n in range(1, 9)], "each clip once"
    assert len(store.list("verdicts")) == len(clips)
    assert len(store.read_table("poses", FRAMES)) == sum(range(6, 14))
    assert not any(Path(store.address, ".claims").iterdir())


@pytest.mark.usefixtures("clips")
def test_killed_at_random_and_resumed_gives_the_same_tables(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert begin(store, log).wait(60) == 0
    wanted = tables(store)
    for name in wanted:
        store.remove(name)

    moments = random.Random(3)
    for _ in range(3):
        worker = begin(store, log)
        started = time.monotonic()
        while worker.poll() is None and not store.list("verdicts") and time.monotonic() - started < 30:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.15))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    survivor = begin(store, log)
    assert survivor.wait(60) == 0
    assert tables(store) == wanted


def test_a_killed_workers_clips_are_taken_over(store: Store, clips: list[str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    first, second = begin(store, log), begin(store, log)
    started = time.monotonic()
    while len(store.list("verdicts")) < 2 and time.monotonic() - started < 30:
        time.sleep(0.01)
    first.kill()
    assert second.wait(60) == 0
    first.wait()
    assert len(store.list("verdicts")) == len(clips)


@pytest.mark.usefixtures("models")
def test_a_worker_for_each_device(store: Store, clips: list[str]) -> None:
    """Two processes of their own with the embedded estimator, which finds nobody in grey films."""
    ended = CliRunner().invoke(extract, ["--store", store.address, "--devices", "cpu,cpu"])
    assert ended.exit_code == 0, ended.output
    assert ended.output.splitlines()[-1] == f"  not_tracked: {len(clips)}"
    assert len(store.list("verdicts")) == len(clips)
    rows = read_ledger(store)  # a row a process; their figures are those of the clips together
    assert len(rows) == 2
    assert (sum(row.items for row in rows), sum(row.rejected for row in rows)) == (len(clips), len(clips))
    assert {(row.stage, row.device, row.outcome) for row in rows} == {("extract", "cpu", "finished")}


@pytest.mark.usefixtures("clips")
def test_errors_on_a_device_are_reported(store: Store, settings: Settings) -> None:
    two = {"devices": ("cpu", "cpu"), "estimator": "clairvoyant"}
    unknown = settings.model_copy(update={"pose": settings.pose.model_copy(update=two)})
    with pytest.raises(PopDanceSetError, match="no pose estimator is called 'clairvoyant'"):
        runner.extract(unknown, store)
    assert store.list("verdicts") == []


@pytest.mark.usefixtures("clips")
def test_devices_whose_processes_die(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_worker", _die)
    two = settings.model_copy(update={"pose": settings.pose.model_copy(update={"devices": ("cpu", "cpu")})})
    with pytest.raises(PopDanceSetError, match="8 clips are unfinished because their workers crashed"):
        runner.extract(two, store)


def _die(*_: object) -> None:
    os._exit(9)


@pytest.mark.usefixtures("clips")
def test_an_estimator_on_a_gpu_counts_the_seconds_for_which_it_holds_it(
    store: Store, settings: Settings, fake: type[FakeEstimator]
) -> None:
    class OnGpu(fake):  # type: ignore[misc]
        device = "cuda:1"

    verdicts = runner.extract(settings, store, estimator=OnGpu())
    (row,) = read_ledger(store)
    assert (row.device, row.items, row.rejected) == ("cuda:1", 8, sum(not v["accepted"] for v in verdicts))
    assert row.frames == sum(verdict["frames"] for verdict in verdicts) == round(30 * row.media_seconds)
    assert row.gpu_seconds == row.seconds > 0
    tables = sum(store.sizes("poses").values()) + sum(store.sizes("verdicts").values())
    assert row.bytes_written == tables
