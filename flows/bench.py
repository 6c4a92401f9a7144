"""The runs of `popdanceset bench` on workers: the flow of one run, and how the command starts many."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from pydantic import Field

from flows.beginnings import begin
from flows.conduct import load
from flows.elsewhere import check_deployment
from flows.endings import ENDINGS
from popdanceset.devices import find_device
from popdanceset.errors import InputError
from training.bench.checks import check
from training.bench.plan import Plan
from training.bench.runs import Run
from training.bench.work import work

SECONDS = 5.0
"""Between two looks at the runs."""

_log = logging.getLogger(__name__)


@flow(**ENDINGS)
def bench(
    plan: dict[str, Any],
    out: Annotated[str, Field(min_length=1)],
    release: str,
    model: str,
    seed: Annotated[int, Field(ge=0)],
    device: str = "",
) -> None:
    """Trains one model with one seed on one release, and dances. `popdanceset bench` starts it (`runs_on`).

    A run that was stopped continues. The command writes the tables when all runs have ended.

    Args:
        plan: the file of the bench.
        out: folder of the bench, which the machine of the command sees under the same name.
        release: name of the release in the plan.
        model: name of the model in the plan.
        seed: one of the plan.
        device: torch device, e.g. cuda:0; empty: a GPU if there is one.
    """
    begin(None, "bench")
    load(None)
    place = find_device(device, "device")
    wanted = Plan.model_validate(plan)
    for run in check(wanted, Path(out)):
        if (run.release, run.model, run.seed) == (release, model, seed):
            return None if run.done else work(run, place, None)
    raise InputError(f"has no run of {model!r} with seed {seed} on {release!r}", "plan", "correct its name")


def start(
    deployment: str, plan: Plan, out: Path, runs: Sequence[Run], device: str = ""
) -> Iterator[tuple[Run, str]]:
    """See `training.bench.elsewhere.Start`."""
    with get_client(sync_client=True) as client:
        check_deployment(client, "bench", deployment, "runs_on", _log.warning)
        content = plan.model_dump(mode="json")
        going = {}
        for run in runs:
            parameters = {
                "plan": content, "out": str(out), "release": run.release, "model": run.model,
                "seed": run.seed, "device": device,
            }  # fmt: skip
            began = cast(FlowRun, run_deployment(deployment, parameters=parameters, timeout=0))
            _log.info("%s is run %r of %s", run.title, began.name, deployment)
            going[began.id] = run
        while going:
            for name, run in list(going.items()):
                reason = _ended(client, name)
                if reason is not None:
                    del going[name]
                    yield run, reason
            if going:
                time.sleep(SECONDS)


def _ended(client: SyncPrefectClient, name: Any) -> str | None:
    """Why a run failed, "" if it did not; None if it goes on."""
    state = client.read_flow_run(name).state
    if state is None or not state.is_final():
        return None
    return "" if state.is_completed() else f"{state.name}: {state.message or 'no message'}"
