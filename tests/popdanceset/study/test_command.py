"""`popdanceset study`, as people type it; and a server that is killed."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from popdanceset.cli import popdanceset
from popdanceset.errors import InputError, StoreError
from popdanceset.study.answers import AnswerDatabase
from popdanceset.study.design import DATABASE


class Browser:
    """A client with cookies of its own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, data, headers)
        with self.opener.open(request, timeout=60) as answer:
            return json.loads(answer.read())


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """`serve(folder, port)`: a server as a process of its own, and its address."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, port: str = "0") -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "popdanceset", "study", "serve", str(folder), "--port", port]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        found = re.search(r"http://[^/]+", process.stdout.readline())
        assert found, "the server did not start"
        return process, found[0]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_from_folders_to_a_table(contestants: list[Any], tmp_path: Path) -> None:
    folders = [f"{each.name}={each.folder}" for each in contestants]
    consent = tmp_path / "consent.txt"
    consent.write_text("First\nparagraph.\n\n\nSecond.")
    study = str(tmp_path / "study")

    made = CliRunner().invoke(
        popdanceset, ["study", "new", *folders, "--out", study, "--consent", str(consent), "--checks", "1"]
    )

    assert (made.exit_code, made.exception) == (0, None)
    assert "3 pairs of dances to 3 pieces of music; 4 pairs for each participant" in made.output
    document = json.loads((tmp_path / "study/study.json").read_text())
    assert document["consent"] == ["First paragraph.", "Second."]

    early = CliRunner().invoke(popdanceset, ["study", "results", study])
    assert isinstance(early.exception, StoreError)
    assert "nobody has taken part yet" in str(early.exception)

    AnswerDatabase(tmp_path / "study" / DATABASE).close()
    table = tmp_path / "answers.csv"
    told = CliRunner().invoke(popdanceset, ["study", "results", study, "--csv", str(table)])
    assert (told.exit_code, told.exception) == (0, None)
    assert "0 participants, 0 included" in told.output
    assert list(csv.DictReader(table.open())) == []


@pytest.mark.parametrize("text", ["folder", "=folder", "name="])
def test_contestants_need_names_and_folders(text: str, tmp_path: Path) -> None:
    run = CliRunner().invoke(popdanceset, ["study", "new", text, text, "--out", str(tmp_path / "study")])
    assert isinstance(run.exception, InputError)
    assert "expected NAME=FOLDER" in str(run.exception)


def test_other_machines_need_a_token(study_folder: Path) -> None:
    run = CliRunner().invoke(popdanceset, ["study", "serve", str(study_folder), "--host", "0.0.0.0"])
    assert isinstance(run.exception, InputError)
    assert "needs a token" in str(run.exception)
    assert not (study_folder / DATABASE).exists()


def test_a_killed_server_loses_no_acknowledged_answer(
    study_folder: Path, serve: Callable[..., tuple[subprocess.Popen[str], str]]
) -> None:
    """Four participants answer at once while the server is killed and started again."""
    process, address = serve(study_folder)
    port = address.rpartition(":")[2]
    acknowledged: list[tuple[str, int, str]] = []
    enough, up = threading.Semaphore(0), threading.Event()
    up.set()

    def take_part(number: int) -> None:
        browser = Browser(address)
        state = None
        while state is None or state["trial"] is not None:
            up.wait(60)
            try:
                if state is None:
                    state = browser.ask("/api/join", {"age_band": "25–34"})
                    continue
                trial = state["trial"]
                side = ("left", "right")[(number + trial["position"]) % 2]
                place = {"position": trial["position"], "question": trial["question"]}
                more = {"choice": side, "seconds": 1.0, "replays": 0}
                state = browser.ask("/api/answers", {**place, **more})
                acknowledged.append((state["participant"], trial["position"], side))
                enough.release()
            except OSError:
                up.wait(1)

    people = [threading.Thread(target=take_part, args=(number,), daemon=True) for number in range(4)]
    for person in people:
        person.start()
    for _ in range(3):
        assert enough.acquire(timeout=60)
    up.clear()
    process.send_signal(signal.SIGKILL)
    process.wait()
    serve(study_folder, port)
    up.set()
    for person in people:
        person.join(120)
        assert not person.is_alive()

    database = AnswerDatabase(study_folder / DATABASE)
    stored = {(each.participant, each.position, each.choice) for each in database.answers()}
    database.close()
    assert set(acknowledged) <= stored
    assert len({(who, position) for who, position, _ in stored}) == len(stored) == 4 * 5
