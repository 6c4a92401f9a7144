"""The simulator as a command."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from popdanceset.errors import InputError
from popdanceset.simulator.command import simulator


@pytest.fixture(autouse=True)
def _own_signal_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def run(*arguments: object) -> Result:
    return CliRunner().invoke(simulator, [str(argument) for argument in arguments])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_it_is_stopped(media_folder: Path, tmp_path: Path, number: signal.Signals) -> None:
    port, ca = free_port(), tmp_path / "c a.pem"
    answers: list[int] = []

    def visit() -> None:
        with requests.Session() as client:
            client.trust_env = False
            client.proxies = {"https": f"http://127.0.0.1:{port}"}
            client.verify = str(ca)
            try:
                for _ in range(200):
                    try:
                        answer = client.get("https://api.bilibili.com/x/web-interface/popular", timeout=5)
                    except (requests.ConnectionError, OSError):  # it is not there yet
                        threading.Event().wait(0.05)
                        continue
                    answers.append(answer.status_code)
                    if len(answers) == 3:
                        break
                with pytest.raises(requests.exceptions.ProxyError):
                    client.get("https://example.org/", timeout=5)
            finally:
                os.kill(os.getpid(), number)

    visitor = threading.Thread(target=visit)
    visitor.start()
    faults = ("--fault", "429:1@1", "--mode", "login:2", "--rate", "50/1", "--day", "2026-03-01")
    result = run("--port", port, "--ca-file", ca, "--media", media_folder, "--videos", 20, *faults)
    visitor.join()
    assert result.exit_code == 0, result.output
    assert answers == [200, 429, 200]
    assert result.stdout.splitlines() == [
        f"export POPDANCESET_NETWORK__PROXY=http://127.0.0.1:{port}",
        f"export POPDANCESET_NETWORK__CA_FILE='{ca}'",
    ]
    assert "answered 3 requests, refused 1 to unknown hosts" in result.stderr
    assert "example.org" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fault", "teapot"], "fault 'teapot'"),
        (["--mode", "stolen"], "mode 'stolen'"),
        (["--rate", "many"], "rate 'many'"),
        (["--videos", "0"], "empty"),
        (["--seed", "-1"], "negative"),
        (["--port", "99999"], "port"),
        (["--media", "/nowhere"], "/nowhere"),
    ],
)
def test_bad_input_is_one_line(media_folder: Path, arguments: list[str], said: str) -> None:
    error = run("--media", media_folder, *arguments).exception
    assert isinstance(error, InputError)
    assert said in str(error)
    assert "\n" not in str(error)


def test_help_is_quick_because_it_imports_nothing_heavy() -> None:
    code = "import popdanceset.simulator.command, sys; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not re.findall(r"'(numpy|scipy|av|trustme|yt_dlp|requests)'", loaded)
