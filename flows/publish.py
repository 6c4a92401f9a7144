"""Music features, the release, and the report on it."""

from __future__ import annotations

import datetime

from prefect import flow, get_run_logger, task

from flows.conduct import RETRY, Overrides, load
from popdanceset.errors import FailedError
from popdanceset.music.features import extract_features
from popdanceset.progress import track
from popdanceset.release.writer import publish as publish_release
from popdanceset.report.page import publish_report
from popdanceset.store import Store


@task(**RETRY)
def features(overrides: Overrides | None) -> None:
    """Computes the music features of every accepted clip that has none yet.

    A clip that fails is logged and left for a later run; it does not fail this one.
    """
    settings = load(overrides)
    try:
        with track("features") as advance:
            extract_features(settings, Store(settings.store), advance=advance)
    except FailedError as error:
        get_run_logger().warning("%s", error)


@task(**RETRY)
def release(overrides: Overrides | None, manifest: str, day: datetime.date | None) -> str:
    """Writes the release. Returns its name in the store."""
    settings = load(overrides)
    with track("publish") as advance:
        return publish_release(settings, Store(settings.store), manifest, advance=advance, day=day).path


@task(**RETRY)
def report(overrides: Overrides | None, manifest: str, release: str) -> str:
    """Writes the report on the release. Returns its name in the store."""
    settings = load(overrides)
    with track("report") as advance:
        return publish_report(Store(settings.store), settings, manifest, release, advance)


@flow
def publish(
    settings: Overrides | None = None,
    manifest: str = "weekly",
    day: datetime.date | None = None,
    with_report: bool = True,
) -> str:
    """Publishes everything accepted as a release, with a report on it.

    Args:
        settings: settings that differ from the worker's own.
        manifest: name or folder of the manifest whose videos are published.
        day: date that names the release, unless the settings name it; None: today.
        with_report: also write the report.

    Returns:
        Name of the release in the store.
    """
    features(settings)
    published = release(settings, manifest, day)
    if with_report:
        report(settings, manifest, published)
    return published
