"""Machines of a test: shells with an environment of their own, and everything that they start."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

import flows

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_CHECK_FOR_UPDATES": "false",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
}
MARK = "TEST_MACHINE"


class Machine:
    """A shell of an operator: a folder with flows/, an environment, and a log of everything.

    Args:
        folder: in which all lines run.
        name: of the machine.
        environment: beside that of the test.
    """

    def __init__(self, folder: Path, name: str, **environment: str) -> None:
        self.folder, self.log, self.mark = folder, folder / f"{name}.log", uuid.uuid4().hex
        self.environment = {
            **os.environ,
            **QUIET,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PREFECT_HOME": str(folder / f".prefect-{name}"),
            MARK: self.mark,
            **environment,
        }
        target = folder / "flows"
        target.mkdir(parents=True, exist_ok=True)
        for file in Path(flows.__file__).parent.glob("*.yaml"):
            shutil.copy(file, target)

    def run(self, script: str, timeout: float = 540) -> str:
        """Runs lines as an operator types them; what they start with `&` goes on. Returns what they print."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            shell = subprocess.Popen(
                ["bash", "-e", "-o", "pipefail", "-c", script],
                cwd=self.folder, env=self.environment, stdout=output, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            shell.wait(timeout)
        text = self.log.read_bytes()[begin:].decode(errors="replace")
        assert shell.poll() == 0, f"exit code {shell.poll()}:\n{text[-6000:]}"
        return text

    def processes(self, *words: str) -> list[int]:
        """Returns the processes that this machine started whose command line contains all the words."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                own = f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes().split(b"\0")
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if own and all(word in line for word in words):
                    found.append(int(entry.name))
        return found

    def kill(self, *words: str) -> None:
        """Kills them with SIGKILL, as a power cut does."""
        for process in self.processes(*words):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


class Api:
    """Prefect's server, as a program sees it."""

    def __init__(self, address: str, login: tuple[str, str] | None = None) -> None:
        self.address, self.session = address, requests.Session()
        self.session.auth = login
        # What the server answers while its database is locked, before it has done anything.
        busy = Retry(total=8, backoff_factor=0.2, status_forcelist=[503], allowed_methods=None)
        self.session.mount("http://", HTTPAdapter(max_retries=busy))

    def post(self, path: str, document: Any) -> Any:
        """Posts a document and returns the answer."""
        answer = self.session.post(f"{self.address}/{path}", json=document, timeout=30)
        assert answer.ok, f"{path}: HTTP {answer.status_code}: {answer.text[:1000]}"
        return answer.json()

    def get(self, path: str) -> Any:
        """Returns a document."""
        answer = self.session.get(f"{self.address}/{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def start(self, deployment: str, **parameters: Any) -> str:
        """Creates a run of a deployment, and returns its id."""
        found = self.get(f"deployments/name/{deployment}")
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self.post(f"deployments/{found['id']}/create_flow_run", body)["id"])

    def state(self, run: str) -> dict[str, Any]:
        """Returns the state of a run."""
        state: dict[str, Any] = self.get(f"flow_runs/{run}")["state"]
        return state

    def wait(self, run: str, *types: str, seconds: float = 240) -> dict[str, Any]:
        """Waits until a run is in a state of one of these types (default: any final one)."""
        wanted = types or ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        state = wait_until(lambda: (s := self.state(run))["type"] in wanted and s, seconds)
        assert state, f"run {run} is still {self.state(run)}:\n{self.logs(run)[-4000:]}"
        return state

    def runs(self, **filters: Any) -> list[dict[str, Any]]:
        """Returns runs, newest first."""
        found: list[dict[str, Any]] = self.post(
            "flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 200, **filters}
        )
        return found

    def logs(self, run: str) -> str:
        """Returns what a run has logged."""
        lines = self.post("logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200})
        return "\n".join(line["message"] for line in lines)

    def artifacts(self, run: str) -> dict[str, dict[str, Any]]:
        """Returns the artifacts of a run by key."""
        found = self.post("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
        return {artifact["key"]: artifact for artifact in found}


def unused_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], seconds: float) -> Any:
    """Waits for a true value; returns it, or None."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.5)
    return None


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Machine]]:
    """`machine("A")`: a machine in the folder of this module; it and all it started end with the module."""
    folder, machines = tmp_path_factory.mktemp("machines"), []

    def make(name: str, **environment: str) -> Machine:
        machines.append(Machine(folder, name, **environment))
        return machines[-1]

    yield make
    for each in machines:
        each.kill()


@pytest.fixture(scope="module")
def api() -> type[Api]:
    """The class of a Prefect server's address."""
    return Api


@pytest.fixture(scope="module")
def postgres(free_port: Callable[[], int]) -> Iterator[str]:
    """Address of an empty PostgreSQL database; an empty text where PostgreSQL is not installed."""
    from tests.flows.postgres import running

    with running(free_port()) as address:
        yield address


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], Any], float], Any]:
    """`until(condition, seconds)`: waits for a true value and returns it, or None."""
    return wait_until


@pytest.fixture(scope="module")
def free_port() -> Callable[[], int]:
    """`free_port()`: see `unused_port`."""
    return unused_port
