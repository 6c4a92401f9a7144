"""Accepted videos become clips: download, screening, cutting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from prefect import flow, get_run_logger, task, unmapped
from prefect.futures import wait

from flows.conduct import RETRY, Overrides, batches, load, threads
from popdanceset.errors import TransferError
from popdanceset.manifest import read_manifest
from popdanceset.progress import track
from popdanceset.store import Store
from popdanceset.video.acquire import acquire as acquire_videos
from popdanceset.video.clip_list import list_clips, read_clip_list

BATCH = 2


@task(**RETRY)
def acquire_batch(overrides: Overrides | None, manifest: str, bvids: list[str]) -> None:
    """Downloads, screens and cuts some videos of a manifest.

    Raises:
        TransferError: some could not be fetched; those that could are done.
    """
    settings = load(overrides)
    folder = Path(settings.manifests, manifest)
    whole = read_manifest(folder)
    part = replace(whole, videos=tuple(video for video in whole.videos if video.bvid in set(bvids)))
    with track("acquire", len(bvids)) as advance:
        summary = acquire_videos(part, settings, Store(settings.store), advance, read_clip_list(folder))
    if summary.unfinished:
        raise TransferError("could not be fetched", ", ".join(summary.unfinished), "the next run tries again")


@flow(task_runner=threads(2))
def acquire(settings: Overrides | None = None, manifest: str = "weekly") -> None:
    """Brings every video of a manifest into the store, or a row that says why not.

    Connections that stay broken cost their videos this run, not the run itself; that is logged.

    Args:
        settings: settings that differ from the worker's own.
        manifest: name of the manifest.
    """
    loaded = load(settings)
    store, folder = Store(loaded.store), Path(loaded.manifests, manifest)
    store.sweep()
    whole = read_manifest(folder)
    bvids = [video.bvid for video in whole.videos]
    runs = acquire_batch.map(unmapped(settings), manifest, batches(bvids, BATCH))
    wait(runs)
    list_clips(folder, whole, store)
    for run in runs:
        outcome = run.state.result(raise_on_failure=False)
        if isinstance(outcome, TransferError):
            get_run_logger().warning("%s", outcome)
        elif isinstance(outcome, Exception):
            raise outcome
