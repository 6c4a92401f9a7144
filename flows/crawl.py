"""Crawls the statistics of videos."""

from __future__ import annotations

import datetime

from prefect import flow, get_run_logger, task

from flows.beginnings import begin
from flows.conduct import RETRY, load
from flows.endings import ENDINGS
from flows.parameters import Hours, Overrides
from popdanceset.bilibili.crawl import crawl as crawl_sources
from popdanceset.progress import track
from popdanceset.store import Store


@task(**RETRY)
def crawl_listings(overrides: Overrides | None, day: datetime.date | None) -> int:
    """Reads every listing. Returns the number of videos seen on that day."""
    settings = load(overrides)
    with track("crawl") as advance:
        report = crawl_sources(settings, Store(settings.store), day=day, advance=advance)
    get_run_logger().info("%s", report.economy)
    return report.videos


@flow(**ENDINGS)
def crawl(
    settings: Overrides | None = None, day: datetime.date | None = None, late_hours: Hours = 12.0
) -> int:
    """Takes a snapshot of the statistics of all listed videos.

    Args:
        settings: settings that differ from the worker's own.
        day: date of the snapshot; empty: today. An earlier day resumes its crawl.
        late_hours: skip a scheduled run that cannot start within this many hours; 0: never skip.

    Returns:
        Number of videos seen.

    Raises:
        RefusedError: the host refused repeatedly. Everything seen so far is saved.
    """
    begin(settings, "crawl", late_hours=late_hours)
    return crawl_listings(settings, day)
