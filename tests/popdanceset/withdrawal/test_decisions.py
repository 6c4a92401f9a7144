"""Decisions of reviewers on a withdrawn video: erased to the last byte, also while the database is open."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from popdanceset import layout
from popdanceset.errors import StoreError
from popdanceset.review.database import ReviewDatabase
from popdanceset.review.in_force import read_decisions
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.withdrawal.command import withdraw as withdraw_command
from popdanceset.withdrawal.databases import in_database
from popdanceset.withdrawal.decisions import erase_decisions
from popdanceset.withdrawal.searching import search_file
from popdanceset.withdrawal.targets import Targets
from popdanceset.withdrawal.tombstones import WithdrawalReason
from popdanceset.withdrawal.traces import traces
from popdanceset.withdrawal.withdraw import withdraw
from tests.popdanceset.withdrawal.planting import GONE, KEPT, OTHER, decide

TARGETS = Targets([GONE])


@pytest.fixture
def path(store: Store, settings: Settings) -> Path:
    decide(store, Path(settings.manifests, "weekly"))
    return store.workplace(layout.REVIEW_DATABASE)


def bytes_of(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


def withdrawn(store: Store, settings: Settings, **more: object) -> str:
    done = withdraw(settings, store, [GONE], WithdrawalReason.UPLOADER, cache_dir=Path("nowhere"), **more)  # type: ignore[arg-type]
    return str(done)


def test_an_open_database_loses_every_byte(store: Store, settings: Settings, path: Path) -> None:
    server = ReviewDatabase(path)
    server.looked(f"{GONE}_Clip_1", "ben", 3.0)  # in the write-ahead log
    assert GONE.encode() in Path(f"{path}-wal").read_bytes()

    told = withdrawn(store, settings)

    assert GONE.encode() not in bytes_of(path)
    rows = [each.decision for each in server.decisions(everything=True)]
    assert {each.clip_id for each in rows} == {f"{KEPT}_Clip_1", f"{OTHER}_Clip_2"}
    assert all(each.note.startswith("not like (withdrawn); ") for each in rows if KEPT in each.clip_id)
    assert [look.clip_id for look in server.looks()] == [f"{KEPT}_Clip_1"]
    assert "rows of review" in told
    assert list(traces(store, [GONE])) == []
    server.close()


def test_a_dry_run_counts_the_same_and_changes_nothing(path: Path) -> None:
    before = bytes_of(path)
    expected = erase_decisions(path, TARGETS, dry_run=True)
    assert bytes_of(path) == before
    assert erase_decisions(path, TARGETS) == expected == 8  # 7 decisions, 1 look
    assert erase_decisions(path, TARGETS) == 0


def test_the_manifest_loses_its_lines(store: Store, settings: Settings, path: Path) -> None:
    folder = Path(settings.manifests, "weekly")
    withdrawn(store, settings)
    assert [each.clip_id for each in read_decisions(folder)] == [f"{OTHER}_Clip_2"]


def test_traces_are_found_where_a_text_goes_over_pages(store: Store, settings: Settings, path: Path) -> None:
    found = dict(in_database(store, layout.REVIEW_DATABASE, TARGETS))
    assert found["decisions"] == Counter({GONE: 9})
    assert found["looks"] == Counter({GONE: 1})
    before = bytes_of(path)
    named = {(trace.what, Path(trace.place).name) for trace in traces(store, [GONE])}
    assert ("table decisions", "decisions.sqlite") in named
    lines = {(t.what, Path(t.place).name) for t in traces(store, [GONE], [Path(settings.manifests)])} - named
    assert lines == {("bytes", "reviews.csv")}
    assert bytes_of(path) == before  # nothing is written beside it
    assert [each.name for each in path.parent.iterdir()] == ["decisions.sqlite"]


def test_traces_see_what_is_only_in_the_log(store: Store, path: Path) -> None:
    erase_decisions(path, TARGETS)
    server = ReviewDatabase(path)
    server.looked(f"{GONE}_Clip_1", "ben", 3.0)
    assert dict(in_database(store, layout.REVIEW_DATABASE, TARGETS)) == {"looks": Counter({GONE: 1})}
    server.close()


def test_somebody_who_reads_is_waited_for(
    store: Store, settings: Settings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popdanceset.durable_database.BUSY_SECONDS", 0.1)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM decisions").fetchone()
    with pytest.raises(StoreError, match="popdanceset review"):
        withdrawn(store, settings)
    reader.close()
    withdrawn(store, settings)
    assert GONE.encode() not in bytes_of(path)


def test_other_files_are_left_and_reported(store: Store, settings: Settings, path: Path) -> None:
    path.unlink()
    path.write_bytes(b"no database " + GONE.encode())
    assert f"cannot be cleaned, look at it: {path}" in withdrawn(store, settings)
    assert list(search_file(store, layout.REVIEW_DATABASE, TARGETS)) == [(GONE, "bytes", 1)]


def test_a_database_elsewhere_is_cleaned_by_option(settings: Settings, path: Path, tmp_path: Path) -> None:
    other = tmp_path / "mine.sqlite"
    path.rename(other)
    options = [
        "--store",
        settings.store,
        "--set",
        f"manifests={settings.manifests}",
        "--database",
        str(other),
    ]
    arguments = [GONE, "--reason", "uploader", "--yes", "--cache-dir", str(tmp_path / "none"), *options]
    done = CliRunner().invoke(withdraw_command, arguments, catch_exceptions=False)
    assert "deleted: 8 rows of review" in done.output
    assert GONE.encode() not in bytes_of(other)
