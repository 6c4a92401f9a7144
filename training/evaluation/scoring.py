"""Scores sets of dances: checks them, measures them, and compares them with the ground truth."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from popdanceset.errors import InputError
from popdanceset.progress import Advance, ignore
from training.evaluation.comparison import LATENCY, Comparison, LeftOut, Row, check_unique, published_rows
from training.evaluation.published import PublishedNumber
from training.evaluation.sets import DanceSet, common_rate, measurable
from training.metrics.bootstrap import REPLICATES
from training.metrics.compare import SetResult, compare
from training.metrics.measure import MeasuredSet, measure
from training.metrics.mode import Mode
from training.motion.validity import Finding

SHOWN = 3
"""Motions named in warnings for each mistake; further ones are counted. `--json` lists all of them."""

LENGTHS = 1.25
"""Ratio of the median lengths of two sets above which a warning is logged."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScoredSet:
    """A set with everything measured on it.

    Attributes:
        dances: the dances that could be measured, resampled and cut as they were measured.
        measured: the dances measured one by one.
        result: the set compared with the ground truth.
    """

    dances: DanceSet
    measured: MeasuredSet
    result: SetResult


@dataclass(frozen=True)
class Evaluation:
    """The comparison, and the scored sets behind it; the ground truth comes first."""

    comparison: Comparison
    sets: tuple[ScoredSet, ...]


def score_sets(
    real: DanceSet,
    models: Sequence[DanceSet],
    mode: Mode = "corrected",
    seed: int = 0,
    replicates: int = REPLICATES,
    strict: bool = False,
    against: Sequence[PublishedNumber] = (),
    seconds: float | None = None,
    advance: Advance = ignore,
) -> Evaluation:
    """Checks, measures and compares sets of dances.

    In `corrected` mode all sets are resampled to the frame rate of the ground truth.

    Args:
        real: the ground truth.
        models: sets to compare with it.
        mode: `corrected` or `released`.
        seed: seed of the resampling behind the intervals.
        replicates: number of resamplings; 0 for no intervals.
        strict: raise an error where a motion looks wrong, instead of logging a warning.
        against: printed numbers to add as rows.
        seconds: cut dances to this length; None leaves them whole.
        advance: called after each set.

    Raises:
        InputError: two sets have the same name, a set cannot be measured, the frame rate of a set that is
            compared with another is unknown, or, if strict, a motion looks wrong.
    """
    start = time.perf_counter()
    check_unique(dances.name for dances in (real, *models))
    if models and mode == "corrected":
        for dances in (real, *models):
            dances.check_rates()
    findings: dict[str, list[Finding]] = {}
    left_out: list[LeftOut] = []
    sets: list[ScoredSet] = []
    for dances in (real, *models):
        found = dances.findings()
        _report_unknown_music(dances, strict)
        ready, out = measurable(dances)
        _report_findings(dances, found, out, strict)
        findings[dances.name] = found
        left_out += out
        if mode == "corrected":
            ready = ready.resampled(common_rate(sets[0].dances if sets else ready))
        ready = ready.cut(seconds)
        if sets:
            _compare_lengths(sets[0].dances, ready)
        measured = measure(ready.clips(), mode)
        truth = sets[0].measured if sets else measured
        sets.append(ScoredSet(ready, measured, compare(truth, measured, seed, replicates)))
        advance(1, dances.name)
    rows = [_row(scored, number == 0, seed, replicates) for number, scored in enumerate(sets)]
    _log.info(
        "scored %d sets, %d motions, %d frames in %.1f s",
        len(sets),
        sum(len(scored.measured.clips) for scored in sets),
        sum(sum(scored.measured.frames) for scored in sets),
        time.perf_counter() - start,
    )
    protocol = _protocol(sets, seconds)
    return Evaluation(
        Comparison(
            (*rows, *published_rows(against, protocol)), protocol, findings, tuple(left_out), tuple(against)
        ),
        tuple(sets),
    )


def _report_findings(dances: DanceSet, findings: list[Finding], out: list[LeftOut], strict: bool) -> None:
    """Logs what looks wrong with a set and which motions are left out; raises the first of them if strict."""
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


def _report_unknown_music(dances: DanceSet, strict: bool) -> None:
    """Warns of dances to music that is not known, which have no beat metrics; raises if strict."""
    names = dances.without_music()
    if not names:
        return
    some = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
    what = f"no music fits {len(names)} of {len(dances.motions)} dances, which get no beat metrics: {some}"
    do = "name their songs with --music, or put the name of the music into that of the motion"
    if strict:
        raise InputError(what, dances.name, do)
    _log.warning("%s: %s (%s)", dances.name, what, do)


def _compare_lengths(real: DanceSet, model: DanceSet) -> None:
    """Warns of other lengths: sums, means and features of long dances vary less than those of short ones."""
    ours, theirs = (median(motion.seconds for motion in dances.motions) for dances in (real, model))
    if not 1 / LENGTHS < theirs / ours < LENGTHS:
        _log.warning(
            "%s: dances last %.1f s, the ground truth's %.1f s; --seconds %.3g makes them comparable",
            model.name,
            theirs,
            ours,
            min(ours, theirs),
        )


def _row(scored: ScoredSet, real: bool, seed: int, replicates: int) -> Row:
    numbers = dict(scored.result.numbers)
    latency = scored.dances.latency(seed, replicates)
    if latency is not None:
        numbers[LATENCY] = latency
    return Row(scored.dances.name, "real" if real else "model", numbers)


def _protocol(sets: Sequence[ScoredSet], seconds: float | None) -> dict[str, Any]:
    """What all rows share, once, and under `rows` what they do not."""
    shared = dict(sets[0].result.protocol)
    rows = {}
    for scored in sets:
        own = scored.result.protocol
        rows[scored.dances.name] = {
            "motions": own["motions"]["generated"],
            "frames": own["frames"]["generated"],
            "fps": own["fps"]["generated"],
            "read_as": scored.dances.read_as(),
            "resampled_from": scored.dances.resampled_from or None,
            "without_music": scored.dances.without_music(),
            "frechet_bias": own["frechet"]["bias"],
            "standardisation": own["standardisation"],
        }
    for key in ("motions", "frames", "fps", "standardisation"):
        shared.pop(key)
    shared["frechet"] = {key: value for key, value in shared["frechet"].items() if key != "bias"}
    return shared | {"cut_to_seconds": seconds, "rows": rows}
