"""One worker process for each of several devices."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from hybrik_runner.estimator import check_devices
from popdanceset import layout
from popdanceset.errors import PopDanceSetError

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from popdanceset.settings import Settings
    from popdanceset.store import Store


def on_each_device(
    extract: Callable[..., Any],
    settings: Settings,
    store: Store,
    clip_ids: list[str],
    advance: Callable[[int, str], None],
) -> None:
    """Starts a process for each of `pose.devices`; they share the clips by their claims.

    Args:
        extract: `hybrik_runner.running.runner.extract`, called in each process with one device.
        settings, store, clip_ids, advance: as for `extract`.

    Raises:
        SettingsError: this machine lacks one of the devices.
        PopDanceSetError: what a process raised, or that clips are unfinished because their workers crashed.
    """
    check_devices(settings)
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    workers: dict[Connection, SpawnProcess] = {}
    devices = settings.pose.devices
    for device in devices:
        single = settings.model_copy(update={"pose": settings.pose.model_copy(update={"devices": (device,)})})
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(
            target=_worker, args=(extract, single, store.address, clip_ids, len(devices), sender)
        )
        process.start()
        sender.close()
        workers[receiver] = process
    errors = _followed(workers, advance)
    if errors:
        raise errors[0]

    def finished(clip_id: str) -> bool:
        return store.exists(layout.verdict(clip_id)) or store.exists(layout.failure("extract", clip_id))

    if unfinished := [clip_id for clip_id in clip_ids if not finished(clip_id)]:
        raise PopDanceSetError(
            f"{len(unfinished)} clips are unfinished because their workers crashed",
            store,
            "see the workers' last lines above, and run it again",
        )


def _followed(
    workers: dict[Connection, SpawnProcess], advance: Callable[[int, str], None]
) -> list[PopDanceSetError]:
    """Waits for all workers and reports their progress; returns what they raised."""
    reported: set[str] = set()
    errors: list[PopDanceSetError] = []
    try:
        while workers:
            for receiver in wait(list(workers)):
                assert isinstance(receiver, Connection)
                try:
                    message = receiver.recv()
                except EOFError:
                    workers.pop(receiver).join()
                    continue
                if isinstance(message, PopDanceSetError):
                    errors.append(message)
                elif message not in reported:
                    reported.add(message)
                    advance(1, message)
    finally:
        for process in workers.values():
            process.terminate()
    return errors


def _worker(
    extract: Callable[..., Any],
    settings: Settings,
    address: str,
    clip_ids: list[str],
    share: int,
    sender: Connection,
) -> None:
    """The process of one device: sends the ids of finished clips, and the error that ended it."""
    from popdanceset.logs import configure
    from popdanceset.store import Store

    configure(settings.log.format)
    # Before torch and LiteRT read it: several workers on one processor divide its cores.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // share)))
    try:
        extract(settings, Store(address), clip_ids, lambda steps, note: sender.send(note))
    except PopDanceSetError as error:
        sender.send(error)
