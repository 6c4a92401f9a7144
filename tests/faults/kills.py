"""SIGKILL at random moments of the stage processes, and two refreshes at once on one store.

The moments are spread over the stages of the undisturbed run, by stage and then within the stage: crawl and
select take a second of it, so moments that are spread over its duration alone would hardly meet them. A world
is killed several times, each time in a run that continues the one before, and then runs to its end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from random import Random
from typing import TYPE_CHECKING

from tests.faults.chain import BEGINNING, END, STAGES
from tests.faults.outcome import Outcome

if TYPE_CHECKING:
    from tests.faults.bed import Bed, World

IN_A_ROW = 10
"""Kills of a world before it may run to its end."""

ORDER = (BEGINNING, *STAGES, END)


def kills(bed: Bed, random: Random, number: int) -> Outcome:
    """Kills refreshes this many times."""
    outcome = Outcome()
    while (left := number - outcome.done.total()) > 0:
        world = bed.world()
        planned = sorted(random.choices(STAGES, k=min(left, IN_A_ROW)), key=ORDER.index)
        for stage in planned:
            outcome.done[kill_in(world, stage, bed.undisturbed.spans[stage], random)] += 1
        world.complete()
        outcome.compare(world, bed)
    return outcome


def kill_in(world: World, stage: str, seconds: float, random: Random, **environment: str) -> str:
    """Starts a refresh and kills it at a random moment after a stage has begun.

    A run that continues others may be past the stage by then, or at its end; then the moment is chosen again.

    Args:
        world: is refreshed.
        stage: in which to kill.
        seconds: for which the stage lasts undisturbed.
        random: chooses the moment, and whether programs that the process has started die with it.
        environment: of the process, beside that of its world.

    Returns:
        What it was doing.
    """
    while True:
        process = world.start(**environment)
        wait_for(world, process, stage)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(0, seconds))
        if process.poll() is None:
            return kill(world, process, random)
        seconds /= 2


def kill(world: World, process: subprocess.Popen[bytes], random: Random) -> str:
    """Kills a process, in half of the cases with all that it has started; returns its stage."""
    if random.random() < 0.5:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    return world.stage


def wait_for(world: World, process: subprocess.Popen[bytes], stage: str) -> None:
    """Waits until a stage, or one after it, has begun, or the process has ended."""
    while process.poll() is None and ORDER.index(world.stage) < ORDER.index(stage):
        time.sleep(0.005)


def two_at_once(bed: Bed, random: Random, number: int) -> Outcome:
    """Runs two refreshes at once on one store; in every other round one of them is killed."""
    outcome = Outcome()
    for turn in range(number):
        world = bed.world()
        twin = world.twin()
        one = world.start()
        time.sleep(random.uniform(0, 1))
        other = twin.start()
        if turn % 2:
            stage = random.choice(STAGES)
            wait_for(world, one, stage)
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.wait(random.uniform(0, bed.undisturbed.spans[stage]))
            outcome.done[f"one of two killed in {kill(world, one, random)}"] += 1
        else:
            outcome.expect(one.wait(300) == 0, f"the first of two ended with {one.returncode}", world)
            outcome.done["two ran to their end"] += 1
        outcome.expect(other.wait(300) == 0, f"the second of two ended with {other.returncode}", twin)
        outcome.compare(world, bed)
    return outcome
