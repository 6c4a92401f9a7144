"""Where the seconds of a computation go, operator by operator, beside the best that this machine allows each.

A product is bound by its operations (`tests.products.rate`) or, when one side is a few vectors, by memory.
All else is bound by the bytes that it reads and writes; caches may be faster than that.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from tests.products import FLOPS, clock

RANDOM = ("bernoulli_", "random_", "normal_", "uniform_", "rand", "randn", "randint")

KINDS = ("products", "attention", "random numbers", "elementwise, copies")


@dataclass(frozen=True, slots=True)
class Shape:
    """A tensor without its values."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, tensor: torch.Tensor) -> Shape:
        """That of a tensor."""
        return cls(tuple(tensor.shape), tensor.stride(), tensor.dtype)

    def tensor(self) -> torch.Tensor:
        """One of random values."""
        last = sum((size - 1) * stride for size, stride in zip(self.size, self.stride, strict=True))
        return torch.randn(last + 1).to(self.dtype).as_strided(self.size, self.stride)


@dataclass(slots=True)
class Operator:
    """All calls of an operator with arguments of the same shapes.

    Attributes:
        call: the operator; arguments: its, with a `Shape` in place of each tensor.
        calls, operations, bytes: of one run.
        seconds: of each run.
    """

    call: Any
    arguments: tuple[Any, ...]
    calls: int
    operations: int
    bytes: int
    seconds: list[float]

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        name = self.call._overloadpacket.__name__
        if self.operations:
            return "attention" if "attention" in name else "products"
        return "random numbers" if name in RANDOM else "elementwise, copies"

    def alone(self, repeats: int = 7) -> float:
        """Median seconds of these calls, run over and over with nothing between them."""
        arguments = tree_map_only(Shape, Shape.tensor, self.arguments)
        seconds = []
        for _ in range(repeats):
            begin = clock()
            self.call(*arguments[0], **arguments[1])
            seconds.append(clock() - begin)
        return self.calls * statistics.median(seconds)


class Recorder(TorchDispatchMode):
    """Records the operators that run inside, and how long each takes."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[dict[str, Operator]] = []

    def __enter__(self) -> Recorder:
        """Begins a run."""
        self.runs.append({})
        super().__enter__()
        return self

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs an operator."""
        kwargs = kwargs or {}
        begin = clock()
        result = func(*args, **kwargs)
        seconds = clock() - begin
        shapes = tree_map_only(torch.Tensor, Shape.of, (args, kwargs))
        count = FLOPS.get(func._overloadpacket)
        operations = count(*args, **kwargs, out_val=result) if count else 0
        read, written = (
            {x.data_ptr(): x.nbytes for x in tree_leaves(part) if isinstance(x, torch.Tensor)}
            for part in ((args, kwargs), result)
        )
        view = func.is_view or (not func._schema.is_mutable and read.keys() & written.keys())
        moved = 0 if view else sum(read.values()) + sum(written.values())
        known = self.runs[-1].setdefault(f"{func}{shapes}", Operator(func, shapes, 0, 0, 0, [0.0]))
        known.calls += 1
        known.operations += operations
        known.bytes += moved
        known.seconds[0] += seconds
        return result

    def operators(self) -> list[Operator]:
        """Those of the last run, with the seconds of all runs."""
        last = self.runs[-1]
        for key, operator in last.items():
            operator.seconds = [run[key].seconds[0] for run in self.runs if key in run]
        return [*last.values()]


@dataclass(frozen=True, slots=True)
class Share:
    """What one kind of work takes: seconds, and the seconds that it takes at least on this machine."""

    calls: int
    operations: int
    bytes: int
    seconds: float
    bound: float


def shares(operators: list[Operator], rate: float, bandwidth: float) -> dict[str, Share]:
    """The work of each kind.

    Args:
        operators: of a run.
        rate: operations a second.
        bandwidth: bytes a second.
    """
    kinds: Mapping[str, list[Operator]] = defaultdict(list)
    for operator in operators:
        kinds[operator.kind].append(operator)
    return {
        kind: Share(
            sum(x.calls for x in kinds[kind]),
            sum(x.operations for x in kinds[kind]),
            sum(x.bytes for x in kinds[kind]),
            sum(min(x.seconds) for x in kinds[kind]),
            sum(max(x.operations / rate, x.bytes / bandwidth) for x in kinds[kind]),
        )
        for kind in KINDS
    }


def table(parts: Mapping[str, Share], whole: float) -> str:
    """The shares of `whole` seconds, and what is left of them: Python and autograd between the operators."""
    lines = [f"{'':<20} {'calls':>6} {'GFLOP':>7} {'GB':>6} {'seconds':>8} {'at least':>9}"]
    for name, part in parts.items():
        lines.append(
            f"{name:<20} {part.calls:>6} {part.operations / 1e9:>7.1f} {part.bytes / 1e9:>6.2f} "
            f"{part.seconds:>8.3f} {part.bound:>9.3f}"
        )
    rest = whole - sum(part.seconds for part in parts.values())
    lines.append(f"{'Python between them':<20} {'':>6} {'':>7} {'':>6} {rest:>8.3f}")
    total = sum(part.bound for part in parts.values())
    lines.append(f"{'all':<20} {'':>6} {'':>7} {'':>6} {whole:>8.3f} {total:>9.3f}")
    return "\n".join(lines)


def recorded(work: Callable[[], object], runs: int = 3) -> list[Operator]:
    """The operators of `work`, with the seconds of `runs` runs."""
    recorder = Recorder()
    for _ in range(runs):
        with recorder:
            work()
    return recorder.operators()
