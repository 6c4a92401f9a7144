"""Workers of several machines on one S3 store: no clip twice, also when the store fails in every way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from hybrik_runner.running import runner
from hybrik_runner.running.waiting import waiting
from popdanceset.errors import StoreError
from popdanceset.leases import Leases
from popdanceset.schema import CLIPS, FRAMES
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from tests.hybrik_runner.conftest import FakeEstimator, clip_row
from tests.s3 import FaultyS3

CLIP_IDS = [f"BV1_Clip_{number}" for number in range(1, 43)]
FRAME_COUNT = 6


@pytest.fixture
def filled(s3: FaultyS3, film: Callable[..., Path]) -> Store:
    """An S3 store with 42 short accepted clips."""
    store = Store(s3.new_address())
    data = film(FRAME_COUNT).read_bytes()
    for clip_id in CLIP_IDS:
        store.write_bytes(f"media/{clip_id}.mp4", data)
    store.write_table("clips/BV1.parquet", from_rows([clip_row(each) for each in CLIP_IDS], CLIPS), CLIPS)
    return store


def worker(store: Store, log: Path, lease: float = 60.0, pause: float = 0.0) -> subprocess.Popen[str]:
    """A worker process: notes each clip for which it writes tables, or is about to."""
    script = f"""
        import sys, time
        from hybrik_runner.running import claims, runner
        from popdanceset.settings import Settings
        from popdanceset.store import Store
        from tests.hybrik_runner.conftest import FakeEstimator
        claims.Claims.__init__.__defaults__ = ({lease}, time.time)
        write = runner._write
        def noted(clip_id, *rest):
            with open({str(log)!r}, "a") as file:
                file.write(clip_id + "\\n")
            time.sleep({pause})
            write(clip_id, *rest)
        runner._write = noted
        try:
            rows = runner.extract(Settings(), Store({store.address!r}), estimator=FakeEstimator())
        except Exception as error:
            sys.exit(f"{{type(error).__name__}}: {{error}}")
        assert len(rows) == {len(CLIP_IDS)}
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


ROOT = Path(__file__).parents[3]


def complete(store: Store) -> None:
    """Fails unless each clip is in the store once. No claim is left, or the next run sweeps it up."""
    assert waiting(store) == []
    assert len(store.list("verdicts")) == len(CLIP_IDS)
    frames = Counter(store.read_table("poses", FRAMES, ["clip_id"])["clip_id"].to_pylist())
    assert frames == dict.fromkeys(CLIP_IDS, FRAME_COUNT)
    assert store.list("claims") == []


@pytest.mark.slow
@pytest.mark.parametrize("faulty", [False, True], ids=["sound", "faulty"])
def test_two_workers_share_a_store(filled: Store, s3: FaultyS3, tmp_path: Path, faulty: bool) -> None:
    """Faulty: every tenth write is refused, every seventh is not answered, and all answers are slow."""
    if faulty:
        s3.fail_every, s3.lose_every, s3.latency = 10, 7, 0.01
    workers = [worker(filled, tmp_path / "log") for _ in range(2)]
    said = [each.communicate(timeout=120)[1] for each in workers]
    assert [each.returncode for each in workers] == [0, 0], said
    assert not faulty or {status for _, status in s3.writes} >= {200, 412, 500, 503}
    s3.behave()
    assert sorted((tmp_path / "log").read_text().split()) == sorted(CLIP_IDS), "each clip once"
    complete(filled)


@pytest.mark.slow
def test_a_killed_workers_clips_wait_for_its_claims_to_expire(filled: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    killed, survivor = (worker(filled, log, lease=2.0, pause=0.05) for _ in range(2))
    begun = time.monotonic()
    while len(filled.list("verdicts")) < 6 and time.monotonic() - begun < 60:
        time.sleep(0.02)
    killed.kill()
    assert survivor.communicate(timeout=120)[0] is None
    assert survivor.returncode == 0
    killed.communicate()
    complete(filled)
    # What the dead one had begun: as many clips as it decodes and tracks at once, and those it has finished.
    assert sum(count - 1 for count in Counter(log.read_text().split()).values()) <= 1


def test_a_worker_that_was_only_presumed_dead_does_not_write(filled: Store, tmp_path: Path) -> None:
    """It is stopped for longer than its lease, and goes on after another one has taken its clips over."""
    first_log, other_log = tmp_path / "first", tmp_path / "other"
    first = worker(filled, first_log, lease=1.5, pause=0.05)
    begun = time.monotonic()
    while len(filled.list("verdicts")) < 3 and time.monotonic() - begun < 60:
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGSTOP)
    other = worker(filled, other_log, lease=1.5)
    assert other.wait(120) == 0
    os.kill(first.pid, signal.SIGCONT)
    said = first.communicate(timeout=120)[1]
    assert first.returncode == 0, said
    complete(filled)
    taken_over = set(other_log.read_text().split()) & set(first_log.read_text().split())
    assert len(taken_over) <= 1, "at most the clip whose tables it was writing when it was stopped"


@pytest.mark.slow
def test_a_storm_stops_the_worker_with_one_line_and_another_run_completes_the_store(
    filled: Store, s3: FaultyS3, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popdanceset.conditional.PAUSE", 0.001)
    done: list[str] = []

    def storm_after_five(steps: int, note: str) -> None:
        done.append(note)
        s3.storm = len(done) >= 5

    with pytest.raises(StoreError, match=r"^(s3://)?bucket/.*: not .*writable: .*(503|SLOW_DOWN)") as raised:
        runner.extract(settings, filled, advance=storm_after_five, estimator=FakeEstimator())
    assert "\n" not in str(raised.value)
    s3.storm = False
    assert 5 <= len(filled.list("verdicts")) < len(CLIP_IDS)
    # Claims that could not be released in the storm would count for another minute.
    monkeypatch.setattr(Leases, "_has_expired", lambda *_: True)
    runner.extract(settings, filled, estimator=FakeEstimator())
    complete(filled)
