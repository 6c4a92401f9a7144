"""Statistics of the listed videos, politely."""

from __future__ import annotations

import datetime

from prefect import flow, get_run_logger, task

from flows.conduct import RETRY, Overrides, load
from popdanceset.bilibili.crawl import crawl as crawl_sources
from popdanceset.progress import track
from popdanceset.store import Store


@task(**RETRY)
def crawl_listings(overrides: Overrides | None, day: datetime.date | None) -> int:
    """Reads every source; returns the number of videos seen on that day."""
    settings = load(overrides)
    with track("crawl") as advance:
        report = crawl_sources(settings, Store(settings.store), day=day, advance=advance)
    get_run_logger().info("%s", report.economy)
    return report.videos


@flow
def crawl(settings: Overrides | None = None, day: datetime.date | None = None) -> int:
    """One snapshot.

    Args:
        settings: settings that differ from the worker's own.
        day: the snapshot's date; None: today. Naming an earlier day resumes its crawl.

    Returns:
        Number of videos seen.

    Raises:
        RefusedError: the host refused repeatedly; everything seen until then is saved.
    """
    return crawl_listings(settings, day)
