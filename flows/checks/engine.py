"""Check of `popdanceset doctor`: what the engine of the settings needs."""

from __future__ import annotations

import importlib
import os

from popdanceset.operations.findings import Finding, failed, ok
from popdanceset.settings import Settings


def engine(settings: Settings) -> Finding:
    """Imports what the engine of the settings needs."""
    name = getattr(settings, "engine", "local")
    if name != "ray":
        return ok(str(name))
    try:
        ray = importlib.import_module("ray")
        importlib.import_module("ray.data")
    except ImportError as error:
        return failed(
            f"engine=ray needs Ray, which cannot be imported: {error}",
            "pip install 'popdanceset[ray]', or set engine=local",
            "engine",
        )
    cluster = os.environ.get("RAY_ADDRESS", "this machine")
    return ok(f"Ray {ray.__version__} on {cluster}")
