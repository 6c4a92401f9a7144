"""The safety net keeps what an item failed with, and lets pass what concerns the run."""

import errno
import logging
from pathlib import Path

import pytest

import popdanceset
from popdanceset import layout
from popdanceset.errors import (
    AssetError,
    FailedError,
    PopDanceSetError,
    RefusedError,
    SettingsError,
    StoreError,
    TransferError,
)
from popdanceset.safety import Net, check_failures
from popdanceset.schema import FAILURES, Reason
from popdanceset.store import Store

STAGE, BVID = "acquire", "BV1xx411c7mD"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def fail(net: Net, item: str, error: BaseException) -> None:
    with net.under(item, BVID):
        raise error


def test_a_failure_is_a_row_with_its_kind_and_a_traceback_in_the_log(store, caplog):
    net = Net(STAGE, store)
    with caplog.at_level(logging.ERROR):
        fail(net, "one", ValueError("max() of\nnothing"))
    (row,) = store.read_table(layout.failure(STAGE, "one"), FAILURES).to_pylist()
    assert (row["reason"], row["bvid"], row["version"]) == (Reason.FAILED, BVID, popdanceset.__version__)
    assert row["note"].startswith("ValueError: max() of nothing (test_safety.py, line ")
    assert caplog.records[0].exc_info
    assert net.note("one") == row["note"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (RefusedError("no"), RefusedError),
        (SettingsError("no"), SettingsError),
        (AssetError("no"), AssetError),
        (StoreError("no"), StoreError),
        (TransferError("no"), TransferError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (SystemExit(1), SystemExit),
        (OSError(errno.ENOSPC, "No space left on device", "x"), StoreError),
        (ModuleNotFoundError("no module of this name"), PopDanceSetError),
    ],
)
def test_what_concerns_the_run_passes(store, error, raised):
    net = Net(STAGE, store)
    with pytest.raises(raised):
        fail(net, "one", error)
    assert store.list(layout.FAILURES) == []
    assert not net.is_left("one")


@pytest.mark.parametrize(
    "error", [AssertionError(), MemoryError(), RecursionError(), KeyError("x"), OSError(5, "I/O")]
)
def test_everything_else_costs_the_item(store, error):
    net = Net(STAGE, store)
    fail(net, "one", error)
    assert net.is_left("one")
    assert not net.is_due("one")
    assert not net.is_left("two")


def test_a_failure_is_left_until_another_version_or_a_wish(store, monkeypatch):
    fail(Net(STAGE, store), "one", ValueError("no"))
    assert Net(STAGE, store).is_left("one")
    assert not Net(STAGE, store).is_due("one")
    assert Net(STAGE, store, retry=True).is_due("one")
    assert not Net("extract", store, retry=True).is_due("one")
    monkeypatch.setattr(popdanceset, "__version__", "99")
    again = Net(STAGE, store)
    assert again.is_due("one")
    assert not again.is_left("one")
    fail(again, "one", ValueError("still no"))
    assert again.is_left("one")
    assert not again.is_due("one")
    assert Net(STAGE, store).is_left("one")


def test_a_finished_item_is_forgotten(store):
    fail(Net(STAGE, store), "one", ValueError("no"))
    net, other = Net(STAGE, store, retry=True), Net(STAGE, store, retry=True)
    net.forget("one")
    net.forget("two")
    assert not net.is_due("one")
    assert not net.is_left("one")
    assert store.list(layout.FAILURES) == []
    assert not other.is_due("one")  # a run that began before the item was finished


def test_failures_end_with_exit_code_1():
    check_failures("acquire", [])
    with pytest.raises(FailedError, match=r"a, b, c, d, e, …: acquire: 6 failed") as caught:
        check_failures("acquire", list("fedcba"))
    assert caught.value.exit_code == 1
