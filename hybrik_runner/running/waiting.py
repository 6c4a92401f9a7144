"""Poses of all clips that wait for them: the stage that `popdanceset extract` and the flow both run."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hybrik_runner.running.claims import sweep_claims
from hybrik_runner.running.runner import STAGE, extract, has_failed
from popdanceset import layout
from popdanceset.clip_id import video_of
from popdanceset.clip_table import read_clips
from popdanceset.engine import Engine, find_engine, spread
from popdanceset.errors import InputError
from popdanceset.progress import Advance, ignore, track
from popdanceset.safety import Net
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import withdrawn

if TYPE_CHECKING:
    from hybrik_runner.estimator import PoseEstimator
    from popdanceset.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Summary:
    """What an extraction did.

    Attributes:
        clips: clips that have a verdict, including those that were done before.
        accepted: clips whose poses are fit for a release.
        rejected: number of rejected clips by reason.
        seconds: duration.
        failed: ids of clips that met an unexpected error, now or before, and are left without a verdict.
    """

    clips: int
    accepted: int
    rejected: dict[str, int]
    seconds: float
    failed: tuple[str, ...] = ()

    def __str__(self) -> str:
        reasons = [f"  {reason}: {count}" for reason, count in sorted(self.rejected.items())]
        if self.failed:
            reasons.append(f"{len(self.failed)} failed unexpectedly: {', '.join(self.failed)}")
        return "\n".join([f"{self.clips} clips, {self.accepted} with poses fit for a release", *reasons])


def waiting(store: Store, retry_failed: bool = False) -> list[str]:
    """Sweeps the store, and returns the ids of the accepted clips that have no verdict yet, in order.

    Args:
        store: holds the clips.
        retry_failed: also clips whose unexpected error this version would meet again.
    """
    _sweep(store)
    return _unfinished(store, _accepted(store), retry_failed)


@dataclass(frozen=True, slots=True)
class Extraction:
    """The extraction of some clips, for an engine."""

    retry_failed: bool = False
    stage: str = STAGE
    on_gpu: bool = True

    def __call__(self, settings: Settings, ids: list[str]) -> None:
        """Extracts the poses of clips that are still accepted; raises as `extract_waiting`."""
        store = Store(settings.store)
        still = set(_accepted(store, ids))
        chosen = [each for each in ids if each in still]
        extract_waiting(settings, store, chosen, retry_failed=self.retry_failed)


def extract_waiting(
    settings: Settings,
    store: Store,
    clip_ids: Iterable[str] | None = None,
    estimator: PoseEstimator[Any, Any] | None = None,
    retry_failed: bool = False,
) -> Summary:
    """Extracts the poses of every accepted clip that has none yet, and shows the progress.

    Args:
        settings: those of `pose` count.
        store: holds the clips, receives pose tables and verdicts.
        clip_ids: those of the clips that `waiting` returned; None: all accepted clips, after a sweep.
        estimator: stays the caller's; None: the process's own, which is loaded once
            (`hybrik_runner.estimator.loaded_estimator`).
        retry_failed: also try clips again that failed unexpectedly in this version.

    Raises:
        InputError: the store has no accepted clips, or a named clip is not among them.
        AssetError, SettingsError, StoreError, PopDanceSetError: as `hybrik_runner.running.runner.extract`.
    """
    start = time.perf_counter()
    engine = find_engine(settings)
    if clip_ids is None:
        _sweep(store)
        clip_ids = _accepted(store)
        if not clip_ids:
            raise InputError("there are no accepted clips", store, "run `popdanceset acquire` first")
    chosen = list(clip_ids)
    with track("extract", len(chosen)) as advance:
        if engine is not None:
            chosen = _extract_on(engine, settings, store, chosen, advance, retry_failed)
            # Nothing is left to do here: what follows reads the verdicts.
            advance, retry_failed = ignore, False
        rows = extract(settings, store, chosen, advance, estimator, retry_failed)
    done = {row["clip_id"] for row in rows}
    summary = Summary(
        clips=len(rows),
        accepted=sum(row["accepted"] for row in rows),
        rejected=dict(Counter(row["reason"] for row in rows if not row["accepted"])),
        failed=tuple(clip_id for clip_id in chosen if clip_id not in done and has_failed(store, clip_id)),
        seconds=time.perf_counter() - start,
    )
    log.info(
        "extract: %d clips, %d accepted, %d frames, %.1f s, %d failed",
        summary.clips,
        summary.accepted,
        sum(row["frames"] for row in rows),
        summary.seconds,
        len(summary.failed),
    )
    return summary


def _extract_on(
    engine: Engine,
    settings: Settings,
    store: Store,
    clip_ids: list[str],
    advance: Advance,
    retry_failed: bool,
) -> list[str]:
    """Has an engine extract clips; returns the clips without those that were given up meanwhile."""
    before = set(_accepted(store))

    def unfinished(first: bool) -> list[str]:
        accepted = before if first else set(_accepted(store))
        return _unfinished(store, accepted.intersection(clip_ids), first and retry_failed)

    spread(engine, Extraction(retry_failed), unfinished, settings, advance)
    given_up = before.difference(_accepted(store))
    return [clip_id for clip_id in clip_ids if clip_id not in given_up]


def _sweep(store: Store) -> None:
    """Removes what dead workers left."""
    store.sweep()
    sweep_claims(store, _done(store).__contains__)


def _done(store: Store) -> set[str]:
    return {layout.stem(name) for name in store.list(layout.VERDICTS, layout.PARQUET)}


def _unfinished(store: Store, clip_ids: Iterable[str], retry_failed: bool) -> list[str]:
    """Those of the clips that have no verdict and are to be tried, in order."""
    net, gone = Net(STAGE, store, retry=retry_failed), withdrawn(store)
    left = set(clip_ids) - _done(store)
    return sorted(each for each in left if not net.is_left(each) and video_of(each) not in gone)


def _accepted(store: Store, clip_ids: Collection[str] | None = None) -> list[str]:
    """Ids of all accepted clips, or at least of those among some."""
    table = read_clips(store, ["clip_id", "accepted", "source"], clip_ids)
    # Imported clips have no video, and their poses were imported with them.
    return [row["clip_id"] for row in table.to_pylist() if row["accepted"] and row["source"] is None]
