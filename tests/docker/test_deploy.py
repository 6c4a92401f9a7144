"""docker/deploy.sh against a real Prefect server and S3 server, with the environment that the compose file
gives them; on PostgreSQL where it is installed.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from popdanceset.store import Store
from tests import s3
from tests.docker.files import DOCKER, ROOT, compose, with_variables
from tests.flows.conftest import QUIET, Api, wait_until
from tests.flows.postgres import running

PASSWORDS = {"PREFECT_PASSWORD": "p@ss:word", "POSTGRES_PASSWORD": "p/w?#&", "S3_SECRET_KEY": "key"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of this test's processes; none of the user's Prefect settings."""
    usual = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "AWS_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**usual, **QUIET, "PATH": path, "PREFECT_HOME": str(tmp_path / "prefect")}


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Address of the server's API. It runs as in its container, but for hosts and ports."""
    given = with_variables(compose()["services"]["server"]["environment"], PASSWORDS)
    given |= {"PREFECT_SERVER_UI_STATIC_DIRECTORY": str(tmp_path / "ui"), "TMPDIR": str(tmp_path)}
    port, database = free_port(), free_port()
    with running(database) as postgres, (tmp_path / "server.log").open("w") as log:
        if postgres:
            where = {"HOST": "127.0.0.1", "PORT": str(database), "NAME": "postgres"}
            given |= {f"PREFECT_SERVER_DATABASE_{key}": value for key, value in where.items()}
        else:
            given = {key: value for key, value in given.items() if "DATABASE" not in key}
        program = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
        process = subprocess.Popen(
            program, env={**environment, **given}, stdout=log, stderr=log, cwd=tmp_path
        )
        try:
            yield f"http://127.0.0.1:{port}/api"
        finally:
            process.terminate()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def healthy(api: Api) -> bool:
    with contextlib.suppress(OSError):
        return bool(api.get("health"))
    return False


@pytest.mark.slow
def test_deploying_twice_is_deploying_once(
    environment: dict[str, str], server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = with_variables(compose()["services"]["deploy"]["environment"], PASSWORDS)
    api = Api(server, ("operator", PASSWORDS["PREFECT_PASSWORD"]))
    assert wait_until(lambda: healthy(api), 90), (tmp_path / "server.log").read_text()
    assert (tmp_path / "ui").is_dir(), "the page's files are not beside the program"
    with s3.serve() as store:
        address = given["POPDANCESET_STORE"].replace("store:8333", f"127.0.0.1:{store.port}")
        given |= {"PREFECT_API_URL": server, "POPDANCESET_STORE": address}
        for _ in range(2):
            run = subprocess.run(
                ["sh", DOCKER / "deploy.sh"],
                env={**environment, **given},
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert run.returncode == 0, run.stdout + run.stderr
            assert not any(
                secret in run.stdout + run.stderr for secret in PASSWORDS.values() if len(secret) > 3
            )
        for name, value in s3.FaultyS3.environment.items():
            monkeypatch.setenv(name, value)
        Store(address).write_bytes("a/b", b"the bucket is there")

    deployments = {each["name"] for each in api.post("deployments/filter", {})}
    assert {"weekly", "daily", "gpu", "release"} <= deployments
    assert {each["name"] for each in api.post("work_pools/filter", {})} == {"crawl", "gpu"}
    assert len(api.post("automations/filter", {})) == 1
