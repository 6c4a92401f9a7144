"""Releases on web servers: only the needed bytes, no listings, and one clear line when something fails."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import trustme

from popdanceset import remote_files
from popdanceset.errors import InputError, PopDanceSetError, StoreError
from popdanceset.release.reader import Release
from popdanceset.store import Store

COLUMNS = ["smpl_poses", "smpl_trans", "smpl_scaling"]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_files, "PAUSE", 0.001)


@pytest.fixture
def fifty(make_release: Callable[..., Path], synthetic: ModuleType) -> Path:
    """A release of 50 clips."""
    return make_release([synthetic.clip_row(f"BV{n}_Clip_1", 371, f"m{n}") for n in range(50)])


@pytest.fixture
def server(folder: Path, web: ModuleType) -> Iterator[Any]:
    """A server of the release."""
    with web.serve(folder) as server:
        yield server


def test_a_window_costs_little_more_than_its_row_group(fifty: Path, web: ModuleType) -> None:
    with web.serve(fifty) as server, Release(server.address) as remote, Release(fifty) as local:
        clip_id = remote.clip_ids("train")[20]
        frames, music = remote.frames(clip_id, COLUMNS), remote.music(clip_id)
        for name, values in local.frames(clip_id, COLUMNS).items():
            np.testing.assert_array_equal(frames[name], values)
        np.testing.assert_array_equal(music, local.music(clip_id))
        needed = needed_bytes(local, clip_id)
        total = sum(file.stat().st_size for file in fifty.rglob("*") if file.is_file())
        first = server.sent
        assert needed < first < 3 * needed  # with description, clip table and footers
        assert first < total / 50
        remote.frames(remote.clip_ids("train")[5], COLUMNS)
        remote.music(remote.clip_ids("train")[5])
        assert server.sent - first < 1.1 * needed  # then nothing but the row groups
        assert len(server.requests) < 25
        assert not any(name.endswith("/") for name, _, _ in server.requests)  # no listings


def needed_bytes(release: Release, clip_id: str) -> int:
    """Compressed bytes of the columns of a window, as pyarrow's metadata states them."""
    row = next(row for row in release.clips.to_pylist() if row["clip_id"] == clip_id)
    assert release.rows is not None
    place = next(
        row for row in release.rows.to_pylist() if (row["table"], row["clip_id"]) == ("baseline", clip_id)
    )
    total = 0
    for file, number, columns in (
        (row["file"], row["row_group"], COLUMNS),
        (place["file"], place["row_group"], ["features"]),
    ):
        group = pq.read_metadata(Path(release.path, file)).row_group(number)
        chunks = [group.column(index) for index in range(group.num_columns)]
        total += sum(c.total_compressed_size for c in chunks if c.path_in_schema.split(".")[0] in columns)
    return total


def test_threads_read_the_same_release(folder: Path, web: ModuleType) -> None:
    with web.serve(folder) as server, Release(server.address) as remote, Release(folder) as local:
        ids = local.clip_ids() * 6
        with ThreadPoolExecutor(6) as pool:
            found = dict(zip(ids, pool.map(lambda c: remote.frames(c, ["smpl_trans"]), ids), strict=True))
        for clip_id in ids:
            np.testing.assert_array_equal(
                found[clip_id]["smpl_trans"], local.frames(clip_id, ["smpl_trans"])["smpl_trans"]
            )


def test_releases_of_schema_version_2_are_read_by_their_footers(folder: Path, web: ModuleType) -> None:
    import json

    file = folder / "meta/info.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema_version": 2}))
    (folder / "meta/rows.parquet").unlink()
    with web.serve(folder) as server, Release(server.address) as release:
        assert release.clips_with_music() == [c for c in release.clip_ids() if c != "BV3_Clip_1"]
        assert release.music("BV2_Clip_1").shape == (400, 35)


@pytest.mark.parametrize("faults", [["cut"], ["cut", "cut", "503"], ["500", "502", "429"]])
def test_an_interrupted_read_is_continued(server: Any, folder: Path, faults: list[str]) -> None:
    with Release(server.address) as remote, Release(folder) as local:
        remote.frames("BV1_Clip_2", ["timestamp"])
        before = len(server.requests)
        server.faults = list(faults)
        poses = remote.frames("BV2_Clip_1", ["smpl_poses"])["smpl_poses"]
        np.testing.assert_array_equal(poses, local.frames("BV2_Clip_1", ["smpl_poses"])["smpl_poses"])
        parts = [(first, count) for _, first, count in server.requests[before:]]
        if faults == ["cut"]:
            assert parts[1][0] == sum(parts[0])  # only what was missing was asked for again


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        (["503"] * 9, r"not readable: the server is busy \(HTTP 503\)"),
        (["403"], r"not readable: the server refuses access \(HTTP 403\)"),
        (["404"], r"file is missing \(check the address\)"),
        (["whole"], "does not support range requests; copy the release to a folder"),
        (["302"], r"unexpected answer of the server \(HTTP 302\)"),
    ],
)
def test_a_server_that_fails_is_one_line(server: Any, faults: list[str], message: str) -> None:
    with Release(server.address) as release:
        release.frames("BV1_Clip_2", ["timestamp"])
        server.faults = list(faults)
        with pytest.raises(StoreError, match=message) as failure:
            release.frames("BV2_Clip_1")
        assert str(failure.value).startswith(f"{server.address}/data/frames-")
        assert "\n" not in str(failure.value)
        assert len(faults) - len(server.faults) <= remote_files.ATTEMPTS
        server.faults = []
        assert len(release.frames("BV2_Clip_1", ["timestamp"])["timestamp"]) == 400  # and it recovers


def test_a_server_without_ranges_is_refused_before_a_download(server: Any, folder: Path) -> None:
    server.ranges = False
    with pytest.raises(StoreError, match=r"info\.json: .* does not support range requests"):
        Release(server.address)


def test_a_busy_server_is_asked_again_when_it_says(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(remote_files.time, "sleep", pauses.append)
    with Release(server.address) as release:
        server.faults, server.headers = ["429", "429"], {"Retry-After": "7"}
        release.clip_ids()
        server.faults, server.headers = ["429"], {"Retry-After": "86400"}
        release.frames("BV1_Clip_2", ["timestamp"])
    assert pauses == [7, 7, remote_files.LONGEST_PAUSE]


def test_a_server_that_is_gone(folder: Path, web: ModuleType) -> None:
    with web.serve(folder) as server:
        release = Release(server.address)
    with pytest.raises(StoreError, match=r"clips\.parquet: not readable: "):
        release.clip_ids()
    with pytest.raises(StoreError, match="not readable: no connection: "):
        Release("https://no-such-host.invalid/release")
    with pytest.raises(StoreError, match="cannot use this address: it names no host"):
        Release("https://")


def test_what_is_missing_is_named(server: Any, folder: Path) -> None:
    with pytest.raises(InputError, match=r"/data: is not a release: meta/info\.json is missing"):
        Release(f"{server.address}/data")
    (folder / "meta/clips.parquet").unlink()
    with Release(server.address) as release, pytest.raises(StoreError, match=r"clips\.parquet: file is miss"):
        release.clip_ids()


def test_a_query_is_sent_but_never_shown(server: Any) -> None:
    with Release(f"{server.address}/?token=SECRET&x=1") as release:
        release.clip_ids()
        assert all(path.endswith("?token=SECRET&x=1") for path, _, _ in server.requests)
        server.faults = ["403"]
        with pytest.raises(StoreError) as failure:
            release.frames("BV1_Clip_2")
        assert "SECRET" not in str(failure.value)


def test_a_certificate_that_nobody_signed(folder: Path, web: ModuleType) -> None:
    import ssl

    with web.serve(folder) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with pytest.raises(StoreError, match="not readable: TLS: "):
            Release(server.address.replace("http:", "https:"))


def test_a_web_address_is_read_only_and_cannot_be_listed(server: Any) -> None:
    store = Store(server.address)
    with pytest.raises(StoreError, match="a web server does not list its folders"):
        store.list("data")
    with pytest.raises(StoreError, match="a web server is read-only"):
        store.write_bytes("x", b"1")
    with store.local("splits/train.txt") as path:
        assert path.read_bytes() == store.read_bytes("splits/train.txt")


def test_an_empty_file_and_odd_names(tmp_path: Path, web: ModuleType) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder/ü#?.txt").write_bytes(b"odd")
    (tmp_path / "empty").touch()
    with web.serve(tmp_path) as server:
        store = Store(server.address)
        assert store.read_bytes("a folder/ü#?.txt") == b"odd"
        assert store.read_bytes("empty") == b""
        assert not store.exists("a folder")


def test_the_file_system_travels_between_processes(server: Any) -> None:
    files = remote_files.HttpFiles(scheme="http", query="a=b")
    path = f"{server.address.removeprefix('http://')}/splits/train.txt"
    copy = pickle.loads(pickle.dumps(files))  # noqa: S301 - our own
    assert copy.read_range(path, 0, 4) == files.read_range(path, 0, 4)


@pytest.fixture
def memory(folder: Path) -> str:
    """The release in fsspec's memory file system."""
    import fsspec

    files = fsspec.filesystem("memory")
    files.put(str(folder), "/somewhere/release", recursive=True)
    return "memory://somewhere/release"


def test_any_other_file_system_of_fsspec(memory: str, folder: Path) -> None:
    with Release(memory) as remote, Release(folder) as local:
        np.testing.assert_array_equal(
            remote.frames("BV2_Clip_1")["smpl_poses"], local.frames("BV2_Clip_1")["smpl_poses"]
        )


def test_a_foreign_exception_is_one_line(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("odd\nlibrary")

    with Release(memory) as release:
        monkeypatch.setattr(MemoryFileSystem, "_open", fail)
        with pytest.raises(StoreError, match="not readable: RuntimeError: odd"):
            release.clip_ids()


HUB = """
import sys
from popdanceset.errors import PopDanceSetError
from popdanceset.release.reader import Release

with Release("hf://datasets/dance/pop") as release:
    print(release.frames("BV2_Clip_1", ["smpl_poses"])["smpl_poses"].shape)
with Release("hf://datasets/dance/pop@" + "1" * 40) as release:
    print(release.music("BV2_Clip_1").shape)
try:
    Release("hf://datasets/dance/nothing")
except PopDanceSetError as error:
    print(error)
"""


def test_a_release_on_the_hub(folder: Path, web: ModuleType, tmp_path: Path) -> None:
    with web.serve_hub(folder, "dance/pop") as server:
        environment = os.environ | {
            "HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", HUB], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[:2] == ["(400, 24, 3)", "(400, 35)"]
        assert lines[2].startswith("hf://datasets/dance/nothing")
        assert len(lines) == 3
        size = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
        assert server.sent < size  # in ranges: not even one copy for the two readers


def test_errors_are_of_the_tree(server: Any) -> None:
    server.faults = ["418"]
    with pytest.raises(PopDanceSetError):
        Release(server.address)
