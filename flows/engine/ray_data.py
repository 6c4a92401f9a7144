"""The engine `ray`: Ray Data hands ids to actors on the machines of a cluster.

    this process ─ blocks of ids ─► actors, one a GPU or a few cores ─► the store
                 ◄─ how many came back, what was logged, what went wrong ─

Rows hold ids only: an actor reads its clips from the store, decodes and estimates there, and writes the
store, so that frames never cross Ray's object store. An actor that dies is started again, elsewhere if its
machine is gone, and gets its block again; finished items of the block are found in the store and left alone.
Claims keep two workers from one clip, also while a machine is only presumed dead.

Every machine needs this package in the same version, the store and the model files under the same addresses,
and the keys of the store in its own environment.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import popdanceset
from popdanceset import errors, logs
from popdanceset.engine import Work
from popdanceset.errors import PopDanceSetError, SettingsError
from popdanceset.progress import Advance
from popdanceset.safety import described

if TYPE_CHECKING:
    from popdanceset.settings import Settings

log = logging.getLogger("popdanceset.engine.ray")

MAX_BLOCKS = 2000
"""More blocks cost the coordinating process more than they help."""

RETRIES = 3
"""How often a block is tried again at once whose actor or machine died; later, each of its items is."""

_OBJECT_STORE = 100 << 20
_LOG_EVERY = 30.0
_LOG_LINES = 200
_PATIENCE = 5.0


def load(settings: Settings) -> RayEngine:
    """Returns the engine, for entry-point group `popdanceset.engines`."""
    return RayEngine(settings)


class RayEngine:
    """Does the work of stages on a Ray cluster.

    Args:
        settings: those of `ray` count.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.ray

    @property
    def place(self) -> str:
        """The cluster's address; empty if it is started on this machine for the time of the run."""
        return self._settings.address or os.environ.get("RAY_ADDRESS", "")

    def check(self) -> None:
        """Does nothing if Ray is installed and the cluster's address answers; connects to nothing else.

        Raises:
            SettingsError: not so.
        """
        try:
            importlib.import_module("ray.data")
        except ImportError as error:
            raise SettingsError(
                f"engine=ray needs Ray, which cannot be imported: {error}",
                "engine",
                "pip install 'popdanceset[ray]', or set engine=local",
            ) from error
        host, colon, port = self.place.rpartition("://")[2].rpartition(":")
        if colon and not _initialized():
            try:
                socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
            except (OSError, ValueError) as error:
                raise _unreachable(self.place, error) from error

    def run(
        self, work: Work, ids: Sequence[str], settings: Settings, advance: Advance, batch: int | None = None
    ) -> None:
        """Hands items to the actors of the cluster; see `popdanceset.engine.Engine`."""
        gpus = self._settings.gpus if work.on_gpu else 0.0
        with self._connected() as resources:
            slots = self._slots(resources, gpus)
            size = max(batch or self._settings.batch, -(-len(ids) // MAX_BLOCKS))
            settings = _for_an_actor(settings)
            found: list[PopDanceSetError] = []
            done, logged = 0, time.monotonic()
            for row in _rows(work, ids, settings, -(-len(ids) // size), slots, self._settings.cpus, gpus):
                report = json.loads(row["report"])
                _relay(report)
                if report["error"]:
                    found.append(_error(report["error"]))
                done += int(row["items"])
                advance(int(row["items"]), str(row["last"]))
                if time.monotonic() - logged > _LOG_EVERY:
                    log.info("%s: %d of %d came back", work.stage, done, len(ids))
                    logged = time.monotonic()
        log.info("%s: %d of %d came back, on %s", work.stage, done, len(ids), self.place or "this machine")
        if found:
            raise found[0]

    def _slots(self, resources: dict[str, float], gpus: float) -> int:
        """How many actors fit the cluster at once."""
        cores, cards = resources.get("CPU", 0.0), resources.get("GPU", 0.0)
        fitting = int(min(cores / self._settings.cpus, cards / gpus if gpus else float("inf")))
        if not fitting:
            raise SettingsError(
                f"the Ray cluster has {cores:g} cores and {cards:g} GPUs, and an actor needs "
                f"{self._settings.cpus:g} and {gpus:g}",
                "ray.gpus" if cores >= self._settings.cpus else "ray.cpus",
                "add machines, or ask for less",
            )
        return fitting

    @contextlib.contextmanager
    def _connected(self) -> Iterator[dict[str, float]]:
        """Connects to the cluster, or starts one here, unless this process is connected already.

        Yields:
            What the cluster has: CPU, GPU and more.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray: Any = importlib.import_module("ray")
        if _initialized():
            yield ray.cluster_resources()
            return
        own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE}
        try:
            ray.init(
                self.place or "local",
                log_to_driver=False,
                logging_level=logging.WARNING,
                **({} if self.place else own),
            )
        except (ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:
            raise _unreachable(self.place, error) from error
        try:
            yield ray.cluster_resources()
        finally:
            ray.shutdown()


class Actor:
    """Does blocks of items on its machine, one after the other.

    Args:
        work: what is done with them.
        settings: of the run.
        version: of the package that hands them out.
    """

    def __init__(self, work: Work, settings: Settings, version: str) -> None:
        self._work, self._settings, self._version = work, settings, version
        for package in logs.PACKAGES:
            logging.getLogger(package).setLevel(logging.INFO)

    def __call__(self, block: dict[str, Any]) -> dict[str, list[Any]]:
        """Does one block. Returns one row: how many items came back, and a report as JSON."""
        ids = [str(item) for item in block["id"]]
        error: PopDanceSetError | None = None
        with _recorded() as lines:
            try:
                self._check_version()
                self._work(self._settings, ids)
            except PopDanceSetError as raised:
                error = raised
            # Told to the process that waits; Ray would drop the block with no more than a line of its own.
            except Exception as raised:
                log.error("%s failed", self._work.stage, exc_info=raised)
                error = PopDanceSetError(described(raised), socket.gethostname(), "see the log")
        report = {
            "host": socket.gethostname(),
            "lines": lines[:_LOG_LINES],
            "error": error and [type(error).__name__, error.what, error.where, error.do],
        }
        return {"items": [len(ids)], "last": [ids[-1] if ids else ""], "report": [json.dumps(report)]}

    def _check_version(self) -> None:
        if popdanceset.__version__ != self._version:
            raise SettingsError(
                f"has version {popdanceset.__version__} of this package, not {self._version}",
                socket.gethostname(),
                "install the same version on every machine of the cluster",
            )


def _rows(
    work: Work, ids: Sequence[str], settings: Settings, blocks: int, slots: int, cpus: float, gpus: float
) -> Iterator[dict[str, Any]]:
    """Runs the blocks, and yields the rows that come back."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    warnings.filterwarnings(
        "ignore", "`ray_remote_args"
    )  # the only way yet to limit retries; see pyproject.toml
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # the store says what is missing
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    slots = min(slots, blocks)
    reports = ray.data.from_items([{"id": each} for each in ids], override_num_blocks=blocks).map_batches(
        Actor,
        fn_constructor_args=(work, settings, popdanceset.__version__),
        batch_size=None,
        # Fewer when machines are lost, more when machines join.
        compute=ActorPoolStrategy(min_size=1, initial_size=slots, max_size=blocks),
        num_cpus=cpus,
        num_gpus=gpus or None,
        # Ray's own default is to try for ever, also an item that kills its process.
        ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": RETRIES},
    )
    try:
        yield from reports.iter_rows()
    except ray.exceptions.RayError as error:
        raise PopDanceSetError(
            f"Ray could not go on: {str(error).splitlines()[0]}", "engine", "run again: finished work is kept"
        ) from error


def _for_an_actor(settings: Settings) -> Settings:
    """Settings in which an actor uses the one device that Ray gives it."""
    return settings.model_copy(update={"pose": settings.pose.model_copy(update={"devices": ("auto",)})})


def _initialized() -> bool:
    import ray

    return bool(ray.is_initialized())


def _unreachable(place: str, error: Exception) -> SettingsError:
    said = (str(error).splitlines() or [type(error).__name__])[0].partition(". ")[0]
    return SettingsError(
        f"no Ray cluster at {place or 'this machine'}: {said}",
        "ray.address",
        "start one with `ray start --head`, correct the address, or give this machine the cluster's token",
    )


@contextlib.contextmanager
def _recorded() -> Iterator[list[tuple[str, int, str]]]:
    """Yields the lines that this project logs in the block, as (logger, level, text)."""
    lines: list[tuple[str, int, str]] = []
    handler = _Recorder(lines)
    loggers = [logging.getLogger(package) for package in logs.PACKAGES]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield lines
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


class _Recorder(logging.Handler):
    def __init__(self, lines: list[tuple[str, int, str]]) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append((record.name, record.levelno, self.format(record)))


def _relay(report: dict[str, Any]) -> None:
    for name, level, text in report["lines"]:
        logging.getLogger(name).log(level, "%s: %s", report["host"], text)


def _error(told: list[str]) -> PopDanceSetError:
    kind, *rest = told
    error: PopDanceSetError = getattr(errors, kind, PopDanceSetError)(*rest)
    return error
