"""Accepted videos become clips: download, screening, cutting."""

from __future__ import annotations

from prefect import flow, task, unmapped
from prefect.task_runners import ThreadPoolTaskRunner

from flows.conduct import RETRY, Overrides, batches, load
from popdanceset.manifest import folder_of, read_manifest
from popdanceset.progress import track
from popdanceset.store import Store
from popdanceset.video.acquire import acquire as acquire_videos

BATCH = 2


@task(**RETRY)
def acquire_batch(overrides: Overrides | None, manifest: str, bvids: list[str]) -> None:
    """Downloads, screens and cuts some videos of a manifest."""
    settings = load(overrides)
    part = read_manifest(folder_of(manifest, settings)).only(bvids)
    with track("acquire", len(bvids)) as advance:
        acquire_videos(part, settings, Store(settings.store), advance=advance)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def acquire(settings: Overrides | None = None, manifest: str = "weekly") -> None:
    """Brings every video of a manifest into the store, or a row that says why not.

    Args:
        settings: settings that differ from the worker's own.
        manifest: name of the manifest.
    """
    videos = read_manifest(folder_of(manifest, load(settings))).videos
    acquire_batch.map(
        unmapped(settings), manifest, batches([video.bvid for video in videos], BATCH)
    ).result()
