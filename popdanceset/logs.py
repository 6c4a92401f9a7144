"""Logs that say which run, video and clip a line is about; as text for people, or as JSON for machines.

A stage names what it works on with `about`; the safety net (`popdanceset.safety`) does that for every item.
Text shows the clip or video behind a message that does not mention it. JSON has one object a line:

    {"time": "2026-11-30T04:00:12.345+00:00", "level": "WARNING", "logger": "popdanceset.video.acquire",
     "message": "…", "run_id": "…", "bvid": "BV…", "clip_id": "BV…_Clip_1", "exception": "Traceback …"}

where ids that are not known, and `exception` without one, are left out.
"""

from __future__ import annotations

import contextlib
import json
import logging
import uuid
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]

PACKAGES = ("popdanceset", "hybrik_runner", "training")
"""The loggers above all loggers of this project."""

TEXT = "%(levelname)s %(name)s: %(message)s"

_SHOWN = "popdanceset_ids_shown"


@dataclass(frozen=True, slots=True)
class Subject:
    """What the lines of a log are about; empty where that is not known."""

    bvid: str = ""
    clip_id: str = ""


_NOTHING_KNOWN = Subject()
_subject: ContextVar[Subject] = ContextVar("subject", default=_NOTHING_KNOWN)
_run_id = uuid.uuid4().hex[:12]


def run_id() -> str:
    """Returns the id of this process's run: that of Prefect's flow run, or one of its own."""
    return _run_id


def name_run(name: str) -> None:
    """Sets the id of this process's run."""
    global _run_id
    _run_id = name


@contextlib.contextmanager
def about(*, bvid: str | None = None, clip_id: str | None = None) -> Iterator[None]:
    """Names what the block works on: every line that it logs in this thread carries the ids.

    Args:
        bvid, clip_id: ids; None: as outside the block.
    """
    given = {name: value for name, value in (("bvid", bvid), ("clip_id", clip_id)) if value is not None}
    token = _subject.set(replace(_subject.get(), **given))
    try:
        yield
    finally:
        _subject.reset(token)


def configure(log_format: LogFormat = "text") -> None:
    """Sends the log to standard error in this format; changes nothing where somebody else has set logging up.

    Call it again to change the format.
    """
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(_Console())
        root.setLevel(logging.WARNING)
    for handler in root.handlers:
        if isinstance(handler, _Console):
            handler.setFormatter(formatter(log_format))


def formatter(log_format: LogFormat) -> logging.Formatter:
    """Returns the formatter of a format."""
    return JsonFormatter() if log_format == "json" else TextFormatter(TEXT)


class TextFormatter(logging.Formatter):
    """Appends the ids that the message does not mention."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Formats the line without its exception."""
        return f"{super().formatMessage(record)}{_unmentioned(record)}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats the record with its ids and its exception."""
        subject = _subject.get()
        known = {"run_id": _run_id, "bvid": subject.bvid, "clip_id": subject.clip_id}
        if record.exc_info:
            known["exception"] = self.formatException(record.exc_info)
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in known.items() if value},
        }
        return json.dumps(line, ensure_ascii=False)


class IdsInMessage(logging.Filter):
    """Appends the ids to the message itself, for a handler whose formatter belongs to somebody else."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Changes the record once, however many handlers have this filter."""
        if not getattr(record, _SHOWN, False):
            setattr(record, _SHOWN, True)
            if ids := _unmentioned(record):
                record.msg, record.args = f"{record.getMessage()}{ids}", ()
        return True


class _Console(logging.StreamHandler):  # type: ignore[type-arg]
    """The handler of this project, by which `configure` knows it again."""


def _unmentioned(record: logging.LogRecord) -> str:
    subject = _subject.get()
    most_exact = subject.clip_id or subject.bvid
    return f" [{most_exact}]" if most_exact and most_exact not in record.getMessage() else ""
