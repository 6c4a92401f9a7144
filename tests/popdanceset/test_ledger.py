"""The cost ledger: what a run used and did, kept through kills, and nothing counted twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from popdanceset import layout, ledger
from popdanceset.errors import StoreError
from popdanceset.ledger import COUNTS, Entry, count, measured, read_ledger
from popdanceset.schema import LEDGER
from popdanceset.store import Store


def burn(seconds: float) -> None:
    """Uses this much processor time in this thread."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))


def only(store: Store) -> Entry:
    (entry,) = read_ledger(store)
    return entry


def test_a_run_has_one_row_with_everything_that_was_counted_below_it(store: Store) -> None:
    with measured("extract", store, "cuda:1"):
        count(items=2, frames=90, media_seconds=3.0)
        count(items=1, rejected=1)
        store.write_bytes("media/x.mp4", b"x" * 1000)

    row = only(store)
    assert (row.stage, row.device, row.outcome) == ("extract", "cuda:1", "finished")
    assert (row.items, row.rejected, row.frames, row.media_seconds) == (3, 1, 90, 3.0)
    assert row.bytes_written == 1000
    assert row.gpu_seconds == row.seconds > 0
    assert row.started_at <= row.progressed_at <= row.updated_at
    assert store.list(layout.LEDGER) == [layout.ledger_row("extract", row.run_id)]


def test_outside_of_a_run_counting_does_nothing_and_unknown_names_are_errors(store: Store) -> None:
    count(items=1)
    with pytest.raises(KeyError, match="itmes"):
        count(itmes=1)
    assert read_ledger(store) == []


def test_a_run_that_did_nothing_leaves_no_row(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), measured("features", store):
        _ = 1 / 0
    assert not Path(store.address).exists()


def test_batches_of_a_process_continue_their_row_and_a_later_run_begins_another(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        with measured("acquire", store):
            count(items=2)
    assert only(store).items == 6

    monkeypatch.setattr(ledger, "LONGEST_PAUSE", -1.0)
    with measured("acquire", store):
        count(items=1)
    assert [row.items for row in read_ledger(store)] == [6, 1]


def test_an_error_ends_the_row_with_its_kind(store: Store) -> None:
    def refused() -> None:
        with measured("crawl", store):
            count(requests=7, refused=3)
            raise StoreError("full", store)

    with pytest.raises(StoreError):
        refused()
    row = only(store)
    assert (row.outcome, row.requests, row.refused) == ("StoreError", 7, 3)


def test_processor_time_includes_child_processes(store: Store) -> None:
    program = "import time\nwhile time.process_time() < 0.4: sum(range(1000))"
    with measured("acquire", store):
        count(items=1)
        subprocess.run([sys.executable, "-c", program], check=True)
    assert 0.4 <= only(store).cpu_seconds < 2.0


def test_stages_that_run_at_once_divide_the_time_of_their_process(store: Store) -> None:
    """The sum is what the process used, measured apart; nothing is counted twice."""
    gate = threading.Barrier(2)

    def work(stage: str) -> None:
        with measured(stage, store):
            count(items=1)
            gate.wait()
            burn(0.3)
            gate.wait()

    before = time.process_time()
    threads = [threading.Thread(target=work, args=(stage,)) for stage in ("acquire", "features")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used = time.process_time() - before

    rows = read_ledger(store)
    assert {row.stage for row in rows} == {"acquire", "features"}
    assert 0.6 <= sum(row.cpu_seconds for row in rows) <= used + 0.05
    assert min(row.cpu_seconds for row in rows) > 0.2


def test_two_threads_of_a_stage_share_a_row_whose_seconds_do_not_add_up(store: Store) -> None:
    gate = threading.Barrier(2)

    def work() -> None:
        with measured("acquire", Store(store.address)):
            gate.wait()
            count(items=1)
            time.sleep(0.2)

    start = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed = time.monotonic() - start

    row = only(store)
    assert row.items == 2
    assert 0.2 <= row.seconds <= passed


def test_a_killed_run_keeps_what_it_had_written(store: Store) -> None:
    program = f"""
import time
from popdanceset import ledger
from popdanceset.store import Store
ledger.FIRST = ledger.INTERVAL = 0.05
with ledger.measured("extract", Store({store.address!r})):
    ledger.count(items=5, frames=100)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        while not store.list(layout.LEDGER):
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    row = only(store)
    assert (row.outcome, row.items, row.frames) == ("running", 5, 100)


def test_a_store_that_fails_costs_the_accounting_and_not_the_run(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("full", store)

    monkeypatch.setattr(store, "write_rows", fail)
    with measured("acquire", store):
        count(items=1)
    assert "cost ledger is not written" in caplog.text


def test_entries_have_the_columns_of_the_table() -> None:
    assert [*Entry.__dataclass_fields__] == LEDGER.names
    assert set(COUNTS) <= set(LEDGER.names)
