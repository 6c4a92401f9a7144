"""Batches that fit the memory, with a network that has little memory."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hybrik_runner.running.batching import USABLE, Halving, fitting, free_memory
from popdanceset.errors import AssetError


class Cramped:
    """Doubles numbers, as long as they fit."""

    def __init__(self, room: int, error: RuntimeError | None = None) -> None:
        self.room, self.sizes = room, list[int]()
        self.error = error or torch.OutOfMemoryError("CUDA out of memory.")

    def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.sizes.append(len(items))
        if len(items) > self.room:
            raise self.error
        return [2 * item for item in items]


@given(
    free=st.integers(0, 2**40),
    fixed=st.integers(0, 2**33),
    per_item=st.integers(1, 2**30),
    limit=st.integers(1, 256),
)
def test_as_many_as_fit_and_no_more(free: int, fixed: int, per_item: int, limit: int) -> None:
    count = fitting(free, fixed, per_item, limit)
    assert 1 <= count <= limit
    room = USABLE * free
    assert count == 1 or fixed + count * per_item <= room
    assert count == limit or fixed + (count + 1) * per_item > room


def test_free_memory_is_that_of_this_machine() -> None:
    assert 1 << 20 < free_memory() < 1 << 50


def test_batches_of_the_size_given() -> None:
    run = Cramped(room=100)
    assert Halving(run, 4)(range(10)) == list(range(0, 20, 2))
    assert run.sizes == [4, 4, 2]


def test_a_batch_that_does_not_fit_is_halved_for_good(caplog: pytest.LogCaptureFixture) -> None:
    run = Cramped(room=3)
    halving = Halving(run, 16)
    assert halving(range(9)) == list(range(0, 18, 2))
    assert halving.size == 2
    assert run.sizes == [9, 4, 2, 2, 2, 2, 1]
    assert "4 frames do not fit the memory; trying 2" in caplog.text
    assert halving([5]) == [10]


def test_a_processor_reports_it_in_its_message() -> None:
    message = "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"
    halving = Halving(Cramped(1, RuntimeError(message)), 2)
    assert halving([1, 2]) == [2, 4]


def test_not_even_one_fits() -> None:
    with pytest.raises(AssetError, match=r"pose\.devices: not even one frame fits"):
        Halving(Cramped(0), 8)([1])


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        Halving(Cramped(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied")), 8)([1])
