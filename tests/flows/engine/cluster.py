"""A real Ray cluster on this machine: a head that does nothing, and machines of one core."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SMALL = {"object_store_memory": 80_000_000}
ROOT = Path(__file__).parents[3]


@contextlib.contextmanager
def started(machines: int = 3, path: str = "") -> Iterator[Any]:
    """Starts a cluster for the block; `cluster.machines` lists its machines.

    Args:
        machines: number of machines of one core.
        path: more folders for their PYTHONPATH.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        folders = [str(ROOT), path, os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, folders)))
        from ray.cluster_utils import Cluster

        found = Cluster(True, head_node_args={"num_cpus": 0, "include_dashboard": False, **SMALL})
        try:
            found.machines = [found.add_node(num_cpus=1, **SMALL) for _ in range(machines)]
            found.wait_for_nodes()
            yield found
        finally:
            found.shutdown()
