"""The status in Prometheus' text exposition format, for the text file collector of node_exporter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from popdanceset.atomic import atomic_write
from popdanceset.errors import InputError
from popdanceset.operations.status import Status

Labels = Mapping[str, str]


class _Metric(NamedTuple):
    name: str
    help: str
    samples: list[tuple[Labels, float]]


def exposition(found: Status) -> str:
    """Formats a status as metrics; all are gauges and begin with `popdanceset_`."""
    return "".join(_lines(_metrics(found)))


def write_metrics(path: Path, found: Status) -> None:
    """Writes the metrics of a status to a file, which is replaced as a whole.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        with atomic_write(path, "w") as file:
            file.write(exposition(found))
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", path, "name a file in a folder that you may write to"
        ) from error


def _metrics(found: Status) -> Iterator[_Metric]:
    stages = found.stages.items()

    def each(name: str, text: str, attribute: str) -> _Metric:
        values = [(stage, getattr(state, attribute)) for stage, state in stages]
        return _Metric(
            name, text, [({"stage": stage}, value) for stage, value in values if value is not None]
        )

    yield each("items_waiting", "Items that are ready for a stage and not done.", "waiting")
    yield each("items_running", "Items claimed now, or runs at work for stages without claims.", "running")
    yield each("items_done", "Items that a stage has finished, rejected ones included.", "done")
    yield _Metric(
        "items_rejected",
        "Items or spans that a stage rejected, by reason.",
        [
            ({"stage": stage, "reason": reason}, count)
            for stage, state in stages
            for reason, count in state.rejected.items()
        ],
    )
    yield _Metric(
        "items_failed",
        "Items that failed unexpectedly.",
        [({"stage": stage}, sum(kind.count for kind in state.failed)) for stage, state in stages],
    )
    yield each("workers", "Runs at work now.", "workers")
    yield each("dead_runs", "Runs of the newest campaign that ended without saying so.", "dead")
    yield each("items_per_hour", "Speed of a stage.", "items_per_hour")
    yield each("eta_seconds", "Seconds until nothing waits at a stage.", "eta_seconds")
    yield _Metric(
        "last_progress_timestamp_seconds",
        "When a stage last finished an item, or a run began.",
        [
            ({"stage": stage}, state.progressed_at.timestamp())
            for stage, state in stages
            if state.progressed_at
        ],
    )
    if found.snapshot:
        yield _Metric(
            "snapshot_timestamp_seconds",
            "When the newest statistics were read.",
            [({}, found.snapshot.at.timestamp())],
        )
    yield _Metric("requests_today", "Requests taken from today's budget.", [({}, found.requests_today)])
    yield _Metric(
        "store_bytes",
        "Size of a folder of the store.",
        [({"folder": name}, folder.bytes) for name, folder in found.folders.items()],
    )
    yield _Metric(
        "store_files",
        "Number of files in a folder of the store.",
        [({"folder": name}, folder.files) for name, folder in found.folders.items()],
    )
    if found.free_bytes is not None:
        yield _Metric("store_free_bytes", "Free bytes on the store's disk.", [({}, found.free_bytes)])
    yield _Metric("status_timestamp_seconds", "When this was found out.", [({}, found.at.timestamp())])


def _lines(metrics: Iterable[_Metric]) -> Iterator[str]:
    for metric in metrics:
        name = f"popdanceset_{metric.name}"
        yield f"# HELP {name} {metric.help}\n# TYPE {name} gauge\n"
        for labels, value in metric.samples:
            inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            yield f"{name}{{{inside}}} {float(value)!r}\n" if inside else f"{name} {float(value)!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
