"""All faults by name, with the number of times that the suite and a run of an hour try each."""

from __future__ import annotations

from typing import NamedTuple

from tests.faults import clocks, cluster, disk, kills, network, orchestration, shared_store
from tests.faults.outcome import Fault


class Trial(NamedTuple):
    """A fault, and how often it is tried. The suite has other tests of those that it does not try."""

    fault: Fault
    in_tests: int
    in_an_hour: int


TRIALS = {
    "processes killed": Trial(kills.kills, 4, 200),
    "two refreshes at once": Trial(kills.two_at_once, 1, 10),
    "network cut": Trial(network.cuts, 1, 10),
    "host refuses": Trial(network.storms, 1, 10),
    "disk full": Trial(disk.full, 1, 20),
    "files damaged": Trial(disk.damages, 1, 40),
    "clock jumps": Trial(clocks.jumps, 1, 10),
    "store writes fail": Trial(shared_store.failing_writes, 1, 10),
    "Ray machines killed": Trial(cluster.killed_machines, 0, 10),
    "Prefect killed": Trial(orchestration.killed, 0, 10),
}
