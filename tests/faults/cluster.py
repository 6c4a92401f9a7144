"""SIGKILL of machines of a Ray cluster in the middle of an extraction."""

from __future__ import annotations

import contextlib
import subprocess
from importlib.util import find_spec
from random import Random
from typing import TYPE_CHECKING

from tests.faults.outcome import Outcome
from tests.flows.engine.cluster import SMALL, started

if TYPE_CHECKING:
    from tests.faults.bed import Bed

SECONDS = 15
"""For which an extraction on a cluster lasts, about: most of it is the start of its workers."""


def killed_machines(bed: Bed, random: Random, number: int) -> Outcome:
    """Kills one of two machines this many times; another one joins, and the extraction goes on."""
    outcome = Outcome()
    if find_spec("ray") is None:
        outcome.skipped = "Ray is not installed: pip install 'popdanceset[ray]'"
        return outcome
    with started(2, str(bed.folder / "plug-ins")) as cluster:
        for _ in range(number):
            world = bed.world(POPDANCESET_ENGINE="ray", RAY_ADDRESS=cluster.address)
            world.complete("crawl", "select", "acquire", POPDANCESET_ENGINE="local")
            process = world.start("extract")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(random.uniform(0, SECONDS))
            when = "during" if process.poll() is None else "after"
            cluster.remove_node(cluster.machines.pop(random.randrange(2)), allow_graceful=False)
            cluster.machines.append(cluster.add_node(num_cpus=1, **SMALL))
            outcome.expect_end(world, process.wait(300), 0)
            outcome.done[f"machine killed {when} the extraction"] += 1
            world.complete("features", "publish", POPDANCESET_ENGINE="local")
            outcome.compare(world, bed)
    return outcome
