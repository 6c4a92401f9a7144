"""Extracts poses from clips, on the device of the worker."""

from __future__ import annotations

from prefect import flow, task, unmapped

from flows.beginnings import begin
from flows.conduct import RETRY, batches, load, threads
from flows.endings import ENDINGS
from flows.parameters import Overrides
from hybrik_runner.running.waiting import extract_waiting, waiting
from popdanceset.engine import LOCAL
from popdanceset.store import Store

BATCH = 16


@task(**RETRY)
def extract_batch(overrides: Overrides | None, clip_ids: list[str], retry_failed: bool = False) -> None:
    """Extracts the poses of some clips. A worker process loads the network once for all its batches."""
    settings = load(overrides)
    extract_waiting(settings, Store(settings.store), clip_ids, retry_failed=retry_failed)


@flow(task_runner=threads(1), **ENDINGS)
def extract(settings: Overrides | None = None, retry_failed: bool = False) -> int:
    """Extracts the poses of every accepted clip that has none yet.

    One batch at a time: a batch keeps the device, or the processor, busy by itself. With `engine=ray` the
    machines of a cluster do all of them.

    Args:
        settings: settings that differ from the worker's own.
        retry_failed: also try clips again that failed unexpectedly in this version of the package.

    Returns:
        Number of clips that were waiting.
    """
    begin(settings, "extract")
    loaded = load(settings)
    clip_ids = waiting(Store(loaded.store), retry_failed)
    given = batches(clip_ids, BATCH, whole=loaded.engine != LOCAL)
    extract_batch.map(unmapped(settings), given, retry_failed).result()
    return len(clip_ids)
