"""The network is cut in the middle of a crawl or a download, and the host refuses."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode, urlsplit

from popdanceset.errors import RefusedError, TransferError
from popdanceset.simulator import faults
from popdanceset.simulator.proxy import LoggedRequest
from tests.faults.cable import Cable, State
from tests.faults.outcome import Outcome

if TYPE_CHECKING:
    from tests.faults.bed import Bed

REFUSALS = ("412", "412-json", "-412", "-352", "-799", "-509", "429")
"""Names of `popdanceset.simulator.faults.NAMED`."""


def cuts(bed: Bed, random: Random, number: int) -> Outcome:
    """Cuts the cable after random numbers of bytes; a later run goes on."""
    outcome = Outcome()
    port = urlsplit(bed.simulator.proxy_url).port
    assert port
    with Cable(port) as cable:
        world = bed.world(**cable.environment)
        world.complete()
        total = cable.passed
        outcome.compare(world, bed)
        for _ in range(number):
            world, kind = bed.world(**cable.environment), cast("State", random.choice(("reset", "silent")))
            moment = cable.passed + random.uniform(0, total)
            process = world.start()
            while process.poll() is None and cable.passed < moment:
                time.sleep(0.002)
            stage, cable.state = world.stage, kind
            outcome.expect_end(world, process.wait(300), 0, TransferError.exit_code)
            outcome.done[f"{kind} in {stage}"] += 1
            cable.state = "whole"
            world.complete()
            outcome.compare(world, bed)
    return outcome


def storms(bed: Bed, random: Random, number: int) -> Outcome:
    """The host refuses from a random request on: the crawl ends with exit code 3 and what it has.

    A later run goes on, and requests nothing again that was answered.
    """
    outcome, log = Outcome(), bed.simulator.log
    begun = len(log)
    world = bed.world()
    world.complete()
    requests = len(_of_statistics(log[begun:]))
    outcome.compare(world, bed)
    for _ in range(number):
        world, name = bed.world(), random.choice(REFUSALS)
        after, begun = random.randrange(requests), len(log)
        bed.simulator.faults.add(replace(faults.NAMED[name], times=None, after=after))
        code = world.run()
        outcome.expect_end(world, code, RefusedError.exit_code)
        outcome.done[f"{name} in {world.stage}"] += 1
        bed.simulator.faults.clear()
        calmed = len(log)
        world.complete()
        outcome.compare(world, bed)
        answered = _of_statistics(log[begun:calmed])[:after] + _of_statistics(log[calmed:])
        again = [request for request, times in Counter(answered).items() if times > 1]
        outcome.expect(not again, f"requested again: {again}", world)
    return outcome


def _of_statistics(log: list[LoggedRequest]) -> list[str]:
    """The requests that the faults match, as text."""
    asked = [f"{each.host}{each.path}?{urlencode(sorted(each.query.items()))}" for each in log]
    return [text for text in asked if re.match(faults.STATISTICS, text)]
