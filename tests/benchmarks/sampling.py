"""Ten seconds of dance at full size: a plain sampler, ours with the same steps, and the fast solver.

    python tests/benchmarks/sampling.py [--rounds N] [--threads N] [--steps N] [--fast-steps N]

The plain side is `tests/training/popdg/plain.py`: the released network as its rules say it, called twice a
step (with music and without), encoding the music each time. Ours encodes it once, keeps keys and values of
cross-attention, and makes both predictions in one pass. All have the same weights, the long scheme of three
windows and the same guidance. Prints medians and ratios, how far apart the dances of both sides are, what the
authors' code took elsewhere, how near our side comes to its bound (the operations of its matrix products over
what this machine does of them a second), and where its seconds go, each kind of work beside the seconds that
it takes at least; last the figures beside their targets. With one thread seconds are those of the processor.
The exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parents[2]))

import training  # noqa: F401  # before torch: it decides how threads wait

# isort: split
import torch

from tests.operators import recorded, shares, table
from tests.products import bandwidth, clock, rate
from training.popdg.ddim import ddim
from training.popdg.dpm_solver import dpm_solver
from training.popdg.guidance import GuidedDenoiser, guidance_ramp
from training.popdg.long import Overlap
from training.popdg.model import Prediction
from training.popdg.released import from_released
from training.popdg.schedule import cosine_schedule, even_timesteps

HEADS, MUSIC_DIM, WINDOWS, GUIDANCE = 8, 4800, 3, 2.0
TARGET_OURS, TARGET_SOLVER, TARGET_BOUND = 0.6, 3.0, 1.4
ELSEWHERE = "the authors' code, measured elsewhere on 2 quiet CPU cores: 35.2 s"


def load_plain() -> ModuleType:
    """The plain network, which lies with the tests."""
    path = Path(__file__).parents[1] / "training/popdg/plain.py"
    spec = importlib.util.spec_from_file_location("plain", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Runs all sides in turn and compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--fast-steps", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    plain, schedule = load_plain(), cosine_schedule()
    sizes = {"width": 512, "ff": 1024, "layers": 8, "music_layers": 2, "music_dim": MUSIC_DIM}
    weights = plain.random_weights(**sizes)
    model = from_released(weights, HEADS).eval().requires_grad_(False)
    music, noisy = torch.randn(WINDOWS, 150, MUSIC_DIM), torch.randn(WINDOWS, 150, 156)
    times, fast = even_timesteps(options.steps), even_timesteps(options.fast_steps)
    guidance = guidance_ramp(times, GUIDANCE)

    def two_passes(dance: torch.Tensor, now: int) -> Prediction:
        now_for_all = torch.full((WINDOWS,), now)
        return Prediction(*plain.guided(weights, HEADS, dance, now_for_all, music, guidance[now]))

    run = partial(ddim, x_t=noisy, schedule=schedule, timesteps=times, eta=0.0)
    sides: dict[str, Callable[[], torch.Tensor]] = {
        "plain": lambda: run(two_passes, hook=Overlap()),
        "ours": lambda: run(GuidedDenoiser(model, music, guidance), hook=Overlap()),
        "solver": lambda: dpm_solver(
            GuidedDenoiser(model, music, guidance_ramp(fast, GUIDANCE)),
            noisy,
            schedule=schedule,
            timesteps=fast,
            hook=Overlap(),
        ),
    }
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    dances, rates = {}, []
    with torch.no_grad():
        operators = recorded(sides["ours"], runs=2)  # warms up too
    alone = sum(x.alone() for x in operators if x.operations)
    with torch.inference_mode():
        for _ in range(options.rounds):
            rates.append(rate())
            for side, sample in sides.items():
                begin = clock()
                dances[side] = sample()
                seconds[side].append(clock() - begin)

    medians = {side: statistics.median(all_of_them) for side, all_of_them in seconds.items()}
    waiting = f"GOMP_SPINCOUNT={os.environ.get('GOMP_SPINCOUNT', '')}"
    print(f"10 s of dance, {options.threads} threads, {waiting}, medians of {options.rounds}")
    print(f"plain, {options.steps} steps, two passes each   {medians['plain']:6.2f} s")
    print(f"ours,  {options.steps} steps, one batched pass  {medians['ours']:6.2f} s")
    print(f"ours,  {options.fast_steps} steps, DPM-Solver++      {medians['solver']:6.2f} s")
    apart = (dances["plain"] - dances["ours"]).abs().max()
    print(f"plain and ours differ by at most {apart:.1e}")
    print(ELSEWHERE)
    speed = statistics.median(rates)
    products = sum(x.operations for x in operators)
    bound = products / speed
    print(
        f"products of ours: {products / 1e9:.0f} GFLOP; the fastest here has {speed / 1e9:.0f} GFLOP/s, "
        f"these alone {products / alone / 1e9:.0f}: at least {bound:.2f} s, or {alone:.2f} s; "
        f"share of the machine reached {bound / medians['ours']:.0%}"
    )
    print(table(shares(operators, speed, bandwidth()), medians["ours"]))
    first, second = medians["ours"] / medians["plain"], medians["ours"] / medians["solver"]
    third = medians["ours"] / bound
    print(
        f"sampling: {first:.3f} of the plain seconds, the solver {second:.2f} times faster still, "
        f"{third:.2f} times the bound (target: at most {TARGET_OURS:g}, at least {TARGET_SOLVER:g}, "
        f"at most {TARGET_BOUND:g})"
    )
    return int(first > TARGET_OURS or second < TARGET_SOLVER or third > TARGET_BOUND)


if __name__ == "__main__":
    sys.exit(main())
