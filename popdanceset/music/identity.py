"""Which videos share their music, found one video at a time.

Every video with sound leaves its fingerprints in the store, with the music id it was given. A new video is
compared with all of them: it takes the id of what it matches best, or begins an id of its own. Rows that are
there are never changed. Where a new video matches two ids at once, a merge is proposed
(`popdanceset.music.merges`).

Any number of threads and processes may identify at once: they take turns, by a lock in the store's folder. An
object store has no such lock, so there only the processes of one machine take turns; each therefore looks
again after it has written, so that two machines which gave one piece two ids propose to merge them.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from popdanceset.clip_id import part_id
from popdanceset.errors import StoreError
from popdanceset.music.fingerprint import RATE, Chromaprint, Method, Pitch, Prints, find_chromaprint
from popdanceset.music.matching import Floats, similarity, variants
from popdanceset.music.merges import aliases, propose
from popdanceset.music.sound import read_track
from popdanceset.schema import FINGERPRINTS
from popdanceset.settings import MusicSettings, Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows

FOLDER = "fingerprints"
_LOUDEST_SILENCE = 8  # of 32767: noise of an encoder that was given nothing
_LOCK = ".locks/music"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A video's music as it lies in the store: its id, the hash of its sound, fingerprints by method."""

    music_id: str
    sound: str
    prints: dict[str, Prints]


class Match(NamedTuple):
    """A music id that is heard in a sound, how clearly, and by which method ("": an exact copy)."""

    music_id: str
    similarity: float
    method: str


def identify(path: str | Path, bvid: str, page: int, settings: Settings, store: Store) -> str:
    """The music id of a video; its fingerprints are in the store afterwards.

    A video that was identified before keeps its id. Exact copies always share their id; so do videos whose
    fingerprints match, which is robust to offsets, re-encoding, equalisers and ±5 % of tempo or speed.

    Args:
        path: the whole video, not a clip of it.
        bvid, page: whose it is; a video without sound shares its music with no other.
        settings: methods and thresholds.
        store: receives the fingerprints, and proposals to merge.

    Returns:
        `sound:{hash}`, after the sound of the first video that had it, or `silent:{bvid}`.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: its sound is damaged.
        AssetError: fpcalc fails.
        StoreError: the store cannot be read or written.
    """
    samples = read_track(path)
    if not len(samples) or int(np.abs(samples.astype(np.int32)).max()) <= _LOUDEST_SILENCE:
        return f"silent:{bvid}"
    sound = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()[:16]
    name = fingerprints_name(bvid, page)
    library = _library(store.address)
    earlier = library.read(store).get(name)
    if earlier and earlier.sound == sound:
        return earlier.music_id
    methods = _methods(settings.music)
    prints = {method.name: method(samples) for method in methods}
    taken = {method.name: variants(method, samples, prints[method.name]) for method in methods}
    with _turn(store):
        known = {other: piece for other, piece in library.read(store).items() if other != name}
        matches = _matches(taken, sound, known, settings.music)
        called = aliases(store)
        ids = [called.get(match.music_id, match.music_id) for match in matches]
        music_id = ids[0] if ids else f"sound:{sound}"
        # Proposed first: should the process end between the two, the video is identified again.
        _propose(store, music_id, ids, matches, bvid, page)
        _write(store, name, bvid, page, len(samples) / RATE, Known(music_id, sound, prints))
        library.add(name, Known(music_id, sound, prints))
    news = {other: piece for other, piece in library.read(store).items() if other not in (*known, name)}
    later = _matches(taken, sound, news, settings.music)
    ids = [called.get(match.music_id, match.music_id) for match in later]
    _propose(store, music_id, ids, later, bvid, page)
    return music_id


def fingerprints_name(bvid: str, page: int = 1) -> str:
    """Where the fingerprints of a part lie in the store."""
    return f"{FOLDER}/{part_id(bvid, page)}.parquet"


class _Library:
    """All fingerprints of a store, each file read once."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._lock = threading.Lock()

    def read(self, store: Store) -> dict[str, Known]:
        """Every part of the store by the name of its file."""
        with self._lock:
            names = store.list(FOLDER, ".parquet")
            self._known = {name: self._known.get(name) or _read(store, name) for name in names}
            return dict(self._known)

    def add(self, name: str, piece: Known) -> None:
        """Takes note of what was written just now."""
        with self._lock:
            self._known[name] = piece


def _read(store: Store, name: str) -> Known:
    rows = store.read_table(name, FINGERPRINTS).to_pylist()
    if not rows:
        raise StoreError("holds no fingerprint", name, "delete it and acquire again")
    prints = {
        row["method"]: np.frombuffer(row["fingerprint"], np.int8).reshape(-1, row["channels"]) for row in rows
    }
    return Known(rows[0]["music_id"], rows[0]["sound"], prints)


def _matches(
    taken: Mapping[str, Sequence[Sequence[Floats]]],
    sound: str,
    known: Mapping[str, Known],
    settings: MusicSettings,
) -> list[Match]:
    """Those of the known parts that have the same music, the most alike first."""
    copies = [Match(piece.music_id, 1.0, "") for piece in known.values() if piece.sound == sound]
    if copies:  # what an exact copy matches was found when it came
        return sorted(copies)
    least = {Pitch.name: settings.min_pitch, Chromaprint.name: settings.min_chromaprint}
    hops = {method.name: method.hop for method in (Pitch, Chromaprint)}
    found: dict[str, Match] = {}
    for method, windows in taken.items():
        pieces = [piece for piece in known.values() if method in piece.prints]
        measured = similarity(windows, [piece.prints[method] for piece in pieces], hops[method])
        for piece, value in zip(pieces, measured.tolist(), strict=True):
            best = found.get(piece.music_id)
            if value >= least[method] and (best is None or value > best.similarity):
                found[piece.music_id] = Match(piece.music_id, value, method)
    return sorted(found.values(), key=lambda match: (-match.similarity, match.music_id))


@functools.lru_cache(maxsize=4)
def _library(address: str) -> _Library:
    return _Library()


def _methods(settings: MusicSettings) -> list[Method]:
    """The methods of the settings that can be had here."""
    methods: list[Method] = [Pitch()] if "pitch" in settings.methods else []
    if "chromaprint" in settings.methods:
        chromaprint = find_chromaprint()
        if chromaprint:
            methods.append(chromaprint)
        else:
            _warn_without_chromaprint()
    return methods or [Pitch()]


@functools.cache
def _warn_without_chromaprint() -> None:
    """Says it once a process."""
    _log.warning(
        "fpcalc is not on the path, so music is compared by our own fingerprint alone (install Debian's "
        "libchromaprint-tools, or set music.methods=pitch)"
    )


@contextlib.contextmanager
def _turn(store: Store) -> Iterator[None]:
    """Waits until no other thread or process of this store is inside the block."""
    path = store.workplace(_LOCK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise StoreError(f"not writable: {error}", path, "check permissions and free space") from error
    with file:  # closing it gives the lock back
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            _log.warning("%s: no locks here (%s); identify music with one process only", path, error.strerror)
        yield


def _propose(
    store: Store, music_id: str, ids: Sequence[str], matches: Sequence[Match], bvid: str, page: int
) -> None:
    for other, match in zip(ids, matches, strict=True):
        if propose(store, music_id, other, bvid, page, match.method, match.similarity):
            _log.warning(
                "%s has the music of %s and of %s: decide with `popdanceset music merge %s %s` or `refuse`",
                part_id(bvid, page), music_id, other, music_id, other,
            )  # fmt: skip


def _write(store: Store, name: str, bvid: str, page: int, seconds: float, piece: Known) -> None:
    rows = [
        {
            "bvid": bvid,
            "page": page,
            "music_id": piece.music_id,
            "sound": piece.sound,
            "seconds": seconds,
            "method": method,
            "channels": prints.shape[1],
            "fingerprint": np.ascontiguousarray(prints).tobytes(),
        }
        for method, prints in piece.prints.items()
    ]
    store.write_table(name, from_rows(rows, FINGERPRINTS, name), FINGERPRINTS)


def shared_music(store: Store) -> dict[str, list[str]]:
    """Every music id of the store, merged ones under their common name → the parts that have it, sorted."""
    called = aliases(store)
    parts: dict[str, set[str]] = {}
    table = store.read_table(FOLDER, FINGERPRINTS, ["bvid", "page", "music_id"])
    for row in table.to_pylist():
        music_id = called.get(row["music_id"], row["music_id"])
        parts.setdefault(music_id, set()).add(part_id(row["bvid"], row["page"]))
    return {music_id: sorted(parts[music_id]) for music_id in sorted(parts)}
