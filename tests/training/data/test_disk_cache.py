"""A folder of arrays of limited size, which threads and processes share."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from popdanceset.errors import InputError
from training.data.disk_cache import DiskCache

SHAPE = (25, 10)
SIZE = 25 * 10 * 4 + 128


def array(number: int) -> np.ndarray:
    return np.full(SHAPE, number, np.float32)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.npy"))


def kept(cache: DiskCache, numbers: range) -> list[int]:
    """Numbers of the arrays that are in the cache, found without using them."""
    return [number for number in numbers if cache._path("g", str(number)).exists()]


def test_what_was_put_is_found_again_also_by_others(tmp_path: Path) -> None:
    DiskCache(tmp_path, 10 * SIZE).put("g", "a/../b", array(7))
    found = DiskCache(tmp_path, 10 * SIZE).get("g", "a/../b", SHAPE)
    assert found is not None
    np.testing.assert_array_equal(found, array(7))
    assert DiskCache(tmp_path, 10 * SIZE).get("g", "A/../b", SHAPE) is None
    assert DiskCache(tmp_path, 10 * SIZE).get("other", "a/../b", SHAPE) is None
    assert {path.parent for path in tmp_path.rglob("*.npy")} == {tmp_path / "g"}


def test_the_least_recently_used_makes_room(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 10 * SIZE)
    for number in range(10):
        cache.put("g", str(number), array(number))
        os.utime(cache._path("g", str(number)), (number, number))
    assert kept(cache, range(10)) == list(range(10))
    assert cache.get("g", "0", SHAPE) is not None  # so 1 and 2 are older now
    cache.put("g", "10", array(10))
    assert kept(cache, range(11)) == [0, *range(3, 11)]
    assert size_of(tmp_path) <= 10 * SIZE


def test_it_never_exceeds_its_size(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 5 * SIZE + 17)
    for number in range(40):
        cache.put("g", str(number), array(number))
        assert size_of(tmp_path) <= cache.limit
    cache.put("g", "large", np.zeros((1000, 10), np.float32))
    assert size_of(tmp_path) > SIZE  # what cannot fit removes nothing
    nothing = DiskCache(tmp_path / "none", 0)
    nothing.put("g", "0", array(0))
    assert size_of(tmp_path / "none") == 0


def test_a_smaller_limit_holds_at_once(tmp_path: Path) -> None:
    large = DiskCache(tmp_path, 20 * SIZE)
    for number in range(20):
        large.put("g", str(number), array(number))
    DiskCache(tmp_path, 4 * SIZE)
    assert size_of(tmp_path) <= 4 * SIZE


@pytest.mark.parametrize("text", ["", "many", "-5", "0", "99999999"])
def test_a_wrong_count_of_bytes_is_corrected(tmp_path: Path, text: str) -> None:
    cache = DiskCache(tmp_path, 5 * SIZE)
    for number in range(5):
        cache.put("g", str(number), array(number))
    cache._state.write_text(text)
    again = DiskCache(tmp_path, 5 * SIZE)
    again.put("g", "5", array(5))
    assert size_of(tmp_path) <= 5 * SIZE
    assert again.get("g", "5", SHAPE) is not None


def test_damaged_arrays_are_not_used(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 10 * SIZE)
    cache.put("g", "a", array(1))
    path = cache._path("g", "a")
    whole = path.read_bytes()
    for content in (b"", whole[:-1], b"x" * len(whole), whole.replace(b"<f4", b"<f8")):
        path.write_bytes(content)
        assert cache.get("g", "a", SHAPE) is None
    path.write_bytes(whole)
    assert cache.get("g", "a", (24, 10)) is None
    assert cache.get("g", "a", SHAPE) is not None


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "g/.partial-x").write_bytes(b"1234")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/motion.npy").write_bytes(b"not ours")
    cache = DiskCache(tmp_path, SIZE, "g*")
    assert not (tmp_path / "g/.partial-x").exists()
    for number in range(3):
        cache.put("g", str(number), array(number))
    assert (tmp_path / "other/motion.npy").exists()


def test_a_full_disk_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    cache = DiskCache(tmp_path, 10 * SIZE)
    monkeypatch.setattr(np, "save", fail)
    with caplog.at_level(logging.WARNING):
        cache.put("g", "a", array(1))
        cache.put("g", "b", array(1))
    assert len(caplog.messages) == 1
    assert "No space left on device" in caplog.text
    assert [path for path in tmp_path.rglob("*") if ".partial" in path.name] == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not writable"):
        DiskCache(tmp_path / "file/below", SIZE)


def write(folder: Path, limit: int, name: str) -> None:
    cache = DiskCache(folder, limit)
    for number in range(60):
        cache.put("g", f"{name} {number}", array(number))
        found = cache.get("g", f"{name} {number}", SHAPE)
        assert found is None or (found == number).all()


def test_processes_share_it(tmp_path: Path) -> None:
    limit = 8 * SIZE
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=write, args=(tmp_path, limit, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        total = 0
        for path in tmp_path.rglob("*.npy"):
            if path.exists():
                total += SIZE
        time.sleep(0.02)
        assert total <= limit + SIZE  # one may be replaced between the listing and the count
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert size_of(tmp_path) <= limit


def test_threads_share_it(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 6 * SIZE)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: cache.put("g", str(n % 9), array(n % 9)), range(200)))
    assert size_of(tmp_path) <= 6 * SIZE
