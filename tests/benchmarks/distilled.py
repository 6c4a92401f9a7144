"""A distilled POPDG against DDIM with 50 steps: are its dances as good, and how much sooner are they there?

    python tests/benchmarks/distilled.py [--seeds 1] [--threads 2] [--teacher-steps N] [--student-steps N]

Quality: a small network is trained on the synthetic dances of the learning benchmark, then distilled to 4, 2
and 1 steps. All dance to held-out music. FID_k, BAS and PFC have 95 % bootstrap intervals; a number is no
worse if it does not lie beyond the worse end of the interval of DDIM, with any seed of the training.

Time: 1,024 frames with the network of the paper in full size and random weights, DDIM and distilled in turn.
With a GPU, 1,024 and 4,096 frames there too, without and with CUDA graphs. Also what could be saved if frames
of music that two windows share were encoded only once.

Exit code 1 if a number of the network with 4 steps is worse, or its dance is not 10 times faster.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
import torch

from popdanceset.release.reader import Release
from popdanceset.schema import FPS
from training.data import DanceWindows
from training.data.music_scaler import MusicScaler
from training.data.representation import WIDTH, MinMaxScaler, SmplMotion, decode
from training.distillation.entry import Distillation, distillation_objective
from training.export import Dance
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
from training.interface import Distilled, Trained
from training.metrics.clip import Clip
from training.metrics.compare import compare
from training.metrics.measure import measure
from training.popdg.config import PAPER, ModelConfig
from training.popdg.consistency import MusicDenoiser
from training.popdg.model import POPDG
from training.sampling.dancing import dance, whole
from training.sampling.trained import load_trained

WINDOW, STUDENTS = 60, (4, 2, 1)
NETWORK = ModelConfig(
    width=128, feedforward=256, heads=4, layers=3, music_layers=1, ds_attention=False
)  # that of the learning benchmark
NUMBERS = {"FID_k": 1, "BAS": -1, "PFC": 1}
"""1: less is better; −1: more is better."""

TEACHER_STEPS = 12
"""With which the teacher walks: on these dances DDIM is as good with 16 steps as with 50."""

GATED, TARGET = 4, 10.0
STUDENT = "distilled {}"


def learning() -> ModuleType:
    """The learning benchmark, which makes the release."""
    path = Path(__file__).with_name("learning.py")
    spec = importlib.util.spec_from_file_location("learning", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["learning"] = module
    spec.loader.exec_module(module)
    return module


class HeldOut:
    """The test part of a release: what was danced, what was heard."""

    def __init__(self, release_dir: Path, windows: DanceWindows) -> None:
        with Release(release_dir) as release:
            names = release.clip_ids("test")
        assert windows.cache is not None
        motion, music = windows.cache.array("motion"), windows.cache.array("music")
        spans = {span.clip_id: slice(span.first, span.first + span.frames) for span in windows.cache.spans}
        self.music = {name: torch.from_numpy(np.array(music[spans[name]])) for name in names}
        real = {name: decode(torch.from_numpy(np.array(motion[spans[name]]))) for name in names}
        self.real = measure([self._clip(name, name, made) for name, made in real.items()])

    def danced(self, trained: Trained, variants: int, **options: Any) -> dict[str, Any]:
        """All numbers of the dances that a network makes to the held-out music."""
        made = [
            self._clip(f"{name}-{seed}", name, whole(dance(trained, music, seed=seed, **options)))
            for name, music in self.music.items()
            for seed in range(variants)
        ]
        return compare(self.real, measure(made), replicates=500).numbers

    def _clip(self, name: str, music: str, motion: SmplMotion) -> Clip:
        joints = Dance(motion.poses.double().numpy(), motion.translation.double().numpy(), FPS).joints
        return Clip(name, joints, FPS, np.flatnonzero(self.music[music][:, -1].numpy() > 0.5), music)


def training(
    folder: Path, windows: DanceWindows, seed: int, steps: int, shorter: int
) -> Iterator[tuple[str, Trained]]:
    """The trained network, then what it is distilled to."""
    recipe = Recipe(steps, batch_size=8, learning_rate=3e-3, warmup=50, ema_decay=0.99, log="none", seed=seed)
    teacher_folder = folder / f"teacher-{seed}"
    Trainer(windows, NETWORK, PAPER.objective, recipe, teacher_folder, "cpu").run()
    yield "DDIM 50", load_trained(teacher_folder)
    for student_steps in STUDENTS:
        teacher = load_trained(teacher_folder)
        kind = Distillation(teacher)
        objective = distillation_objective(teacher, student_steps, TEACHER_STEPS)
        student_folder = folder / f"student-{seed}-{student_steps}"
        # The student begins where the teacher ended: a smaller rate, and at last a tenth of it.
        again = replace(recipe, steps=shorter, learning_rate=1e-3, warmup=20, drops=(2 * shorter // 3,))
        Trainer(windows, kind.sizes, objective, again, student_folder, "cpu", kind=kind).run()
        yield STUDENT.format(student_steps), load_trained(student_folder)


def worse(numbers: dict[str, Any], reference: dict[str, Any]) -> list[str]:
    """The numbers that lie beyond the worse end of the interval of the reference."""
    return [
        name
        for name, sign in NUMBERS.items()
        if sign * numbers[name].value > sign * (reference[name].high if sign > 0 else reference[name].low)
    ]


def full_size(device: str, steps: int | None) -> Trained:
    """The network of the paper with random weights, marked as distilled if `steps` is given."""
    torch.manual_seed(0)
    config = PAPER.model
    return Trained(
        POPDG(config).eval().requires_grad_(False).to(device),
        MinMaxScaler(torch.full((WIDTH,), -1.0), torch.ones(WIDTH)).to(device),
        MusicScaler.none(config.music_dim),
        "jukebox",
        2.0,
        torch.device(device),
        None if steps is None else Distilled(steps, "random"),
    )


def seconds(trained: Trained, frames: int, **options: Any) -> float:
    """The time of a dance, with the transfers to and from the device."""
    music = torch.randn(frames, trained.model.config.music_dim, generator=torch.Generator().manual_seed(0))
    began = time.perf_counter()
    whole(dance(trained, music, **options))
    return time.perf_counter() - began


def on_the_processor(rounds: int) -> float:
    """Prints the times of 1,024 frames; returns how much faster the gated student is than DDIM."""
    ways = {"DDIM 50": full_size("cpu", None)}
    ways |= {STUDENT.format(steps): full_size("cpu", steps) for steps in STUDENTS}
    for trained in ways.values():
        seconds(trained, 150, **({"steps": 2} if trained.distilled is None else {}))  # warms up
    spent: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, trained in ways.items():
            spent[way].append(seconds(trained, 1024))
    medians = {way: statistics.median(times) for way, times in spent.items()}
    for way, median in medians.items():
        click.echo(f"{way:14} {median:8.2f} s   {1024 / median:8.0f} frames a second")
    model = ways[STUDENT.format(GATED)].model
    music, noisy = torch.randn(8, 150, model.config.music_dim), torch.randn(8, 150, WIDTH)
    with torch.inference_mode():
        began = time.perf_counter()
        denoise = MusicDenoiser(model, music)
        encoded = time.perf_counter()
        denoise(noisy, 500)
        ended = time.perf_counter()
    once, step = encoded - began, ended - encoded
    click.echo(
        f"8 windows: music is encoded once, {once:.3f} s; a step takes {step:.3f} s. Frames that two windows "
        f"share are encoded twice: at most {once / 2 / (once + GATED * step):.1%} of {GATED} steps to save"
    )
    return medians["DDIM 50"] / medians[STUDENT.format(GATED)]


def on_the_gpu(rounds: int) -> None:
    """Prints the times of 1,024 and 4,096 frames, with the card's name."""
    if not torch.cuda.is_available():
        click.echo("no GPU here")
        return
    click.echo(torch.cuda.get_device_name())
    for frames in (1024, 4096):
        for way, steps, options in (
            ("DDIM 50", None, {}),
            *((STUDENT.format(steps), steps, {}) for steps in STUDENTS),
            *((f"distilled {steps}, graphs", steps, {"graphs": True}) for steps in STUDENTS),
        ):
            trained = full_size("cuda", steps)
            seconds(trained, frames, **options)
            median = statistics.median(seconds(trained, frames, **options) for _ in range(rounds))
            click.echo(
                f"{frames:5} frames  {way:20} {median:8.3f} s   {frames / median:8.0f} frames a second"
            )


def quality(
    folder: Path, clips: int, seeds: int, teacher_steps: int, student_steps: int, variants: int
) -> dict[str, set[str]]:
    """Prints the numbers of all dances; returns those that are worse than with DDIM, for each student."""
    release_dir = learning().make_release(folder, clips)
    windows = DanceWindows(release_dir, "train", WINDOW, stride=5, cache_dir=folder)
    held_out = HeldOut(release_dir, windows)
    click.echo(
        f"{teacher_steps} steps of training, {student_steps} of each distillation; "
        f"{variants} dances to each of {len(held_out.music)} pieces"
    )
    click.echo(f"{'':14} {'seed':>4}" + "".join(f"  {name:>26}" for name in NUMBERS))
    lost: dict[str, set[str]] = {}
    for seed in range(1, seeds + 1):
        reference: dict[str, Any] = {}
        for way, trained in training(folder, windows, seed, teacher_steps, student_steps):
            numbers = held_out.danced(trained, variants)
            reference = reference or numbers
            lost.setdefault(way, set()).update(worse(numbers, reference))
            cells = [
                f"{numbers[name].value:8.3f} [{numbers[name].low:.3f}, {numbers[name].high:.3f}]"
                for name in NUMBERS
            ]
            click.echo(f"{way:14} {seed:>4}" + "".join(f"  {cell:>26}" for cell in cells))
    truth = compare(held_out.real, held_out.real, replicates=0).numbers
    click.echo(f"{'real dances':19}" + "".join(f"  {truth[name].value:26.3f}" for name in NUMBERS))
    return {way: lost[way] for way in map(STUDENT.format, STUDENTS)}


@click.command()
@click.option("--part", type=click.Choice(["both", "quality", "time"]), default="both", show_default=True)
@click.option("--clips", default=96, show_default=True, help="Dances of the release.")
@click.option("--seeds", default=1, show_default=True, help="Trainings, each with its own distillations.")
@click.option("--teacher-steps", default=1500, show_default=True, help="Steps of the training.")
@click.option("--student-steps", default=300, show_default=True, help="Steps of each distillation.")
@click.option("--variants", default=2, show_default=True, help="Dances to each piece of music.")
@click.option("--rounds", default=1, show_default=True, help="Dances of 1,024 frames in each way.")
@click.option("--threads", default=2, show_default=True, help="Threads of torch.")
@click.option("--out", type=click.Path(path_type=Path), help="Keeps everything here, and continues from it.")
def main(part: str, rounds: int, threads: int, out: Path | None, **sizes: int) -> None:
    """Trains, distils, dances and compares."""
    torch.set_num_threads(threads)
    said, missed = [], False
    if part != "time":
        with tempfile.TemporaryDirectory() as temporary:
            lost = quality(out or Path(temporary), **sizes)
        verdicts = (
            f"{way} {'worse in ' + ' and '.join(sorted(of)) if of else 'no worse'}"
            for way, of in lost.items()
        )
        said.append(f"FID_k, BAS and PFC against the intervals of DDIM 50: {', '.join(verdicts)}")
        missed |= bool(lost[STUDENT.format(GATED)])
    if part != "quality":
        click.echo(f"1,024 frames, network of the paper, {threads} threads, medians of {rounds}")
        ratio = on_the_processor(rounds)
        on_the_gpu(max(3, rounds))
        said.append(f"{STUDENT.format(GATED)} {ratio:.1f} times faster than DDIM 50")
        missed |= ratio < TARGET
    click.echo(
        f"distilled: {'; '.join(said)} (target: {STUDENT.format(GATED)} no worse, at least {TARGET:g} times)"
    )
    sys.exit(int(missed))


if __name__ == "__main__":
    main()
