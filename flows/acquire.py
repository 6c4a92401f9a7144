"""Turns accepted videos into clips: download, screening, cutting; or plans and cuts them again."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger, task, unmapped
from prefect.futures import wait
from prefect.tasks import Task

from flows.beginnings import begin
from flows.conduct import RETRY, batches, load, threads
from flows.endings import ENDINGS
from flows.parameters import ManifestName, Overrides
from popdanceset.engine import LOCAL
from popdanceset.errors import FailedError, TransferError
from popdanceset.manifest import find_manifest
from popdanceset.shared_manifest import at_hand
from popdanceset.store import Store
from popdanceset.video.acquire import acquire_manifest
from popdanceset.video.manifest_folder import clip_list_kept
from popdanceset.video.replan import replan_manifest

BATCH = 2


@task(**RETRY)
def acquire_batch(
    overrides: Overrides | None, manifest: str, bvids: list[str], retry_failed: bool = False
) -> None:
    """Downloads, screens and cuts some videos of a manifest.

    Raises:
        RefusedError: the host refuses.
        TransferError: some could not be fetched; those that could are done.
        FailedError: some failed unexpectedly; the others are done.
    """
    settings = load(overrides)
    folder, store = find_manifest(manifest, settings), Store(settings.store)
    acquire_manifest(folder, settings, store, bvids=bvids, retry_failed=retry_failed).check()


@task(**RETRY)
def replan_batch(overrides: Overrides | None, manifest: str, bvids: list[str]) -> list[str]:
    """Plans the clips of some videos of a manifest again.

    Returns:
        Ids of those that could not be planned, or failed unexpectedly; their clips are unchanged.
    """
    settings = load(overrides)
    folder, store = find_manifest(manifest, settings), Store(settings.store)
    planned = replan_manifest(folder, settings, store, bvids=bvids)
    return [*planned.left, *planned.failed]


@flow(task_runner=threads(2), **ENDINGS)
def acquire(
    settings: Overrides | None = None,
    manifest: ManifestName = "weekly",
    replan: bool = False,
    retry_failed: bool = False,
) -> None:
    """Brings every video of a manifest into the store, or a row that states why not.

    A video whose connection stays broken, that fails unexpectedly, or that cannot be planned again, is logged
    and left for a later run; it does not fail this one. With `engine=ray` this machine downloads, and the
    machines of a cluster screen and cut.

    Args:
        settings: settings that differ from the worker's own.
        manifest: name or folder of the manifest, or store:NAME for one that several machines share.
        replan: plan the clips of acquired videos again with these settings; download and screen nothing.
        retry_failed: also try videos again that failed unexpectedly in this version of the package.
    """
    begin(settings, "acquire", manifest=manifest)
    loaded = load(settings)
    batch: Task[..., Any] = replan_batch if replan else acquire_batch
    options: dict[str, Any] = {} if replan else {"retry_failed": retry_failed}
    store = Store(loaded.store)
    with at_hand(manifest, store) as folder, clip_list_kept(find_manifest(folder, loaded), store) as whole:
        bvids = [video.bvid for video in whole.videos]
        given = batches(bvids, BATCH, whole=loaded.engine != LOCAL and not replan)
        runs = batch.map(unmapped(settings), folder, given, **options)
        wait(runs)
    for run in runs:
        outcome = run.state.result(raise_on_failure=False)
        if isinstance(outcome, TransferError | FailedError):
            get_run_logger().warning("%s", outcome)
        elif isinstance(outcome, Exception):
            raise outcome
        elif outcome:
            get_run_logger().warning(
                "%s: could not be planned again; their clips are unchanged", ", ".join(outcome)
            )
