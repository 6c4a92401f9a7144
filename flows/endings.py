"""What a run that failed or crashed tells its operator: what happened, and the line that continues it."""

from __future__ import annotations

import json
import shlex
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow
from prefect.logging.loggers import flow_run_logger

from flows.conduct import load
from popdanceset.operations.alerts import raise_alerts
from popdanceset.store import Store

KEY = "what-to-do"
"""Key of the artifact, on Prefect's page."""


def say_what_to_do(flow: Flow[..., Any], run: FlowRun, state: State[Any]) -> None:
    """Writes into log and artifacts of a run that did not finish how to continue it.

    Nothing is said about a flow that another flow of the same process called: that one ends too.
    """
    if run.parent_task_run_id is not None and run.deployment_id is None:
        return
    line = command(flow.name, run)
    flow_run_logger(run).error(
        "%s ended as %s. Finished work is kept. When the cause is dealt with, continue with: %s",
        flow.name, state.name, line,
    )  # fmt: skip
    text = (
        f"## {flow.name}: {state.name}\n\n{state.message or 'Prefect gives no message.'}\n\n"
        f"Finished work is in the store and is kept. When the cause is dealt with, continue with\n\n"
        f"```bash\n{line}\n```\n\n`popdanceset status` shows what waits and what failed, with the reasons; "
        f"`popdanceset doctor` checks this machine.\n"
    )
    with get_client(sync_client=True) as client:
        client.create_artifact(
            ArtifactCreate(type="markdown", key=KEY, data=text, flow_run_id=run.id, description=state.message)
        )


def command(flow: str, run: FlowRun) -> str:
    """Returns the command that starts the same run again, with its own values of parameters.

    A run without a deployment has a line that describes what to do.
    """
    if run.deployment_id is None:
        return f"run {flow} again with the same parameters"
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment(run.deployment_id)
        except ObjectNotFound:
            return f"deploy {flow} again, then run it (its deployment was deleted)"
    changed = {
        name: value for name, value in run.parameters.items() if deployment.parameters.get(name) != value
    }
    words = ["prefect", "deployment", "run", f"{flow}/{deployment.name}"]
    if changed:
        words += ["--params", json.dumps(changed, ensure_ascii=False)]
    return shlex.join([*words, "--watch"])


def alert(flow: Flow[..., Any], run: FlowRun, state: State[Any]) -> None:
    """Sends the alerts of the settings at the end of a run, however it ended."""
    if run.parent_task_run_id is not None and run.deployment_id is None:
        return
    settings = load(run.parameters.get("settings"))
    raise_alerts(settings, Store(settings.store))


ENDINGS: dict[str, Any] = {
    "on_completion": [alert],
    "on_failure": [say_what_to_do, alert],
    "on_crashed": [say_what_to_do, alert],
}
"""Options of every flow. Prefect logs what goes wrong in one of them; the run's state stays."""
