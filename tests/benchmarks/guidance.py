"""Physical guidance of sampling: what it changes, and what it costs.

    python tests/benchmarks/guidance.py [--steps 1500] [--seeds 3] [--rounds 3] [--threads 2]
    python tests/benchmarks/guidance.py --checkpoint RUN --release RELEASE

A small network is trained on the synthetic dances of the learning benchmark (or read from RUN) and dances to
music that it has never heard: without guidance, with each part of it, and with all; seeds are the same
everywhere. Feet, floor, body and jitter are measured as in `popdanceset evaluate`, beside FID_k and BAS.
Cost is processor time beside unguided dances: of the small network as the ratio of medians, in turn, and of
one of full size (random weights, ten seconds in three windows). The last line has the figures beside their
targets; exit code 1 if one is missed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from learning import make_release

from popdanceset.release.reader import Release
from popdanceset.schema import FPS
from training.data import DanceWindows
from training.data.representation import WIDTH, MinMaxScaler
from training.export import Dance
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
from training.metrics.clip import Clip
from training.metrics.compare import compare
from training.metrics.measure import MeasuredSet, measure
from training.popdg.config import PAPER, ModelConfig
from training.popdg.ddim import ddim
from training.popdg.guidance import GuidedDenoiser, guidance_ramp
from training.popdg.long import Overlap
from training.popdg.model import POPDG, Prediction
from training.popdg.physical_guidance import PhysicalGuidance
from training.popdg.sampler import Denoiser
from training.popdg.schedule import cosine_schedule, even_timesteps
from training.sampling.choices import Physics
from training.sampling.dancing import dance, whole
from training.sampling.trained import Trained, load_trained

NETWORK = ModelConfig(
    width=128, feedforward=256, heads=4, layers=3, music_layers=1, ds_attention=False
)  # that of the learning benchmark
WINDOW, CLIPS = 60, 96
ALL = Physics(("feet", "floor", "body"))
WAYS: dict[str, Physics | None] = {
    "unguided": None,
    "feet": Physics(("feet",)),
    "floor": Physics(("floor",)),
    "body": Physics(("body",)),
    "all three": ALL,
}
SHOWN = {
    "foot_sliding": "sliding mm",
    "foot_skate_ratio": "skating",
    "penetration": "below mm",
    "floating": "above mm",
    "self_penetration": "in body mm",
    "self_penetration_ratio": "in body",
    "jitter": "jitter",
    "FID_k": "FID_k",
    "BAS": "BAS",
}
MUSIC_DIM, WINDOWS, GUIDANCE = 4800, 3, 2.0
"""Of the network of full size."""
TARGET_FEET, TARGET_FLOOR, TARGET_COST = 0.9, 0.3, 1.15


def train(release: Path, folder: Path, steps: int) -> Trained:
    """Trains the small network."""
    windows = DanceWindows(release, "train", WINDOW, stride=5, cache_dir=folder)
    recipe = Recipe(steps, batch_size=16, learning_rate=3e-3, warmup=50, ema_decay=0.99, log="none")
    Trainer(windows, NETWORK, PAPER.objective, recipe, folder / "run").run()
    return load_trained(folder / "run")


class HeldOut:
    """The test part of a release: what was danced, what was heard."""

    def __init__(self, release: Release, extractor: str, pieces: int | None) -> None:
        self.music = {
            name: torch.from_numpy(np.array(release.music(name, extractor), np.float32))
            for name in release.clip_ids("test")[:pieces]
        }
        frames = {name: release.frames(name) for name in self.music}
        self.real = measure([self._clip(k, f["smpl_poses"], f["smpl_trans"]) for k, f in frames.items()])

    def danced(self, trained: Trained, physics: Physics | None, seed: int) -> MeasuredSet:
        """What a network dances to all of it."""
        made = []
        for name, music in self.music.items():
            motion = whole(dance(trained, music, sampler="dpm-solver", seed=seed, physics=physics))
            made.append(self._clip(name, motion.poses.numpy(), motion.translation.numpy()))
        return measure(made)

    def _clip(self, name: str, poses: np.ndarray, translation: np.ndarray) -> Clip:
        joints = Dance(poses.astype(float).reshape(-1, 24, 3), translation.astype(float), FPS).joints
        return Clip(name, joints, FPS, np.flatnonzero(self.music[name][:, -1].numpy() > 0.5), name)


def in_turn(sides: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median processor seconds of each side, which other programs hardly change; the first round warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, run in sides.items():
            began = time.process_time()
            run()
            if number:
                seconds[name].append(time.process_time() - began)
    return {name: statistics.median(all_of_them) for name, all_of_them in seconds.items()}


class Clocked:
    """A denoiser, and the processor seconds that it took."""

    def __init__(self, denoise: Denoiser) -> None:
        self.denoise, self.seconds = denoise, 0.0

    def __call__(self, x_t: torch.Tensor, t: int) -> Prediction:
        """See `training.popdg.sampler.Denoiser`."""
        began = time.process_time()
        prediction = self.denoise(x_t, t)
        self.seconds += time.process_time() - began
        return prediction


def full_size(steps: int, scaler: MinMaxScaler) -> tuple[dict[str, float], float]:
    """The cost of each way for ten seconds of dance by a network of full size with random weights.

    A dance takes so long that the machine's speed changes from one to the next. So the processor time of a
    whole dance is divided by that of its own predictions, and this by the same of the unguided dance.

    Args:
        steps: of DDIM.
        scaler: of the motion.

    Returns:
        Way → time beside unguided; and the processor seconds of the unguided dance.
    """
    torch.manual_seed(0)
    model = POPDG(ModelConfig(music_dim=MUSIC_DIM)).eval().requires_grad_(False)
    schedule, times = cosine_schedule(), even_timesteps(steps)
    music, noisy = torch.randn(WINDOWS, 150, MUSIC_DIM), torch.randn(WINDOWS, 150, WIDTH)
    shares: dict[str, float] = {}
    whole_dances: dict[str, float] = {}
    with torch.inference_mode():
        for way, physics in WAYS.items():
            clocked = Clocked(GuidedDenoiser(model, music, guidance_ramp(times, GUIDANCE)))
            denoise: Denoiser = clocked
            if physics is not None:
                denoise = PhysicalGuidance(
                    clocked, physics, schedule=schedule, timesteps=times, scaler=scaler
                )
            began = time.process_time()
            ddim(denoise, noisy, schedule=schedule, timesteps=times, hook=Overlap())
            whole_dances[way] = time.process_time() - began
            shares[way] = whole_dances[way] / clocked.seconds
    return {way: share / shares["unguided"] for way, share in shares.items()}, whole_dances["unguided"]


@click.command()
@click.option("--steps", default=1500, show_default=True, help="Training steps of the small network.")
@click.option("--clips", default=CLIPS, show_default=True, help="Of the release.")
@click.option("--pieces", type=int, help="Pieces of music (default: all of the test part).")
@click.option("--seeds", default=3, show_default=True, help="Dances to each piece of music, in each way.")
@click.option("--rounds", default=3, show_default=True, help="Of the measurements of time.")
@click.option("--sampling-steps", default=50, show_default=True, help="Of DDIM at full size.")
@click.option("--threads", default=2, show_default=True)
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Trained network to use instead.")
@click.option("--release", type=click.Path(path_type=Path), help="The release that it was trained on.")
def main(
    steps: int,
    clips: int,
    pieces: int | None,
    seeds: int,
    rounds: int,
    sampling_steps: int,
    threads: int,
    checkpoint: Path | None,
    release: Path | None,
) -> None:
    """Trains, dances and compares."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        release = release or make_release(folder, clips)
        trained = load_trained(checkpoint) if checkpoint else train(release, folder, steps)
        with Release(release) as opened:
            held_out = HeldOut(opened, trained.extractor, pieces)

        means: dict[str, dict[str, float]] = {}
        ends: dict[str, tuple[float, float]] = {}
        for way, physics in WAYS.items():
            numbers = [
                compare(held_out.real, held_out.danced(trained, physics, seed), replicates=500).numbers
                for seed in range(seeds)
            ]
            means[way] = {key: statistics.mean(n[key].value for n in numbers) for key in SHOWN}
            ends[way] = max(n["FID_k"].high for n in numbers), min(n["BAS"].low for n in numbers)
        truth = compare(held_out.real, held_out.real, replicates=10).numbers
        click.echo(f"{len(held_out.music)} dances to unheard music, means of {seeds} seeds")
        click.echo(f"{'':12}" + "".join(f"{title:>12}" for title in SHOWN.values()))
        rows = {"the real": {key: truth[key].value for key in SHOWN}} | means
        for way, row in rows.items():
            click.echo(f"{way:12}" + "".join(f"{row[key]:12.3f}" for key in SHOWN))

        music = next(iter(held_out.music.values()))
        small = {
            way: partial(lambda p: whole(dance(trained, music, physics=p)), physics)
            for way, physics in WAYS.items()
        }
        taken = in_turn(small, rounds)
        small_costs = {way: seconds / taken["unguided"] for way, seconds in taken.items()}
        costs, full_seconds = full_size(sampling_steps, trained.scaler)
        for size, unguided, found in (
            ("small", taken["unguided"], small_costs),
            ("full size", full_seconds, costs),
        ):
            click.echo(
                f"processor time beside unguided ({unguided:.2f} s), {size}, {threads} threads: "
                + ", ".join(f"{way} {ratio:.3f}" for way, ratio in found.items() if way != "unguided")
            )

    feet, floor = (
        sum(means["all three"][key] for key in keys) / sum(means["unguided"][key] for key in keys)
        for keys in (("foot_sliding",), ("penetration", "floating"))
    )
    held = {key: means["all three"][key] for key in ("FID_k", "BAS")}
    as_good = held["FID_k"] <= ends["unguided"][0] and held["BAS"] >= ends["unguided"][1]
    cost = costs["all three"]
    click.echo(
        f"FID_k {held['FID_k']:.2f} and BAS {held['BAS']:.3f} with all three are "
        f"{'no worse' if as_good else 'WORSE'} than the intervals of unguided dances"
    )
    click.echo(
        f"guidance: {feet:.2f} of the sliding, {floor:.2f} of the distance from the floor, {cost:.3f} of the "
        f"time at full size, FID_k and BAS {'no worse' if as_good else 'WORSE'} "
        f"(target: at most {TARGET_FEET:g}, {TARGET_FLOOR:g} and {TARGET_COST:g}, no worse)"
    )
    sys.exit(int(feet > TARGET_FEET or floor > TARGET_FLOOR or cost > TARGET_COST or not as_good))


if __name__ == "__main__":
    main()
