"""Check of `popdanceset doctor`: what the engine of the settings needs."""

from __future__ import annotations

import importlib

from flows.engine.ray_data import RayEngine
from popdanceset.engine import find_engine
from popdanceset.operations.findings import Finding, ok
from popdanceset.settings import Settings


def engine(settings: Settings) -> Finding:
    """Checks the engine of the settings; starts nothing.

    Raises:
        SettingsError: it cannot work.
    """
    find_engine(settings)
    if settings.engine != "ray":
        return ok(settings.engine)
    ray = importlib.import_module("ray")
    return ok(f"Ray {ray.__version__} on {RayEngine(settings).place or 'this machine'}")
