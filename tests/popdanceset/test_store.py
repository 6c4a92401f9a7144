"""The store: the same behaviour on a folder, on fsspec and on S3; nothing half-written is ever visible."""

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from popdanceset import schema, tables
from popdanceset.atomic import PARTIAL
from popdanceset.errors import SchemaError, StoreError
from popdanceset.store import Store

MUSIC = schema.music_schema("test", 2)


@pytest.fixture(params=["local", "memory", "s3"])
def any_store(request, tmp_path):
    """An empty store on each kind of address."""
    if request.param == "s3":
        return Store(request.getfixturevalue("s3").new_address())
    return Store(tmp_path / "a store" if request.param == "local" else f"memory://{secrets.token_hex(4)}")


@pytest.fixture
def folder(store):
    """The folder of a local store."""
    return Path(store.address)


def music(clip_id="a", frames=2):
    rows = [{"clip_id": clip_id, "frame_index": i, "features": [i / 2, -i]} for i in range(frames)]
    return tables.from_rows(rows, MUSIC)


def everything_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# -- on every kind of address


def test_files_come_back(any_store):
    assert not any_store.exists("media/a b/視頻.txt")
    any_store.write_bytes("media/a b/視頻.txt", b"first")
    any_store.write_bytes("media/a b/視頻.txt", b"second")

    assert any_store.exists("media/a b/視頻.txt")
    assert not any_store.exists("media/a b")  # a folder is not a file
    assert any_store.read_bytes("media/a b/視頻.txt") == b"second"

    any_store.remove("media/a b/視頻.txt")
    any_store.remove("media/a b/視頻.txt")
    assert not any_store.exists("media/a b/視頻.txt")


def test_names_below_a_folder_are_sorted(any_store):
    for name in (
        "t/b.parquet",
        "t/x=1/a.parquet",
        "t/a.json",
        "t/.hidden/c.parquet",
        "t/.d.parquet",
        "other/e.parquet",
    ):
        any_store.write_bytes(name, b"")

    assert any_store.list("t") == ["t/a.json", "t/b.parquet", "t/x=1/a.parquet"]
    assert any_store.list("t", ".parquet") == ["t/b.parquet", "t/x=1/a.parquet"]
    assert any_store.list("nowhere") == []
    any_store.write_bytes("t/b.parquet", b"four")
    assert any_store.sizes("t") == {"t/a.json": 0, "t/b.parquet": 4, "t/x=1/a.parquet": 0}
    assert any_store.sizes("nowhere") == {}


def test_folders_share_files(any_store, tmp_path):
    for name, shared in (("first", {}), ("second", {"data/old": "first/data/old"})):
        with any_store.scratch() as scratch:
            folder = scratch / "whole"
            (folder / "data").mkdir(parents=True)
            (folder / "last").write_text(name)
            if shared:
                any_store.share("first/data/old", folder / "data/old")
                (folder / "data/new").write_bytes(b"new")
            else:
                (folder / "data/old").write_bytes(b"old")
            any_store.put_folder(folder, name, "last", shared)
    assert any_store.list("second") == ["second/data/new", "second/data/old", "second/last"]
    assert any_store.read_bytes("second/data/old") == b"old"
    any_store.remove("first/data/old")
    assert any_store.read_bytes("second/data/old") == b"old"
    with pytest.raises(StoreError, match="missing"):
        any_store.share("first/data/old", tmp_path / "copy")


def test_a_shared_file_is_one_file_or_else_a_copy(store, folder, tmp_path, monkeypatch):
    store.write_bytes("a/file", b"content")
    store.share("a/file", tmp_path / "linked")
    assert (tmp_path / "linked").samefile(folder / "a/file")

    def refuse(*_):
        raise OSError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    store.share("a/file", tmp_path / "below/copied")
    assert (tmp_path / "below/copied").read_bytes() == b"content"
    assert not (tmp_path / "below/copied").samefile(folder / "a/file")


def test_documents_come_back(any_store):
    document = {"title": "廣場舞 <&>", "values": [1, 2.5, None], "deep": {"yes": True}}

    any_store.write_json("d.json", document)

    assert any_store.read_json("d.json") == document
    assert "廣場舞" in any_store.read_bytes("d.json").decode()
    any_store.write_bytes("e.json", b"{")
    with pytest.raises(StoreError, match=r"e\.json: not JSON"):
        any_store.read_json("e.json")
    with pytest.raises(ValueError, match="Out of range"):
        any_store.write_json("f.json", float("nan"))
    assert not any_store.exists("f.json")


def test_tables_come_back(any_store):
    assert any_store.read_table("music", MUSIC).equals(MUSIC.empty_table())
    any_store.write_table("music/b.parquet", music("b"), MUSIC)
    any_store.write_table("music/a.parquet", music("a", 3), MUSIC)
    any_store.write_table("music/a.parquet", music("a", 3), MUSIC)  # again: replaced, not doubled

    table = any_store.read_table("music", MUSIC)

    assert table.schema.equals(MUSIC, check_metadata=True)
    assert table["clip_id"].to_pylist() == ["a", "a", "a", "b", "b"]
    assert table["features"].to_pylist()[2] == [1.0, -2.0]
    assert any_store.read_table("music/b.parquet", MUSIC).equals(music("b"))
    later = any_store.read_table("music", MUSIC, ["clip_id"], filter=ds.field("frame_index") == 2)
    assert later.to_pydict() == {"clip_id": ["a"]}


def test_what_is_missing_is_named(any_store):
    for read in (any_store.read_bytes, any_store.read_json):
        with pytest.raises(StoreError, match=r"none\.json: file is missing"):
            read("none.json")
    with pytest.raises(StoreError, match=r"none\.parquet: file is missing"):
        any_store.read_table("none.parquet", MUSIC)
    with pytest.raises(StoreError, match=r"none\.mp4: file is missing"), any_store.local("none.mp4"):
        pass


def test_a_write_that_fails_leaves_the_old_file(any_store):
    any_store.write_bytes("a", b"old")

    def write_half(name):
        with any_store.open_write(name) as file:
            file.write(b"half")
            raise ZeroDivisionError

    for name in ("a", "new"):
        with pytest.raises(ZeroDivisionError):
            write_half(name)

    assert any_store.read_bytes("a") == b"old"
    assert not any_store.exists("new")


def test_media_move_in_and_are_lent_out(any_store, tmp_path):
    with any_store.scratch() as scratch:
        (scratch / "v.mp4").write_bytes(b"film")
        any_store.put(scratch / "v.mp4", "media/x/v.mp4")
        assert not (scratch / "v.mp4").exists()
    assert not scratch.exists()

    with any_store.local("media/x/v.mp4") as path:
        assert path.name == "v.mp4"
        assert path.read_bytes() == b"film"
    assert any_store.is_local == path.exists()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/../../x", "a/..", "/etc/passwd", "//etc/passwd", "///etc", "a\0b"]
)
@pytest.mark.parametrize("address", ["local", "memory://guarded"])
def test_names_cannot_leave_the_store(name, address, tmp_path):
    store = Store(tmp_path / "store" if address == "local" else address)
    (tmp_path / "file").touch()

    for call in (
        store.exists,
        store.list,
        store.remove,
        store.read_bytes,
        lambda name: store.write_bytes(name, b""),
        lambda name: store.put(tmp_path / "file", name),
        lambda name: store.read_table(name + ".parquet" if name.endswith("x") else name, MUSIC),
    ):
        with pytest.raises(StoreError, match="not a name inside the store"):
            call(name)
    assert everything_below(tmp_path) == ["file"]


# -- tables


def test_only_tables_of_the_schema_are_written(store, folder):
    with pytest.raises(SchemaError, match=r"music/a\.parquet: column 'features' of table 'music' is missing"):
        store.write_table("music/a.parquet", music().drop_columns("features"), MUSIC)
    assert not folder.exists() or everything_below(folder) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda table: table.drop_columns("frame_index"),
        lambda table: table.set_column(1, "frame_index", [["one", "two"]]),
        lambda table: table.set_column(1, "frame_index", [[None, 1]]),
    ],
    ids=["column missing", "wrong type", "nulls"],
)
def test_a_file_that_does_not_hold_the_columns(store, folder, damage):
    store.write_table("music/a.parquet", music(), MUSIC)
    pq.write_table(damage(pa.Table.from_pylist(music().to_pylist())), folder / "music" / "b.parquet")

    with pytest.raises(SchemaError, match=r"music/b\.parquet: .*run its stage again"):
        store.read_table("music", MUSIC)
    assert len(store.read_table("music", MUSIC, ["clip_id"])) == 4  # what was asked for is there


FOOTER = 600
"""Bytes from the end of a small parquet file that lie within its footer."""


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-20],
        lambda data: b"",
        lambda data: data[:-FOOTER] + b"\xff" * 40 + data[40 - FOOTER :],  # pyarrow: OSError, invalid TType
        lambda data: data[:4] + b"\xff" * (len(data) // 2) + data[4 + len(data) // 2 :],
    ],
    ids=["cut", "emptied", "footer overwritten", "pages overwritten"],
)
def test_a_damaged_file_among_others(store, folder, damage):
    for name in "abc":
        store.write_table(f"music/{name}.parquet", music(frames=1000), MUSIC)
    file = folder / "music" / "b.parquet"
    file.write_bytes(damage(file.read_bytes()))

    with pytest.raises(SchemaError, match=r"music/b\.parquet: .*delete the damaged file"):
        store.read_table("music", MUSIC)


def test_an_unknown_column(store):
    store.write_table("music/a.parquet", music(), MUSIC)
    with pytest.raises(SchemaError, match="colour"):
        store.read_table("music", MUSIC, filter=pc.field("colour") == 1)


# -- killed, unreadable, unreachable

WRITER = """
import sys, time
from popdanceset.store import Store
store = Store(sys.argv[1])
with store.scratch() as scratch, store.open_write("media/a.mp4") as file:
    (scratch / "part").write_bytes(b"half")
    file.write(b"half"); file.flush()
    print("in the middle", flush=True)
    time.sleep(60)
"""


def test_a_killed_write_is_invisible_and_swept_away(store, folder):
    store.write_bytes("media/b.mp4", b"whole")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, store.address], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout
    try:
        assert writer.stdout.readline() == "in the middle\n"
        unfinished = everything_below(folder)
        assert len(unfinished) == 3

        store.sweep()  # its owner lives: not touched
        assert everything_below(folder) == unfinished
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()

    assert store.list("media") == ["media/b.mp4"]
    assert not store.exists("media/a.mp4")
    store.sweep()
    assert everything_below(folder) == ["media/b.mp4"]
    assert list((folder / ".scratch").iterdir()) == []


def test_sweep_leaves_this_process_alone(store, folder):
    with store.scratch() as scratch, store.open_write("a") as file:
        (scratch / "part").touch()
        store.sweep()
        file.write(b"whole")
        assert (scratch / "part").exists()

    assert store.read_bytes("a") == b"whole"


def test_sweep_accepts_an_empty_or_remote_store(store):
    store.sweep()
    Store("memory://swept").sweep()


def test_a_file_appears_only_when_it_is_complete(store, folder):
    with store.open_write("m/a.bin") as file:
        file.write(b"half")
        file.flush()
        (partial,) = (folder / "m").iterdir()
        assert partial.name.startswith(PARTIAL)
        assert store.list("m") == []
    assert [path.name for path in (folder / "m").iterdir()] == ["a.bin"]


def test_long_names_can_be_written(store):
    name = "n" * 255  # what a file system allows
    store.write_bytes(name, b"x")
    assert store.exists(name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_a_folder_without_permission(store, folder):
    store.write_bytes("t/a.parquet", b"")
    (folder / "t").chmod(0)
    try:
        for call in (store.exists, store.read_bytes, lambda name: store.write_bytes(name, b"")):
            with pytest.raises(StoreError, match="permission"):
                call("t/a.parquet")
        with pytest.raises(StoreError, match="permission"):
            store.list("t")
    finally:
        (folder / "t").chmod(0o700)


def test_refusals_of_the_system_are_reported(store, monkeypatch):
    """The same as above for those who may read everything: the system's refusal is played."""

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    for attempt in (lambda: store.write_bytes("a", b""), lambda: store.scratch().__enter__()):
        with pytest.raises(StoreError, match=r"Permission denied \(check permissions and free space\)"):
            attempt()


@pytest.mark.parametrize(
    "address",
    ["nosuch://x", "s3://", "s3://user:pass word@bucket", "memory2://x"],
    ids=["scheme", "s3", "uri", "fsspec"],
)
def test_addresses_that_cannot_be_used(address):
    with pytest.raises(StoreError, match="cannot use this address"):
        Store(address)


def test_a_bucket_that_does_not_exist(s3):
    store = Store(s3.new_address().replace("bucket", "nobody-made-this"))

    with pytest.raises(StoreError, match="not writable"):
        store.write_bytes("a", b"")
    assert not store.exists("a")


def test_access_keys_are_not_shown():
    store = Store("s3://KEY:SECRET@bucket/prefix?endpoint_override=127.0.0.1:1&scheme=http&region=us-east-1")

    assert str(store) == "s3://bucket/prefix"
    with pytest.raises(StoreError) as caught:
        store.exists("../x")
    assert "SECRET" not in str(caught.value)


def test_a_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    Store("~/dance").write_bytes("a", b"")
    assert (tmp_path / "dance" / "a").exists()


def test_a_workplace_is_the_same_in_every_run_and_never_listed(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    place = store.workplace("media/x/.part/p1")
    assert place == tmp_path / "store/media/x/.part/p1"
    assert place == Store(tmp_path / "store").workplace("media/x/.part/p1")
    place.mkdir(parents=True)
    (place / "film.mp4.part").touch()
    assert store.list("media") == []
    remote = Store("memory://bucket/a").workplace("p1")
    assert remote == Store("memory://bucket/a").workplace("p1") != Store("memory://bucket/b").workplace("p1")


def test_a_file_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").touch()
    with pytest.raises(StoreError, match="is a file"):
        Store(tmp_path / "film.mp4")


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_bytes("a", b"")
    with pytest.raises(StoreError, match=r"a/b: not writable.*check permissions"):
        store.write_bytes("a/b", b"")
    with pytest.raises(StoreError, match="cannot move this file"):
        store.put(tmp_path / "none", "c")
