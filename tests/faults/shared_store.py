"""An S3 store whose writes fail: refused, carried out but not answered, or late."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from popdanceset.errors import StoreError
from tests.faults.outcome import Outcome
from tests.s3 import FaultyS3, serve

if TYPE_CHECKING:
    from tests.faults.bed import Bed


def failing_writes(bed: Bed, random: Random, number: int) -> Outcome:
    """Every few writes fail during a refresh; a later one finds the store well again."""
    outcome = Outcome()
    with serve() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in FaultyS3.environment.items():
            patch.setenv(name, value)  # this process compares the stores
        for _ in range(number):
            world = bed.world(server.new_address(), **FaultyS3.environment)
            every = random.choice((3, 5, 10))
            kind = random.choice(("refused", "not answered", "refused or not answered"))
            server.fail_every = every if "refused" in kind else 0
            server.lose_every = every + 1 if "answered" in kind else 0
            server.latency = random.choice((0.0, 0.01))
            outcome.expect_end(world, world.run(), 0, StoreError.exit_code)
            outcome.done[f"every {every} writes {kind}, up to {world.stage}"] += 1
            server.behave()
            world.complete()
            outcome.compare(world, bed)
    return outcome
