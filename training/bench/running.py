"""Runs the runs, one process at a time: a run that fails, or is killed for its memory, costs itself only."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

from popdanceset.errors import PopDanceSetError
from popdanceset.logs import configure
from popdanceset.progress import display, track
from training.bench.runs import Run

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["training.bench.work", "training.popdg.entry", "training.fitting.trainer"])
"""A server that has imported torch, but never used it, forks a fresh process for each run in no time."""

_log = logging.getLogger(__name__)


def run_all(runs: Sequence[Run], device: str, cache: Path | None = None, retry_failed: bool = False) -> None:
    """Runs what is not finished. A run that fails is marked, and the others go on.

    Args:
        runs: from `training.bench.checks.check`.
        device: name in torch.
        cache: folder of cached arrays; None: the user's.
        retry_failed: run those that failed before, too.

    Raises:
        InputError: the folder of a run is not writable.
    """
    with display(), track("runs", len(runs)) as advance:
        for run in runs:
            if not run.done and (retry_failed or not run.failure):
                reason = in_process(run, device, cache)
                if reason:
                    run.fail(reason)
                    _log.warning("%s failed: %s", run.title, reason)
            advance(1, run.title)


def in_process(run: Run, device: str, cache: Path | None) -> str:
    """Runs a run in a process of its own; returns why it failed, or "" if it did not."""
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_work, args=(run, device, cache, sender), name=run.title, daemon=True)
    process.start()
    sender.close()
    try:
        reason: str = receiver.recv()
    except EOFError:
        reason = "the process ended without a word"
    except KeyboardInterrupt:
        process.kill()
        raise
    process.join()
    code = process.exitcode or 0
    if code < 0:
        reason = f"the process was ended by {signal.Signals(-code).name}"
        if -code == signal.SIGKILL:
            reason += ", as systems do when memory is short"
    return reason


def _work(run: Run, device: str, cache: Path | None, sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the bench gets it too, and kills this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    configure()
    from training.bench.work import work  # the bench itself does not need what trains and dances

    try:
        work(run, device, cache)
    except PopDanceSetError as error:
        sender.send(str(error))
    except Exception as error:  # noqa: BLE001  # whatever it is must cost this run only; the log has its place
        _log.error("%s", traceback.format_exc())
        sender.send(f"{type(error).__name__}: {error}".splitlines()[0])
    else:
        sender.send("")


def _end_with_parent() -> None:
    """Ends this process when the bench ends, however that ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
