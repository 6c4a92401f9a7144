"""The `refresh` flow against a simulated section, in a folder that remembers its parameters."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popdanceset.atomic import atomic_write
from popdanceset.errors import InputError, PopDanceSetError

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.simulator import Simulator
    from popdanceset.simulator.records import SimulatedVideo

MANIFEST = "demo"
PARAMETERS = "demo.json"


@dataclass(frozen=True, slots=True)
class FinishedChain:
    """A finished run: its settings, the simulated section, and the name of the release in the store."""

    settings: Settings
    section: list[SimulatedVideo]
    release: str


def run_chain(folder: Path, videos: int, seed: int) -> FinishedChain:
    """Runs the `refresh` flow against a simulated section; keeps what an earlier run finished.

    Args:
        folder: output folder.
        videos: number of videos in the section.
        seed: seed of the section.

    Raises:
        InputError: the folder contains something else, or a demo with other parameters.
        PopDanceSetError: a stage failed, or requested a host that is not simulated.
    """
    from flows.demo.local_server import local_server
    from hybrik_runner.blazepose.assets import ensure, needed_by
    from popdanceset.settings import Settings
    from popdanceset.simulator import Simulator
    from popdanceset.simulator.casting import cast, read_media
    from popdanceset.simulator.population import population

    day = remember(folder, videos, seed)
    settings = Settings.load()
    # The only step that needs the network, so it comes first.
    ensure(settings, needed_by(settings.pose.estimator))
    section = cast(population(videos, seed, day), read_media(), seed)
    with local_server(folder / ".prefect"), Simulator(section) as simulator:
        from flows.refresh import refresh

        overrides = local_settings(folder, simulator)
        release = refresh(settings=overrides, manifest=MANIFEST, day=day, with_report=False)
        if simulator.leaks:
            raise PopDanceSetError(
                f"a stage requested a host that is not simulated: {simulator.leaks[0]}", "demo"
            )
    return FinishedChain(Settings.load(overrides=overrides), section, release)


def remember(folder: Path, videos: int, seed: int) -> datetime.date:
    """Returns the day on which this folder's demo began, recorded so that a later run resumes its crawl.

    Raises:
        InputError: the folder contains something else, a demo with other parameters, or is not writable.
    """
    parameters = folder / PARAMETERS
    wanted: dict[str, Any] = {"videos": videos, "seed": seed}
    if parameters.exists():
        try:
            known = json.loads(parameters.read_bytes())
            day = datetime.date.fromisoformat(known.pop("day"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("is not the record of a demo", parameters, "choose another --out") from error
        if known != wanted:
            raise InputError(f"this folder holds a demo with {known}", folder, "choose another --out")
        return day
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("contains something other than a demo", folder, "choose another --out")
    day = datetime.datetime.now(datetime.UTC).date()
    try:
        with atomic_write(parameters, "w") as file:
            json.dump(wanted | {"day": day.isoformat()}, file)
    except OSError as error:
        raise InputError(f"not writable: {error.strerror}", folder, "choose another --out") from error
    return day


def local_settings(folder: Path, simulator: Simulator) -> dict[str, Any]:
    """Returns settings that point every stage at the simulator, which allows a high request rate."""
    return {
        "store": str(folder / "store"),
        "manifests": str(folder / "manifests"),
        "network": {"proxy": simulator.proxy_url, "ca_file": simulator.ca_file, "contact": "demo@localhost"},
        "crawl": {
            "sources": ["ranking:1004", "newest:1004"],
            "requests_per_second": 100.0,
            "cool_down": 0.1,
        },
    }
