"""Shards: which of them the next release keeps, and what a refresh writes."""

from __future__ import annotations

import datetime
import hashlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from popdanceset import layout
from popdanceset.release import arrangement
from popdanceset.release import shards as shards_module
from popdanceset.release.reader import Release
from popdanceset.release.shards import MANY, Shard, kept_shards
from popdanceset.release.writer import publish
from popdanceset.schema import FRAMES, RELEASE_ROWS, VERSION
from popdanceset.settings import Settings
from popdanceset.store import Store

DAY = datetime.date(2026, 1, 2)
WEEK = datetime.timedelta(days=7)
SMALL = 60_000
"""Bytes from which a file is full, in these tests: two or three clips."""


def clips(synthetic: ModuleType, videos: range, **more: Any) -> list[dict[str, Any]]:
    return [synthetic.clip_row(f"BV{v:02d}_Clip_{n}", 40, f"m{v}", **more) for v in videos for n in (1, 2)]


def add(store: Store, synthetic: ModuleType, videos: range, all_videos: range) -> None:
    """Adds videos to a store, and leaves the rows of the others as they are."""
    kept = {name: store.read_bytes(name) for folder in ("poses", "music") for name in store.list(folder)}
    synthetic.fill_store(store, "weekly", clips(synthetic, all_videos))
    for name, data in kept.items():
        store.write_bytes(name, data)


def files(settings: Settings, path: str) -> dict[str, Path]:
    folder = Path(settings.store, path)
    return {p.relative_to(folder).as_posix(): p for d in ("data", "music") for p in (folder / d).iterdir()}


def check_consistent(settings: Settings, path: str) -> list[str]:
    """The order of rows in files, clip table, description and reader; returns it."""
    folder = Path(settings.store, path)
    frames = pd.read_parquet(folder / "data", columns=["clip_id"])
    order = list(frames["clip_id"].unique())
    table = pq.read_table(folder / "meta/clips.parquet").to_pylist()
    assert [row["clip_id"] for row in table] == order
    first_row = 0
    with Release(folder) as release:
        assert release.clip_ids() == order
        assert list(release.info.data) == sorted(release.info.data)
        for row in table:
            with pq.ParquetFile(folder / row["file"]) as file:
                group = file.read_row_group(row["row_group"], ["clip_id"])
            assert group["clip_id"].unique().to_pylist() == [row["clip_id"]]
            assert len(group) == row["frames"]
            assert row["first_row"] == first_row
            assert f"-{row['split']}-" in row["file"]
            first_row += row["frames"]
            assert release.music(row["clip_id"]).shape == (row["frames"], 35)
    assert first_row == len(frames)
    for row in pq.read_table(folder / "meta/rows.parquet", schema=RELEASE_ROWS).to_pylist():
        with pq.ParquetFile(folder / row["file"]) as file:
            group = file.read_row_group(row["row_group"])
        assert group["clip_id"].unique().to_pylist() == [row["clip_id"]]
        assert len(group) == row["rows"]
    return order


def test_a_shard_is_kept_if_all_its_clips_are_the_same() -> None:
    shards = [Shard("a", 100, {"1": "x", "2": "y"}), Shard("b", 100, {"3": "z"})]
    wanted = {"1": "x", "2": "y", "3": "z", "4": "new"}
    assert kept_shards(shards, wanted) == shards
    assert kept_shards(shards, wanted | {"2": "other"}) == shards[1:]
    assert kept_shards(shards, {"2": "y", "3": "z"}) == shards[1:]


def test_many_small_shards_are_written_together_once_something_is_new() -> None:
    shards = [Shard(str(n), 10, {str(n): "x"}) for n in range(MANY)]
    full = Shard("full", 90, {"full": "x"})
    wanted = {str(n): "x" for n in range(MANY)} | {"full": "x"}
    assert kept_shards([full, *shards], wanted, 100) == [full, *shards]
    assert kept_shards([full, *shards], wanted | {"new": "x"}, 100) == [full]
    assert kept_shards([full, *shards[1:]], wanted | {"new": "x"}, 100) == [full, *shards[1:]]


def test_a_refresh_with_five_new_videos_writes_only_their_shards(
    store: Store, settings: Settings, synthetic: ModuleType
) -> None:
    synthetic.fill_store(store, "weekly", clips(synthetic, range(20)))
    first = publish(settings, store, "weekly", day=DAY, max_bytes=SMALL)
    before = files(settings, first.path)
    stats = {name: (p.stat().st_ino, p.stat().st_mtime_ns, p.read_bytes()) for name, p in before.items()}
    add(store, synthetic, range(20, 25), range(25))
    second = publish(settings, store, "weekly", day=DAY + WEEK, max_bytes=SMALL)
    after = files(settings, second.path)
    assert len(before) > 20
    assert before.keys() <= after.keys()
    for name, path in after.items():
        if name in stats:  # the same file on the disk, not written again
            assert (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) == stats[name]
    new = after.keys() - before.keys()
    written = {clip for name in new for clip in pq.read_table(after[name])["clip_id"].to_pylist()}
    assert written == {f"BV{v}_Clip_{n}" for v in range(20, 25) for n in (1, 2)}
    order = check_consistent(settings, second.path)
    assert len(order) == 50
    for name, path in before.items():
        assert path.read_bytes() == stats[name][2]
    check_consistent(settings, first.path)
    assert not publish(settings, store, "weekly", day=DAY + 2 * WEEK, max_bytes=SMALL).written


def test_changed_removed_and_moved_clips_leave_their_shards(
    store: Store, settings: Settings, synthetic: ModuleType
) -> None:
    settings = settings.model_copy(
        update={"release": settings.release.model_copy(update={"test_share": 0.4})}  # some groups, always
    )
    synthetic.fill_store(store, "weekly", clips(synthetic, range(12)))
    first = publish(settings, store, "weekly", day=DAY, max_bytes=SMALL)
    rows = pq.read_table(Path(settings.store, first.path, "meta/rows.parquet")).to_pylist()
    file_of = {row["clip_id"]: row["file"] for row in rows if row["table"] == "frames"}
    music_of = {row["clip_id"]: row["file"] for row in rows if row["table"] == "baseline"}
    changed, gone, louder = "BV03_Clip_1", "BV07_Clip_2", "BV09_Clip_1"
    synthetic.add_poses(store, changed, 40, seed=99)
    synthetic.add_poses(store, gone, 40, accepted=False)
    synthetic.add_music(store, louder, 40, seed=99)
    second = publish(settings, store, "weekly", day=DAY + WEEK, max_bytes=SMALL)
    after = files(settings, second.path)
    order = check_consistent(settings, second.path)
    assert gone not in order
    for file in {*file_of.values(), *music_of.values()}:
        lost = file in (file_of[changed], file_of[gone], music_of[gone], music_of[louder])
        assert (file in after) is not lost, file
    for path in after.values():
        assert gone.encode() not in path.read_bytes()


def test_releases_do_not_depend_on_how_often_they_were_refreshed_except_in_their_order(
    store: Store, settings: Settings, synthetic: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of shards stays bounded over many refreshes, and all rows are those of the store."""
    monkeypatch.setattr(shards_module, "MANY", 3)
    for week in range(6):
        add(store, synthetic, range(week, week + 1), range(week + 2))
        done = publish(settings, store, "weekly", day=DAY + week * WEEK)
        with Release(Path(settings.store, done.path)) as release:
            train = [name for name in release.info.data if "-train-" in name]
            assert len(train) <= 3
    check_consistent(settings, done.path)
    twin = Store(tmp_path / "twin")
    for folder in ("clips", "poses", "verdicts", "music", "selection"):
        for name in store.list(folder):
            twin.write_bytes(name, store.read_bytes(name))
    other = publish(settings, twin, "weekly", day=DAY)
    with Release(Path(settings.store, done.path)) as a, Release(tmp_path / "twin" / other.path) as b:
        assert sorted(a.clip_ids()) == sorted(b.clip_ids())
        for clip_id in a.clip_ids():
            assert (a.frames(clip_id)["joints3d"] == b.frames(clip_id)["joints3d"]).all()


def test_the_same_store_and_release_before_give_the_same_files(
    store: Store, settings: Settings, synthetic: ModuleType
) -> None:
    # The cost of these runs, which differs, is not part of it.
    settings = settings.model_copy(update={"release": settings.release.model_copy(update={"cost": False})})
    synthetic.fill_store(store, "weekly", clips(synthetic, range(6)))
    publish(settings, store, "weekly", day=DAY, max_bytes=SMALL)
    add(store, synthetic, range(6, 8), range(8))
    found = []
    for _ in range(2):
        done = publish(settings, store, "weekly", day=DAY + WEEK, max_bytes=SMALL)
        found.append({n: hashlib.sha256(store.read_bytes(n)).hexdigest() for n in store.list(done.path)})
        shutil.rmtree(Path(settings.store, done.path))
    assert found[0] == found[1]


def test_a_damaged_shard_is_not_kept(
    store: Store, settings: Settings, synthetic: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    synthetic.fill_store(store, "weekly", clips(synthetic, range(6)))
    first = publish(settings, store, "weekly", day=DAY, max_bytes=SMALL)
    name = min(name for name in files(settings, first.path) if name.startswith("data/frames-train"))
    path = Path(settings.store, first.path, name)
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    add(store, synthetic, range(6, 7), range(7))
    with caplog.at_level(logging.WARNING):
        second = publish(settings, store, "weekly", day=DAY + WEEK, max_bytes=SMALL)
    assert f"{name} is damaged: its rows are written again" in caplog.text
    assert name not in files(settings, second.path)
    assert len(check_consistent(settings, second.path)) == 14


def test_shards_shared_in_vain_do_not_stay(
    store: Store, settings: Settings, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is new, so all small shards are kept; then one is damaged, and all are written together."""
    monkeypatch.setattr(shards_module, "MANY", 2)
    synthetic.fill_store(store, "weekly", clips(synthetic, range(8)))
    first = publish(settings, store, "weekly", day=DAY, max_bytes=SMALL)
    names = sorted(name for name in files(settings, first.path) if name.startswith("data/frames-train"))
    assert len(names) > 3
    path = Path(settings.store, first.path, names[-1])
    path.write_bytes(path.read_bytes()[:-9])
    licensed = settings.model_copy(update={"release": settings.release.model_copy(update={"license": "mit"})})
    second = publish(licensed, store, "weekly", day=DAY + WEEK, max_bytes=100 * SMALL)
    assert second.semantic_version == "1.0.1"
    check_consistent(settings, second.path)
    after = [name for name in files(settings, second.path) if name.startswith("data/frames-train")]
    assert len(after) == 1
    with Release(Path(settings.store, second.path)) as release:
        assert {name for name in release.info.data if "train" in name} == set(after)


def test_files_of_another_schema_are_not_kept(
    store: Store, settings: Settings, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic.fill_store(store, "weekly", clips(synthetic, range(3)))
    first = publish(settings, store, "weekly", day=DAY)
    with monkeypatch.context() as patch:
        patch.setattr(arrangement, "VERSION", 99)
        assert arrangement.published_shards(store, first.path, VERSION) == {}
    found = arrangement.published_shards(store, first.path, VERSION)
    parts = {key: arrangement.Part(shards, [], 0) for key, shards in found.items()}
    other = {"frames": FRAMES.with_metadata({}), "baseline": synthetic.MUSIC}
    folder = Path(settings.store, "elsewhere")
    unusable = arrangement.share(store, first.path, parts, other, folder)
    assert unusable
    assert all(name.startswith("data/") for name in unusable)
    assert not list((folder / "data").iterdir())


def test_an_object_store_copies_shards_itself(
    settings: Settings, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(f"memory://shards-{time.monotonic_ns()}")
    synthetic.fill_store(store, "weekly", clips(synthetic, range(6)))
    first = publish(settings, store, "weekly", day=DAY, max_bytes=SMALL)
    add(store, synthetic, range(6, 7), range(7))
    put = Store.put
    sent: list[str] = []
    monkeypatch.setattr(
        Store, "put", lambda self, local, name: (sent.append(name), put(self, local, name))[1]
    )
    second = publish(settings, store, "weekly", day=DAY + WEEK, max_bytes=SMALL)
    old = {name.removeprefix(first.path) for name in store.list(first.path, ".parquet")}
    uploaded = {name.removeprefix(second.path) for name in sent}
    assert not {name for name in old & uploaded if not name.startswith("/meta/")}
    assert old - {name for name in old if "/meta/" in name} <= {
        name.removeprefix(second.path) for name in store.list(second.path)
    }
    with Release(f"{store.address}/{second.path}") as release:
        assert len(release.clip_ids()) == 14
        assert release.frames("BV06_Clip_2")["joints3d"].shape == (40, 24, 3)


KILLED = """
import datetime, os, signal, sys
from popdanceset.release import writer
from popdanceset.settings import Settings
from popdanceset.store import Store
store, manifests, step, count = sys.argv[1:]
settings = Settings.load(overrides={"store": store, "manifests": manifests})
owner = next(each for each in (Store, os, writer) if hasattr(each, step))
calls, real = [0], getattr(owner, step)
def dying(*a, **k):
    calls[0] += 1
    if calls[0] == int(count):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*a, **k)
setattr(owner, step, dying)
writer.publish(settings, Store(store), "weekly", day=datetime.date(2026, 1, 9), max_bytes=60_000)
"""


@pytest.mark.parametrize(
    ("step", "count"), [("share", 3), ("link", 2), ("_write_rows", 1), ("changelog", 1), ("put_folder", 1)]
)
def test_a_killed_refresh_changes_nothing(
    store: Store, settings: Settings, synthetic: ModuleType, step: str, count: int
) -> None:
    synthetic.fill_store(store, "weekly", clips(synthetic, range(5)))
    first = publish(settings, store, "weekly", day=DAY, max_bytes=SMALL)
    before = {name: store.read_bytes(name) for name in store.list(first.path)}
    add(store, synthetic, range(5, 6), range(6))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, settings.store, settings.manifests, step, str(count)]
    assert subprocess.run(command, check=False, env=environment).returncode == -signal.SIGKILL
    assert store.list(layout.RELEASES) == sorted(before)
    store.sweep()
    assert not list(Path(settings.store, ".scratch").iterdir())
    done = publish(settings, store, "weekly", day=DAY + WEEK, max_bytes=SMALL)
    assert (done.semantic_version, done.written) in (("1.1.0", True), ("2.0.0", True))
    assert {name: store.read_bytes(name) for name in store.list(first.path)} == before
    check_consistent(settings, done.path)
