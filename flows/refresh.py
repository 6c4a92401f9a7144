"""The whole pipeline: crawl, select, acquire, extract, features, publish."""

from __future__ import annotations

import datetime

from prefect import flow

from flows.acquire import acquire
from flows.beginnings import begin
from flows.conduct import load
from flows.crawl import crawl
from flows.elsewhere import run_stage
from flows.endings import ENDINGS
from flows.extract import extract
from flows.features import features
from flows.parameters import Hours, ManifestName, Overrides, RunOn
from flows.publish import publish
from flows.select import select
from popdanceset.release.versions import newest
from popdanceset.store import Store


@flow(**ENDINGS)
def refresh(
    settings: Overrides | None = None,
    manifest: ManifestName = "weekly",
    day: datetime.date | None = None,
    run_on: RunOn = RunOn(),  # noqa: B008
    with_report: bool = True,
    late_hours: Hours = 48.0,
) -> str:
    """Brings the dataset up to date. Keeps the finished work of an earlier run.

    Args:
        settings: settings that differ from the worker's own.
        manifest: name of the manifest to write, or store:NAME for one that several machines share.
        day: date of the snapshot and of the release; empty: today.
        run_on: deployments that run the stages, e.g. extract on extract/gpu; the other stages run here.
        with_report: also write a report on the release.
        late_hours: skip a scheduled run that cannot start within this many hours; 0: never skip.

    Returns:
        Name of the release in the store.

    Raises:
        InputError: a stage cannot run where it is sent. Found before anything starts.
        PopDanceSetError: a stage that ran elsewhere did not complete.
    """
    stages = ("crawl", "select", "acquire", "extract", "features", "publish")
    begin(settings, *stages, late_hours=late_hours, run_on=run_on, manifest=manifest)
    run_stage(crawl, run_on.crawl, settings=settings, day=day)
    run_stage(select, run_on.select, settings=settings, manifest=manifest, day=day)
    run_stage(acquire, run_on.acquire, settings=settings, manifest=manifest)
    run_stage(extract, run_on.extract, settings=settings)
    if run_on.features:  # else `publish` computes them
        run_stage(features, run_on.features, settings=settings)
    published = run_stage(
        publish, run_on.publish, settings=settings, manifest=manifest, day=day, with_report=with_report
    )
    return str(published) if published else newest(Store(load(settings).store)).folder
