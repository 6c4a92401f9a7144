"""A video is planted everywhere, and withdrawn; nothing but its tombstone is left."""

from __future__ import annotations

import datetime
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError, StoreError
from popdanceset.manifest import read_manifest
from popdanceset.music.merges import PairState, aliases, pairs
from popdanceset.release.reader import Release
from popdanceset.release.versions import published, purged
from popdanceset.release.writer import publish
from popdanceset.schema import FOLLOWERS, MERGES, SELECTION, STATISTICS
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.withdrawal.command import traces as traces_command
from popdanceset.withdrawal.command import withdraw as withdraw_command
from popdanceset.withdrawal.tombstones import WithdrawalReason, read_tombstone, withdrawn
from popdanceset.withdrawal.traces import Trace, traces
from popdanceset.withdrawal.withdraw import Withdrawal, withdraw
from tests.popdanceset.withdrawal.planting import DAY as PUBLISHED
from tests.popdanceset.withdrawal.planting import GONE, KEPT, OTHER, everything, fill, places_of

DAY = datetime.date(2026, 2, 3)


def run(settings: Settings, store: Store, **more: Any) -> Withdrawal:
    caches = Path(settings.store).parent / "caches"
    return withdraw(settings, store, [GONE], WithdrawalReason.UPLOADER, day=DAY, cache_dir=caches, **more)


def test_nothing_but_the_tombstone_is_left(planted: Store, settings: Settings, tmp_path: Path) -> None:
    assert len(places_of(GONE, settings.store, settings.manifests)) > 30

    done = run(settings, planted, purge_old=True)

    stone = Path(settings.store, "tombstones", f"{GONE}.json")
    assert json.loads(stone.read_text()) == {"bvid": GONE, "day": "2026-02-03", "reason": "uploader"}
    assert places_of(GONE, tmp_path) == [str(stone)]
    assert done.purged == ("2026.01.02",)
    assert not list((tmp_path / "caches").iterdir())
    assert not any(b"of 11" in data or b"name 11" in data for _, data in everything(tmp_path))


def test_everything_else_stays(planted: Store, settings: Settings) -> None:
    before = dict(everything(settings.store))

    run(settings, planted)

    after = dict(everything(settings.store))
    own = [n for n in before if KEPT in n or OTHER in n or "releases/" in n]
    assert {n: before[n] for n in own} == {n: after[n] for n in own}
    store = planted
    rows = store.read_table("statistics", STATISTICS).to_pylist()
    assert sorted(row["bvid"] for row in rows) == [OTHER, KEPT, KEPT]
    assert {row["title"] for row in rows if row["mid"] == 22} == {"title of 22", "an answer to (withdrawn)"}
    assert len(store.list("statistics")) == 3  # a page that exists is not requested again
    assert store.read_table("followers", FOLLOWERS)["mid"].to_pylist() == [22, 33]
    assert store.read_table("selection", SELECTION)["bvid"].to_pylist() == [KEPT, OTHER]
    assert store.read_json("popularity/aaaaaaaaaaaa.json")["sample"] == {
        "size": 3,
        "bvids": [OTHER, KEPT],
        "sha256": "0",
    }
    assert store.read_json("decisions/day.json") == {KEPT: {"verdict": "no"}}
    assert store.read_bytes("decisions/notes.csv") == f"id,note\n{KEPT},better than (withdrawn)\n".encode()
    assert store.exists("reports/older.html")
    assert store.exists("crawl/date=2026-01-02/ranking-1004.json")


def test_the_newest_fit_stays_the_newest(planted: Store, settings: Settings) -> None:
    from popdanceset.popularity.model import newest_fit

    assert newest_fit(planted) == "popularity/bbbbbbbbbbbb.json"
    run(settings, planted)
    assert newest_fit(planted) == "popularity/bbbbbbbbbbbb.json"


def test_music_that_was_connected_stays_connected(planted: Store, settings: Settings) -> None:
    run(settings, planted)

    found = {(row["first"], row["second"]): (row["state"], row["bvid"]) for row in pairs(planted)}
    assert found == {
        ("sound:both", "sound:kept"): (PairState.REFUSED, ""),  # merged with the one, refused by the other
        ("sound:both", "sound:x"): (PairState.PROPOSED, ""),
    }
    assert aliases(planted) == {}
    assert planted.read_table("merges", MERGES).num_rows == 2


def test_the_manifest_keeps_the_bytes_of_other_lines(planted: Store, settings: Settings) -> None:
    folder = Path(settings.manifests, "weekly")
    before = (folder / "videos.csv").read_text()

    run(settings, planted)

    manifest = read_manifest(folder)
    assert [video.bvid for video in manifest.videos] == [OTHER, KEPT]
    after = (folder / "videos.csv").read_text()
    assert after in (before, before.replace(before[before.index(GONE) :], ""))
    assert 'two\nlines, and ""quotes""' in after
    assert (folder / "dancers.csv").read_text() == f"id,dancer_id\n{KEPT},Bob\n"
    assert (folder / "clips.csv").read_text().count("\n") == 2


def test_a_dry_run_changes_nothing_and_counts_the_same(planted: Store, settings: Settings) -> None:
    before = dict(everything(settings.store, settings.manifests))
    expected = run(settings, planted, dry_run=True, purge_old=True)
    assert dict(everything(settings.store, settings.manifests)) == before
    done = run(settings, planted, purge_old=True)
    assert done.purged == expected.purged
    assert done.caches == expected.caches
    assert done.erased == expected.erased
    assert str(expected).replace("would be ", "") == str(done)


def test_a_second_time_changes_nothing(planted: Store, settings: Settings) -> None:
    run(settings, planted, purge_old=True)
    before = dict(everything(settings.store))
    again = withdraw(settings, planted, [GONE], None, cache_dir=Path("nowhere"))
    assert dict(everything(settings.store)) == before
    assert again.new == ()
    assert list(again.erased.lines()) == []


def test_older_releases_stay_unless_they_are_purged(planted: Store, settings: Settings) -> None:
    done = run(settings, planted)
    assert done.remaining == ("2026.01.02",)
    assert Release(Path(settings.store, "releases/2026.01.02")).clips.num_rows == 5

    later = publish(settings, planted, "weekly", day=DAY)
    assert later.clips == 3
    assert places_of(GONE, Path(settings.store, later.path)) == []

    done = run(settings, planted, purge_old=True)
    assert (done.purged, done.remaining) == (("2026.01.02",), ())
    assert purged(planted) == {"2026.01.02"}
    assert [release.version for release in published(planted)] == ["2026.02.03"]
    with Release(Path(settings.store, later.path)) as newer:  # files that both shared are still there
        assert sum(len(frames["smpl_trans"]) for _, frames in newer.iterate()) == later.frames
    with pytest.raises(InputError, match=r"videos in it were withdrawn"):
        Release(Path(settings.store, "releases/2026.01.02"))
    assert planted.list("releases/2026.01.02") == ["releases/2026.01.02/WITHDRAWN.md"]


def test_a_purged_version_is_not_used_again(planted: Store, settings: Settings) -> None:
    run(settings, planted, purge_old=True)
    assert publish(settings, planted, "weekly", day=PUBLISHED).version == "2026.01.02.1"
    named = settings.model_copy(
        update={"release": settings.release.model_copy(update={"version": "2026.01.02"})}
    )
    with pytest.raises(InputError, match="not used again"):
        publish(named, planted, "weekly")


# -- stopped at any moment


@pytest.mark.parametrize("method", ["remove", "remove_folder", "write_bytes", "_write_parquet", "open_write"])
def test_an_error_at_any_step_is_made_good_by_the_next_run(
    method: str, planted: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stones = 1 if method in ("write_bytes", "open_write") else 0
    original, calls = getattr(Store, method), 0
    for allowed in [*range(stones, 9, 2), *range(9, 100, 30)]:
        calls = 0

        def limited(self: Store, *args: Any, allowed: int = allowed, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > allowed:
                raise StoreError("stopped here")
            return original(self, *args, **more)

        monkeypatch.setattr(Store, method, limited)
        try:
            run(settings, planted, purge_old=True)
        except StoreError:
            continue
        finally:
            monkeypatch.setattr(Store, method, original)
    run(settings, planted, purge_old=True)
    assert places_of(GONE, tmp_path) == [str(Path(settings.store, "tombstones", f"{GONE}.json"))]
    assert planted.read_table("followers", FOLLOWERS)["mid"].to_pylist() == [22, 33]
    assert [row["state"] for row in pairs(planted)] == ["refused", "proposed"] or len(pairs(planted)) == 2


CHILD = """
import sys
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.withdrawal.withdraw import withdraw
from popdanceset.withdrawal.tombstones import WithdrawalReason
import datetime, pathlib
store, manifests, caches = sys.argv[1:]
settings = Settings.load(overrides={"store": store, "manifests": manifests})
print("ready", flush=True)
withdraw(settings, Store(store), ["BV1Withdrawn"], WithdrawalReason.UPLOADER, day=datetime.date(2026, 2, 3),
         purge_old=True, cache_dir=pathlib.Path(caches))
"""


def test_killed_at_random_moments(planted: Store, settings: Settings, tmp_path: Path) -> None:
    moments = random.Random(3)
    kills = 0
    for _ in range(5):
        arguments = [settings.store, settings.manifests, str(tmp_path / "caches")]
        child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE)
        assert child.stdout
        child.stdout.readline()
        time.sleep(moments.uniform(0, 0.05))
        child.send_signal(signal.SIGKILL)
        kills += child.wait() == -signal.SIGKILL
        child.stdout.close()
        if not kills:
            break
    assert kills
    run(settings, planted, purge_old=True)
    assert places_of(GONE, tmp_path) == [str(Path(settings.store, "tombstones", f"{GONE}.json"))]
    assert purged(planted) == {"2026.01.02"}


def test_it_waits_for_a_worker_that_acquires_the_video(
    planted: Store, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    begun = threading.Event()
    seen = []

    def worker() -> None:
        with planted.held(f"media/{GONE}"):
            begun.set()
            deadline = time.monotonic() + 60
            while "waiting for a worker" not in caplog.text and time.monotonic() < deadline:
                time.sleep(0.01)
            seen.append(planted.exists(f"media/{GONE}/p1.mp4"))

    thread = threading.Thread(target=worker)
    thread.start()
    begun.wait(20)
    run(settings, planted)
    thread.join()
    assert seen == [True]
    assert "waiting for a worker" in caplog.text
    assert not planted.list(f"media/{GONE}")


# -- what is asked for


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["../../etc"], "not a video id"),
        (["BV1/../.."], "not a video id"),
        ([f"{GONE}_Clip_1"], "withdrawn as a whole"),
        ([], "no video is named"),
        ([""], "not a video id"),
    ],
)
def test_ids_that_cannot_be_withdrawn(ids: list[str], message: str, settings: Settings, store: Store) -> None:
    with pytest.raises(InputError, match=message):
        withdraw(settings, store, ids, WithdrawalReason.LEGAL)
    assert not store.list("tombstones")


@pytest.mark.parametrize("note", ["ask ann@example.org", "https://x.org", "call 55512345", "a\nb", "x" * 201])
def test_a_note_has_no_personal_data(note: str, settings: Settings, store: Store) -> None:
    with pytest.raises(InputError, match="note"):
        withdraw(settings, store, [GONE], WithdrawalReason.LEGAL, note)
    assert not withdrawn(store)


def test_a_video_that_the_store_never_had_gets_its_tombstone_too(settings: Settings, store: Store) -> None:
    withdraw(
        settings, store, ["https://www.bilibili.com/video/BV17x411w7KC"], WithdrawalReason.LEGAL, "court"
    )
    assert withdrawn(store) == {"BV17x411w7KC"}
    assert read_tombstone("BV17x411w7KC", store).note == "court"
    withdraw(settings, store, ["av170001"], WithdrawalReason.OTHER)
    assert read_tombstone("BV17x411w7KC", store).reason is WithdrawalReason.LEGAL  # the first one counts


def test_a_new_withdrawal_needs_a_reason(settings: Settings, store: Store) -> None:
    with pytest.raises(InputError, match="reason is needed"):
        withdraw(settings, store, [GONE], None)


def test_an_imported_id_goes_and_a_longer_one_stays(
    settings: Settings, store: Store, synthetic: ModuleType
) -> None:
    short, longer = "gBR_sBM_cAll_d04_mBR0_ch01", "gBR_sBM_cAll_d04_mBR0_ch010"
    rows = [synthetic.clip_row(f"{name}_Clip_1", 20) | {"bvid": name} for name in (short, longer)]
    synthetic.fill_store(store, "aist", rows)
    withdraw(settings, store, [short], WithdrawalReason.RIGHTS_HOLDER)
    assert places_of(f"{short}_", settings.store) == []
    assert len(places_of(longer, settings.store)) == 5


# -- the commands


def command(settings: Settings, *args: str, which: Any = withdraw_command, answer: str = "") -> Any:
    options = ["--store", settings.store, "--set", f"manifests={settings.manifests}"]
    options += ["--cache-dir", str(Path(settings.store).parent / "caches")]
    return CliRunner().invoke(which, [*args, *options], input=answer)


def test_the_command_asks_before_it_deletes(planted: Store, settings: Settings) -> None:
    asked = command(settings, GONE, "--reason", "legal", answer="n\n")
    assert asked.exit_code == 1
    assert "would be deleted: 1 row of selection" in asked.output
    assert not withdrawn(planted)

    done = command(settings, GONE, "--reason", "legal", "--yes")
    assert done.exit_code == 0
    assert "1 videos withdrawn" in done.output
    assert "releases that still contain one of them: 2026.01.02" in done.output
    assert "history of git keeps" in done.output


def test_traces_are_listed_until_there_are_none(planted: Store, settings: Settings, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(f"# asked for\n{GONE}\n")
    found = command(settings, "--file", str(listed), which=traces_command)
    assert "column bvid" in found.output
    assert "manifests/weekly/videos.csv: bytes" in found.output
    assert ": cache" in found.output
    assert isinstance(found.exception, Exception)

    command(settings, GONE, "--reason", "uploader", "--yes")
    left = command(settings, which=traces_command)
    lines = left.output.splitlines()
    assert all("/releases/2026.01.02/" in line for line in lines[:-1])
    assert len(lines) > 5
    assert command(settings, "--skip-releases", which=traces_command).exit_code == 0

    command(settings, GONE, "--purge-old", "--yes")
    clean = command(settings, which=traces_command)
    assert command(settings, "--also", str(tmp_path), which=traces_command).output.count("\n") == 2
    listed.unlink()
    everywhere = command(settings, "--also", str(tmp_path), which=traces_command)
    assert clean.output == everywhere.output == "0 traces of 1 video\n"
    assert clean.exit_code == 0


# -- every kind of store


def test_an_object_store(settings: Settings, synthetic: ModuleType, tmp_path: Path) -> None:
    address = f"memory://{secrets.token_hex(4)}"
    store = Store(address)
    fill(store, settings, synthetic)
    publish(settings, store, "weekly", day=PUBLISHED)
    before: list[Trace] = list(traces(store, [GONE], cache_dir=tmp_path))
    assert len(before) > 60

    run(settings.model_copy(update={"store": address}), store, purge_old=True)

    assert list(traces(store, [GONE], [Path(settings.manifests)], cache_dir=tmp_path)) == []
    assert store.list("tombstones") == [f"tombstones/{GONE}.json"]
    assert os.path.exists(settings.manifests)
