"""From the dances of finished runs to tables: numbers over seeds and music, paired tests, cost."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from popdanceset.errors import InputError
from popdanceset.motion.joint_motion import JointMotion
from popdanceset.release.reader import Release
from training.bench.curves import logs_of
from training.bench.grid import Grid
from training.bench.intervals import Replicated, Test, holm, interval, paired_test, replicate
from training.bench.plan import Plan, TablePlan
from training.bench.runs import Run
from training.evaluation.comparison import LATENCY, Comparison, LeftOut, Row, published_rows
from training.evaluation.published import chosen as published
from training.evaluation.scoring import Evaluation, ScoredSet, score_sets
from training.evaluation.sets import (
    DanceSet,
    MotionFolder,
    measurable,
    read_folder_dances,
    read_release_dances,
)
from training.evaluation.table import decimals
from training.metrics.bootstrap import NO_INTERVAL, ONE_CLIP
from training.metrics.score import Interval, joined
from training.sampling.pieces import clips_with_music

GIGABYTE = 1e9
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Result:
    """Everything about a release: what each run got, and the numbers of each model.

    Attributes:
        release: its name.
        runs: all of them.
        evaluation: real dances and finished runs, without intervals.
        numbers: key → model → its number; models without a finished run are missing.
        real: key → the number of the real dances.
    """

    release: str
    runs: tuple[Run, ...]
    evaluation: Evaluation | None
    numbers: dict[str, dict[str, Replicated]]
    real: dict[str, Replicated]

    @property
    def finished(self) -> tuple[Run, ...]:
        """The runs with dances."""
        return tuple(run for run in self.runs if run.done)


def measure_release(plan: Plan, release: str, runs: Sequence[Run]) -> Result:
    """Measures the dances of all finished runs on a release.

    Raises:
        InputError: dances are missing or damaged.
    """
    finished = [run for run in runs if run.done]
    if not finished:
        return Result(release, tuple(runs), None, {}, {})
    protocol = plan.protocol
    with Release(plan.releases[release]) as opened:
        truth, known = read_release_dances(opened, protocol.split)
        heard = set(clips_with_music(opened, protocol.split, protocol.extractor))
    truth = truth.where([motion.name in heard for motion in truth.motions])
    clips = [motion.name for motion in measurable(truth)[0].motions]
    sets = [
        _in_order(read_folder_dances(MotionFolder(_name(run), run.dances), known), clips, run)
        for run in finished
    ]
    evaluation = score_sets(truth, sets, protocol.mode, protocol.seed, replicates=0, seconds=protocol.seconds)
    real, *scored = evaluation.sets
    measured = {
        model: [each.measured for each, run in zip(scored, finished, strict=True) if run.model == model]
        for model in dict.fromkeys(run.model for run in finished)
    }
    numbers: dict[str, dict[str, Replicated]] = {}
    reals: dict[str, Replicated] = {}
    for key in protocol.columns:
        reals[key] = replicate(real.measured, [real.measured], key, protocol.seed, protocol.replicates)
        numbers[key] = {
            model: replicate(real.measured, some, key, protocol.seed, protocol.replicates)
            for model, some in measured.items()
        }
    return Result(release, tuple(runs), evaluation, numbers, reals)


def comparison(plan: Plan, table: TablePlan, result: Result) -> Comparison:
    """The rows of a table: the real dances, the models in their order, and printed rows if wanted.

    Raises:
        InputError: no run on the release is finished.
    """
    if result.evaluation is None:
        raise InputError("no run is finished", result.release, "see runs.md")
    shared = result.evaluation.comparison
    measured = {row.name: row for row in shared.measured}
    by_run = {scored.dances.name: scored for scored in result.evaluation.sets}
    real = shared.real
    rows = [Row(real.name, "real", _numbers(result.real, [real]))]
    protocols: dict[str, Any] = {real.name: shared.protocol["rows"][real.name]}
    names = table.rows or tuple(plan.models)
    for model in names:
        of_model = [run for run in result.finished if run.model == model]
        if not of_model:
            continue
        found = {key: models[model] for key, models in result.numbers.items()}
        latency = _latency([by_run[_name(run)] for run in of_model])
        rows.append(
            Row(model, "model", _numbers(found, [measured[_name(run)] for run in of_model]) | latency)
        )
        protocols[model] = _together([shared.protocol["rows"][_name(run)] for run in of_model])
    out = [
        LeftOut(run.model, f"seed {run.seed}", run.failure or "it is not finished")
        for run in result.runs
        if not run.done and run.model in names
    ]
    out += [left for left in shared.left_out if left.row == real.name]
    printed = published(plan.protocol.against) if plan.protocol.against else ()
    return Comparison(
        (*rows, *published_rows(printed, shared.protocol)),
        shared.protocol | {"replicates": plan.protocol.replicates, "rows": protocols},
        left_out=tuple(out),
        published=tuple(printed),
    )


def tests(plan: Plan, table: TablePlan, result: Result) -> list[Test]:
    """Paired tests of the models of a table in each column, corrected over the tests of the column."""
    found: list[Test] = []
    for key, models in result.numbers.items():
        names = [name for name in table.rows or tuple(plan.models) if name in models]
        if table.reference:
            pairs = [(table.reference, name) for name in names if name != table.reference]
            pairs = pairs if table.reference in models else []
        else:
            pairs = list(itertools.combinations(names, 2))
        some = [paired_test(first, second, models, result.real[key], key) for first, second in pairs]
        adjusted = holm([test.p_value for test in some])
        found += [replace(test, adjusted=p) for test, p in zip(some, adjusted, strict=True)]
    return found


def tests_grid(found: Sequence[Test]) -> Grid:
    """The tests as a table."""
    rows = []
    for test in found:
        better = test.first if test.difference < 0 else test.second
        verdict = f"{better} is better" if test.adjusted < SIGNIFICANT else "no difference shown"
        verdict += " (one seed)" * (test.seeds == 1)
        rows.append(
            (
                f"{test.first} – {test.second}", test.key, f"{test.difference:{decimals(test.difference)}}",
                f"{test.p_value:.4f}", f"{test.adjusted:.4f}", verdict,
            )
        )  # fmt: skip
    return Grid(
        ("models", "number", "difference", "p", "p, Holm", f"at {SIGNIFICANT:g}"),
        tuple(rows),
        "Difference of what is less for the better model: the number, its negative where more is better, or "
        "its distance from that of the real dances. Student's t over seeds and music, paired by music. "
        "Holm's correction is over the tests of a number.",
    )


def cost_grid(result: Result) -> Grid:
    """What the models cost: mean over finished runs, and for memory the largest."""
    by_run = {} if result.evaluation is None else {each.dances.name: each for each in result.evaluation.sets}
    rows = []
    for model in dict.fromkeys(run.model for run in result.finished):
        runs = [run for run in result.finished if run.model == model]
        logs = [logs_of(run) for run in runs]
        steps = sum(log.steps for log in logs[0])
        seconds = sum(log.seconds for stages in logs for log in stages) / len(runs)
        memory = max(log.memory for stages in logs for log in stages) / GIGABYTE
        latency = _latency([by_run[_name(run)] for run in runs])
        rows.append(
            (
                model, f"{runs[0].parameters:,}", f"{steps:,}", f"{seconds:,.1f}",
                f"{steps / seconds:.2f}" if seconds else "–", f"{memory:.2f}",
                f"{latency[LATENCY].value:.3f}" if latency else "–", str(len(runs)),
            )
        )  # fmt: skip
    return Grid(
        ("model", "parameters", "steps", "training (s)", "steps a second", "peak memory (GB)",
         "s per second of dance", "runs"),
        tuple(rows),
        "Means over runs; the largest memory. All stages together. Validations, and steps that were repeated "
        "after an interruption, are not in the seconds. Memory is that of the GPU, or without one of the "
        "process.",
    )  # fmt: skip


def runs_grid(plan: Plan, results: Sequence[Result]) -> Grid:
    """A row for each run, with its numbers or why it has none."""
    rows = []
    for result in results:
        shared = result.evaluation.comparison if result.evaluation else None
        numbers = {row.name: row.numbers for row in shared.models} if shared else {}
        for run in result.runs:
            own = numbers.get(_name(run), {})
            cells = [f"{own[key].value:.6g}" if key in own else "" for key in plan.protocol.columns]
            rows.append((run.model, run.release, str(run.seed), run.state, *cells))
    return Grid(("model", "release", "seed", "state", *plan.protocol.columns), tuple(rows))


def _name(run: Run) -> str:
    return f"{run.model}, seed {run.seed}"


def _in_order(dances: DanceSet, clips: Sequence[str], run: Run) -> DanceSet:
    """The dances in the order of the clips, variant by variant; those to other clips are left out."""
    music = dances.music or (None,) * len(dances.motions)
    there = {motion.name: (motion, piece) for motion, piece in zip(dances.motions, music, strict=True)}
    wanted = [
        f"{clip}-{number}"
        for number in range(run.seed * run.variants, (run.seed + 1) * run.variants)
        for clip in clips
    ]
    missing = [name for name in wanted if name not in there]
    if missing:
        raise InputError(
            f"{len(missing)} dances are missing, the first is {missing[0]}", run.dances, "remove done.json"
        )
    motions: list[JointMotion] = [there[name][0] for name in wanted]
    return replace(dances, motions=tuple(motions), music=tuple(there[name][1] for name in wanted))


def _numbers(found: Mapping[str, Replicated], measured: Sequence[Row]) -> dict[str, Interval]:
    """The numbers of a model, with what its runs say about each."""
    numbers = {}
    for key, number in found.items():
        parts = [part for row in measured for part in row.numbers[key].flag.split("; ")]
        flag = joined(number.flag, *(part for part in parts if part not in (NO_INTERVAL, ONE_CLIP)))
        numbers[key] = interval(replace(number, flag=flag), key)
    return numbers


def _together(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The protocol of a model, whose runs differ in nothing but their number of motions."""
    motions = {"motions": sum(row["motions"] for row in rows)}
    return rows[0] | motions | {"read_as": [read | motions for read in rows[0]["read_as"]]}


def _latency(scored: Sequence[ScoredSet]) -> dict[str, Interval]:
    known = [latency for each in scored if (latency := each.dances.latency(0, 0)) is not None]
    if not known:
        return {}
    mean = sum(latency.value for latency in known) / len(known)
    return {LATENCY: Interval(mean, mean, mean)}
