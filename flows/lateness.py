"""Scheduled runs that come too late are skipped, and do not stack up.

A deployment with `collision_strategy: CANCEL_NEW` never has two runs at once. What is left are the runs that
became due while no worker was there, and that a worker with a limit starts one after the other. Of all times
at which a schedule was due, only the newest counts: one run serves it, whichever starts first, unless it is
too long ago. Runs that a person or another flow starts are never late.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import Abort
from prefect.states import Cancelled

_LOOKED_AT = 50


def skip_if_late(run: FlowRun, hours: float) -> None:
    """Ends the current run as Skipped, a state of type Cancelled, if it is scheduled and comes too late.

    Args:
        run: the current run.
        hours: longest time after which a due run is still started; 0: any.

    Raises:
        Abort: Prefect's signal to end the process of a run whose state is final.
    """
    if run.deployment_id is None or not run.auto_scheduled:
        return
    now = datetime.now(UTC)
    with get_client(sync_client=True) as client:
        due = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[run.deployment_id])),
            flow_run_filter=FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime(before_=now)),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=_LOOKED_AT,
        )
        if not (reason := why_skip(run, due, now, timedelta(hours=hours))):
            return
        get_run_logger().warning("skipped: %s", reason)
        state: State[Any] = Cancelled(name="Skipped", message=reason)
        client.set_flow_run_state(run.id, state)
    raise Abort(reason)


def why_skip(run: FlowRun, due: Iterable[FlowRun], now: datetime, longest: timedelta) -> str:
    """Returns why a scheduled run is not to be run, or an empty text.

    Args:
        run: the run.
        due: runs of its deployment that were due before now, itself among them.
        now: the time.
        longest: time after which a due run is not started any more; 0: none.
    """
    others = [other for other in due if other.id != run.id]
    newest = max(each.expected_start_time or now for each in (run, *others) if each.auto_scheduled)
    if longest and now - newest > longest:
        return (
            f"it was due at {newest:%Y-%m-%d %H:%M %Z}, more than {longest} ago; the next one runs as planned"
        )
    for other in others:
        state = other.state
        served = state is not None and (state.is_running() or state.is_completed())
        if served and other.start_time is not None and other.start_time >= newest:
            return f"run {other.name!r} has started since it was due, at {other.start_time:%Y-%m-%d %H:%M %Z}"
    return ""
