"""A training step at full size: POPDG's with one pass against three, or a baseline's against a plain one.

    python tests/benchmarks/training_step.py [--rounds N] [--batch N] [--layers N] [--music-dim N]
    python tests/benchmarks/training_step.py --model edge|fact|bailando

A step draws time steps and noise, computes the loss, its gradients and Adan's update, as the trainer does it.
For POPDG the preset `paper`, with one pass, is compared with `released`, with three; for a baseline the
preset `released` (of Bailando its first stage) with the plain implementation of the tests (torch's own
layers). Each side runs in a process of its own, so that its peak memory is its own; the processes take turns,
step by step. With one thread seconds are those of the processor, so that other programs do not count.

Prints medians, their ratio, what the authors' code of POPDG took elsewhere, how near our side comes to its
bound (the operations of its matrix products over what this machine does of them a second), and where its
seconds go, each kind of work beside the seconds that it takes at least; last the figures beside their
targets. The exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import multiprocessing
import os
import resource
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.operators import Share

sys.path.insert(0, str(Path(__file__).parents[2]))

SIDES = {
    "popdg": ("released", "paper"),
    "edge": ("plain", "ours"),
    "fact": ("plain", "ours"),
    "bailando": ("plain", "ours"),
}
"""For each model what is compared with, and what is compared."""

TARGETS = {"popdg": (0.33, 0.6), "edge": (1.1, math.inf), "fact": (1.1, 1.1), "bailando": (1.1, 1.5)}
"""For each model the largest ratios of seconds and of memory. Bailando's first stage carries the weights of
the GPT for the stages after it (about 0.5 GB); the plain side has none."""

LAYERS = {"popdg": "layers", "edge": "layers", "fact": "cross_layers", "bailando": "depth"}
"""For each model the size that `--layers` sets."""

TRAIN, ACCOUNT = "train", "account"

TARGET_BOUND = 1.3
"""The largest ratio of a step of POPDG to its bound."""

ELSEWHERE = "the authors' code, measured elsewhere on 2 quiet CPU cores: 6.19 s a step, 6.8 GB"


def ours(name: str, preset: str, batch: int, music_dim: int, layers: int | None):
    """The loss of a batch as a function, and the optimizer, as the trainer has them."""
    import torch

    from training.data.representation import MinMaxScaler
    from training.fitting.recipe import Recipe
    from training.models import load

    kind = load(name)
    plan = kind.presets[preset]
    config = replace(plan.model, music_dim=music_dim, **({LAYERS[name]: layers} if layers else {}))
    network = kind.network(config).train()
    scaler = MinMaxScaler(-torch.ones(156), torch.ones(156))
    vectors = torch.rand(batch, config.window, 156) * 2 - 1
    music = torch.randn(batch, config.window, music_dim)
    generator = torch.Generator().manual_seed(0)

    def loss() -> torch.Tensor:
        chance = kind.draw(config, plan.objective, batch, generator)
        motion = kind.encode(config, vectors, scaler)
        return kind.loss(network, plan.objective, motion, music, chance, scaler).total

    return loss, kind.optimizer(network, Recipe(steps=1))


def plain(name: str, batch: int, music_dim: int, layers: int | None):
    """The same of the plain implementation in the tests of a baseline."""
    path = Path(__file__).parents[1] / f"training/baselines/{name}/plain.py"
    spec = importlib.util.spec_from_file_location("plain", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.training(batch, music_dim, *([layers] if layers else []))


def memory(loss: Callable[[], Any], optimizer: Any) -> tuple[int, int]:
    """Bytes of parameters, gradients and the optimizer's arrays; and what a loss keeps for its gradients."""
    import torch

    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    held = sum(2 * x.nbytes + sum(kept.nbytes for kept in optimizer.state[x].values()) for x in parameters)
    storages: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        alive = loss()
    del alive
    for parameter in parameters:
        storages.pop(parameter.untyped_storage().data_ptr(), None)
    return held, sum(storages.values())


def account(loss: Callable[[], Any], optimizer: Any) -> tuple[dict[str, Share], float, int, int]:
    """The work of a step by kinds, the seconds that its products take when nothing is between them, and what
    `memory` says."""
    import torch

    from tests.operators import Share, recorded, shares
    from tests.products import bandwidth, clock, rate

    def gradients() -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss())

    operators, seconds, bytes_a_second = recorded(gradients), [], bandwidth()
    parts = shares(operators, rate(), bytes_a_second)
    for _ in range(3):
        begin = clock()
        optimizer.step()
        seconds.append(clock() - begin)
    # Each parameter and what the optimizer keeps for it are read and written, each gradient is read.
    moved = sum(
        3 * parameter.nbytes + sum(2 * x.nbytes for x in kept.values() if x.shape == parameter.shape)
        for parameter, kept in optimizer.state.items()
    )
    parts["optimizer"] = Share(1, 0, moved, min(seconds), moved / bytes_a_second)
    alone = sum(x.alone() for x in operators if x.operations)
    return (parts, alone, *memory(loss, optimizer))


def worker(
    pipe: Connection, name: str, side: str, batch: int, threads: int, music_dim: int, layers: int | None
) -> None:
    """Trains a step whenever asked: sends (seconds of loss and gradients, seconds of all, peak bytes,
    operations a second of this machine). Asked for an account, it sends that."""
    import torch

    from tests.products import clock, rate

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    loss: Callable[[], torch.Tensor]
    if side == "plain":
        loss, optimizer = plain(name, batch, music_dim, layers)
    else:
        preset = "released" if side == "ours" else side
        loss, optimizer = ours(name, preset, batch, music_dim, layers)
    while task := pipe.recv():
        if task == ACCOUNT:
            pipe.send(account(loss, optimizer))
            continue
        speed = rate()
        begin = clock()
        torch.autograd.backward(loss())
        middle = clock()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        pipe.send((middle - begin, clock() - begin, peak, speed))


def main() -> int:
    """Runs both sides and compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=SIDES, default="popdg")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--music-dim", type=int, default=4800)
    parser.add_argument("--layers", type=int, help="layers (default: as released)")
    options = parser.parse_args()

    import training  # noqa: F401  # before the processes load torch: it decides how threads wait
    from tests.operators import table

    context = multiprocessing.get_context("spawn")
    pipes = {}
    sizes = (options.batch, options.threads, options.music_dim, options.layers)
    other, own = SIDES[options.model]
    for side in (other, own):
        pipes[side], end = context.Pipe()
        arguments = (end, options.model, side, *sizes)
        context.Process(target=worker, args=arguments, daemon=True).start()
        end.close()  # so that the death of a process ends this one, too
    steps: dict[str, list[tuple[float, float, int, float]]] = {side: [] for side in pipes}
    for number in range(-1, options.rounds):  # the first round warms up
        for side, pipe in pipes.items():
            pipe.send(TRAIN)
            step = pipe.recv()
            if number >= 0:
                steps[side].append(step)
    pipes[own].send(ACCOUNT)  # last, because it needs memory
    parts, alone, held, kept = pipes[own].recv()
    for pipe in pipes.values():
        pipe.send("")

    waiting = f"GOMP_SPINCOUNT={os.environ.get('GOMP_SPINCOUNT', '')}"
    print(f"batch {options.batch}, {options.threads} threads, {waiting}, medians of {options.rounds}")
    print(f"{'':<10} {'loss and gradients':>19} {'whole step':>11} {'peak memory':>12}")
    medians = {
        side: [statistics.median(part) for part in zip(*rows, strict=True)] for side, rows in steps.items()
    }
    for side, (gradients, whole, peak, _) in medians.items():
        print(f"{side:<10} {gradients:>17.2f} s {whole:>9.2f} s {peak / 1e9:>9.2f} GB")
    ratios = [medians[own][part] / medians[other][part] for part in range(3)]
    print(f"{'ratio':<10} {ratios[0]:>19.3f} {ratios[1]:>11.3f} {ratios[2]:>12.3f}")
    _, whole, _, speed = medians[own]
    print(
        f"peak of {own}: {held / 1e9:.2f} GB of parameters, gradients and the optimizer's arrays; "
        f"a loss keeps {kept / 1e9:.2f} GB for its gradients; the rest is code, and memory between arrays"
    )
    products = sum(part.operations for part in parts.values())
    bound = products / speed
    print(
        f"products of {own}: {products / 1e9:.0f} GFLOP; the fastest here has {speed / 1e9:.0f} GFLOP/s, "
        f"these alone {products / alone / 1e9:.0f}: at least {bound:.2f} s, or {alone:.2f} s; "
        f"share of the machine reached {bound / whole:.0%}"
    )
    print(table(parts, whole))
    seconds, memory = TARGETS[options.model]
    most = math.inf
    if options.model == "popdg":
        print(ELSEWHERE)
        most = TARGET_BOUND
    wanted = f"at most {seconds:g}" + (f" and {memory:g}" if memory < math.inf else ", memory is not judged")
    wanted += f", at most {most:g}" if most < math.inf else ", the bound is not judged"
    print(
        f"training_step: {ratios[1]:.3f} of the {other} seconds, {ratios[2]:.3f} of its memory, "
        f"{whole / bound:.2f} times the bound (target: {wanted})"
    )
    return int(ratios[1] > seconds or ratios[2] > memory or whole > most * bound)


if __name__ == "__main__":
    sys.exit(main())
