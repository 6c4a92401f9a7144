"""The commands of a refresh, one after the other in one process: `python -m tests.faults.chain`.

    python -m tests.faults.chain LOG DAY [STAGE ...]

Settings come from the environment. Each stage's name is written to LOG before it begins, so that whoever
kills the process knows what it was doing. The process ends with the exit code of the first command that
fails, as a shell script with `set -e` does.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from popdanceset import layout
from popdanceset.cli import main as popdanceset
from popdanceset.settings import Settings
from popdanceset.store import Store

MANIFEST = "bed"
VERSION = "2026.01.05"
"""What a release of the bed's day is called anyhow."""
STAGES = ("crawl", "select", "acquire", "extract", "features", "publish")
BEGINNING, END = "start", "end"


def main(log: Path, day: str, stages: tuple[str, ...] = STAGES) -> None:
    """Runs the stages; with FAULT_FILE_SIZE, no file may become larger than this number of bytes."""
    if limit := int(os.environ.get("FAULT_FILE_SIZE", "0")):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    for stage in stages:
        note(log, stage)
        for words in _commands(stage, day):
            _run([word() if callable(word) else word for word in words])
    note(log, END)


def note(log: Path, stage: str) -> None:
    """Appends a line: seconds of the machine's monotonic clock, and the stage."""
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{time.monotonic():.3f} {stage}\n")


def _commands(stage: str, day: str) -> list[list[str | Callable[[], str]]]:
    match stage:
        case "select":
            return [
                ["fit"],
                ["crawl", "--day", day, "--followers", _newest_fit],
                ["select", "--model", _newest_fit, "--out", MANIFEST],
            ]
        case "crawl":
            return [["crawl", "--day", day]]
        case "acquire":
            return [["acquire", MANIFEST]]
        case "publish":
            return [["publish", "--manifest", MANIFEST, "--version", VERSION]]
    return [[stage]]


def _newest_fit() -> str:
    store = Store(Settings.load().store)
    fits = store.list(layout.FITS, layout.JSON)
    return layout.stem(max(fits, key=store.modified))


def _run(words: list[str]) -> None:
    """Runs a command of `popdanceset` as a shell does; ends the process if it fails."""
    sys.argv = ["popdanceset", *words]
    try:
        popdanceset()
    except SystemExit as ended:
        if ended.code:
            raise


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], tuple(sys.argv[3:]) or STAGES)
