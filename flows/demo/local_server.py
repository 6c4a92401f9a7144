"""A private Prefect server for one process. It has its own folder and ends with its owner.

Prefect's own temporary server outlives a killed parent and then keeps its database locked. This one ends when
its standard input closes, and the operating system closes that however the parent ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from popdanceset.errors import PopDanceSetError

STARTUP_SECONDS = 120.0

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_CHECK_FOR_UPDATES": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
}


@contextlib.contextmanager
def local_server(home: Path) -> Iterator[str]:
    """Starts the server and points Prefect at it while the block runs.

    Enter it before anything imports Prefect, which reads its settings only once.

    Args:
        home: folder for the server's files; emptied first, because no run needs the history of another.

    Yields:
        The address of the API.

    Raises:
        PopDanceSetError: the server did not start.
    """
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/api"
    outer = dict(os.environ)
    os.environ.update(QUIET, PREFECT_HOME=str(home), PREFECT_API_URL=address)
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "flows.demo.local_server", str(port)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(server, address, log)
        yield address
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(timeout=30)
        os.environ.clear()
        os.environ.update(outer)


def _wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    import requests

    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            if requests.get(f"{address}/health", timeout=2).ok:
                return
        time.sleep(0.2)
    raise PopDanceSetError("the local Prefect server did not start", log, "see its log")


def _serve(port: int) -> None:
    """Runs the server until standard input ends."""
    import uvicorn

    def leave_with_parent() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=leave_with_parent, daemon=True).start()
    from prefect.server.api.server import create_app

    uvicorn.run(create_app(), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
