"""Music features of clips."""

from __future__ import annotations

from prefect import flow, get_run_logger, task

from flows.beginnings import begin
from flows.conduct import RETRY, load
from flows.endings import ENDINGS
from flows.parameters import Overrides
from popdanceset.errors import FailedError
from popdanceset.music.features import extract_features
from popdanceset.progress import track
from popdanceset.store import Store


@task(**RETRY)
def compute_features(overrides: Overrides | None, retry_failed: bool) -> None:
    """Computes the features of all clips. A clip that fails is logged and left for a later run."""
    settings = load(overrides)
    try:
        with track("features") as advance:
            extract_features(settings, Store(settings.store), advance=advance, retry_failed=retry_failed)
    except FailedError as error:
        get_run_logger().warning("%s", error)


@flow(**ENDINGS)
def features(settings: Overrides | None = None, retry_failed: bool = False) -> None:
    """Computes the music features of every accepted clip that has none yet.

    Args:
        settings: settings that differ from the worker's own.
        retry_failed: also try clips again that failed unexpectedly in this version of the package.
    """
    begin(settings, "features")
    compute_features(settings, retry_failed)
