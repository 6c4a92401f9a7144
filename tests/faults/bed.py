"""The bed: an offline Bilibili, a cheap pose estimator, and worlds (a store and a folder of manifests each).

Every world sees the same section on the same day, so that all of them end in the same release, whatever
happened on the way.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from popdanceset.simulator import Simulator
from popdanceset.simulator.casting import cast, read_media
from popdanceset.simulator.population import population
from popdanceset.store import Store
from tests.faults import chain, cheap

ROOT = Path(__file__).parents[2]
DAY = datetime.date(2026, 1, 5)
VIDEOS = 60
MEDIA = ("dance_a", "dance_b", "many_cuts")
"""Two dances and a film without a span that is long enough; `cast` adds a deleted video and a
paid one."""

ENVIRONMENT = {
    "POPDANCESET_NETWORK__CONTACT": "faults@localhost",
    "POPDANCESET_CRAWL__REQUESTS_PER_SECOND": "200",
    "POPDANCESET_CRAWL__COOL_DOWN": "0.05",
    "POPDANCESET_POPULARITY__SAMPLE": "0",
    "POPDANCESET_POPULARITY__MIN_POP": "0.7",
    "POPDANCESET_SCREENING__DETECTOR": cheap.NAME,
    "POPDANCESET_POSE__ESTIMATOR": cheap.NAME,
    "POPDANCESET_POSE__DEVICES": "cpu",
    "POPDANCESET_RELEASE__COST": "false",  # differs from run to run
    "POPDANCESET_RELEASE__FIGURES": "false",  # two seconds
    "POPDANCESET_RELEASE__TEST_SHARE": "0.2",
    "OMP_NUM_THREADS": "1",
}


class Undisturbed(NamedTuple):
    """A world in which nothing went wrong, and for how many seconds its stages lasted."""

    world: World
    spans: dict[str, float]


@dataclass(frozen=True)
class World:
    """A store, a folder of manifests, and the environment of processes that work on them.

    Attributes:
        folder: holds everything.
        environment: of its processes.
    """

    folder: Path
    environment: Mapping[str, str]

    @property
    def store(self) -> Store:
        """The store."""
        return Store(self.environment["POPDANCESET_STORE"])

    @property
    def log(self) -> Path:
        """What the last process printed."""
        return self.folder / "log"

    @property
    def stages(self) -> Path:
        """When which stage began, see `chain.note`."""
        return self.folder / "stages"

    @property
    def stage(self) -> str:
        """The stage that began last."""
        lines = self.stages.read_text(encoding="utf-8").split() if self.stages.exists() else []
        return lines[-1] if lines else chain.BEGINNING

    def start(self, *stages: str, **environment: str) -> subprocess.Popen[bytes]:
        """Starts the stages of a refresh, or some of them, in a process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stages.unlink(missing_ok=True)
        command = [sys.executable, "-m", chain.__name__, str(self.stages), DAY.isoformat(), *stages]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                command, cwd=self.folder, env={**self.environment, **environment}, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def run(self, *stages: str, timeout: float = 300, **environment: str) -> int:
        """Runs them to the end; returns the exit code."""
        return self.start(*stages, **environment).wait(timeout)

    def complete(self, *stages: str, **environment: str) -> None:
        """Runs them, and fails if they do not end well."""
        code = self.run(*stages, **environment)
        assert code == 0, f"exit code {code}: {self.said}"

    def twin(self) -> World:
        """The same store and manifests, for another process at the same time."""
        return World(self.folder / "twin", self.environment)

    @property
    def said(self) -> str:
        """The end of what the last process printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


class Bed:
    """Makes worlds, and keeps the undisturbed one that all others are compared with.

    Args:
        folder: for everything that is written.
        simulator: the running Bilibili.
    """

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder, self.simulator = folder, simulator
        self._count = 0
        cheap.install(folder / "plug-ins")

    def world(self, store: str = "", **environment: str) -> World:
        """Makes an empty world.

        Args:
            store: its address; empty: a folder of the world.
            environment: beside that of all worlds.
        """
        self._count += 1
        folder = self.folder / f"world-{self._count}"
        folder.mkdir()
        path = [str(ROOT), str(self.folder / "plug-ins"), os.environ.get("PYTHONPATH", "")]
        outside = {name: value for name, value in os.environ.items() if not name.startswith("POPDANCESET_")}
        own = {
            "POPDANCESET_STORE": store or str(folder / "store"),
            "POPDANCESET_MANIFESTS": str(folder / "manifests"),
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
        }
        return World(folder, {**outside, **ENVIRONMENT, **self.simulator.environment, **own, **environment})

    def copy(self) -> World:
        """Makes a world that has come to its end undisturbed."""
        world = self.world()
        shutil.copytree(self.undisturbed.world.folder, world.folder, dirs_exist_ok=True)
        return world

    @cached_property
    def undisturbed(self) -> Undisturbed:
        """The world in which nothing goes wrong; made once."""
        world = self.world()
        begun = time.monotonic()
        world.complete()
        lines = [line.split() for line in world.stages.read_text(encoding="utf-8").splitlines()]
        moments = [begun, *(float(moment) for moment, _ in lines)]
        names = [chain.BEGINNING, *(stage for _, stage in lines)]
        spans = {name: end - start for name, start, end in zip(names, moments, moments[1:], strict=False)}
        return Undisturbed(world, spans)


@contextlib.contextmanager
def laid(folder: Path) -> Iterator[Bed]:
    """Runs the offline Bilibili for the block."""
    shipped = read_media()
    media = {name: shipped[name] for name in MEDIA}
    with Simulator(cast(population(VIDEOS, 0, DAY), media, 0), media) as simulator:
        yield Bed(folder, simulator)
        assert simulator.leaks == []
