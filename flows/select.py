"""Popularity: the regression, the followers that it needs, and the manifest of accepted videos."""

from __future__ import annotations

import datetime

from prefect import flow, task

from flows.beginnings import begin
from flows.conduct import RETRY, load
from flows.endings import ENDINGS
from flows.parameters import ManifestName, Overrides
from popdanceset.bilibili.crawl import ask_followers
from popdanceset.popularity.fit import fit as fit_model
from popdanceset.popularity.model import load_model
from popdanceset.popularity.selection import select as select_videos
from popdanceset.progress import track
from popdanceset.shared_manifest import at_hand, is_shared
from popdanceset.store import Store


@task
def fit(overrides: Overrides | None) -> str:
    """Fits Eq. 1 to the latest statistics. Returns the fit's id."""
    settings = load(overrides)
    return fit_model(settings, Store(settings.store)).fit_id


@task(**RETRY)
def followers(overrides: Overrides | None, fit_id: str, day: datetime.date | None) -> None:
    """Requests the followers of uploaders whose videos come near the threshold."""
    settings = load(overrides)
    store = Store(settings.store)
    with track("followers") as advance:
        ask_followers(settings, store, load_model(fit_id, settings, store), day=day, advance=advance)


@task
def write_manifest(overrides: Overrides | None, fit_id: str, manifest: str) -> str:
    """Scores every video and writes the manifest of the accepted ones. Returns where it is."""
    settings = load(overrides)
    store = Store(settings.store)
    with at_hand(manifest, store) as name:
        written = select_videos(settings, store, load_model(fit_id, settings, store), name).manifest
    return manifest if is_shared(manifest) else str(written)


@flow(**ENDINGS)
def select(
    settings: Overrides | None = None,
    manifest: ManifestName = "weekly",
    day: datetime.date | None = None,
) -> str:
    """Selects the videos of a dataset version.

    Args:
        settings: settings that differ from the worker's own.
        manifest: manifest to write, by name or folder, or store:NAME for one that several machines share.
        day: date of the follower counts; empty: today.

    Returns:
        The manifest's folder, or `store:NAME`.
    """
    begin(settings, "select", manifest=manifest)
    fit_id = fit(settings)
    followers(settings, fit_id, day)
    return write_manifest(settings, fit_id, manifest)
