"""Fills a small store as the stages before publication do: clips, verdicts, poses, music, a selection."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from popdanceset.schema import CLIPS, FRAMES, SELECTION, VERDICTS, music_schema, shape_of
from popdanceset.store import Store
from popdanceset.tables import conform, from_rows

ESTIMATOR = "synthetic 1"
MUSIC = music_schema("baseline", 35)
CAMERA = {
    "width": 640,
    "height": 480,
    "focal_length": 800.0,
    "focal_length_from": "assumed",
    "camera_to_world": [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0],
}
"""The camera of its clips: level, its focal length the diagonal of its frames."""


def fill_store(store: Store, manifest: str, clips: list[dict[str, Any]]) -> None:
    """Writes the tables of clips (rows from `clip_row`) and one rejected span per video."""
    videos = sorted({clip["bvid"] for clip in clips})
    selection = [
        {"bvid": v, "pop": 0.9, "beyond_reference": False, "accepted": True, "reason": ""} for v in videos
    ]
    unselected = {
        "bvid": "BV9",
        "pop": 0.1,
        "beyond_reference": False,
        "accepted": False,
        "reason": "low_popularity",
    }
    table = from_rows([*selection, unselected], SELECTION)
    store.write_table(f"selection/{manifest}.parquet", table, SELECTION)
    for video in videos:
        mine = [clip for clip in clips if clip["bvid"] == video]
        rejected = clip_row(None, 0, accepted=False) | {"bvid": video}
        store.write_table(f"clips/{video}.parquet", from_rows([*mine, rejected], CLIPS), CLIPS)
    for number, clip in enumerate(clips):
        add_poses(store, clip["clip_id"], clip["frames"], seed=number)
        if clip["music_path"]:
            add_music(store, clip["clip_id"], clip["frames"], seed=number)


def clip_row(
    clip_id: str | None, frames: int, music_id: str = "m1", accepted: bool = True, **more: Any
) -> dict[str, Any]:
    """Returns a row of the clip table."""
    return {
        "clip_id": clip_id,
        "bvid": (clip_id or "").partition("_")[0],
        "page": 1,
        "start": 0.0,
        "end": frames / 30,
        "frames": frames,
        "path": f"media/{clip_id}.mp4",
        "music_path": f"media/{clip_id}.wav" if clip_id else "",
        "music_id": music_id,
        "genre": "unknown",
        "dancer_id": "7",
        "cuts_per_minute": 0.0,
        "shake": 0.0,
        "dancers": 1.0,
        "visibility": 1.0,
        "accepted": accepted,
        "reason": "" if accepted else "too_short",
    } | more


def add_poses(
    store: Store, clip_id: str, frames: int, seed: int = 0, accepted: bool = True, **verdict_columns: Any
) -> None:
    """Writes pose rows of a swaying dancer, and the verdict on them."""
    verdict = {
        "clip_id": clip_id,
        "bvid": clip_id.partition("_")[0],
        "frames": frames,
        "detected": frames,
        "mean_score": 0.8,
        "jitter_before": 2.0,
        "jitter_after": 1.0,
        "estimator": ESTIMATOR,
        "accepted": accepted,
        "reason": "" if accepted else "not_tracked",
        "note": "",
        "score": 0.9,
        "verdict": "accept" if accepted else "reject",
        "reasons": [] if accepted else ["not_tracked"],
        **CAMERA,
        **verdict_columns,
    }
    store.write_table(f"verdicts/{clip_id}.parquet", from_rows([verdict], VERDICTS), VERDICTS)
    store.write_table(f"poses/{clip_id}.parquet", pose_rows(clip_id, frames, seed), FRAMES)


def pose_rows(clip_id: str, frames: int, seed: int = 0) -> pa.Table:
    """Returns frame rows: smooth random motion of every number, root about 1 m high, scale 1.1."""
    random = np.random.default_rng(seed)
    time = np.arange(frames) / 30
    columns: dict[str, Any] = {
        "clip_id": [clip_id] * frames,
        "frame_index": np.arange(frames, dtype=np.int32),
        "timestamp": time,
        "observed": pa.FixedSizeListArray.from_arrays(
            pa.array(random.random(frames * 24) < 0.9), type=FRAMES.field("observed").type
        ),
        "estimator": pa.array([ESTIMATOR] * frames).dictionary_encode(),
    }
    for field in FRAMES:
        if field.name in columns:
            continue
        width = int(np.prod(shape_of(field)))
        phase = random.uniform(0, 2 * np.pi, width)
        values = 0.4 * np.sin(2 * np.pi * time[:, None] * random.uniform(0.2, 1.0, width) + phase)
        if field.name == "smpl_trans":
            values += [0, 0, 1]
        if field.name == "smpl_scaling":
            values[:] = 1.1
        columns[field.name] = pa.FixedSizeListArray.from_arrays(
            pa.array(values.astype(np.float32).reshape(-1)), type=field.type
        )
    return pa.table(columns)


def add_music(store: Store, clip_id: str, frames: int, seed: int = 0, beat_every: int = 0) -> None:
    """Writes music rows of noise; with a beat every so many frames, the last column marks beats."""
    values = np.random.default_rng(seed).normal(size=frames * 35).astype(np.float32)
    if beat_every:
        values[34::35] = np.arange(frames) % beat_every == 0
    table = pa.table(
        {
            "clip_id": [clip_id] * frames,
            "frame_index": np.arange(frames, dtype=np.int32),
            "features": pa.FixedSizeListArray.from_arrays(
                pa.array(values), type=MUSIC.field("features").type
            ),
        }
    )
    store.write_table(f"music/baseline/{clip_id}.parquet", table, MUSIC)


class Motions:
    """Synthetic motion for many clips: pieces of one long smooth motion, each with noise of its own.

    The noise makes the last bits of every number random, as those of an estimator are, so that the sizes of
    compressed files are realistic.

    Args:
        seed: of all random numbers.
        frames: length of the long motion, and the longest clip.
    """

    NOISE = 0.003

    def __init__(self, seed: int = 0, frames: int = 4096) -> None:
        self._seed = seed
        self._long = pose_rows("long", frames, seed)
        self._music = np.random.default_rng(seed).normal(size=(frames, 35)).astype(np.float32)

    def frame_rows(self, clip_id: str, number: int, frames: int) -> pa.Table:
        """Returns the frame rows of a clip, schema FRAMES; the same for the same number and length."""
        random = np.random.default_rng([self._seed, number])
        piece = self._long.slice(int(random.integers(len(self._long) - frames + 1)), frames)
        columns: dict[str, Any] = {
            "clip_id": pa.repeat(clip_id, frames),
            "frame_index": np.arange(frames, dtype=np.int32),
            "timestamp": np.arange(frames) / 30,
            "estimator": pa.DictionaryArray.from_arrays(np.zeros(frames, np.int32), [ESTIMATOR]),
            "observed": piece["observed"],
        }
        for field in FRAMES:
            if field.name in columns:
                continue
            values = piece[field.name].combine_chunks().flatten().to_numpy()
            if field.name != "smpl_scaling":
                values = values + self.NOISE * random.standard_normal(values.shape, np.float32)
            columns[field.name] = pa.FixedSizeListArray.from_arrays(pa.array(values), type=field.type)
        return conform(pa.table(columns), FRAMES)

    def music_rows(self, clip_id: str, number: int, frames: int) -> pa.Table:
        """Returns the music rows of a clip by the extractor `baseline`."""
        first = int(np.random.default_rng([self._seed, number]).integers(len(self._music) - frames + 1))
        values = pa.array(self._music[first : first + frames].reshape(-1))
        columns = {
            "clip_id": pa.repeat(clip_id, frames),
            "frame_index": np.arange(frames, dtype=np.int32),
            "features": pa.FixedSizeListArray.from_arrays(values, type=MUSIC.field("features").type),
        }
        return conform(pa.table(columns), MUSIC)


def clip_lengths(clips: int, mean: int = 371, seed: int = 0) -> np.ndarray:
    """Returns lengths in frames with the given mean, most of them short, as those of the published set."""
    drawn = np.random.default_rng(seed).gamma(4, mean / 4, clips).clip(150, 900)
    return np.maximum(1, np.rint(drawn * (mean / drawn.mean()))).astype(int)


def verdict_row(clip_id: str, frames: int) -> dict[str, Any]:
    """Returns an accepting row of the table of verdicts."""
    return {
        "clip_id": clip_id, "bvid": clip_id.partition("_")[0], "frames": frames, "detected": frames,
        "mean_score": 0.8, "jitter_before": 2.0, "jitter_after": 1.0, "estimator": ESTIMATOR,
        "accepted": True, "reason": "", "note": "", "score": 0.9, "verdict": "accept", "reasons": [],
    }  # fmt: skip
