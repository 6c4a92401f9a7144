"""Work ahead of a loop: order, errors, and how much of it is in memory."""

from __future__ import annotations

import threading
import time

import pytest

from popdanceset.release.ahead import ahead


def test_results_come_in_order() -> None:
    def slow(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return number * number

    assert list(ahead(slow, range(30))) == [n * n for n in range(30)]
    assert list(ahead(slow, [])) == []


def test_an_error_comes_in_its_turn() -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise KeyError(number)
        return number

    found = []
    with pytest.raises(KeyError, match="3"):
        found.extend(ahead(fail, range(10)))
    got = []
    with pytest.raises(KeyError):  # noqa: PT012 -- what came before it is looked at
        for result in ahead(fail, range(10)):
            got.append(result)
    assert got == [0, 1, 2]


def test_only_a_few_results_wait() -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def note(number: int) -> int:
        with lock:
            begun.append(number)
        return number

    for result in ahead(note, range(50), threads=2):
        with lock:
            assert max(begun) <= result + 3
    stopped = ahead(note, range(1000), threads=2)
    next(stopped)
    stopped.close()
    assert max(begun) < 60
