"""From sets of dances to a comparison."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from popdanceset.errors import InputError
from popdanceset.progress import Advance, ignore
from training.evaluation.comparison import LATENCY, Comparison, LeftOut, Row, paper_rows, unique
from training.evaluation.sets import DanceSet, common_rate, measurable
from training.metrics import bootstrap
from training.metrics.compare import SetResult, compare
from training.metrics.measure import MeasuredSet, measure
from training.metrics.mode import Mode
from training.validity import Finding

SHOWN = 3
"""Motions named for each mistake; the others are counted. `--json` holds all."""

LENGTHS = 1.25
"""Ratio of the median lengths of two sets from which on a warning is due."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scored:
    """A set with all that was measured of it.

    Attributes:
        dances: those that could be measured, as they were measured.
        measured: each for itself.
        result: by the measure of the ground truth.
    """

    dances: DanceSet
    measured: MeasuredSet
    result: SetResult


@dataclass(frozen=True)
class Evaluation:
    """The comparison and what lies behind it; the ground truth comes first."""

    comparison: Comparison
    sets: tuple[Scored, ...]


def score(
    real: DanceSet,
    models: Sequence[DanceSet],
    mode: Mode = "corrected",
    seed: int = 0,
    replicates: int = bootstrap.REPLICATES,
    strict: bool = False,
    against_paper: bool = False,
    seconds: float | None = None,
    advance: Advance = ignore,
) -> Evaluation:
    """Checks, measures and compares.

    In `corrected` mode all sets are brought to the frame rate of the ground truth.

    Args:
        real: the ground truth.
        models: sets to be compared with it.
        mode: way of counting.
        seed: of resampling.
        replicates: resamplings; 0 for none.
        strict: what looks wrong is an error.
        against_paper: adds the printed rows.
        seconds: dances are cut to this length; None leaves them whole.
        advance: told of each set.

    Raises:
        InputError: two sets of one name, a set that cannot be measured, or, if strict, any finding.
    """
    unique(dances.name for dances in (real, *models))
    findings: dict[str, list[Finding]] = {}
    left_out: list[LeftOut] = []
    sets: list[Scored] = []
    for dances in (real, *models):
        found = dances.findings()
        ready, out = measurable(dances)
        _complain(dances, found, out, strict)
        findings[dances.name] = found
        left_out += out
        if mode == "corrected":
            ready = ready.at(common_rate(sets[0].dances if sets else ready))
        ready = ready.cut(seconds)
        if sets:
            _compare_lengths(sets[0].dances, ready)
        measured = measure(ready.clips(), mode)
        truth = sets[0].measured if sets else measured
        sets.append(Scored(ready, measured, compare(truth, measured, seed, replicates)))
        advance(1, dances.name)
    rows = [_row(scored, number == 0, seed, replicates) for number, scored in enumerate(sets)]
    return Evaluation(
        Comparison(
            (*rows, *(paper_rows() if against_paper else ())),
            _protocol(sets, seconds),
            findings,
            tuple(left_out),
        ),
        tuple(sets),
    )


def _complain(dances: DanceSet, findings: list[Finding], out: list[LeftOut], strict: bool) -> None:
    if strict and (findings or out):
        first = str(findings[0]) if findings else f"{out[0].clip}: {out[0].reason}"
        more = len(findings) - 1 if findings else len(out) - 1
        raise InputError(
            first + (f"; and {more} more" if more else ""), dances.name, "without --strict it is a warning"
        )
    by_mistake: dict[str, list[Finding]] = {}
    for finding in findings:
        by_mistake.setdefault(finding.mistake, []).append(finding)
    for mistake, some in by_mistake.items():
        for finding in some[:SHOWN]:
            _log.warning("%s: %s", dances.name, finding)
        if len(some) > SHOWN:
            _log.warning(
                "%s: %s in %d more motions", dances.name, mistake.replace("_", " "), len(some) - SHOWN
            )
    for left in out:
        _log.warning("%s: %s is left out: %s", left.row, left.clip, left.reason)


def _compare_lengths(real: DanceSet, model: DanceSet) -> None:
    """Sums, means and features of long dances vary less than those of short ones."""
    ours, theirs = (median(motion.seconds for motion in dances.motions) for dances in (real, model))
    if not 1 / LENGTHS < theirs / ours < LENGTHS:
        _log.warning(
            "%s: dances last %.1f s, the ground truth's %.1f s; --seconds %.3g makes them comparable",
            model.name,
            theirs,
            ours,
            min(ours, theirs),
        )


def _row(scored: Scored, real: bool, seed: int, replicates: int) -> Row:
    numbers = dict(scored.result.numbers)
    latency = scored.dances.latency(seed, replicates)
    if latency is not None:
        numbers[LATENCY] = latency
    return Row(scored.dances.name, "real" if real else "model", numbers)


def _protocol(sets: Sequence[Scored], seconds: float | None) -> dict[str, Any]:
    """What all rows share once, and by row what they do not."""
    shared = dict(sets[0].result.protocol)
    rows = {}
    for scored in sets:
        own = scored.result.protocol
        rows[scored.dances.name] = {
            "motions": own["motions"]["generated"],
            "frames": own["frames"]["generated"],
            "fps": own["fps"]["generated"],
            "resampled_from": scored.dances.resampled_from or None,
            "frechet_bias": own["frechet"]["bias"],
            "standardisation": own["standardisation"],
        }
    for key in ("motions", "frames", "fps", "standardisation"):
        shared.pop(key)
    shared["frechet"] = {key: value for key, value in shared["frechet"].items() if key != "bias"}
    return shared | {"cut_to_seconds": seconds, "rows": rows}
