"""Clips become poses, on whatever device the worker has."""

from __future__ import annotations

from prefect import flow, task, unmapped

from flows.conduct import RETRY, Overrides, batches, load, threads
from hybrik_runner.running.runner import extract as extract_clips
from hybrik_runner.running.runner import waiting
from popdanceset.progress import track
from popdanceset.store import Store

BATCH = 16


@task(**RETRY)
def extract_batch(overrides: Overrides | None, clip_ids: list[str]) -> None:
    """Poses of some clips."""
    settings = load(overrides)
    with track("extract", len(clip_ids)) as advance:
        extract_clips(settings, Store(settings.store), clip_ids, advance=advance)


@flow(task_runner=threads(1))
def extract(settings: Overrides | None = None) -> int:
    """Poses of every accepted clip that has none yet.

    One batch at a time: a batch keeps the device, or the processor, busy by itself.

    Args:
        settings: settings that differ from the worker's own.

    Returns:
        Number of clips that were waiting.
    """
    store = Store(load(settings).store)
    store.sweep()
    clip_ids = waiting(store)
    extract_batch.map(unmapped(settings), batches(clip_ids, BATCH)).result()
    return len(clip_ids)
