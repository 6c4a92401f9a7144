"""Accepted videos become clips: download, screening, cutting; or only planning and cutting, again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from prefect import flow, get_run_logger, task, unmapped
from prefect.futures import wait
from prefect.tasks import Task

from flows.conduct import RETRY, Overrides, batches, load, threads
from popdanceset.errors import TransferError
from popdanceset.manifest import read_manifest
from popdanceset.progress import track
from popdanceset.store import Store
from popdanceset.video.acquire import acquire as acquire_videos
from popdanceset.video.clip_list import list_clips, read_clip_list
from popdanceset.video.dancers import read_dancers
from popdanceset.video.replan import replan as replan_videos

BATCH = 2

Summary = TypeVar("Summary")


@task(**RETRY)
def acquire_batch(overrides: Overrides | None, manifest: str, bvids: list[str]) -> None:
    """Downloads, screens and cuts some videos of a manifest.

    Raises:
        TransferError: some could not be fetched; those that could are done.
    """
    summary = _on_part(acquire_videos, "acquire", overrides, manifest, bvids)
    if summary.unfinished:
        raise TransferError("could not be fetched", ", ".join(summary.unfinished), "the next run tries again")


@task(**RETRY)
def replan_batch(overrides: Overrides | None, manifest: str, bvids: list[str]) -> list[str]:
    """Plans the clips of some videos of a manifest again.

    Returns:
        Ids of those that could not be planned; their clips are as they were.
    """
    return _on_part(replan_videos, "replan", overrides, manifest, bvids).left


def _on_part(
    work: Callable[..., Summary], stage: str, overrides: Overrides | None, manifest: str, bvids: list[str]
) -> Summary:
    """What a stage makes of these videos of a manifest only."""
    settings = load(overrides)
    folder = Path(settings.manifests, manifest)
    whole = read_manifest(folder)
    part = replace(whole, videos=tuple(video for video in whole.videos if video.bvid in set(bvids)))
    with track(stage, len(bvids)) as advance:
        return work(
            part, settings, Store(settings.store), advance, read_clip_list(folder), read_dancers(folder)
        )


@flow(task_runner=threads(2))
def acquire(settings: Overrides | None = None, manifest: str = "weekly", replan: bool = False) -> None:
    """Brings every video of a manifest into the store, or a row that says why not.

    Connections that stay broken cost their videos this run, not the run itself; that is logged. So are videos
    that could not be planned again.

    Args:
        settings: settings that differ from the worker's own.
        manifest: name of the manifest.
        replan: download and screen nothing, but plan the clips of acquired videos again, by these settings.
    """
    loaded = load(settings)
    store, folder = Store(loaded.store), Path(loaded.manifests, manifest)
    store.sweep()
    whole = read_manifest(folder)
    bvids = [video.bvid for video in whole.videos]
    list_clips(folder, whole, store)  # a run that was killed did not come to it
    batch: Task[..., Any] = replan_batch if replan else acquire_batch
    runs = batch.map(unmapped(settings), manifest, batches(bvids, BATCH))
    wait(runs)
    list_clips(folder, whole, store)
    for run in runs:
        outcome = run.state.result(raise_on_failure=False)
        if isinstance(outcome, TransferError):
            get_run_logger().warning("%s", outcome)
        elif isinstance(outcome, Exception):
            raise outcome
        elif outcome:
            get_run_logger().warning("%s: could not be planned again; clips as before", ", ".join(outcome))
