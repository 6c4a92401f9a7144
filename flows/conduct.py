"""What all flows share: settings from parameters, batches, and which failures to retry."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, TypeVar, cast
from uuid import UUID

from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.tasks import Task, exponential_backoff

from flows.parameters import Overrides
from popdanceset import logs
from popdanceset.errors import StoreError, TransferError
from popdanceset.settings import Settings

T = TypeVar("T")


def load(overrides: Overrides | None) -> Settings:
    """Loads the settings of a flow run, and makes the log of this process follow them."""
    settings = Settings.load(overrides=overrides)
    task, flow = TaskRunContext.get(), FlowRunContext.get()
    if task is not None:
        _follow(settings, task.task_run.flow_run_id)
    elif flow is not None and flow.flow_run is not None:
        _follow(settings, flow.flow_run.id)
    return settings


def _follow(settings: Settings, run: UUID | None) -> None:
    """Gives the log the run's id, and Prefect's handlers, which show the run, the ids of video and clip."""
    if run is not None:
        logs.name_run(str(run))
    for name in ("", *logs.PACKAGES):  # Prefect's console is a handler of the root, its page one of ours
        for handler in logging.getLogger(name).handlers:
            if settings.log.format == "json" and isinstance(handler, logging.StreamHandler):
                handler.setFormatter(logs.formatter("json"))
            elif not any(isinstance(each, logs.IdsInMessage) for each in handler.filters):
                handler.addFilter(logs.IdsInMessage())


def worth_retrying(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> bool:
    """Returns whether to retry: after broken connections and unreachable stores only."""
    return isinstance(state.result(raise_on_failure=False), TransferError | StoreError)


RETRY: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=10),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": worth_retrying,
}


def threads(number: int) -> TaskRunner[PrefectFuture[Any]]:
    """Runs this many tasks at once in threads of the flow's process, Prefect's cheapest runner."""
    return cast(TaskRunner[PrefectFuture[Any]], ThreadPoolTaskRunner(max_workers=number))


MAX_BATCHES = 200
"""Most tasks of a stage: each costs milliseconds, and a server becomes unstable at a few thousand."""


def batches(items: Sequence[T], size: int, *, whole: bool = False) -> list[list[T]]:
    """Splits the items of a stage into one list for each of its tasks.

    Args:
        items: of the stage.
        size: of a list; longer if there would be more than `MAX_BATCHES` of them.
        whole: one list, for an engine, which splits it itself.
    """
    size = max(size, -(-len(items) // MAX_BATCHES), len(items) if whole else 1)
    return [list(items[i : i + size]) for i in range(0, len(items), size)]
