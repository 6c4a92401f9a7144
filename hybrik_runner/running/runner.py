"""Clips in, pose tables and verdicts out. A clip's verdict is written last and marks it as done.

Any number of workers, in one process each, may run on one store, on one machine or several: clips are
claimed (`hybrik_runner.running.claims`). `pose.devices` starts one worker a device.
"""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrik_runner.estimator import PoseEstimator, Poses, load_estimator
from hybrik_runner.poses.table import Quality, build
from hybrik_runner.poses.verdict import Verdict, judge, rejected, row
from hybrik_runner.running.claims import Claims, claimed
from hybrik_runner.running.pipeline import Job, Pipeline
from popdanceset import media
from popdanceset.errors import InputError, MediaError, PopDanceSetError
from popdanceset.schema import CLIPS, VERDICTS, Reason

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from popdanceset.settings import Settings
    from popdanceset.store import Store


def pose_name(clip_id: str) -> str:
    """Where a clip's pose table lies in the store."""
    return f"poses/{clip_id}.parquet"


def verdict_name(clip_id: str) -> str:
    """Where a clip's verdict lies in the store."""
    return f"verdicts/{clip_id}.parquet"


def waiting(store: Store) -> list[str]:
    """Ids of the accepted clips that have no verdict yet, in order."""
    table = store.read_table("clips", CLIPS, columns=["clip_id", "accepted"])
    accepted = {row["clip_id"] for row in table.to_pylist() if row["accepted"]}
    return sorted(accepted - {Path(name).stem for name in store.list("verdicts", ".parquet")})


def extract(
    settings: Settings,
    store: Store,
    clip_ids: Iterable[str] | None = None,
    advance: Callable[[int, str], None] | None = None,
) -> list[dict[str, Any]]:
    """Poses of all accepted clips of the store that have none yet.

    Clips that other workers have in work are waited for; if their worker dies, they are done here.

    Args:
        settings: of `pose`, `devices` are worked on at once, by a process each if there are several, and
            `workers` clips at once on each.
        store: holds the `clips` table and the clips, and receives `poses/` and `verdicts/`.
        clip_ids: only these; None: all.
        advance: called with (1, clip_id) after each clip.

    Returns:
        The rows of VERDICTS, also of clips that were done before, in order of the clips.

    Raises:
        AssetError: the estimator's model files are missing and cannot be had.
        InputError: a clip is named that is not among the accepted ones.
        StoreError: a clip's file is missing.
        PopDanceSetError: the process of a device died and left clips undone.
    """
    clips = _accepted(store, clip_ids)
    told = advance or (lambda steps, note: None)
    undone = {clip_id: row for clip_id, row in clips.items() if not store.exists(verdict_name(clip_id))}
    for clip_id in clips:
        if clip_id not in undone:
            told(1, clip_id)
    if undone and len(settings.pose.devices) > 1:
        _on_devices(settings, store, list(undone), told)
    elif undone:
        _work(settings, store, undone, told)
    # Clips that were cut anew while they were in work have none: the next run makes it.
    return [_verdict(store, clip_id) for clip_id in clips if store.exists(verdict_name(clip_id))]


def extract_clip(
    path: Path,
    clip_id: str,
    bvid: str,
    settings: Settings,
    store: Store,
    estimator: PoseEstimator[Any, Any] | None = None,
) -> dict[str, Any]:
    """Poses of one clip: `poses/{clip_id}.parquet`, then `verdicts/{clip_id}.parquet`.

    A clip that has its verdict is not touched again. A rejected clip keeps its poses too, if there are any.
    Nothing is claimed.

    Args:
        path: the clip, a local file.
        clip_id, bvid: its names.
        settings: those of `pose` count.
        store: receives both tables.
        estimator: None: the one that `pose.estimator` names.

    Returns:
        The row of VERDICTS.

    Raises:
        AssetError, SettingsError: as `load_estimator`.
        InputError: `clip_id` cannot be a file's name, or there is no such file. A damaged file is a verdict.
    """
    _check(clip_id)
    if not store.exists(verdict_name(clip_id)):
        estimator = estimator or load_estimator(settings)
        job = Job(clip_id, lambda: _decoded(path))
        for done in Pipeline(estimator).run([job]):
            _write(clip_id, bvid, done.poses, estimator.name, settings, store)
    return _verdict(store, clip_id)


def decide(
    clip_id: str, poses: Poses | MediaError, estimator: str, settings: Settings
) -> tuple[Quality, Verdict]:
    """The pose table of a clip, and whether it is fit for a release."""
    if isinstance(poses, MediaError):
        return Quality(), rejected(Reason.DAMAGED, poses.what)
    quality = build(clip_id, poses, estimator, settings)
    return quality, judge(quality, settings.pose)


def _accepted(store: Store, clip_ids: Iterable[str] | None) -> dict[str, dict[str, Any]]:
    """Rows of the accepted clips by their ids."""
    table = store.read_table("clips", CLIPS, columns=["clip_id", "bvid", "path", "accepted"])
    clips = {row["clip_id"]: row for row in table.to_pylist() if row["accepted"]}
    if clip_ids is not None:
        wanted = list(dict.fromkeys(clip_ids))
        if strangers := [c for c in wanted if c not in clips]:
            raise InputError(
                f"no accepted clip is called {strangers[0]!r}", store.address, "see the clips table"
            )
        clips = {c: clips[c] for c in wanted}
    for clip_id in clips:
        _check(clip_id)
    return clips


def _check(clip_id: str) -> None:
    if not re.fullmatch(r"[0-9A-Za-z_][0-9A-Za-z_.-]*", clip_id):
        raise InputError(f"{clip_id!r} is no clip id", "clips", "ids hold letters, digits, _ . and - only")


def _work(
    settings: Settings,
    store: Store,
    clips: dict[str, dict[str, Any]],
    advance: Callable[[int, str], None],
) -> None:
    """One worker: all clips that nobody else does."""
    estimator = load_estimator(settings)
    pipeline = Pipeline(estimator, settings.pose.workers)

    def finished(clip_id: str) -> bool:
        done = store.exists(verdict_name(clip_id))
        if done:  # by another worker
            advance(1, clip_id)
        return done

    with Claims(store) as claims:
        mine = claimed(clips, claims, finished, pipeline.stopped)
        jobs = (Job(clip_id, partial(_frames, store, clips[clip_id]["path"])) for clip_id in mine)
        with closing(pipeline.run(jobs)) as results:
            for done in results:
                _write(done.name, clips[done.name]["bvid"], done.poses, estimator.name, settings, store)
                if not store.exists(clips[done.name]["path"]):  # cut anew meanwhile: poses of another span
                    store.remove(verdict_name(done.name))
                    store.remove(pose_name(done.name))
                claims.release(done.name)
                advance(1, done.name)


def _frames(store: Store, name: str) -> Generator[media.Frame]:
    with store.local(name) as path:
        yield from media.frames(path)


def _decoded(path: Path) -> Generator[media.Frame]:
    yield from media.frames(path)


def _write(
    clip_id: str,
    bvid: str,
    poses: Poses | MediaError,
    estimator: str,
    settings: Settings,
    store: Store,
) -> None:
    quality, verdict = decide(clip_id, poses, estimator, settings)
    if quality.table is not None:
        store.write_table(pose_name(clip_id), quality.table, quality.table.schema)
    else:
        store.remove(pose_name(clip_id))
    table = row(clip_id, bvid, quality, verdict, estimator)
    store.write_table(verdict_name(clip_id), table, VERDICTS)


def _verdict(store: Store, clip_id: str) -> dict[str, Any]:
    found: dict[str, Any] = store.read_table(verdict_name(clip_id), VERDICTS).to_pylist()[0]
    return found


# -- several devices


def _on_devices(
    settings: Settings, store: Store, clip_ids: list[str], advance: Callable[[int, str], None]
) -> None:
    """A worker process for each device; they share the clips among themselves by their claims."""
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    workers: dict[Connection, SpawnProcess] = {}
    for device in settings.pose.devices:
        alone = settings.model_copy(update={"pose": settings.pose.model_copy(update={"devices": (device,)})})
        here, there = context.Pipe(duplex=False)
        process = context.Process(
            target=_device, args=(alone, store.address, clip_ids, len(settings.pose.devices), there)
        )
        process.start()
        there.close()
        workers[here] = process
    told: set[str] = set()
    errors: list[PopDanceSetError] = []
    try:
        while workers:
            for pipe in wait(list(workers)):
                assert isinstance(pipe, Connection)
                try:
                    news = pipe.recv()
                except EOFError:
                    workers.pop(pipe).join()
                    continue
                if isinstance(news, PopDanceSetError):
                    errors.append(news)
                elif news not in told:
                    told.add(news)
                    advance(1, news)
    finally:
        for process in workers.values():
            process.terminate()
    if errors:
        raise errors[0]
    if left := [clip_id for clip_id in clip_ids if not store.exists(verdict_name(clip_id))]:
        raise PopDanceSetError(
            f"{len(left)} clips were not done, for their workers died",
            store,
            "see their last words above, and run it again",
        )


def _device(settings: Settings, address: str, clip_ids: list[str], share: int, tell: Connection) -> None:
    """The process of one device."""
    from popdanceset.store import Store

    # Before torch and LiteRT read it: several workers on one processor divide its cores.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // share)))
    try:
        extract(settings, Store(address), clip_ids, lambda steps, note: tell.send(note))
    except PopDanceSetError as error:
        tell.send(error)
