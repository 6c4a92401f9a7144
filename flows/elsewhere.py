"""Stages of a flow that run in deployments of their own, on machines that share nothing but the store."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, cast

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow

from flows.parameters import RunOn
from popdanceset.errors import InputError, PopDanceSetError
from popdanceset.shared_manifest import PREFIX, is_shared

HOW_TO_DEPLOY = "deploy it: prefect --no-prompt deploy --all --prefect-file flows/prefect.yaml"


def run_stage(flow: Flow[..., Any], deployment: str, **parameters: Any) -> Any:
    """Runs a stage here, or in a deployment, and waits for its end.

    Args:
        flow: of the stage.
        deployment: `flow/deployment`; empty: here.
        parameters: of the flow.

    Returns:
        What the flow returns; None if it ran elsewhere, since only the store is shared.

    Raises:
        PopDanceSetError: it ran elsewhere and did not end as completed.
    """
    if not deployment:
        return flow(**parameters)
    plain = {
        name: value.isoformat() if isinstance(value, datetime.date) else value
        for name, value in parameters.items()
    }
    run = cast(FlowRun, run_deployment(deployment, parameters=plain))
    if run.state is None or not run.state.is_completed():
        ended = f"{run.state.name}: {run.state.message or 'no message'}" if run.state else "unknown"
        raise PopDanceSetError(
            f"run {run.name!r} ended as {ended}", deployment, "see its log, then start this run again"
        )
    return None


def check_deployments(run_on: RunOn, manifest: str) -> None:
    """Checks, before anything starts, that each stage can run where it is sent.

    Raises:
        InputError: a deployment or its work pool is unknown, the pool is paused, or the manifest is a folder
            of this machine that other machines do not see.
    """
    chosen = {stage: name for stage, name in run_on.model_dump().items() if name}
    needing = [stage for stage in chosen if stage in RunOn.NEED_MANIFEST]
    if needing and not is_shared(manifest):
        raise InputError(
            f"{', '.join(needing)} run elsewhere, where the manifest {manifest!r} of this machine is unknown",
            "run_on",
            f"keep the manifest in the store: manifest={PREFIX}{manifest.rpartition('/')[2]}",
        )
    if chosen:
        with get_client(sync_client=True) as client:
            for stage, name in chosen.items():
                check_deployment(client, stage, name, f"run_on.{stage}", get_run_logger().warning)


def check_deployment(
    client: SyncPrefectClient, stage: str, name: str, where: str, warn: Callable[..., None]
) -> None:
    """Checks that runs of a flow can be sent to a deployment.

    Args:
        client: of the Prefect server.
        stage: name of the flow.
        name: of the deployment, as `flow/deployment`.
        where: the parameter that names it, for messages.
        warn: as `logging.Logger.warning`; told if no worker is online.

    Raises:
        InputError: it is unknown or of another flow, or its work pool is unknown or paused.
    """
    if name.partition("/")[0] != stage:
        raise InputError(
            f"{name!r} is not a deployment of flow {stage!r}", where, f"name one, as {stage}/NAME"
        )
    try:
        deployment = client.read_deployment_by_name(name)
    except ObjectNotFound as error:
        raise InputError(f"there is no deployment {name!r}", where, HOW_TO_DEPLOY) from error
    pool = deployment.work_pool_name
    if pool is None:
        raise InputError(f"deployment {name!r} has no work pool", where, HOW_TO_DEPLOY)
    try:
        found = client.read_work_pool(pool)
    except ObjectNotFound as error:
        raise InputError(
            f"there is no work pool {pool!r}",
            where,
            f"create it: prefect work-pool create {pool} --type process",
        ) from error
    if found.is_paused:
        raise InputError(f"work pool {pool!r} is paused", where, f"prefect work-pool resume {pool}")
    if not any(worker.status == "ONLINE" for worker in client.read_workers_for_work_pool(pool)):
        warn(
            "no worker of pool %r is online: %s waits until one starts (prefect worker start --pool %s)",
            pool, stage, pool,
        )  # fmt: skip
