"""SIGKILL of a run of `refresh/weekly`, of its worker, or of Prefect's server, at random moments.

After each the operator starts what has died, ends the run that nobody works on any more, and begins another.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

from tests.faults.bed import DAY
from tests.faults.chain import MANIFEST
from tests.faults.outcome import Outcome
from tests.flows.conftest import Api, Machine, unused_port

if TYPE_CHECKING:
    from tests.faults.bed import Bed, World

DEPLOYMENT = "refresh/weekly"
IN_A_ROW = 5
"""Kills of a world before a run may come to its end."""

SECONDS = 30
"""For which a refresh lasts, about."""

SERVER = "nohup prefect server start --port {port} > server.log 2>&1 & prefect server status --wait"
WORKER = "nohup prefect worker start --pool crawl > worker.log 2>&1 &"
RUN, OF_WORKER, OF_SERVER = ("prefect", "flow-run"), ("prefect", "worker"), ("prefect", "server")
VICTIMS = {
    "run": (RUN,),
    "worker and run": (OF_WORKER, RUN),
    "server": (OF_SERVER,),
    "server, worker and run": (OF_SERVER, OF_WORKER, RUN),
}
"""What dies together, by words of the command lines."""


def killed(bed: Bed, random: Random, number: int) -> Outcome:
    """Kills something of Prefect this many times."""
    outcome = Outcome()
    while (left := number - outcome.done.total()) > 0:
        world = bed.world(POPDANCESET_RELEASE__FIGURES="false")
        with orchestrated(world) as site:
            for _ in range(min(left, IN_A_ROW)):
                outcome.done[f"{site.kill_something(random)} killed"] += 1
            state = site.api.wait(site.begin(), seconds=300)
            outcome.expect(state["type"] == "COMPLETED", f"the last run: {state}", world)
        outcome.compare(world, bed)
    return outcome


class Site:
    """A server, a worker and the deployment of the weekly refresh.

    Args:
        world: is refreshed.
        port: of the server.
    """

    def __init__(self, world: World, port: int) -> None:
        self._server = SERVER.format(port=port)
        environment = {name: value for name, value in world.environment.items() if name != "PATH"}
        self.machine = Machine(world.folder, "operator", **environment, PREFECT_API_URL=_api(port))
        self.api = Api(_api(port))

    def open(self) -> None:
        """Starts everything, and deploys."""
        name = DEPLOYMENT.partition("/")[2]
        deploy = f"prefect --no-prompt deploy -n {name} --prefect-file flows/prefect.yaml"
        pool = "prefect work-pool create crawl --type process"
        self.machine.run(f"{self._server}\n{pool}\n{deploy}\n{WORKER}")

    def begin(self) -> str:
        """Starts a run; returns its id."""
        return self.api.start(DEPLOYMENT, manifest=MANIFEST, day=f"{DAY}", run_on={}, with_report=False)

    def kill_something(self, random: Random) -> str:
        """Starts a run, and kills something at a random moment of it; returns what."""
        run = self.begin()
        self.api.wait(run, "RUNNING")
        time.sleep(random.uniform(0, SECONDS))
        who = random.choice([*VICTIMS])
        for words in VICTIMS[who]:
            self.machine.kill(*words)
        self.restore()
        self._give_up(run)
        return who

    def restore(self) -> None:
        """Starts server and worker unless they run."""
        if not self.machine.processes(*OF_SERVER):
            self.machine.run(self._server)
        if not self.machine.processes(*OF_WORKER):
            self.machine.run(WORKER)

    def _give_up(self, run: str) -> None:
        """Ends a run, as an operator does with one that is not finished: otherwise no other could start."""
        self.machine.kill(*RUN)
        state = {"type": "CRASHED", "message": "killed"}
        self.api.post(f"flow_runs/{run}/set_state", {"state": state, "force": True})


@contextlib.contextmanager
def orchestrated(world: World) -> Iterator[Site]:
    """Opens a site for the block."""
    site = Site(world, unused_port())
    try:
        site.open()
        yield site
    finally:
        site.machine.kill()


def _api(port: int) -> str:
    return f"http://127.0.0.1:{port}/api"
