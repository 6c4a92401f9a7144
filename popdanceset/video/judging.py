"""Judging: what is wrong with a video, and when, by the rules of screening."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from popdanceset.runs import runs_of
from popdanceset.schema import Reason
from popdanceset.video.measures import main_track, measure, signal
from popdanceset.video.rules import Rule, Scope, of_scope

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.video.screening.report import Screening

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STEP = 0.1  # seconds: the grid on which rules are judged
EPSILON = 1e-6  # seconds

_MOST = 0.5  # share of the time around a moment from which on a rule that asks for most of it is broken
_MISLEADS = 0.3  # share of a span from which on another reason misleads the measure of a whole span
_SOUND = 0.5  # share of a short span that breaks no rule from which on its length alone is to blame


class Judge:
    """Finds out where in a video each rule is broken.

    Attributes:
        faults: by reason, in the order in which a span that breaks several is blamed: (n,) flags on a grid of
            `STEP` seconds.
    """

    def __init__(self, screening: Screening, settings: Settings) -> None:
        self.screening, self.settings = screening, settings
        steps = max(1, math.ceil(screening.duration / STEP - EPSILON))
        self._grid = (np.arange(steps) + 0.5) * STEP
        self._window = round(settings.clips.min_seconds / STEP)
        self.faults: dict[Reason, Flags] = {}
        for rule in of_scope(Scope.MOMENT):
            reason = Reason(rule.reason)
            broken = self._broken(rule)
            self.faults[reason] = self.faults[reason] | broken if reason in self.faults else broken

    def shot(self, start: float, end: float) -> Shot:
        """Returns what is wrong between two cuts, seconds from the first frame."""
        first = min(round(start / STEP), len(self._grid) - 1)
        until = max(first + 1, round(end / STEP))
        faults = {reason: broken[first:until] for reason, broken in self.faults.items()}
        faults[Reason("several_dancers")] = faults[Reason("several_dancers")] | self._another(first, until)
        return Shot(self, start, end, first, faults)

    def breaks(self, rule: Rule, measures: dict[str, float | None]) -> bool:
        """Returns whether a span with these measures breaks a rule for whole spans."""
        value = measures[rule.measure]
        return rule.must_be_known if value is None else bool(rule.breaks(value, self.settings.screening))

    def _broken(self, rule: Rule) -> Flags:
        """(n,) where a rule for moments is broken."""
        settings = self.settings.screening
        values = self._on_grid(*signal(rule.measure, self.screening, settings))
        if rule.averaged:
            known = ~np.isnan(values)
            values = _around(np.where(known, values, 0.0), self._window, known)
        broken = np.asarray(rule.breaks(values, settings))
        if rule.lasting is not None:
            broken = longer_than(broken, getattr(settings, rule.lasting.setting))
        if rule.mostly:
            broken = _around(broken, self._window) > _MOST
        return broken

    def _on_grid(self, times: Floats, values: Floats) -> Floats:
        """(n,) of the grid: each value holds until halfway to its neighbours; NaN without any."""
        if not len(times):
            return np.full(len(self._grid), np.nan)
        return np.asarray(values[np.searchsorted((times[1:] + times[:-1]) / 2, self._grid)])

    def _another(self, first: int, until: int) -> Flags:
        """Where in a shot somebody other than its main dancer is followed; `first` to `until` on the grid."""
        seen = self.screening.dancers
        times, track = np.array(seen.time, np.float64), np.array(seen.track, np.int64)
        grid = (np.arange(first, until) + 0.5) * STEP
        if not len(times):
            return np.zeros(len(grid), bool)
        track = track[np.searchsorted((times[1:] + times[:-1]) / 2, grid)]
        return np.asarray((track > 0) & (track != main_track(track)))


class Shot:
    """What is wrong in a shot.

    Attributes:
        start, end: seconds from the first frame of the video.
        steps: number of steps of the grid in it.
        broken: (steps,) where any rule is broken.
        broken_too_long: (steps,) the same without the lapses that a clip may have.
    """

    def __init__(
        self, judge: Judge, start: float, end: float, first: int, faults: dict[Reason, Flags]
    ) -> None:
        self.start, self.end = start, end
        self._judge, self._first, self._faults = judge, first, faults
        self.steps = len(next(iter(faults.values())))
        self.broken: Flags = np.any(list(faults.values()), axis=0)
        lapses = {Reason(rule.reason): rule.lapse for rule in of_scope(Scope.MOMENT)}
        usual = judge.settings.clips.max_lapse
        self.broken_too_long: Flags = np.any(
            [
                longer_than(flags, usual if (lapse := lapses[reason]) is None else lapse)
                for reason, flags in faults.items()
            ],
            axis=0,
        )

    def time(self, step: int) -> float:
        """Where a step of the shot begins, seconds; the shot's own ends at its ends."""
        return self.start if step <= 0 else self.end if step >= self.steps else (self._first + step) * STEP

    def keeps_rules(self, start: float, end: float) -> bool:
        """Returns whether a span keeps the rules for whole spans."""
        measures = self._measures(start, end)
        return not any(self._judge.breaks(rule, measures) for rule in of_scope(Scope.CLIP))

    def blame(self, start: float, end: float) -> Reason:
        """Why a span of the shot does not become a clip: mostly, the rule that is broken longest."""
        settings, screening = self._judge.settings, self._judge.screening
        a = min(max(0, round(start / STEP) - self._first), self.steps - 1)
        b = max(a + 1, round(end / STEP) - self._first)
        here = {reason: flags[a:b] for reason, flags in self._faults.items()}
        measures = self._measures(start, end)
        broken = [rule for rule in of_scope(Scope.CLIP) if self._judge.breaks(rule, measures)]
        for rule in of_scope(Scope.MOMENT):
            if rule.decisive is not None and here[Reason(rule.reason)].mean() > rule.decisive:
                return Reason(rule.reason)
        for rule in broken:
            if rule.unless and all(here[Reason(other)].mean() < _MISLEADS for other in rule.unless):
                return Reason(rule.reason)
        times, free = _times_to_blame(here)
        worst = max(times, key=lambda reason: times[reason])
        least = settings.clips.min_seconds - EPSILON
        if end - start < least and (free > _SOUND or not times[worst]):
            made_short = screening.duration >= least and bool(screening.cuts or screening.transitions)
            return Reason.CAMERA_CUTS if made_short else Reason.TOO_SHORT
        if times[worst]:
            return worst
        # No moment is wrong, so that it is the span as a whole; a last doubt is one about the dancer.
        return Reason(broken[0].reason) if broken else Reason("no_dancer")

    def _measures(self, start: float, end: float) -> dict[str, float | None]:
        return measure(self._judge.screening, start, end, self._judge.settings.screening)


def _times_to_blame(faults: dict[Reason, Flags]) -> tuple[dict[Reason, int], float]:
    """Steps of a span for which each reason is to blame, and the share of the span that breaks no rule.

    A step that breaks several rules counts for the first.
    """
    times = {}
    free = np.ones(len(next(iter(faults.values()))), bool)
    for reason, flags in faults.items():
        times[reason] = int((flags & free).sum())
        free &= ~flags
    return times, float(free.mean())


def longer_than(flags: Flags, seconds: float) -> Flags:
    """The flags (n,) of the runs that last longer than some seconds."""
    kept = np.zeros(len(flags), bool)
    for start, stop in runs_of(flags):
        if (stop - start) * STEP > seconds + EPSILON:
            kept[start:stop] = True
    return kept


def _around(values: Flags | Floats, window: int, known: Flags | None = None) -> Floats:
    """(n,) mean of the known values in a window of steps around each step; 0 where none is known."""
    among = np.ones(len(values)) if known is None else known.astype(float)
    reach = np.ones(min(window, len(values)))
    return np.asarray(
        np.convolve(values * among, reach, "same") / np.maximum(np.convolve(among, reach, "same"), 1.0)
    )
