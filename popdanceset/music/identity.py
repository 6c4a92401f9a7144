"""Finds which videos share their music, one video at a time.

The fingerprints of every video with audio are kept in the store, with the music id that the video was given.
A new video is compared with all of them: it takes the id of its best match, or gets a new id. Existing rows
are never changed. If a new video matches two ids at once, a merge is proposed (`popdanceset.music.merges`).

Any number of threads and processes may identify music at once: they take turns by means of a lock in the
store's folder. An object store has no such lock, so only the processes of one machine take turns there.
Therefore each process looks again after it has written, so that two machines which gave one piece two ids
propose to merge them.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from popdanceset import layout
from popdanceset.clip_id import part_id
from popdanceset.errors import StoreError
from popdanceset.music.audio import read_track
from popdanceset.music.fingerprint import RATE, Chromaprint, Method, Pitch, Prints, find_chromaprint
from popdanceset.music.matching import Floats, similarity, variants
from popdanceset.music.merges import aliases, propose
from popdanceset.schema import FINGERPRINTS
from popdanceset.settings import MusicSettings, Settings
from popdanceset.store import Store

_LOUDEST_SILENCE = 8  # of 32767: the noise of an encoder that was given silence


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KnownMusic:
    """A video's music as stored: its id, the hash of its decoded audio, and fingerprints by method."""

    music_id: str
    audio_hash: str
    prints: dict[str, Prints]


class Match(NamedTuple):
    """A music id that matches the audio, with the similarity and the method ("": an exact copy)."""

    music_id: str
    similarity: float
    method: str


def identify(path: str | Path, bvid: str, page: int, settings: Settings, store: Store) -> str:
    """Finds the music id of a video and writes the video's fingerprints to the store.

    A video that was identified before keeps its id. Exact copies always share their id; so do videos whose
    fingerprints match, which is robust to offsets, re-encoding, equalisers and ±5 % of tempo or speed.

    Args:
        path: the whole video, not a clip of it.
        bvid, page: the video and its part; a video without audio shares its music with no other.
        settings: methods and thresholds.
        store: receives the fingerprints, and proposals to merge.

    Returns:
        `sound:{hash}`, named after the audio of the first video that had it, or `silent:{bvid}`.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: the audio is damaged.
        AssetError: fpcalc fails.
        StoreError: the store cannot be read or written.
    """
    samples = read_track(path)
    if not len(samples) or int(np.abs(samples.astype(np.int32)).max()) <= _LOUDEST_SILENCE:
        return f"silent:{bvid}"
    audio_hash = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()[:16]
    name = layout.fingerprints(bvid, page)
    library = _library(store.address)
    earlier = library.read(store).get(name)
    if earlier and earlier.audio_hash == audio_hash:
        return earlier.music_id
    methods = _methods(settings.music)
    prints = {method.name: method(samples) for method in methods}
    windows = {method.name: variants(method, samples, prints[method.name]) for method in methods}
    with store.turn(layout.IDENTIFYING_MUSIC):
        known = {other: piece for other, piece in library.read(store).items() if other != name}
        matches = _matches(windows, audio_hash, known, settings.music)
        common_ids = aliases(store)
        ids = [common_ids.get(match.music_id, match.music_id) for match in matches]
        music_id = ids[0] if ids else f"sound:{audio_hash}"
        # The proposal comes first: if the process ends between the two, the video is identified again.
        _propose(store, music_id, ids, matches, bvid, page)
        _write(store, name, bvid, page, len(samples) / RATE, KnownMusic(music_id, audio_hash, prints))
        library.add(name, KnownMusic(music_id, audio_hash, prints))
    added = {other: piece for other, piece in library.read(store).items() if other not in (*known, name)}
    later = _matches(windows, audio_hash, added, settings.music)
    ids = [common_ids.get(match.music_id, match.music_id) for match in later]
    _propose(store, music_id, ids, later, bvid, page)
    return music_id


class _Library:
    """All fingerprints of a store; each file is read once."""

    def __init__(self) -> None:
        self._known: dict[str, KnownMusic] = {}
        self._lock = threading.Lock()

    def read(self, store: Store) -> dict[str, KnownMusic]:
        """Returns every part of the store by the name of its file."""
        with self._lock:
            names = store.list(layout.FINGERPRINTS, layout.PARQUET)
            self._known = {name: self._known.get(name) or _read(store, name) for name in names}
            return dict(self._known)

    def add(self, name: str, piece: KnownMusic) -> None:
        """Remembers what was just written."""
        with self._lock:
            self._known[name] = piece


def _read(store: Store, name: str) -> KnownMusic:
    rows = store.read_table(name, FINGERPRINTS).to_pylist()
    if not rows:
        raise StoreError("holds no fingerprint", name, "delete it and run `popdanceset acquire` again")
    prints = {
        row["method"]: np.frombuffer(row["fingerprint"], np.int8).reshape(-1, row["channels"]) for row in rows
    }
    return KnownMusic(rows[0]["music_id"], rows[0]["sound"], prints)


def _matches(
    windows_of: Mapping[str, Sequence[Sequence[Floats]]],
    audio_hash: str,
    known: Mapping[str, KnownMusic],
    settings: MusicSettings,
) -> list[Match]:
    """Returns the music ids of known parts with the same music, the most similar first."""
    copies = [Match(piece.music_id, 1.0, "") for piece in known.values() if piece.audio_hash == audio_hash]
    if copies:  # the matches of an exact copy were found when the first copy was identified
        return sorted(copies)
    least = {Pitch.name: settings.min_pitch, Chromaprint.name: settings.min_chromaprint}
    hops = {method.name: method.hop for method in (Pitch, Chromaprint)}
    found: dict[str, Match] = {}
    for method, windows in windows_of.items():
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
    """Returns the methods of the settings that are available on this machine."""
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
    """Warns once per process."""
    _log.warning(
        "fpcalc is not on the path, so music is compared by the pitch fingerprint alone (install Debian's "
        "libchromaprint-tools, or set music.methods=pitch)"
    )


def _propose(
    store: Store, music_id: str, ids: Sequence[str], matches: Sequence[Match], bvid: str, page: int
) -> None:
    for other, match in zip(ids, matches, strict=True):
        if propose(store, music_id, other, bvid, page, match.method, match.similarity):
            _log.warning(
                "%s has the music of %s and of %s: decide with `popdanceset music merge %s %s` or `refuse`",
                part_id(bvid, page), music_id, other, music_id, other,
            )  # fmt: skip


def _write(store: Store, name: str, bvid: str, page: int, seconds: float, piece: KnownMusic) -> None:
    rows = [
        {
            "bvid": bvid,
            "page": page,
            "music_id": piece.music_id,
            "sound": piece.audio_hash,
            "seconds": seconds,
            "method": method,
            "channels": prints.shape[1],
            "fingerprint": np.ascontiguousarray(prints).tobytes(),
        }
        for method, prints in piece.prints.items()
    ]
    store.write_rows(name, rows, FINGERPRINTS)


def shared_music(store: Store) -> dict[str, list[str]]:
    """Returns music id → the parts that use it, sorted; merged ids stand under their common id."""
    common_ids = aliases(store)
    parts: dict[str, set[str]] = {}
    table = store.read_table(layout.FINGERPRINTS, FINGERPRINTS, ["bvid", "page", "music_id"])
    for row in table.to_pylist():
        music_id = common_ids.get(row["music_id"], row["music_id"])
        parts.setdefault(music_id, set()).add(part_id(row["bvid"], row["page"]))
    return {music_id: sorted(parts[music_id]) for music_id in sorted(parts)}
