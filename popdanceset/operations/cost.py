"""What the stages have used, summed over their runs, and what an hour of released dance costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from popdanceset.ledger import Entry
    from popdanceset.settings import PriceSettings

STAGES = ("crawl", "acquire", "replan", "extract", "features", "publish")
"""The stages that keep the ledger, in the order of the pipeline."""


@dataclass(frozen=True, slots=True)
class StageCost:
    """What all runs of a stage used and did together; the names are those of the ledger.

    Attributes:
        runs: number of rows of the ledger.
    """

    stage: str
    runs: int
    seconds: float
    cpu_seconds: float
    gpu_seconds: float
    requests: int
    bytes_received: int
    bytes_written: int
    items: int
    frames: int
    media_seconds: float


@dataclass(frozen=True, slots=True)
class HourCost:
    """What an hour of released dance has cost so far: everything the store used, divided by what is released.

    Attributes:
        cpu_hours: of one core.
        gpu_hours: of one GPU.
        requests: requests to the host.
        bytes_received: bytes from the host.
        price: of the processor and GPU hours; None without prices. Storage is not part of it.
    """

    cpu_hours: float
    gpu_hours: float
    requests: float
    bytes_received: float
    price: float | None


def stage_costs(entries: Iterable[Entry]) -> tuple[StageCost, ...]:
    """Sums the ledger by stage, in the order of the pipeline; stages without a run are left out."""
    rows = list(entries)
    order = [*STAGES, *sorted({row.stage for row in rows} - set(STAGES))]
    sums = []
    for stage in order:
        own = [row for row in rows if row.stage == stage]
        if own:
            sums.append(
                StageCost(
                    stage=stage,
                    runs=len(own),
                    seconds=sum(row.seconds for row in own),
                    cpu_seconds=sum(row.cpu_seconds for row in own),
                    gpu_seconds=sum(row.gpu_seconds for row in own),
                    requests=sum(row.requests for row in own),
                    bytes_received=sum(row.bytes_received for row in own),
                    bytes_written=sum(row.bytes_written for row in own),
                    items=sum(row.items for row in own),
                    frames=sum(row.frames for row in own),
                    media_seconds=sum(row.media_seconds for row in own),
                )
            )
    return tuple(sums)


def hour_cost(costs: Iterable[StageCost], released_seconds: float, prices: PriceSettings) -> HourCost | None:
    """Returns the cost of an hour of released dance.

    Args:
        costs: of all stages.
        released_seconds: length of the release.
        prices: of a core and a GPU.

    Returns:
        None if nothing is released or no run is recorded.
    """
    rows = list(costs)
    if not rows or released_seconds <= 0:
        return None
    hours = released_seconds / 3600
    cpu = sum(row.cpu_seconds for row in rows) / 3600
    gpu = sum(row.gpu_seconds for row in rows) / 3600
    price = computing_price(cpu, gpu, prices)
    return HourCost(
        cpu / hours,
        gpu / hours,
        sum(row.requests for row in rows) / hours,
        sum(row.bytes_received for row in rows) / hours,
        None if price is None else price / hours,
    )


def computing_price(cpu_hours: float, gpu_hours: float, prices: PriceSettings) -> float | None:
    """Returns the price of computing; None if the price of something that was used is unknown."""
    if (cpu_hours and not prices.cpu_hour) or (gpu_hours and not prices.gpu_hour):
        return None
    return cpu_hours * prices.cpu_hour + gpu_hours * prices.gpu_hour
