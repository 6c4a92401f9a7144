"""All faults by name, with the number of times that the suite and a run of an hour try each."""

from __future__ import annotations

from typing import NamedTuple

from tests.faults import clocks, disk, kills, network
from tests.faults.outcome import Fault


class Trial(NamedTuple):
    """A fault, and how often it is tried."""

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
}
