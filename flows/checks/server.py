"""Check of `popdanceset doctor`: the Prefect server, and the work pools of the deployments."""

from __future__ import annotations

from pathlib import Path

import yaml

from popdanceset.operations.findings import Finding, failed, ok, warning
from popdanceset.settings import Settings

DEPLOYMENTS = Path(__file__).parents[1] / "prefect.yaml"


def prefect(settings: Settings) -> Finding:
    """Asks the Prefect server for the work pools that the deployments use."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.settings import PREFECT_API_URL

    address = PREFECT_API_URL.value()
    if not address:
        return warning(
            "no Prefect server is set: flows run on a temporary one, without schedules",
            "start one with `prefect server start`, and set PREFECT_API_URL",
            "PREFECT_API_URL",
        )
    missing, idle = [], []
    with get_client(sync_client=True) as client:
        try:
            for pool in pools():
                try:
                    found = client.read_work_pool(pool)
                except ObjectNotFound:
                    missing.append(pool)
                else:
                    if str(getattr(found.status, "value", found.status)).upper() == "NOT_READY":
                        idle.append(pool)
        except (httpx.HTTPError, OSError, RuntimeError) as error:
            return failed(
                f"does not answer ({type(error).__name__})",
                "start it, or correct PREFECT_API_URL",
                shown(address),
            )
    if missing:
        return failed(
            f"no work pool is called {' or '.join(missing)}",
            "; ".join(f"prefect work-pool create {pool} --type process" for pool in missing),
            shown(address),
        )
    if idle:
        return warning(
            f"no worker polls {' or '.join(idle)}",
            "; ".join(f"prefect worker start --pool {pool}" for pool in idle),
            shown(address),
        )
    return ok(f"{shown(address)} with the pools {', '.join(pools())}")


def pools() -> list[str]:
    """Returns the names of the work pools that `flows/prefect.yaml` uses."""
    document = yaml.safe_load(DEPLOYMENTS.read_text(encoding="utf-8"))
    return sorted({each["work_pool"]["name"] for each in document["deployments"]})


def shown(address: str) -> str:
    """Returns an address without a login."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
