"""Poses of all clips that wait for them: the stage that `popdanceset extract` and the flow both run."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hybrik_runner.running.claims import sweep_claims
from hybrik_runner.running.runner import STAGE, extract, has_failed
from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.progress import track
from popdanceset.safety import Net
from popdanceset.schema import CLIPS

if TYPE_CHECKING:
    from hybrik_runner.estimator import PoseEstimator
    from popdanceset.settings import Settings
    from popdanceset.store import Store

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


def waiting(store: Store) -> list[str]:
    """Sweeps the store, and returns the ids of the accepted clips that have no verdict yet, in order; without
    those whose unexpected error this version would meet again."""
    net = Net(STAGE, store)
    done = _swept(store)
    return sorted(clip_id for clip_id in set(_accepted(store)) - done if not net.is_left(clip_id))


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
        clip_ids: a batch of the clips that `waiting` returned; None: all accepted clips, after a sweep.
        estimator: stays the caller's; None: the process's own, which is loaded once
            (`hybrik_runner.estimator.loaded_estimator`).
        retry_failed: also try clips again that failed unexpectedly in this version.

    Raises:
        InputError: the store has no accepted clips, or a named clip is not among them.
        AssetError, SettingsError, StoreError, PopDanceSetError: as `hybrik_runner.running.runner.extract`.
    """
    start = time.perf_counter()
    if clip_ids is None:
        _swept(store)
        clip_ids = _accepted(store)
        if not clip_ids:
            raise InputError("there are no accepted clips", store, "run `popdanceset acquire` first")
    chosen = list(clip_ids)
    with track("extract", len(chosen)) as advance:
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


def _swept(store: Store) -> set[str]:
    """Removes what dead workers left; returns the ids of the finished clips."""
    store.sweep()
    done = {layout.stem(name) for name in store.list(layout.VERDICTS, layout.PARQUET)}
    sweep_claims(store, done.__contains__)
    return done


def _accepted(store: Store) -> list[str]:
    table = store.read_table(layout.CLIPS, CLIPS, columns=["clip_id", "accepted", "source"])
    # Imported clips have no video, and their poses were imported with them.
    return [row["clip_id"] for row in table.to_pylist() if row["accepted"] and row["source"] is None]
