"""A training step at full size: the paper's, with one pass, against the released one's three.

    python tests/benchmarks/training_step.py [--rounds N] [--batch N] [--layers N] [--music-dim N]

A step draws time steps and noise, computes the loss, its gradients and Adan's update, as the trainer
does it on both sides. Each side runs in a process of its own, so that its peak memory is its
own; the processes take turns, step by step. Prints medians, the ratio of paper to released, and what the
authors' code took elsewhere; last the figures beside their targets. The exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import sys
import time
from dataclasses import replace
from multiprocessing.connection import Connection

TARGET_SECONDS, TARGET_MEMORY = 0.33, 0.6
ELSEWHERE = "the authors' code, measured elsewhere on 2 quiet CPU cores: 6.19 s a step, 6.8 GB"


def worker(pipe: Connection, preset: str, batch: int, threads: int, music_dim: int, layers: int) -> None:
    """Trains a step whenever asked: sends (seconds of loss and gradients, seconds of all, peak bytes)."""
    import torch

    from training.data.representation import MinMaxScaler
    from training.fitting.adan import Adan
    from training.popdg.config import PRESETS
    from training.popdg.losses import draw, training_loss
    from training.popdg.model import POPDG
    from training.popdg.schedule import cosine_schedule

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    config, objective = PRESETS[preset].model, PRESETS[preset].objective
    model = POPDG(replace(config, music_dim=music_dim, layers=layers)).train()
    optimizer = Adan(model.parameters(), lr=2e-4, weight_decay=0.02)
    schedule, scaler = cosine_schedule(), MinMaxScaler(-torch.ones(156), torch.ones(156))
    motion = torch.rand(batch, config.window, 156) * 2 - 1
    music = torch.randn(batch, config.window, music_dim)
    while pipe.recv():
        begin = time.perf_counter()
        chance = draw(objective, schedule, motion)
        loss = training_loss(model, schedule, objective, motion, music, chance, scaler)
        torch.autograd.backward(loss.total)
        middle = time.perf_counter()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        pipe.send((middle - begin, time.perf_counter() - begin, peak))


def main() -> int:
    """Runs both sides and compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--music-dim", type=int, default=4800)
    parser.add_argument("--layers", type=int, default=8, help="blocks of the decoder")
    options = parser.parse_args()

    context = multiprocessing.get_context("spawn")
    pipes = {}
    for preset in ("released", "paper"):
        pipes[preset], end = context.Pipe()
        arguments = (end, preset, options.batch, options.threads, options.music_dim, options.layers)
        context.Process(target=worker, args=arguments, daemon=True).start()
    steps: dict[str, list[tuple[float, float, int]]] = {preset: [] for preset in pipes}
    for number in range(-1, options.rounds):  # the first round warms up
        for preset, pipe in pipes.items():
            pipe.send(True)
            step = pipe.recv()
            if number >= 0:
                steps[preset].append(step)
    for pipe in pipes.values():
        pipe.send(False)

    print(f"batch {options.batch}, {options.threads} threads, medians of {options.rounds}")
    print(f"{'':<10} {'loss and gradients':>19} {'whole step':>11} {'peak memory':>12}")
    medians = {
        preset: [statistics.median(part) for part in zip(*rows, strict=True)]
        for preset, rows in steps.items()
    }
    for preset, (gradients, whole, peak) in medians.items():
        print(f"{preset:<10} {gradients:>17.2f} s {whole:>9.2f} s {peak / 1e9:>9.2f} GB")
    ratios = [medians["paper"][part] / medians["released"][part] for part in range(3)]
    print(f"{'ratio':<10} {ratios[0]:>19.3f} {ratios[1]:>11.3f} {ratios[2]:>12.3f}")
    print(ELSEWHERE)
    print(
        f"training_step: {ratios[1]:.3f} of the released seconds, {ratios[2]:.3f} of its memory "
        f"(target: at most {TARGET_SECONDS:g} and {TARGET_MEMORY:g})"
    )
    return int(ratios[1] > TARGET_SECONDS or ratios[2] > TARGET_MEMORY)


if __name__ == "__main__":
    sys.exit(main())
