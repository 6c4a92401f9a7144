"""The cost of a release, for its `meta/info.json`.

Measured times differ from run to run. So the cost is in no file of rows, not on the card and not in the
content hash: two publications of the same rows differ in `meta/info.json` and in its checksum in
`croissant.json`, and with `release.cost = false` in nothing.
"""

from __future__ import annotations

from popdanceset.ledger import read_ledger
from popdanceset.operations.cost import hour_cost, stage_costs
from popdanceset.release.info import CostInfo, HourCostInfo, StageCostInfo
from popdanceset.settings import PriceSettings
from popdanceset.store import Store


def cost_info(store: Store, prices: PriceSettings, seconds: float) -> CostInfo | None:
    """Returns what the runs of the store have used so far; None if none is recorded.

    Args:
        store: holds the ledger.
        prices: of a core and a GPU.
        seconds: length of the release.
    """
    costs = stage_costs(read_ledger(store))
    hour = hour_cost(costs, seconds, prices)
    if hour is None:
        return None
    per_hour = {
        "cpu_hours": round(hour.cpu_hours, 4),
        "gpu_hours": round(hour.gpu_hours, 4),
        "requests": round(hour.requests, 1),
        "bytes_received": round(hour.bytes_received),
    }
    if hour.price is not None:
        per_hour["price"] = round(hour.price, 4)
    return CostInfo(
        stages={
            row.stage: StageCostInfo(
                runs=row.runs,
                cpu_seconds=round(row.cpu_seconds, 1),
                gpu_seconds=round(row.gpu_seconds, 1),
                requests=row.requests,
                bytes_received=row.bytes_received,
            )
            for row in costs
        },
        per_released_hour=HourCostInfo.model_validate(per_hour),
        currency=prices.currency,
    )
