"""Fills a store with clips to review: bodies that move, films with numbered frames, and sound."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import soundfile

from popdanceset.film import write_film
from popdanceset.motion.joint_motion import mean_body
from popdanceset.schema import CLIPS, FPS, FRAMES, SELECTION, STATISTICS, VERDICTS
from popdanceset.store import Store
from popdanceset.tables import conform, from_rows

ESTIMATOR = "synthetic 1"
MANIFEST = "weekly"
BITS, BLOCK = 12, 16
WIDTH, HEIGHT = BITS * BLOCK, 144
RATE = 16_000
PART_START = 3.0
"""Seconds at which each clip begins in its part."""

_VERDICTS = ("reject", "review", "accept")
_REASONS = (["not_tracked"], ["unsteady_pose", "foot_skating"], [])
_GENRES = ("k-pop", "house", "unknown")


def clip_id(number: int) -> str:
    """Id of a clip: each is the first of a video of its own."""
    return f"BV1{number:09d}_Clip_1"


def fill_room(
    store: Store,
    clips: int,
    frames: int,
    titles: Sequence[str] = (),
    with_media: int | None = None,
    seed: int = 0,
) -> list[str]:
    """Writes clips with verdicts; three follow each other in verdict and genre, and share their music.

    Args:
        store: a folder.
        clips: how many.
        frames: of each clip.
        titles: of the first clips; the others are called "Dance" and their number.
        with_media: how many of the first clips have poses, film and sound; None: all.
        seed: of the motions: clip n moves as `joints(seed + n, frames)`.

    Returns:
        Their ids.
    """
    ids = [clip_id(number) for number in range(clips)]
    complete = clips if with_media is None else with_media
    rows = [_clip_row(name, number, frames, number < complete) for number, name in enumerate(ids)]
    store.write_table("clips/all.parquet", from_rows(rows, CLIPS), CLIPS)
    verdicts = [_verdict_row(name, number, frames) for number, name in enumerate(ids)]
    store.write_table("verdicts/all.parquet", from_rows(verdicts, VERDICTS), VERDICTS)
    texts = [_texts(row["bvid"], number, titles) for number, row in enumerate(rows)]
    day = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
    counted = [{"state": "public", "note": "", "source": "test", "snapshot_at": day, **row} for row in texts]
    store.write_table("statistics/date=2026-11-01/test-1.parquet", from_rows(counted, STATISTICS), STATISTICS)
    selected = [
        {"bvid": row["bvid"], "title": row["title"], "pop": 0.3 + number % 10 / 20,
         "beyond_reference": False, "accepted": True, "reason": ""}
        for number, row in enumerate(texts)
    ]  # fmt: skip
    store.write_table(f"selection/{MANIFEST}.parquet", from_rows(selected, SELECTION), SELECTION)
    for number, row in enumerate(rows[:complete]):
        poses = _pose_rows(row["clip_id"], seed + number, frames)
        store.write_table(f"poses/{row['clip_id']}.parquet", poses, FRAMES)
        _write_media(Path(str(store)), row, frames)
    return ids


def joints(number: int, frames: int) -> np.ndarray:
    """(frames, 24, 3) float32 joints of a clip, metres, z up: a body that sways, on the floor."""
    return _motion(number, frames)[2]


def _motion(number: int, frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(number)
    time = np.arange(frames)[:, None, None] / FPS
    pace, phase = random.uniform(0.3, 1.0, (24, 3)), random.uniform(0, 2 * np.pi, (24, 3))
    poses = 0.2 * np.sin(2 * np.pi * time * pace + phase)
    poses[:, 0] = [np.pi / 2, 0, 0]
    root = np.concatenate([0.2 * np.sin(time[:, 0] * [[1.1, 0.7]]), np.zeros((frames, 1))], axis=1)
    root[:, 2] -= mean_body(poses, root)[..., 2].min(1)
    return poses, root, mean_body(poses, root).astype(np.float32)


def _pose_rows(name: str, number: int, frames: int) -> pa.Table:
    poses, root, placed = _motion(number, frames)
    coco = placed[:, [15, 15, 15, 15, 15, 16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8]]
    pixels = np.stack([WIDTH / 2 + 40 * coco[..., 0], HEIGHT - 8 - 55 * coco[..., 2]], axis=-1)
    arrays = {
        "smpl_poses": poses,
        "smpl_trans": root,
        "smpl_scaling": np.ones((frames, 1)),
        "joints3d": placed - root[:, None],
        "coco_keypoints2d": pixels,
        "pred_scores": np.full((frames, 29), 0.8),
    }
    columns: dict[str, Any] = {
        "clip_id": pa.repeat(name, frames),
        "frame_index": np.arange(frames, dtype=np.int32),
        "timestamp": np.arange(frames) / FPS,
        "estimator": pa.DictionaryArray.from_arrays(np.zeros(frames, np.int32), [ESTIMATOR]),
    }
    for column, values in arrays.items():
        flat = pa.array(values.reshape(-1).astype(np.float32))
        columns[column] = pa.FixedSizeListArray.from_arrays(flat, type=FRAMES.field(column).type)
    return conform(pa.table(columns), FRAMES)


def _clip_row(name: str, number: int, frames: int, complete: bool) -> dict[str, Any]:
    bvid = name.partition("_")[0]
    return {
        "clip_id": name, "bvid": bvid, "page": 1, "start": PART_START, "end": PART_START + frames / FPS,
        "frames": frames, "path": f"media/{bvid}/{name}.mp4" if complete else "",
        "music_path": f"media/{bvid}/{name}.wav" if complete else "", "music_id": f"m{number // 3}",
        "genre": _GENRES[number % 3], "dancer_id": str(number % 7), "cuts_per_minute": 0.0, "shake": 0.0,
        "dancers": 1.0, "visibility": 1.0, "accepted": True, "reason": "",
    }  # fmt: skip


def _verdict_row(name: str, number: int, frames: int) -> dict[str, Any]:
    verdict, reasons = _VERDICTS[number % 3], _REASONS[number % 3]
    return {
        "clip_id": name, "bvid": name.partition("_")[0], "frames": frames, "detected": frames,
        "mean_score": 0.8, "jitter_before": 2.0, "jitter_after": 1.0 + number % 9, "estimator": ESTIMATOR,
        "accepted": verdict != "reject", "reason": "not_tracked" if verdict == "reject" else "", "note": "",
        "score": (number % 97) / 97, "verdict": verdict, "reasons": reasons, "contact": 0.9,
        "skate_before": 0.2, "skate_after": 0.1, "skating_before": 0.2, "skating_after": number % 5 / 10,
    }  # fmt: skip


def _texts(bvid: str, number: int, titles: Sequence[str]) -> dict[str, str]:
    title = titles[number] if number < len(titles) else f"Dance {number}"
    return {"bvid": bvid, "title": title, "owner": f"uploader {number % 7}"}


def _write_media(folder: Path, row: dict[str, Any], frames: int) -> None:
    film = folder / row["path"]
    film.parent.mkdir(parents=True, exist_ok=True)
    write_film(film, _pictures(frames), FPS)
    time = np.arange(round(frames / FPS * RATE)) / RATE
    clicks = 0.3 * np.sin(2 * np.pi * 440 * time) * (time % 0.5 < 0.05)
    soundfile.write(folder / row["music_path"], clicks.astype(np.float32), RATE)


def _pictures(frames: int) -> Iterator[np.ndarray]:
    """The binary digits of the frame's number in the upper quarter, lowest first."""
    for number in range(frames):
        picture = np.full((HEIGHT, WIDTH, 3), 96, np.uint8)
        digits = [255 * (number >> bit & 1) for bit in range(BITS)]
        picture[: HEIGHT // 4] = np.repeat(digits, BLOCK)[None, :, None]
        yield picture
