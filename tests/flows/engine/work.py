"""Work that the tests hand to actors, which import it from here."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrik_runner.running import runner
from popdanceset.errors import AssetError
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.hybrik_runner.conftest import FakeEstimator


@dataclass(frozen=True)
class Swaying:
    """Extraction with the estimator of the tests, which takes its time.

    Attributes:
        log: file to which each clip is added before its tables are written.
        seconds: that a clip takes.
        deadly: clip that ends the process of whoever tries it; empty: none.
        processes: that have to be at work before one of them goes on, within two minutes; 0: none waits.
    """

    log: str
    seconds: float = 0.1
    deadly: str = ""
    processes: int = 0
    stage: str = "extract"
    on_gpu: bool = False

    def __call__(self, settings: Settings, ids: list[str]) -> None:
        write = runner._write

        def noted(clip_id: str, *rest: Any) -> None:
            if clip_id == self.deadly:
                os._exit(9)
            time.sleep(self.seconds)
            with Path(self.log).open("a") as file:
                file.write(f"{clip_id} {os.getpid()}\n")
            end = time.monotonic() + 120
            while len(at_work(Path(self.log))) < self.processes and time.monotonic() < end:
                time.sleep(0.02)
            write(clip_id, *rest)  # type: ignore[arg-type]

        runner._write = noted  # type: ignore[assignment]
        try:
            runner.extract(settings, Store(settings.store), ids, estimator=FakeEstimator())
        finally:
            runner._write = write


def at_work(log: Path) -> set[str]:
    """Returns the processes that a log of `Swaying` names."""
    return {line.split()[1] for line in log.read_text().splitlines()}


@dataclass(frozen=True)
class Failing:
    """Says something, and fails in one of two ways."""

    expected: bool
    stage: str = "extract"
    on_gpu: bool = False

    def __call__(self, settings: Settings, ids: list[str]) -> None:
        logging.getLogger("hybrik_runner.test").info("looking at %s", ids[0])
        if self.expected:
            raise AssetError("model files are missing", "/models", "fetch them")
        raise ZeroDivisionError("an absurd header")
