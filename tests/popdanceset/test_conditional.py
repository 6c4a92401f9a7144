"""Conditional writes: of several writers one succeeds, also when answers are lost or the server is busy."""

from __future__ import annotations

import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from popdanceset import conditional
from popdanceset.conditional import s3_options
from popdanceset.errors import StoreError
from popdanceset.store import Store
from tests.s3 import FaultyS3


@pytest.fixture(params=["local", "no hard links", "memory", "s3"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store of each kind that has conditional writes."""
    if request.param == "s3":
        return Store(request.getfixturevalue("s3").new_address())
    if request.param == "no hard links":
        monkeypatch.setattr(conditional, "link_new", _without_links)
    return Store(tmp_path / "store" if "memory" not in request.param else f"memory://{secrets.token_hex(4)}")


def _without_links(path: Path, data: bytes) -> bool:
    raise PermissionError(1, "Operation not permitted", str(path))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between attempts, which do not take place."""
    pauses: list[float] = []
    monkeypatch.setattr(conditional.time, "sleep", pauses.append)
    return pauses


def test_a_file_is_created_once_and_replaced_as_it_was_read(any_store: Store) -> None:
    first = any_store.create("a/b c/視", b"one")
    assert first
    assert any_store.create("a/b c/視", b"two") is None
    assert any_store.read_version("a/b c/視") == (b"one", first)
    second = any_store.replace("a/b c/視", b"three", first)
    assert second not in (None, first)
    assert any_store.replace("a/b c/視", b"four", first) is None, "somebody replaced it meanwhile"
    assert any_store.read_bytes("a/b c/視") == b"three"

    any_store.drop("a/b c/視")
    any_store.drop("a/b c/視")
    assert any_store.read_version("a/b c/視") is None
    assert any_store.replace("a/b c/視", b"five", str(second)) is None, "and it does not come back"
    assert any_store.create("a/b c/視", b"six")
    assert any_store.list("a") == ["a/b c/視"]


def test_of_several_writers_one_succeeds(any_store: Store) -> None:
    stores = [Store(any_store.address) for _ in range(6)]

    def at_once(act: Callable[[Store, bytes], str | None]) -> list[str]:
        barrier = threading.Barrier(len(stores))

        def one(number: int) -> str | None:
            barrier.wait()
            return act(stores[number], b"%d" % number)

        with ThreadPoolExecutor(len(stores)) as threads:
            return [version for version in threads.map(one, range(len(stores))) if version]

    for round_ in range(5):
        (version,) = at_once(lambda store, data, n=round_: store.create(f"x/{n}", data))  # type: ignore[misc]
        assert (
            len(at_once(lambda store, data, v=version, n=round_: store.replace(f"x/{n}", data + b"!", v)))
            == 1
        )  # type: ignore[misc]


def test_documents_and_rows_are_created_once(any_store: Store) -> None:
    assert any_store.create_json("d.json", {"by": "one"})
    assert not any_store.create_json("d.json", {"by": "other"})
    assert any_store.read_json("d.json") == {"by": "one"}


# -- S3


def test_a_lost_answer_is_not_taken_for_somebody_elses_write(s3: FaultyS3, quick: list[float]) -> None:
    store = Store(s3.new_address())
    version = store.create("checked", b"")
    assert version
    s3.behave()
    s3.lose_every = 2  # every second one: the first attempt of every write comes through, and is not answered
    s3._count = 1
    created = store.create("a", b"mine")
    assert [status for key, status in s3.writes if key.endswith("/a")] == [500, 412]
    assert created, "it is this writer's own file that exists"
    s3._count = 1
    assert store.replace("a", b"mine, renewed", created)
    assert store.read_bytes("a") == b"mine, renewed"
    s3._count = 1
    assert store.create("a", b"another's") is None
    assert quick


def test_every_tenth_write_fails_and_nobody_notices(s3: FaultyS3, quick: list[float]) -> None:
    store = Store(s3.new_address())
    s3.fail_every = 10
    versions = [store.create(f"x/{number}", b"%d" % number) for number in range(40)]
    assert all(versions)
    assert len(quick) == len([status for _, status in s3.writes if status == 503]) >= 4
    assert len(store.list("x")) == 40


def test_a_storm_ends_in_one_clear_line_and_the_store_can_be_used_again(
    s3: FaultyS3, quick: list[float]
) -> None:
    store = Store(s3.new_address())
    assert store.create("before", b"")
    s3.storm = True
    with pytest.raises(StoreError, match=r"^s3://bucket/.*/prefix/a: .*503.*run again") as raised:
        store.create("a", b"")
    assert "\n" not in str(raised.value)
    assert "SlowDown" not in str(raised.value), "the server's document is not part of the line"
    assert len(quick) == conditional.ATTEMPTS - 1
    assert quick[-1] > quick[0], "back-off"
    s3.storm = False
    assert store.create("a", b"")


def test_slow_answers_take_time_and_nothing_else(s3: FaultyS3) -> None:
    store = Store(s3.new_address())
    s3.latency = 0.2
    begun = time.monotonic()
    assert store.create("a", b"1")
    assert store.create("a", b"2") is None
    assert time.monotonic() - begun > 0.4
    assert store.read_bytes("a") == b"1"


def test_a_server_that_ignores_the_conditions_is_found_out(s3: FaultyS3) -> None:
    s3.ignores_conditions = True
    store = Store(s3.new_address())
    for _ in range(2):
        with pytest.raises(StoreError, match=r"ignores If-None-Match.*use a server with conditional writes"):
            store.create("a", b"")
    assert not store.exists("a")
    assert [name for name, is_file in store.walk() if is_file] == [], "nor is the probe left behind"


def test_a_server_is_asked_once(s3: FaultyS3) -> None:
    address = s3.new_address()
    Store(address).create("a", b"")
    asked = len(s3.writes)
    Store(address).create("b", b"")
    assert len(s3.writes) == asked + 1


def test_without_the_package_it_says_what_to_install(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    store = Store(s3.new_address())
    store.write_bytes("a", b"everything else works")
    assert store.read_bytes("a") == b"everything else works"
    with pytest.raises(StoreError, match=r"obstore.*pip install 'popdanceset\[s3\]'"):
        store.create("b", b"")


def test_a_bucket_that_does_not_exist(s3: FaultyS3, quick: list[float]) -> None:
    store = Store(s3.new_address().replace("bucket", "nobody-made-this"))
    with pytest.raises(StoreError, match=r"nobody-made-this/.*: not readable or writable: .*404"):
        store.create("a", b"")


def test_other_object_stores_say_that_they_cannot(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no conditional writes.*use a folder or s3://"):
        Store(f"local://{tmp_path}").create("a", b"")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://b/p", {"region": "eu-west-1", "virtual_hosted_style_request": True}),
        ("s3://b/p?region=us-west-2", {"region": "us-west-2", "virtual_hosted_style_request": True}),
        (
            "s3://k:s%2F1@b/p?endpoint_override=h:9000&scheme=http",
            {
                "endpoint": "http://h:9000",
                "access_key_id": "k",
                "secret_access_key": "s/1",
                "virtual_hosted_style_request": False,
            },
        ),
        (
            "s3://b/p?endpoint_override=h:9000&force_virtual_addressing=true",
            {"endpoint": "https://b.h:9000", "virtual_hosted_style_request": True},
        ),
    ],
)
def test_addresses_mean_what_they_mean_to_pyarrow(
    address: str, expected: dict[str, object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    assert {"region": "eu-west-1"} | expected == s3_options(address, "eu-west-1")


def test_keys_of_a_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = d\naws_secret_access_key = e\n"
        "[team]\naws_access_key_id = a\naws_secret_access_key = b%c\naws_session_token = t\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    assert s3_options("s3://b/p")["access_key_id"] == "d"
    monkeypatch.setenv("AWS_PROFILE", "team")
    chosen = s3_options("s3://b/p")
    assert (chosen["secret_access_key"], chosen["session_token"]) == ("b%c", "t")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment")
    assert "access_key_id" not in s3_options("s3://b/p"), "the environment wins"


# -- what rests on it


def test_of_two_publishers_one_publishes_a_whole_release(s3: FaultyS3, tmp_path: Path) -> None:
    """Two machines upload releases of one name: all files of one are there, and none of the other."""
    address = s3.new_address()

    def publish(machine: str) -> str:
        folder = tmp_path / machine
        for name in ("data/a", "data/b", "meta/info.json"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(machine)
        try:
            Store(address).put_folder(folder, "releases/1", "meta/info.json")
        except StoreError as error:
            return "" if error.what == "already exists" else str(error)
        return machine

    with ThreadPoolExecutor(2) as threads:
        (winner,) = [machine for machine in threads.map(publish, ("one", "other")) if machine]
    store = Store(address)
    assert store.list("releases") == ["releases/1/data/a", "releases/1/data/b", "releases/1/meta/info.json"]
    assert {store.read_bytes(name) for name in store.list("releases")} == {winner.encode()}
    assert store.list("leases") == []


def test_one_machine_at_a_time_works_on_a_folder(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("popdanceset.leases.POLL", 0.01)
    address, inside, most = s3.new_address(), [0], [0]

    def work(cache: Path) -> None:
        store = Store(address)
        store.workplace = lambda name: cache / name  # type: ignore[method-assign]
        with store.held("media/BV1") as folder:
            assert folder.is_dir()
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            threading.Event().wait(0.1)
            inside[0] -= 1

    with tempfile.TemporaryDirectory() as caches, ThreadPoolExecutor(3) as threads:
        list(threads.map(work, [Path(caches, machine) for machine in "abc"]))
    assert most == [1]
