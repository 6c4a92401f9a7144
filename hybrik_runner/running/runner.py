"""Clips of a store in, pose tables and verdicts out. A clip's verdict is written last and marks it as done.

Any number of workers, in one process each, may run on one store, on one machine or several: they claim clips
(`hybrik_runner.running.claims`). `pose.devices` starts one worker for each device.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrik_runner.estimator import PoseEstimator, Poses, loaded_estimator
from hybrik_runner.poses.swapped import spans_of, swapped
from hybrik_runner.poses.table import Quality, build
from hybrik_runner.poses.verdict import Verdict, judge, rejected, row
from hybrik_runner.running.claims import Claims, claimed
from hybrik_runner.running.devices import on_each_device
from hybrik_runner.running.pipeline import Job, Pipeline
from popdanceset import layout, media
from popdanceset.clip_id import clip_order, video_of
from popdanceset.clip_table import read_clips
from popdanceset.errors import InputError, MediaError, StoreError
from popdanceset.ledger import count, measured
from popdanceset.safety import Net
from popdanceset.schema import CLIPS, FPS, VERDICTS, Reason
from popdanceset.withdrawal.tombstones import is_withdrawn, withdrawn

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.store import Store

Row = dict[str, Any]

STAGE = "extract"
"""This stage's name among the failures."""

_REVIEWED = ("swaps", "reviewed")
"""Columns of a clip that say what its poses depend on besides its file."""

_one_at_a_time = threading.Lock()
"""An estimator keeps its device busy by itself and expects no more than its own `lanes` threads, so a process
runs one extraction at a time; other threads wait."""


def extract(
    settings: Settings,
    store: Store,
    clip_ids: Iterable[str] | None = None,
    advance: Callable[[int, str], None] | None = None,
    estimator: PoseEstimator[Any, Any] | None = None,
    retry_failed: bool = False,
) -> list[Row]:
    """Extracts the poses of all accepted clips of the store that have none yet.

    Clips that other workers are working on are waited for; if their worker dies, they are done here. An
    unexpected error costs the clip that meets it (`popdanceset.safety`): it stays without a verdict, and is
    left alone until another version of this package, or `retry_failed`, tries it again.

    Args:
        settings: `pose.devices` are used at once, by one process each if there are several, with
            `pose.workers` clips at once on each.
        store: holds the clips and their table, and receives pose tables and verdicts.
        clip_ids: only these; None: all.
        advance: called with (1, clip_id) after each clip.
        estimator: stays the caller's. None: the process's own, `loaded_estimator`, once a clip needs it. Not
            for several devices, whose processes load their own.
        retry_failed: also try clips again that failed unexpectedly in this version.

    Returns:
        The rows of VERDICTS in order of the clips, including clips that were done before.

    Raises:
        AssetError: the estimator's model files are missing and cannot be fetched.
        InputError: a named clip is not among the accepted ones.
        StoreError: a clip's file is missing.
        PopDanceSetError: the process of a device crashed and left clips unfinished.
    """
    gone = withdrawn(store)
    if clip_ids is not None:
        clip_ids = [clip_id for clip_id in clip_ids if video_of(clip_id) not in gone]
    clips = _accepted(store, clip_ids)
    report = advance or (lambda steps, note: None)
    net = Net(STAGE, store, retry=retry_failed)
    unfinished = {}
    for clip_id, clip in clips.items():
        if not _is_done(store, clip_id) and not net.is_left(clip_id):
            net.forget(clip_id)
            unfinished[clip_id] = clip
    for clip_id in clips:
        if clip_id not in unfinished:
            report(1, clip_id)
    if unfinished and len(settings.pose.devices) > 1:
        on_each_device(extract, settings, store, list(unfinished), report)
    elif unfinished:
        with _one_at_a_time:
            loaded = estimator or loaded_estimator(settings)
            while unfinished:
                unfinished = _work(loaded, settings, store, unfinished, report, net)
    # Clips that were cut again in the meantime have no verdict: the next run makes it.
    return [_verdict(store, clip_id) for clip_id in clips if _is_done(store, clip_id)]


def extract_clip(
    path: Path,
    clip_id: str,
    bvid: str,
    settings: Settings,
    store: Store,
    estimator: PoseEstimator[Any, Any] | None = None,
) -> Row:
    """Extracts the poses of one clip: its pose table, then its verdict.

    A clip that has its verdict is not touched again. A rejected clip keeps its poses too, if there are any.
    The clip is not claimed.

    Args:
        path: the clip, a local file.
        clip_id, bvid: ids of the clip and of its video.
        settings: those of `pose` count.
        store: receives both tables.
        estimator: stays the caller's; None: `loaded_estimator`.

    Returns:
        The row of VERDICTS.

    Raises:
        AssetError, SettingsError: as `load_estimator`.
        InputError: `clip_id` cannot be a file's name, or there is no such file. A damaged file is a verdict.
    """
    _check_id(clip_id)
    if not _is_done(store, clip_id):
        with _one_at_a_time:
            estimator = estimator or loaded_estimator(settings)
            pipeline = Pipeline(estimator, calibrated=settings.pose.calibrated)
            for done in pipeline.run([Job(clip_id, lambda: _decoded(path))]):
                _write(clip_id, bvid, done.poses, estimator.name, settings, store)
    return _verdict(store, clip_id)


def decide(
    clip_id: str, poses: Poses | MediaError, estimator: str, settings: Settings
) -> tuple[Quality, Verdict]:
    """Builds the pose table of a clip and decides whether it is fit for a release.

    Args:
        clip_id: for every row.
        poses: what the estimator returned, or why the clip's file cannot be read.
        estimator: its name, for every row.
        settings: those of `pose` and `clips` count.
    """
    if isinstance(poses, MediaError):
        return Quality(), rejected(Reason.DAMAGED, poses.what)
    quality = build(clip_id, poses, estimator, settings)
    return quality, judge(quality, settings.pose)


def _accepted(store: Store, clip_ids: Iterable[str] | None) -> dict[str, Row]:
    """Rows of the accepted clips by their ids."""
    wanted = None if clip_ids is None else list(dict.fromkeys(clip_ids))
    gone = withdrawn(store)
    table = read_clips(store, ["clip_id", "bvid", "path", "accepted", *_REVIEWED], wanted)
    rows = (row for row in table.to_pylist() if row["accepted"] and row["bvid"] not in gone)
    clips = {clip["clip_id"]: clip for clip in rows}
    if wanted is not None:
        if unknown := [clip_id for clip_id in wanted if clip_id not in clips]:
            raise InputError(
                f"no accepted clip is called {unknown[0]!r}", store.address, "see the clips table"
            )
        clips = {clip_id: clips[clip_id] for clip_id in wanted}
    for clip_id in clips:
        _check_id(clip_id)
    return clips


def _is_same(clip: Row, store: Store) -> bool:
    """Whether reviewers still want the same of a clip as its row said when its extraction began."""
    bvid, page, _ = clip_order(clip["clip_id"])
    name = layout.clip_rows(bvid, page)
    if not store.exists(name):  # its part is about to be acquired again, which discards the poses
        return True
    rows = store.read_table(name, CLIPS, columns=["clip_id", *_REVIEWED]).to_pylist()
    now = next((row for row in rows if row["clip_id"] == clip["clip_id"]), None)
    return now is not None and all((now[key] or "") == (clip[key] or "") for key in _REVIEWED)


def _check_id(clip_id: str) -> None:
    if not re.fullmatch(r"[0-9A-Za-z_][0-9A-Za-z_.-]*", clip_id):
        raise InputError(f"{clip_id!r} is not a clip id", "clips", "ids hold letters, digits, _ . and - only")


def _work(
    estimator: PoseEstimator[Any, Any],
    settings: Settings,
    store: Store,
    clips: dict[str, Row],
    advance: Callable[[int, str], None],
    net: Net,
) -> dict[str, Row]:
    """Works as one worker: does all clips that no other worker does.

    Returns:
        Clips that another worker took over, because this one was stopped for a while; they may still be
        unfinished.
    """
    lost: dict[str, Row] = {}
    pipeline = Pipeline(estimator, settings.pose.workers, settings.pose.calibrated)

    def finished_elsewhere(clip_id: str) -> bool:
        done = _is_done(store, clip_id) or has_failed(store, clip_id)
        done = done or is_withdrawn(clips[clip_id]["bvid"], store)
        if done:
            advance(1, clip_id)
        return done

    with measured(STAGE, store, estimator.device), Claims(store) as claims:
        own = claimed(clips, claims, finished_elsewhere, pipeline.stopped)
        jobs = (Job(clip_id, partial(_frames, store, clips[clip_id])) for clip_id in own)
        with closing(pipeline.run(jobs)) as results:
            for done in results:
                clip, is_same = clips[done.name], False
                if not claims.holds(done.name):
                    lost[done.name] = clip
                    continue
                with net.under(done.name, clip["bvid"]):
                    poses = done.poses
                    if isinstance(poses, Poses):
                        poses = swapped(poses, spans_of(clip["swaps"]))
                    _write(done.name, clip["bvid"], poses, estimator.name, settings, store)
                    is_same = _is_same(clip, store)
                # A clip that was cut again in the meantime has another file: these poses are of another span.
                # One whose reviewers want something else has another row.
                gone = is_withdrawn(clip["bvid"], store)
                if gone or not is_same or not store.exists(clip["path"]):
                    store.remove(layout.verdict(done.name))
                    store.remove(layout.poses(done.name))
                if gone:
                    store.remove(layout.failure(STAGE, done.name))
                claims.release(done.name)
                advance(1, done.name)
    return lost


def _frames(store: Store, clip: Row) -> Generator[media.Frame]:
    try:
        with store.local(clip["path"]) as path:
            yield from media.frames(path)
    except (StoreError, InputError) as error:
        if is_withdrawn(clip["bvid"], store):  # its file was deleted meanwhile, which concerns no other clip
            raise MediaError("its video was withdrawn", clip["path"]) from error
        raise


def _decoded(path: Path) -> Generator[media.Frame]:
    yield from media.frames(path)


def _write(
    clip_id: str, bvid: str, poses: Poses | Exception, estimator: str, settings: Settings, store: Store
) -> None:
    if isinstance(poses, Exception) and not isinstance(poses, MediaError):
        raise poses
    quality, verdict = decide(clip_id, poses, estimator, settings)
    if quality.table is not None:
        store.write_table(layout.poses(clip_id), quality.table, quality.table.schema)
    else:
        store.remove(layout.poses(clip_id))
    found = row(clip_id, bvid, quality, verdict, estimator)
    store.write_rows(layout.verdict(clip_id), [found], VERDICTS)
    frames = found["frames"]
    count(items=1, rejected=not found["accepted"], frames=frames, media_seconds=frames / FPS)


def has_failed(store: Store, clip_id: str) -> bool:
    """Returns whether a clip has met an unexpected error."""
    return store.exists(layout.failure(STAGE, clip_id))


def _is_done(store: Store, clip_id: str) -> bool:
    return store.exists(layout.verdict(clip_id))


def _verdict(store: Store, clip_id: str) -> Row:
    verdict: Row = store.read_table(layout.verdict(clip_id), VERDICTS).to_pylist()[0]
    return verdict
