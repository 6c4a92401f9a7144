"""The whole pipeline: crawl, select, acquire, extract, publish."""

from __future__ import annotations

import datetime
from typing import cast

from prefect import flow
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment

from flows.acquire import acquire
from flows.conduct import Overrides
from flows.crawl import crawl
from flows.extract import extract
from flows.publish import publish
from flows.select import select
from popdanceset.errors import PopDanceSetError


@flow
def refresh(
    settings: Overrides | None = None,
    manifest: str = "weekly",
    day: datetime.date | None = None,
    extract_on: str = "",
    with_report: bool = True,
) -> str:
    """Brings the dataset up to date. Keeps the finished work of an earlier run.

    Args:
        settings: settings that differ from the worker's own.
        manifest: name of the manifest to write.
        day: date of the snapshot and of the release; None: today.
        extract_on: deployment that extracts the poses, e.g. `extract/gpu` on GPU workers; empty: here.
        with_report: also write a report on the release.

    Returns:
        Name of the release in the store.
    """
    crawl(settings, day)
    select(settings, manifest, day)
    acquire(settings, manifest)
    if extract_on:
        run = cast(FlowRun, run_deployment(extract_on, parameters={"settings": settings}))
        if run.state is None or not run.state.is_completed():
            ended = run.state.name if run.state else "unknown"
            raise PopDanceSetError(
                f"the run ended as {ended}", extract_on, "see its log, then run refresh again"
            )
    else:
        extract(settings)
    return publish(settings, manifest, day, with_report)
