"""The private Prefect server must never outlive whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

OWNER = """
import os, sys, time
from pathlib import Path
from flows.demo.local_server import local_server
with local_server(Path(sys.argv[1])) as address:
    print(address, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_the_server_dies_with_a_killed_owner(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "prefect")], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    address = owner.stdout.readline().strip()
    assert requests.get(f"{address}/health", timeout=5).json() is True

    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()

    for _ in range(100):
        try:
            requests.get(f"{address}/health", timeout=1)
        except requests.ConnectionError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the server still answers")
