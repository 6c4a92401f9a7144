"""Clips on their side: frames that are turned while they are read, and clips of a store that stay turned.

A clip of a store is turned by the rotation flag of its file, which players, the review page and later stages
honour too. Nothing is encoded again. Clips are cut without a flag, so a rotation is stated as it shall be
and not as a change: the same request twice turns once.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from hybrik_runner.running.claims import Claims
from popdanceset import layout, media
from popdanceset.errors import InputError, MediaError
from popdanceset.schema import CLIPS, VERDICTS

if TYPE_CHECKING:
    from popdanceset.store import Store

ANGLES = (0, 90, 180, 270)
AUTO = "auto"

_ONE = 1 << 16  # of the matrix, in fixed-point numbers


def turned(frames: Iterable[media.Frame], degrees: int) -> Iterator[media.Frame]:
    """Yields frames turned clockwise by 0, 90, 180 or 270 degrees."""
    for frame in frames:
        if degrees:
            image = np.ascontiguousarray(np.rot90(frame.image, -degrees // 90))
            yield media.Frame(frame.time, image)
        else:
            yield frame


def parse_turns(values: Iterable[str]) -> dict[str, int]:
    """Reads `CLIP_ID=90` and the like.

    Raises:
        InputError: a value is something else.
    """
    turns = {}
    for value in values:
        clip_id, _, degrees = value.rpartition("=")
        if not clip_id or degrees not in map(str, ANGLES):
            raise InputError(
                f"{value!r} does not name a clip and its rotation",
                "--turn",
                "write auto, or CLIP_ID=90, 180 or 270 (degrees clockwise; 0: as it was cut)",
            )
        turns[clip_id] = int(degrees)
    return turns


def found_turned(store: Store) -> dict[str, int]:
    """Returns the clips whose verdicts say that they are on their side or upside down, and the rotations of
    their files that make them upright."""
    verdicts = store.read_table(layout.VERDICTS, VERDICTS, columns=["clip_id", "turn"]).to_pylist()
    turns = {row["clip_id"]: row["turn"] for row in verdicts if row["turn"]}
    paths = _paths(store)
    rotations = {}
    for clip_id, turn in turns.items():
        if clip_id in paths:
            with store.local(paths[clip_id]) as path:
                rotations[clip_id] = (media.probe(path).rotation + turn) % 360
    return rotations


def turn_clips(store: Store, rotations: Mapping[str, int]) -> list[str]:
    """Sets the rotations of clips, and removes the poses of those that it changes: they are extracted again.

    Args:
        store: holds the clips.
        rotations: degrees clockwise by clip id, relative to how the clip was cut.

    Returns:
        The ids of the clips that changed.

    Raises:
        InputError: the store has no such accepted clip, or another worker is working on it.
        MediaError: a clip's file is damaged.
    """
    paths = _paths(store)
    for clip_id in rotations:
        if clip_id not in paths:
            raise InputError(f"no accepted clip is called {clip_id!r}", store, "see the clips table")
    changed = []
    with Claims(store) as claims:
        for clip_id, degrees in rotations.items():
            with store.local(paths[clip_id]) as path:
                if media.probe(path).rotation == degrees:
                    continue
                data = with_rotation(path.read_bytes(), degrees, path)
            if not claims.take(clip_id):
                raise InputError(
                    f"another worker is extracting {clip_id}", store, "turn it when the worker is done"
                )
            store.remove(layout.verdict(clip_id))
            store.remove(layout.poses(clip_id))
            store.write_bytes(paths[clip_id], data)
            claims.release(clip_id)
            changed.append(clip_id)
    return changed


def with_rotation(data: bytes, degrees: int, where: object = "") -> bytes:
    """Returns an MP4 file whose video track states a rotation, in place of any that it stated before.

    Args:
        data: the file.
        degrees: clockwise, 0, 90, 180 or 270.
        where: the file's name, for errors.

    Raises:
        MediaError: it is not an MP4 file with a video track.
    """
    for start, end in _boxes(data, 0, len(data), b"moov"):
        for track, last in _boxes(data, start, end, b"trak"):
            header = next(iter(_boxes(data, track, last, b"tkhd")), None)
            width = struct.unpack_from(">I", data, header[1] - 8)[0] if header else 0
            if header is None or not width:  # an audio track has no width
                continue
            height = struct.unpack_from(">I", data, header[1] - 4)[0]
            cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[degrees // 90]
            right = (0, height, width, 0)[degrees // 90]
            down = (0, 0, height, width)[degrees // 90]
            matrix = (cos * _ONE, sin * _ONE, 0, -sin * _ONE, cos * _ONE, 0, right, down, 1 << 30)
            result = bytearray(data)
            struct.pack_into(">9i", result, header[1] - 8 - 36, *matrix)
            return bytes(result)
    raise MediaError("is not an MP4 file with a video track", where, "acquire the clip again")


def _boxes(data: bytes, start: int, end: int, kind: bytes) -> Generator[tuple[int, int]]:
    """Yields where the contents of the boxes of a kind begin and end."""
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1 and start + 16 <= end:
            (size,), head = struct.unpack_from(">Q", data, start + 8), 16
        if size == 0:
            size = end - start
        if size < head or start + size > end:
            return
        if name == kind:
            yield start + head, start + size
        start += size


def _paths(store: Store) -> dict[str, str]:
    """Files of the accepted clips by their ids."""
    clips = store.read_table(layout.CLIPS, CLIPS, columns=["clip_id", "path", "accepted"])
    return {row["clip_id"]: row["path"] for row in clips.to_pylist() if row["accepted"]}
