"""Do the models learn to dance to music? All four on the same dances, each against its untrained self.

    python tests/benchmarks/learning.py [--steps 1200] [--models popdg,edge,fact,bailando] [--out DIR]

A release of synthetic dances (tests/training/dances.py) is published, and `popdanceset bench` trains a small
network of each model on it, with several seeds and the same number of steps for each. They dance to music
that they never heard. So do the same networks after one step with a learning rate of almost 0: FACT and
Bailando dance from a motion that they saw in training, so even an untrained one must have seen a batch. The
stages of Bailando share the steps.

A last column scores the dances against the music of another clip, which is what a dance reaches that keeps a
rhythm but does not listen. With --out the same line continues what was interrupted. Exit code 1 if a trained
model does not beat its untrained self on FID_k and BAS with every seed.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import yaml

from popdanceset.atomic import atomic_write
from popdanceset.release.writer import publish
from popdanceset.settings import Settings
from popdanceset.store import Store
from training.bench.checks import check
from training.bench.command import bench
from training.bench.curves import logs_of
from training.bench.intervals import Replicated, interval, replicate
from training.bench.plan import Plan, read_plan
from training.bench.results import Result, cost_grid, measure_release
from training.bench.runs import Run
from training.evaluation.scoring import score_sets

TESTS = Path(__file__).parents[1]
NUMBERS = ("FID_k", "BAS")
SHOWN = (*NUMBERS, "BAS_music", "Div_k", "PFC")
POINTS = 6
"""Validations of a training, for the figure."""

COMMON = {"window": 60, "stride": 5, "batch-size": 8, "warmup": 50, "ema-decay": 0.99}
_DIFFUSION = {
    "training": {"learning-rate": 3e-3},
    "sizes": {"width": 128, "feedforward": 256, "heads": 4, "layers": 3, "music_layers": 1},
    "sampling": {"sampler": "dpm-solver"},
}
MODELS: dict[str, dict[str, Any]] = {
    "POPDG": {**_DIFFUSION, "model": "popdg", "ablate": ["ds-attention"]},
    "EDGE": {**_DIFFUSION, "model": "edge"},
    "FACT": {
        "model": "fact",
        "training": {"learning-rate": 2e-3, "batch-size": 32},
        "sizes": {
            "width": 128, "heads": 4, "feedforward": 256, "motion_layers": 1, "audio_layers": 1,
            "cross_layers": 3, "motion_frames": 12, "audio_frames": 40, "future": 10,
        },
    },
    "Bailando": {
        "model": "bailando",
        "training": {"learning-rate": 1e-3, "batch-size": 32},
        "sizes": {
            "vqvae_width": 64, "residual_width": 64, "embedding": 64, "codes": 64, "depth": 2, "width": 128,
            "heads": 4, "base_layers": 2, "head_layers": 2, "critic_layers": 1, "block": 14, "dropout": 0.0,
        },
        "stages": [
            {"preset": "ours", "share": 0.4},
            {"preset": "ours-2", "share": 0.15, "training": {"learning-rate": 3e-3}},
            {"preset": "ours-3", "share": 0.4, "validated": True},
            {"preset": "ours-4", "share": 0.05, "training": {"learning-rate": 1e-4}},
        ],
    },
}  # fmt: skip
"""Networks of comparable size, as the file of a bench describes them; `share`: of a stage in the steps.

POPDG is without DS-attention, which costs the same at any width: half of the time of so small a network.
"""

_UNTRAINED = {"learning-rate": 1e-12, "warmup": 0}


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
    """Publishes `clips` synthetic dances, a fifth of them for testing, unless the folder has them."""
    settings = Settings(
        store=str(folder / "store"),
        manifests=str(folder / "manifests"),
        release={"test_share": 0.2, "figures": False},
    )
    name = folder / f"release-of-{clips}.txt"
    if not name.exists():
        dances = module("dances", TESTS / "training/dances.py")
        synthetic = module("synthetic", TESTS / "popdanceset/release/synthetic.py")
        store = Store(settings.store)
        pieces = {f"BV{number}_Clip_1": dances.compose(number) for number in range(clips)}
        dances.fill_store(store, synthetic, pieces)
        path = publish(settings, store, "weekly").path
        with atomic_write(name, "w") as file:
            file.write(path)
    return Path(settings.store, name.read_text())


def untrained(model: str) -> str:
    """The name of the untrained self of a model."""
    return f"{model}, untrained"


def bench_of(models: Sequence[str], seeds: int, steps: int) -> dict[str, Any]:
    """The file of the bench: each model, and after it its untrained self."""
    entries: dict[str, Any] = {}
    for name in models:
        entry = MODELS[name] | {"training": COMMON | MODELS[name]["training"]}
        stages = entry.pop("stages", [{"share": 1}])
        shared = [
            {key: value for key, value in stage.items() if key != "share"}
            | {"budget": {"steps": max(1, round(stage["share"] * steps))}}
            for stage in stages
        ]
        entries[name] = entry | {"stages": shared}
        entries[untrained(name)] = entry | {
            "training": entry["training"] | _UNTRAINED,
            "stages": [{key: stage[key] for key in ("preset",) if key in stage} for stage in stages],
            "budget": {"steps": 1},
        }
    return {
        "seeds": list(range(seeds)),
        "models": entries,
        "checkpoint_every": 50,
        "validate_every": max(1, steps // POINTS),
        "protocol": {"columns": list(SHOWN)},
        "tables": {"learning": {"title": "Trained and untrained"}},
    }


def to_other_music(plan: Plan, result: Result, models: Sequence[str]) -> dict[str, Replicated]:
    """BAS of the dances of each model against the beats of the next clip."""
    assert result.evaluation is not None
    real, *sets = (scored.dances for scored in result.evaluation.sets)
    chosen = [(run, each) for run, each in zip(result.finished, sets, strict=True) if run.model in models]
    moved = [replace(each, music=(*each.music[1:], each.music[0])) for _, each in chosen]
    scored = score_sets(real, moved, plan.protocol.mode, plan.protocol.seed, replicates=0).sets
    return {
        model: replicate(
            scored[0].measured,
            [each.measured for each, (run, _) in zip(scored[1:], chosen, strict=True) if run.model == model],
            "BAS",
            plan.protocol.seed,
            plan.protocol.replicates,
        )
        for model in models
    }


def beats_itself(result: Result, model: str) -> dict[str, bool]:
    """Whether a model is better than its untrained self with every seed: seed by seed, for the same seed is
    the same network at its start, and the same dances that it began with."""
    fid, bas = (result.numbers[key] for key in NUMBERS)
    other = untrained(model)
    return {
        "FID_k": bool((fid[model].values < fid[other].values).all()),
        "BAS": bool((bas[model].values > bas[other].values).all()),
    }


def table(result: Result, models: Sequence[str], deaf: dict[str, Replicated]) -> str:
    """All numbers with their intervals, as Markdown."""

    def cell(number: Replicated | None, key: str) -> str:
        if number is None:
            return ""
        shown = interval(number, key)
        form = ",.0f" if shown.value >= 100 else ".1f" if shown.value >= 10 else ".2f"
        between = f" [{shown.low:{form}}, {shown.high:{form}}]" if shown.low < shown.high else ""
        return f"{shown.value:{form}}{between}"

    rows = [("real dances", result.real, None)]
    for name in (row for model in models for row in (model, untrained(model))):
        of_row = {key: numbers[name] for key, numbers in result.numbers.items()}
        rows.append((name, of_row, deaf.get(name)))
    lines = [
        "| | " + " | ".join((*SHOWN, "BAS to other music")) + " |",
        "|---|" + "---:|" * (len(SHOWN) + 1),
    ]
    for name, numbers, other in rows:
        cells = [*(cell(numbers[key], key) for key in SHOWN), cell(other, "BAS")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def learning_curves(runs: Sequence[Run], models: Sequence[str], real: float, target: Path) -> None:
    """Draws FID_k and BAS of validations over the steps of training: the mean over seeds, and their range."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "popdanceset"
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = pyplot.subplots(1, len(NUMBERS), figsize=(9, 3), layout="constrained")
    for axis, key in zip(axes, NUMBERS, strict=True):
        for model, colour in zip(models, ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), strict=False):
            curves = [validations(run, f"validation/{key}") for run in runs if run.model == model]
            steps = sorted(set.intersection(*(set(curve) for curve in curves)))
            values = np.array([[curve[step] for step in steps] for curve in curves])
            axis.plot(steps, values.mean(0), "o-", color=colour, markersize=3, linewidth=1.2, label=model)
            axis.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
        axis.set(xlim=(0, None), xlabel="steps of training")
        axis.set_title(f"{key}, 2 s of unheard music", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0].yaxis.set_major_formatter("{x:g}")
    axes[0].yaxis.set_minor_formatter(NullFormatter())
    axes[1].axhline(real, color="#666666", linewidth=0.8, linestyle="--", label="real dances")
    axes[1].legend(fontsize=8, frameon=False)
    figure.savefig(target, metadata={"Date": None})


def validations(run: Run, key: str) -> dict[int, float]:
    """Step → value; the steps of stages follow each other."""
    found, before = {}, 0
    for log in logs_of(run):
        found |= {before + record["step"]: record[key] for record in log.records if key in record}
        before += log.steps
    return found


def compare(models: Sequence[str], steps: int, seeds: int, clips: int, out: Path) -> tuple[Plan, list[Run]]:
    """Trains what is not trained yet, and dances; returns the bench and its runs."""
    release = make_release(out, clips)
    file = out / "bench.yaml"
    file.write_text(yaml.safe_dump(bench_of(models, seeds, steps), sort_keys=False))
    words = [file, "--release", release, "--out", out / "bench", "--cache", out / "cache"]
    bench.main([*map(str, words), "--device", "cpu", "--retry-failed"], standalone_mode=False)
    plan = read_plan(file, (str(release),))
    return plan, check(plan, out / "bench")


@click.command()
@click.option("--steps", default=1200, show_default=True, help="Training steps of each model and seed.")
@click.option("--models", "chosen", default=",".join(MODELS), show_default=True, help="Models to compare.")
@click.option("--seeds", default=3, show_default=True, help="Trainings of each model.")
@click.option("--clips", default=96, show_default=True, help="Dances of the release.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to keep everything in, and to continue.")
@click.option("--figure", type=click.Path(path_type=Path), help="SVG file for the learning curves.")
def main(steps: int, chosen: str, seeds: int, clips: int, out: Path | None, figure: Path | None) -> None:
    """Trains, dances and compares."""
    by_name = {name.lower(): name for name in MODELS}
    models = [by_name[name.strip().lower()] for name in chosen.split(",")]
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plan, runs = compare(models, steps, seeds, clips, folder)
        (release,) = plan.releases
        result = measure_release(plan, release, runs)
        click.echo(cost_grid(result).markdown())
        click.echo(table(result, models, to_other_music(plan, result, models)))
        if figure is not None:
            learning_curves(runs, models, result.real["BAS"].value, figure)
    won = {model: beats_itself(result, model) for model in models}
    said = []
    for model in models:
        parts = [
            f"{key} {result.numbers[key][model].value:.3g} "
            f"(untrained {result.numbers[key][untrained(model)].value:.3g}"
            f"{'' if better else ', NOT beaten with every seed'})"
            for key, better in won[model].items()
        ]
        said.append(f"{model} {' and '.join(parts)}")
    click.echo(
        f"learning: {'; '.join(said)} (target: each trained model beats its untrained self on FID_k and BAS)"
    )
    sys.exit(0 if all(all(each.values()) for each in won.values()) else 1)


if __name__ == "__main__":
    main()
