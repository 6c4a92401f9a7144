"""Crawls the statistics of videos."""

from __future__ import annotations

import datetime

from prefect import flow, get_run_logger, task

from flows.conduct import RETRY, Overrides, load
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


@flow
def crawl(settings: Overrides | None = None, day: datetime.date | None = None) -> int:
    """Takes a snapshot of the statistics of all listed videos.

    Args:
        settings: settings that differ from the worker's own.
        day: date of the snapshot; None: today. An earlier day resumes its crawl.

    Returns:
        Number of videos seen.

    Raises:
        RefusedError: the host refused repeatedly. Everything seen so far is saved.
    """
    return crawl_listings(settings, day)
