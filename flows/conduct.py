"""What all flows share: settings from parameters, batches, and which failures to retry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.tasks import Task, exponential_backoff

from popdanceset.errors import StoreError, TransferError
from popdanceset.settings import Settings

T = TypeVar("T")

Overrides = dict[str, Any]
"""A flow parameter: settings that differ from the worker's own, as nested plain data."""


def load(overrides: Overrides | None) -> Settings:
    """Loads the settings of a flow run."""
    return Settings.load(overrides=overrides)


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


def batches(items: Sequence[T], size: int) -> list[list[T]]:
    """Splits items into lists of at most `size`. (A task costs milliseconds, so each one gets a batch.)"""
    return [list(items[i : i + size]) for i in range(0, len(items), size)]
