"""Does training learn to dance to music? Held-out music, three ways of dancing to it, seeds and intervals.

    python tests/benchmarks/learning.py [--minutes 9.5] [--figure tests/benchmarks/learning.svg]

A release of synthetic dances (tests/training/dances.py) is published, a small network is trained on it for a
few minutes, and then dances to music whose video and piece it has never seen: as it was trained, without
listening (no music, same network), and with a network that was never trained. FID_k and BAS of each, with
bootstrap intervals, over several seeds. The last line has the medians; exit code 1 if the trained network
does not beat both others on both.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import torch

from popdanceset.release.reader import Release
from popdanceset.release.writer import publish
from popdanceset.schema import FPS
from popdanceset.settings import Settings
from popdanceset.store import Store
from training.data import DanceWindows
from training.data.representation import decode
from training.export import Dance
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
from training.metrics.clip import Clip
from training.metrics.compare import compare
from training.metrics.measure import measure
from training.popdg.config import PAPER, ModelConfig
from training.popdg.model import POPDG
from training.sampling.dancing import dance, whole
from training.sampling.trained import Trained

TESTS = Path(__file__).parents[1]
WINDOW = 60
NETWORK = ModelConfig(
    width=128, feedforward=256, heads=4, layers=3, music_layers=1, ds_attention=False
)  # DS-attention costs the same at any width: half of a small network's time, for little in a few minutes


def module(name: str, path: Path):
    """A module of the tests, which are no package."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def make_release(folder: Path, clips: int) -> Path:
    """Publishes so many synthetic dances, a fifth of them for testing."""
    dances = module("dances", TESTS / "training/dances.py")
    synthetic = module("synthetic", TESTS / "popdanceset/release/synthetic.py")
    settings = Settings(
        store=str(folder / "store"), manifests=str(folder / "manifests"), release={"test_share": 0.2}
    )
    store = Store(settings.store)
    pieces = {f"BV{number}_Clip_1": dances.compose(number) for number in range(clips)}
    dances.fill_store(store, synthetic, pieces)
    return Path(settings.store, publish(settings, store, "weekly").path)


class HeldOut:
    """The test part of a release: what was danced, what was heard."""

    def __init__(self, release_dir: Path, windows: DanceWindows) -> None:
        with Release(release_dir) as release:
            names = release.clip_ids("test")
        motion, music = windows.cache.array("motion"), windows.cache.array("music")
        spans = {span.clip_id: slice(span.first, span.first + span.frames) for span in windows.cache.spans}
        self.music = {name: torch.from_numpy(np.array(music[spans[name]])) for name in names}
        real = {name: decode(torch.from_numpy(np.array(motion[spans[name]]))) for name in names}
        self.real = measure([self._clip(name, made) for name, made in real.items()])

    def danced(self, trained: Trained, seed: int, guidance: float | None = None):
        """All numbers of the dances that a network makes to the held-out music."""
        made = [
            self._clip(name, whole(dance(trained, music, sampler="dpm-solver", seed=seed, guidance=guidance)))
            for name, music in self.music.items()
        ]
        return compare(self.real, measure(made), seed=seed, replicates=500).numbers

    def _clip(self, name, motion) -> Clip:
        joints = Dance(motion.poses.double().numpy(), motion.translation.double().numpy(), FPS).joints
        return Clip(name, joints, FPS, np.flatnonzero(self.music[name][:, -1].numpy() > 0.5), name)


def learning_curve(curve: list[dict[str, float]], beside: dict[str, dict[str, float]], target: Path) -> None:
    """Loss, FID_k and BAS over the minutes of training; `beside` are the heights of lines to compare with."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "popdanceset"
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter

    titles = {"loss": "training loss", "FID_k": "FID_k, unheard music", "BAS": "BAS, unheard music"}
    figure, axes = pyplot.subplots(1, 3, figsize=(9, 2.6), layout="constrained")
    minutes = [point["minutes"] for point in curve]
    for axis, (name, title) in zip(axes, titles.items(), strict=True):
        axis.plot(minutes, [point[name] for point in curve], "o-", color="#0072B2", markersize=3)
        for label, height in beside.get(name, {}).items():
            axis.axhline(height, color="#666666", linewidth=0.8, linestyle="--")
            axis.annotate(label, (minutes[-1], height), ha="right", va="bottom", fontsize=8, color="#444444")
        axis.set(xlim=(0, None), xlabel="minutes of training, 2 cores")
        axis.set_title(title, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
        if name != "BAS":
            axis.set_yscale("log")
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_formatter(NullFormatter())
    figure.savefig(target, metadata={"Date": None})


@click.command()
@click.option("--minutes", default=9.5, show_default=True, help="Of training, measuring not counted.")
@click.option("--clips", default=96, show_default=True, help="Of the release.")
@click.option("--figure", type=click.Path(path_type=Path), help="Where to draw the learning curve.")
@click.option("--points", default=6, show_default=True, help="Measurements of the curve.")
@click.option("--seeds", default=3, show_default=True, help="Dances to each piece of music, in each way.")
def main(minutes: float, clips: int, figure: Path | None, points: int, seeds: int) -> None:
    """Trains, dances and compares."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
    with tempfile.TemporaryDirectory() as folder:
        release_dir = make_release(Path(folder), clips)
        windows = DanceWindows(release_dir, "train", WINDOW, stride=5, cache_dir=Path(folder))
        held_out = HeldOut(release_dir, windows)
        recipe = Recipe(
            steps=1_000_000, batch_size=32, learning_rate=3e-3, warmup=50, ema_decay=0.99, log="none"
        )
        trainer = Trainer(windows, NETWORK, PAPER.objective, recipe, Path(folder, "run"))
        click.echo(
            f"{len(windows.clips)} clips to train on, {len(held_out.music)} to unseen music; "
            f"{sum(p.numel() for p in trainer.network.parameters()):,} parameters"
        )

        def as_trained() -> Trained:
            return Trained(
                trainer.network.eval(),
                trainer.scaler,
                trainer.music_scaler,
                windows.extractor,
                trainer.objective.guidance,
                trainer.accelerator.device,
            )

        curve, spent, losses = [], 0.0, []
        trainer.model.train()
        for step, motion, music in trainer.batches.stream(0, recipe.steps):
            began = time.perf_counter()
            losses.append(trainer.step(step, motion, music)["loss/total"])
            spent += time.perf_counter() - began
            if spent >= minutes * 60 * (len(curve) + 1) / points:
                with trainer.average.applied():
                    numbers = held_out.danced(as_trained(), seed=99)
                trainer.model.train()
                curve.append(
                    {
                        "minutes": spent / 60,
                        "steps": step + 1,
                        "loss": float(np.mean(losses[-50:])),
                        "FID_k": numbers["FID_k"].value,
                        "BAS": numbers["BAS"].value,
                    }
                )
                click.echo(json.dumps(curve[-1]))
            if spent >= minutes * 60:
                break

        torch.manual_seed(0)
        untrained = POPDG(trainer.config)
        with trainer.average.applied():
            trained = as_trained()
            ways = {
                "trained": (trained, None),
                "without listening": (trained, 0.0),
                "untrained": (
                    Trained(
                        untrained.eval(),
                        trained.scaler,
                        trained.music_scaler,
                        "baseline",
                        2.0,
                        trained.device,
                    ),
                    None,
                ),
            }
            results = {
                way: [held_out.danced(network, seed, guidance) for seed in range(seeds)]
                for way, (network, guidance) in ways.items()
            }
        truth = compare(held_out.real, held_out.real, replicates=500).numbers
        click.echo(f"{spent / 60:.1f} minutes, {len(losses)} steps")
        click.echo(f"{'':18} {'seed':>4}  {'FID_k':>28}  {'BAS':>22}")
        for way, of_seeds in results.items():
            for seed, numbers in enumerate(of_seeds):
                cells = [
                    f"{numbers[name].value:8.3f} [{numbers[name].low:.3f}, {numbers[name].high:.3f}]"
                    for name in ("FID_k", "BAS")
                ]
                click.echo(f"{way:18} {seed:>4}  {cells[0]:>28}  {cells[1]:>22}")
        click.echo(f"{'the real dances':18} {'':>4}  {0:>28}  {truth['BAS'].value:22.3f}")
        if figure is not None:
            deaf = {
                name: float(np.median([numbers[name].value for numbers in results["without listening"]]))
                for name in ("FID_k", "BAS")
            }
            learning_curve(
                curve,
                {
                    "FID_k": {"without listening": deaf["FID_k"]},
                    "BAS": {"without listening": deaf["BAS"], "the real dances": truth["BAS"].value},
                },
                figure,
            )

    won = True
    for other in ("without listening", "untrained"):
        # Beaten beyond doubt: even the worst seed, at the bad end of its interval for BAS.
        fid = max(n["FID_k"].value for n in results["trained"]) < min(
            n["FID_k"].value for n in results[other]
        )
        bas = min(n["BAS"].low for n in results["trained"]) > max(n["BAS"].high for n in results[other])
        click.echo(
            f"trained against {other}: FID_k {'better' if fid else 'NOT better'} on every seed, "
            f"BAS {'better, intervals apart' if bas else 'NOT better beyond the intervals'}"
        )
        won &= fid and bas
    medians = ", ".join(
        f"{way} "
        + " and ".join(f"{np.median([n[key].value for n in of_seeds]):.3g}" for key in ("FID_k", "BAS"))
        for way, of_seeds in results.items()
    )
    click.echo(
        f"learning: FID_k and BAS {medians} "
        "(target: better than both others on every seed, BAS beyond its intervals)"
    )
    sys.exit(0 if won else 1)


if __name__ == "__main__":
    main()
