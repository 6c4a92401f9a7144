"""Logs: every line knows its run, video and clip; as text for people and as JSON for machines."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from popdanceset import logs
from popdanceset.safety import Net
from popdanceset.settings import Settings
from popdanceset.store import Store

log = logging.getLogger("popdanceset.test_logs")


@pytest.fixture
def written() -> Iterator[Callable[[logs.LogFormat], io.StringIO]]:
    """`written("json")`: what this module logs from now on, in that format."""
    handlers = []

    def start(log_format: logs.LogFormat) -> io.StringIO:
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logs.formatter(log_format))
        log.addHandler(handler)
        handlers.append(handler)
        return stream

    yield start
    for handler in handlers:
        log.removeHandler(handler)


def test_text_names_the_clip_that_a_message_does_not_mention(
    written: Callable[[logs.LogFormat], io.StringIO],
) -> None:
    stream = written("text")
    log.warning("before")
    with logs.about(bvid="BV1xx411c7mD"):
        log.warning("no sound")
        log.warning("BV1xx411c7mD: no sound")
        with logs.about(clip_id="BV1xx411c7mD_Clip_2"):
            log.warning("too %s", "dark")
    log.warning("after")
    name = "WARNING popdanceset.test_logs:"
    assert stream.getvalue().splitlines() == [
        f"{name} before",
        f"{name} no sound [BV1xx411c7mD]",
        f"{name} BV1xx411c7mD: no sound",
        f"{name} too dark [BV1xx411c7mD_Clip_2]",
        f"{name} after",
    ]


def test_json_has_one_object_a_line_with_ids_and_exception(
    written: Callable[[logs.LogFormat], io.StringIO],
) -> None:
    stream = written("json")
    with logs.about(bvid="BV1xx411c7mD", clip_id="BV1xx411c7mD_Clip_1"):
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            log.exception("一行\nand another")
    log.error("plain")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["level"], first["logger"], first["message"]) == (
        "ERROR", "popdanceset.test_logs", "一行\nand another",
    )  # fmt: skip
    assert (first["bvid"], first["clip_id"]) == ("BV1xx411c7mD", "BV1xx411c7mD_Clip_1")
    assert first["exception"].endswith("ZeroDivisionError: division by zero")
    assert first["run_id"] == second["run_id"] == logs.run_id()
    assert set(second) == {"time", "level", "logger", "message", "run_id"}


def test_the_safety_net_names_each_item(
    written: Callable[[logs.LogFormat], io.StringIO], tmp_path: Path
) -> None:
    stream, net = written("json"), Net("extract", Store(tmp_path))

    def work(item: str) -> None:
        with net.under(item, "BV1"):
            log.warning("working")

    threads = [threading.Thread(target=work, args=(f"BV1_Clip_{n}",)) for n in range(1, 4)]
    for thread in threads:
        thread.start()
        thread.join()
    work("BV1_p2")  # a part of a video, not a clip
    found = [(line["bvid"], line.get("clip_id")) for line in map(json.loads, stream.getvalue().splitlines())]
    assert found == [("BV1", "BV1_Clip_1"), ("BV1", "BV1_Clip_2"), ("BV1", "BV1_Clip_3"), ("BV1", None)]


def test_handlers_of_others_get_the_ids_in_the_message_once() -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "%d frames", (3,), None)
    with logs.about(clip_id="BV1_Clip_1"):
        for _ in range(2):  # two handlers
            assert logs.IdsInMessage().filter(record)
    assert record.getMessage() == "3 frames [BV1_Clip_1]"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_command_logs_in_the_chosen_format(log_format: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "popdanceset", "settings", "--set", f"log.format={log_format}"],
        capture_output=True, text=True, cwd=tmp_path, check=True,
        env={"POPDANCESET_STORR": "x", "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert "POPDANCESET_STORR is not a setting" in done.stderr
    assert Settings.load(overrides={"log": {"format": log_format}}).log.format == log_format
    assert f'format = "{log_format}"' in done.stdout
