"""Compares the clip table of a release with its description and its lists of clips."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from popdanceset import layout
from popdanceset.genre import UNKNOWN
from popdanceset.release.info import feature_infos
from popdanceset.release.limits import DOCUMENT_BYTES
from popdanceset.release.reader import Release
from popdanceset.release.split_check import check_splits
from popdanceset.release.splits import LONG, SHORT
from popdanceset.release.validation.faults import Faults
from popdanceset.schema import CAMERA_COLUMNS, FPS, FRAMES, VERSION
from popdanceset.store import Store


def check_clips(store: Store, release: Release, faults: Faults) -> None:
    """Checks the clip table: its order, what the description counts in it, and the lists of the splits."""
    info, table, where = release.info, release.clips, layout.RELEASE_CLIPS
    frames = table["frames"].to_numpy().astype(np.int64)
    first_rows = np.concatenate([[0], frames.cumsum()])[:-1]
    wrong = np.flatnonzero(table["first_row"].to_numpy() != first_rows)
    if len(wrong):
        clip_id = table["clip_id"][int(wrong[0])].as_py()
        faults.add(where, f"first_row of {clip_id!r} is not the number of rows before it")
    order = {name: number for number, name in enumerate(info.data)}
    places = [
        (order.get(file, -1), group)
        for file, group in zip(table["file"].to_pylist(), table["row_group"].to_pylist(), strict=True)
    ]
    if places != sorted(places):
        faults.add(where, f"the clips are not in the order of the files in {layout.RELEASE_INFO}")
    strange = set(table["split"].to_pylist()) - set(info.splits)
    if strange:
        faults.add(where, f"has a split that {layout.RELEASE_INFO} does not know: {min(strange)[:200]!r}")
    backwards = np.flatnonzero(~(table["end"].to_numpy() > table["start"].to_numpy()))
    if len(backwards):
        clip_id = table["clip_id"][int(backwards[0])].as_py()
        faults.add(where, f"{clip_id!r} does not end after its start")
    _check_numbers(table, faults)
    _check_cameras(table, faults)
    for name, stated, right in _counts(release, table, frames):
        if stated != right:
            faults.add(layout.RELEASE_INFO, f"states {name} {stated!r}, but it is {right!r}"[:300])
    if info.fps != FPS:
        faults.add(layout.RELEASE_INFO, f"states {info.fps} frames per second instead of {FPS}")
    described, known = info.features, feature_infos(FRAMES)
    for name in known.keys() & described.keys():
        same = ("dtype", "shape", "unit", "axes")
        if any(getattr(described[name], fact) != getattr(known[name], fact) for fact in same):
            faults.add(layout.RELEASE_INFO, f"describes column {name} otherwise than the schema")
    if info.schema_version == VERSION and known.keys() != described.keys():
        odd = min(known.keys() ^ described.keys())
        faults.add(layout.RELEASE_INFO, f"describes other columns than the schema: {odd[:200]!r}")
    _check_lists(store, release, faults)


def check_leaks(release: Release, faults: Faults) -> None:
    """Adds every leak between the splits of a kind that the release says it holds out."""
    report = check_splits([release.path])[0]
    for leak in report.leaks:
        if leak.kind in report.failing:
            keys = " ".join(shared.key for shared in leak.shared)
            faults.add(
                layout.RELEASE_SPLITS,
                f"{leak.clip_id} ({leak.split}) shares {leak.kind.value} {keys} with {' '.join(leak.others)}",
            )


def _check_numbers(table: pa.Table, faults: Faults) -> None:
    for field in table.schema:
        if pa.types.is_floating(field.type):
            values = table[field.name].drop_null().to_numpy()
            if not np.isfinite(values).all():
                faults.add(layout.RELEASE_CLIPS, f"column {field.name!r} contains NaN or infinity")


def _check_cameras(table: pa.Table, faults: Faults) -> None:
    """Checks that the camera of a clip is unknown, or known as a whole and one that exists."""
    where = layout.RELEASE_CLIPS
    for row in table.select(["clip_id", *CAMERA_COLUMNS]).to_pylist():
        clip_id = row.pop("clip_id")
        unknown = [name for name, value in row.items() if value is None]
        if len(unknown) == len(row):
            continue
        if unknown:
            faults.add(where, f"the camera of {clip_id!r} has no {', '.join(unknown)}")
            continue
        if min(row["width"], row["height"], row["focal_length"]) <= 0:
            faults.add(where, f"the camera of {clip_id!r} has no positive size or focal length")
        turn = np.array(row["camera_to_world"], np.float64).reshape(3, 3)
        if not (np.allclose(turn @ turn.T, np.eye(3), atol=1e-4) and np.linalg.det(turn) > 0):
            faults.add(where, f"camera_to_world of {clip_id!r} is not a rotation")


def _counts(release: Release, table: pa.Table, frames: np.ndarray[Any, Any]) -> list[tuple[str, Any, Any]]:
    """What the description counts → as stated, and as it is."""
    info = release.info
    columns = table.select(["bvid", "music_id", "genre", "dancer_id", "split"]).to_pydict()
    seconds = frames / FPS
    music = {own or bvid for own, bvid in zip(columns["music_id"], columns["bvid"], strict=True)}
    right = {
        "clips": len(table),
        "frames": int(frames.sum()),
        "seconds": round(int(frames.sum()) / FPS, 3),
        "videos": len(set(columns["bvid"])),
        "music": len(music),
        "genres": len(set(columns["genre"]) - {UNKNOWN}),
        "dancers": len(set(columns["dancer_id"])),
        "short": int((seconds < SHORT).sum()),
        "medium": int(((seconds >= SHORT) & (seconds <= LONG)).sum()),
        "long": int((seconds > LONG).sum()),
    }
    found: list[tuple[str, Any, Any]] = [
        (f"counts.{name}", getattr(info.counts, name), value) for name, value in right.items()
    ]
    splits = np.array(columns["split"], object)
    for split, stated in info.splits.items():
        mine = frames[splits == split]
        found += [
            (f"splits.{split}.clips", stated.clips, len(mine)),
            (f"splits.{split}.frames", stated.frames, int(mine.sum())),
        ]
    found.append(("genres", info.genres, dict(Counter(columns["genre"]))))
    for extractor, stated_music in info.music.items():
        clips = len(release.clips_with_music(extractor))
        found.append((f"music.{extractor}.clips", stated_music.clips, clips))
    return found


def _check_lists(store: Store, release: Release, faults: Faults) -> None:
    for split, stated in release.info.splits.items():
        with faults.collecting():
            data = store.read_bytes(stated.file, DOCUMENT_BYTES)
            listed = data.decode("utf-8", "replace").splitlines()
            right = release.clip_ids(split)
            if listed != right:
                odd = sorted(set(listed) ^ set(right))
                detail = f": {odd[0][:200]!r}" if odd else ", in this order"
                faults.add(stated.file, f"does not list the clips of the split{detail}")
