"""What the trainer's logs say: learning curves, and what a run cost."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from popdanceset.errors import InputError
from training.bench.runs import Run
from training.evaluation.figures import GRID, INK, MODELS, SOFT, STYLES
from training.fitting.logs import FILE

SHOWN = {
    "loss/total": "training loss",
    "validation/FID_k": "FID_k, validation",
    "validation/BAS": "BAS, validation",
}


@dataclass(frozen=True)
class Log:
    """The records of a stage, without those that a later attempt repeated.

    Attributes:
        records: `step`, `seconds` since its attempt began, `memory` in bytes, and values by name.
        steps: of the optimizer.
        seconds: of training, in the attempts that count; validations and repeated steps are not in it.
        memory: largest memory of any attempt, bytes.
    """

    records: tuple[dict[str, Any], ...]
    steps: int
    seconds: float
    memory: int


def read_log(path: Path) -> Log:
    """Reads `log.jsonl` of a training.

    Raises:
        InputError: it is not readable or contains something else.
    """
    kept: list[dict[str, Any]] = []
    memory = 0
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if len(record) == 3:  # an attempt begins, at the step after this one
                kept = [each for each in kept if each["step"] <= record["step"]]
            kept.append(record)
            memory = max(memory, record["memory"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"is not a log of a training: {error}", path, "remove the run") from error
    spent, counted = 0.0, 0
    for before, after in itertools.pairwise(kept):
        quiet = not any(name.startswith("validation/") for name in after)
        if len(after) > 3 and quiet:
            spent += after["seconds"] - before["seconds"]
            counted += after["step"] - before["step"]
    steps = kept[-1]["step"] if kept else 0
    return Log(
        tuple(record for record in kept if len(record) > 3),
        steps,
        spent * steps / counted if counted else 0.0,
        memory,
    )


def logs_of(run: Run) -> list[Log]:
    """The logs of all stages of a run."""
    return [read_log(run.stage_folder(number) / FILE) for number in range(len(run.stages))]


def learning_curves(runs: Sequence[Run]) -> Figure:
    """Draws loss and validation over steps: a colour for each model, a line style for each seed.

    The steps of stages follow each other. Losses of different models measure different things.
    """
    names = list(dict.fromkeys(run.model for run in runs))
    seeds = list(dict.fromkeys(run.seed for run in runs))
    lines: dict[str, list[tuple[Run, list[int], list[float]]]] = {key: [] for key in SHOWN}
    for run in runs:
        logs = logs_of(run)
        for key, of_key in lines.items():
            steps, values, before = [], [], 0
            for log in logs:
                there = [record for record in log.records if key in record]
                steps += [before + record["step"] for record in there]
                values += [record[key] for record in there]
                before += log.steps
            if steps:
                of_key.append((run, steps, values))
    shown = [key for key in SHOWN if lines[key]] or ["loss/total"]
    figure = Figure(figsize=(4.6 * len(shown), 3.4), layout="constrained", facecolor="white")
    first = {run.model: run.seed for run in reversed(runs)}
    for axes, key in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        for run, steps, values in lines[key]:
            number = names.index(run.model)
            axes.plot(
                steps,
                values,
                STYLES[seeds.index(run.seed) % len(STYLES)],
                color=MODELS[number % len(MODELS)],
                linewidth=1.2,
                label=run.model if run.seed == first[run.model] else None,
            )
        if key != "validation/BAS" and all(min(values) > 0 for _, _, values in lines[key]):
            axes.set_yscale("log")
        axes.set_title(SHOWN[key], fontsize=10, color=INK, loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_xlabel("steps of the optimizer", fontsize=8, color=SOFT)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=GRID)
        axes.tick_params(colors=SOFT, labelcolor=INK, labelsize=8)
    if lines[shown[0]]:
        figure.axes[0].legend(fontsize=8, frameon=False)
    return figure
