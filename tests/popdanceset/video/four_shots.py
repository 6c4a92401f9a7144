"""A store with one video of four shots, and what tests do to it."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from popdanceset import layout
from popdanceset.commands import with_values
from popdanceset.manifest import Manifest, ManifestVideo
from popdanceset.music.features import as_table
from popdanceset.schema import CLIPS, VERDICTS, VIDEOS, music_schema
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from popdanceset.video import derived

BVID = "BV1xx411c7mD"
VIDEO = ManifestVideo(BVID, 1.0, mid=1, tid_v2=2028)
MANIFEST = Manifest("m", (VIDEO,))
ONE, TWO, THREE, FOUR = (f"{BVID}_Clip_{n}" for n in range(1, 5))

EARLIER = {"clips.max_lapse": "1.5", "screening.min_visibility": "0.7"}
LATER = {"clips.max_lapse": "0.4", "clips.min_seconds": "4.5", "screening.max_second": "0.9"}
"""Settings that judge the four shots of the video differently."""


def changed(settings: Settings, values: dict[str, str]) -> Settings:
    for name, value in values.items():
        group, _, leaf = name.partition(".")
        settings = with_values(settings, group, **{leaf: value})
    return settings


def downloaded(store: Store, film: Path, folder: Path) -> None:
    """A store that contains the video already."""
    copy = Path(shutil.copy(film, folder / "copy.mp4"))
    row = {"bvid": BVID, "page": 1, "path": f"media/{BVID}/p1.mp4", "sha256": "x", "tags": ["Popping"]}
    row |= {"accepted": True, "reason": "", "note": "", "duration": 636 / 30}
    store.put(copy, row["path"])
    store.write_table(f"videos/{BVID}.parquet", from_rows([row], VIDEOS), VIDEOS)


def shown(row: dict[str, Any]) -> str:
    """What a clip of this row must show."""
    return f"{row['start']:.3f} {row['frames']}"


def named_cut(source: Path, start: float, end: float, picture: Path, sound: Path) -> int:
    """Cuts quickly: the files only say what they would show."""
    frames = round((end - start) * 30)
    for path in (picture, sound):
        path.write_text(f"{start:.3f} {frames}")
    return frames


def later_stages(store: Store) -> None:
    """Poses and music features of all clips that have none, each marked with what it was made from."""
    schema = music_schema("baseline", 35)
    for row in clips(store).values():
        name = row["clip_id"]
        verdict, poses, music, *_ = derived.names(name)
        if not store.exists(verdict):
            mark = store.read_bytes(row["path"])
            store.write_bytes(poses, mark)
            scores = {"detected": 0, "mean_score": 1.0, "jitter_before": 0.0, "jitter_after": 0.0}
            line = {"clip_id": name, "bvid": BVID, "frames": row["frames"], "estimator": "e", **scores}
            line |= {"accepted": True, "reason": "", "note": mark.decode()}
            store.write_table(verdict, from_rows([line], VERDICTS), VERDICTS)
        if not store.exists(music):
            features = np.full((row["frames"], 35), row["start"], np.float32)
            store.write_table(music, as_table(name, features, schema), schema)


def clips(store: Store) -> dict[str, dict[str, Any]]:
    return {r["clip_id"]: r for r in store.read_table("clips", CLIPS).to_pylist() if r["accepted"]}


def check(store: Store) -> None:
    """No row names a file of another span, no clip has poses or features of another span."""
    for name, row in clips(store).items():
        verdict, poses, music, *_ = derived.names(name)
        assert store.read_bytes(row["path"]).decode() == shown(row)
        assert store.read_bytes(row["music_path"]).decode() == shown(row)
        if store.exists(verdict):
            assert store.read_table(verdict, VERDICTS)["note"].to_pylist() == [shown(row)]
            assert store.read_bytes(poses).decode() == shown(row)
        if store.exists(music):
            table = store.read_table(music, music_schema("baseline", 35)).to_pylist()
            assert [len(table), table[0]["features"][0]] == [row["frames"], pytest.approx(row["start"])]


def everything(store: Store) -> dict[str, str]:
    """Every file of the store by its hash, as `files` lists them."""
    root = Path(store.address)
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files(store)}


def times(store: Store) -> dict[Path, int]:
    """When each of them was written."""
    return {path: path.stat().st_mtime_ns for path in files(store)}


def files(store: Store) -> Iterator[Path]:
    """Every file of the store, but for the ledger, which every run adds to."""
    ledger = Path(store.address_of(layout.LEDGER))
    for path in Path(store.address).rglob("*"):
        if path.is_file() and not path.is_relative_to(ledger):
            yield path


class Killed(BaseException):
    """Ends a run as nothing in it expects."""


WRITES = ("put", "write_bytes", "write_rows", "remove")


def kill_at(moment: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ends the run around one of the store's changes: before the first (0), after it (1), before the second …

    Returns:
        The changes begun, as they happen.
    """
    begun: list[str] = []

    def around(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def change(self: Store, *args: Any) -> Any:
            begun.append(name)
            if len(begun) * 2 - 2 == moment:
                raise Killed
            result = real(self, *args)
            if len(begun) * 2 - 1 == moment:
                raise Killed
            return result

        return change

    for name in WRITES:
        monkeypatch.setattr(Store, name, around(name, getattr(Store, name)))
    return begun
