"""The release, and the report on it."""

from __future__ import annotations

import datetime
from pathlib import PurePosixPath

from prefect import flow, task

from flows.artifacts import show_cost, show_figures, show_funnel, show_stored_file
from flows.beginnings import begin
from flows.conduct import RETRY, load
from flows.endings import ENDINGS
from flows.features import features
from flows.parameters import ManifestName, Overrides
from popdanceset import layout
from popdanceset.manifest import find_manifest
from popdanceset.progress import track
from popdanceset.release.writer import publish as publish_release
from popdanceset.report.page import publish_report
from popdanceset.shared_manifest import at_hand
from popdanceset.store import Store


@task(**RETRY)
def release(overrides: Overrides | None, manifest: str, day: datetime.date | None) -> str:
    """Writes the release. Returns its name in the store."""
    settings = load(overrides)
    store = Store(settings.store)
    with at_hand(manifest, store) as name, track("publish") as advance:
        return publish_release(settings, store, name, advance=advance, day=day).path


@task(**RETRY)
def report(overrides: Overrides | None, manifest: str, release: str) -> str:
    """Writes the report on the release. Returns its name in the store."""
    settings = load(overrides)
    store = Store(settings.store)
    with at_hand(manifest, store) as name, track("report") as advance:
        return publish_report(store, settings, name, release, advance)


@task(**RETRY)
def show(overrides: Overrides | None, manifest: str, release: str, page: str) -> None:
    """Shows funnel, figures, cost and links to release and report (empty: none) as artifacts of the run."""
    settings = load(overrides)
    store = Store(settings.store)
    with at_hand(manifest, store) as name:
        show_funnel(store, find_manifest(name, settings).name, release)
    show_figures(store, release)
    show_cost(store, settings.prices, release)
    show_stored_file(store, f"{release}/{layout.CARD}", "release", f"Release {PurePosixPath(release).name}.")
    if page:
        show_stored_file(store, page, "report", "How this version was made.")


@flow(**ENDINGS)
def publish(
    settings: Overrides | None = None,
    manifest: ManifestName = "weekly",
    day: datetime.date | None = None,
    with_report: bool = True,
) -> str:
    """Publishes everything accepted as a release, with a report on it.

    Args:
        settings: settings that differ from the worker's own.
        manifest: name or folder of the manifest whose videos are published, or store:NAME for one that
            several machines share.
        day: date that names the release, unless the settings name it; empty: today.
        with_report: also write the report.

    Returns:
        Name of the release in the store.
    """
    begin(settings, "features", "publish", manifest=manifest)
    features(settings)
    published = release(settings, manifest, day)
    page = report(settings, manifest, published) if with_report else ""
    show(settings, manifest, published, page)
    return published
