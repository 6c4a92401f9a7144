"""Runs on other machines: `runs_on` of a bench names a deployment, whose workers the package `flows` reaches.

The workers see the releases and the folder of the bench under the same names as this machine does. What is
finished is in that folder, so a bench that was killed continues, wherever its runs were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from popdanceset.errors import InputError
from popdanceset.progress import display, track
from training.bench.plan import Plan
from training.bench.runs import Run

GROUP = "popdanceset.bench"
"""Entry points with a `Start`; the one of `flows` is called `prefect`."""


class Start(Protocol):
    """Starts runs, all at once, and waits for them."""

    def __call__(
        self, deployment: str, plan: Plan, out: Path, runs: Sequence[Run], device: str
    ) -> Iterator[tuple[Run, str]]:
        """Yields each run when it has ended, and why it failed, or "" if it did not.

        Args:
            deployment: whose workers do the runs.
            plan: the bench.
            out: its folder.
            runs: of it.
            device: name in torch; "" for that of the worker.

        Raises:
            InputError: there is no such deployment, or it cannot run.
        """
        ...


def run_elsewhere(
    plan: Plan, runs: Sequence[Run], out: Path, device: str = "", retry_failed: bool = False
) -> None:
    """Has the workers of `plan.runs_on` do what is not finished; as `training.bench.running.run_all`.

    Raises:
        InputError: the flows are not installed, the deployment cannot run, or a folder is not writable.
    """
    found = list(entry_points(group=GROUP, name="prefect"))
    if not found:
        raise InputError(
            f"the flows that reach {plan.runs_on!r} are not installed",
            "runs_on",
            "install this package again",
        )
    start: Start = found[0].load()
    waiting = [run for run in runs if not run.done and (retry_failed or not run.failure)]
    with display(), track("runs", len(runs)) as advance:
        advance(len(runs) - len(waiting))
        for run, reason in start(plan.runs_on, plan, out.resolve(), waiting, device):
            if reason and not run.done:
                run.fail(reason)
            advance(1, run.title)
