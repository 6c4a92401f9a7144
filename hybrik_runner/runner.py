"""Clips in, pose tables and verdicts out. A clip's verdict is written last and marks it as done."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybrik_runner.estimator import PoseEstimator, load_estimator
from hybrik_runner.table import Quality, build
from popdanceset import media
from popdanceset.errors import InputError, MediaError
from popdanceset.schema import CLIPS, FRAMES, VERDICTS, Reason, from_rows

if TYPE_CHECKING:
    from popdanceset.settings import PoseSettings, Settings
    from popdanceset.store import Store

_LEAST_FRAMES = 3  # fewer hold no motion


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

    Args:
        settings: `pose.workers` clips are in work at once, each thread with an estimator of its own.
        store: holds the `clips` table and the clips, and receives `poses/` and `verdicts/`.
        clip_ids: only these; None: all.
        advance: called with (1, clip_id) after each clip.

    Returns:
        The rows of VERDICTS, also of clips that were done before, in order of the clips.

    Raises:
        AssetError: the estimator's model files are missing and cannot be had.
        InputError: a clip is named that is not among the accepted ones.
        StoreError: a clip's file is missing.
    """
    table = store.read_table("clips", CLIPS, columns=["clip_id", "bvid", "path", "accepted"])
    clips = {row["clip_id"]: row for row in table.to_pylist() if row["accepted"]}
    if clip_ids is not None:
        wanted = list(dict.fromkeys(clip_ids))
        if strangers := [c for c in wanted if c not in clips]:
            raise InputError(
                f"no accepted clip is called {strangers[0]!r}", store.address, "see the clips table"
            )
        clips = {c: clips[c] for c in wanted}
    own = threading.local()

    def work(clip_id: str, bvid: str, name: str) -> dict[str, Any]:
        if store.exists(verdict_name(clip_id)):
            return _verdict(store, clip_id)
        if not hasattr(own, "estimator"):
            own.estimator = load_estimator(settings)
        with store.local(name) as path:
            return extract_clip(path, clip_id, bvid, settings, store, own.estimator)

    rows: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(settings.pose.workers, thread_name_prefix="pose") as pool:
        futures = {pool.submit(work, c, row["bvid"], row["path"]): c for c, row in clips.items()}
        try:
            for future in as_completed(futures):
                rows[futures[future]] = future.result()
                if advance is not None:
                    advance(1, futures[future])
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return [rows[clip_id] for clip_id in clips]


def extract_clip(
    path: Path,
    clip_id: str,
    bvid: str,
    settings: Settings,
    store: Store,
    estimator: PoseEstimator | None = None,
) -> dict[str, Any]:
    """Poses of one clip: `poses/{clip_id}.parquet`, then `verdicts/{clip_id}.parquet`.

    A clip that has its verdict is not touched again. A rejected clip keeps its poses too, if there are any.

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
    if not re.fullmatch(r"[0-9A-Za-z_][0-9A-Za-z_.-]*", clip_id):
        raise InputError(f"{clip_id!r} is no clip id", "clips", "ids hold letters, digits, _ . and - only")
    if store.exists(verdict_name(clip_id)):
        return _verdict(store, clip_id)
    estimator = estimator or load_estimator(settings)
    try:
        poses = estimator.estimate(media.frames(path))
    except MediaError as error:
        quality, reason, note = Quality(), Reason.DAMAGED, error.what
    else:
        quality = build(clip_id, poses, estimator.name, settings.pose.smoothing)
        reason, note = judge(quality, settings.pose)
    if quality.table is not None:
        store.write_table(pose_name(clip_id), quality.table, FRAMES)
    else:
        store.remove(pose_name(clip_id))
    row = {
        "clip_id": clip_id,
        "bvid": bvid,
        "frames": quality.frames,
        "detected": quality.detected,
        "mean_score": quality.mean_score,
        "jitter_before": quality.jitter_before,
        "jitter_after": quality.jitter_after,
        "estimator": estimator.name,
        "accepted": reason is Reason.NONE,
        "reason": reason.value,
        "note": note,
    }
    verdict = from_rows([row], VERDICTS, verdict_name(clip_id))
    store.write_table(verdict_name(clip_id), verdict, VERDICTS)
    return _row(verdict)


def judge(quality: Quality, settings: PoseSettings) -> tuple[Reason, str]:
    """Whether poses are fit for a release: the reason if not, and a note for a reviewer."""
    if quality.table is None:
        return Reason.NOT_TRACKED, f"nobody found in {quality.pictures} pictures"
    if quality.frames < _LEAST_FRAMES:
        return Reason.TOO_SHORT, f"{quality.frames} frames hold no motion"
    share = quality.detected / quality.frames
    if share < settings.min_detected:
        return (
            Reason.NOT_TRACKED,
            f"dancer found in {share:.0%} of the frames, {settings.min_detected:.0%} needed",
        )
    if quality.longest_gap > settings.longest_gap:
        return (
            Reason.NOT_TRACKED,
            f"dancer lost for {quality.longest_gap:.2f} s, {settings.longest_gap:g} s may be filled in",
        )
    if quality.jitter_after > settings.max_jitter:
        return (
            Reason.UNSTEADY_POSE,
            f"mean joint acceleration is {quality.jitter_after:.0f} m/s², {settings.max_jitter:g} allowed",
        )
    filled = quality.frames - quality.detected
    return Reason.NONE, f"{filled} frames filled in" if filled else ""


def _verdict(store: Store, clip_id: str) -> dict[str, Any]:
    return _row(store.read_table(verdict_name(clip_id), VERDICTS))


def _row(table: Any) -> dict[str, Any]:
    row: dict[str, Any] = table.to_pylist()[0]
    return row
