"""What all flows share: settings from plain parameters, batches, and which failures are worth another try."""

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
"""Settings that differ from the worker's own file and environment, as nested plain data: a flow parameter."""


def load(overrides: Overrides | None) -> Settings:
    """The settings a flow run works with."""
    return Settings.load(overrides=overrides)


def worth_retrying(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> bool:
    """Broken connections and stores out of reach; bad input and refusals only get worse by asking again."""
    return isinstance(state.result(raise_on_failure=False), TransferError | StoreError)


RETRY: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=10),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": worth_retrying,
}


def threads(number: int) -> TaskRunner[PrefectFuture[Any]]:
    """Runs so many tasks at once, in threads of the flow's own process: the cheapest of Prefect's runners."""
    return cast(TaskRunner[PrefectFuture[Any]], ThreadPoolTaskRunner(max_workers=number))


def batches(items: Sequence[T], size: int) -> list[list[T]]:
    """The items in lists of at most `size`: one task a batch, for a task itself costs milliseconds."""
    return [list(items[i : i + size]) for i in range(0, len(items), size)]
