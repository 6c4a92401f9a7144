"""Ids of imported clips: those of the published PopDanceSet, and made-up ones for sets that have none.

Every table, file name and split of this project relies on `{bvid}_Clip_{n}`. A sequence of another set gets a
video id in a range that Bilibili does not use: all of Bilibili's begin with `BV1`, ours begin with `BV0`.

| set | sequence | video id |
|---|---|---|
| AIST++ | `gBR_sBM_cAll_d04_mBR0_ch01` | `BV0BRBM04001`: genre, situation, dancer, music, choreography |
| others | a file's path in its set, e.g. `CMU/01/01_01_poses` | `BV0` + 9 letters and digits of a hash |

The name in the set is kept as `source_name`.
"""

from __future__ import annotations

import hashlib
import re
import string
from typing import NamedTuple

from popdanceset.bilibili.ids import is_bvid
from popdanceset.clip_id import clip_id
from popdanceset.errors import InputError

_CLIP_ID = re.compile(r"(BV[0-9A-Za-z]{10})(?:_p([1-9]\d{0,3}))?_Clip_([1-9]\d{0,5})", re.ASCII)
_AIST = re.compile(
    r"g(?P<genre>[A-Z]{2})_s(?P<situation>[A-Z]{2})_c(?:All|\d{2})_d(?P<dancer>\d{2})"
    r"_m(?P<music_genre>[A-Z]{2})(?P<music>\d)_ch(?P<choreography>\d{2})",
    re.ASCII,
)

_LONGEST_NAME = 200
_SHOWN = 40
_PREFIX = "BV0"
_DIGITS = string.digits + string.ascii_letters


class ClipName(NamedTuple):
    """A clip: its video, the part of the video, and its number in the part."""

    bvid: str
    page: int
    number: int

    def __str__(self) -> str:
        return clip_id(self.bvid, self.number, self.page)


class AistName(NamedTuple):
    """What a sequence name of AIST++ states: genre (`BR`), situation (`BM`), dancer (`04`), music (`mBR0`),
    choreography (`01`)."""

    genre: str
    situation: str
    dancer: str
    music: str
    choreography: str


def parse_clip_id(text: str, where: object = "") -> ClipName:
    """Reads a clip id as the published PopDanceSet writes it.

    Raises:
        InputError: it is not `BV…_Clip_n`; the message contains no control characters of the id.
    """
    match = _CLIP_ID.fullmatch(text)
    if match is None or match[2] == "1":
        raise InputError(
            f"{shown(text)} is not a clip id",
            where,
            "clips are named BV and ten letters or digits, then _Clip_n",
        )
    return ClipName(match[1], int(match[2] or 1), int(match[3]))


def is_clip_id(text: str) -> bool:
    """Returns whether `parse_clip_id` reads the text."""
    match = _CLIP_ID.fullmatch(text)
    return match is not None and match[2] != "1"


def parse_aist(name: str) -> AistName | None:
    """Reads a sequence name of AIST++; None if it is none."""
    match = _AIST.fullmatch(name)
    if match is None:
        return None
    return AistName(
        match["genre"],
        match["situation"],
        match["dancer"],
        f"m{match['music_genre']}{match['music']}",
        match["choreography"],
    )


def id_of_aist(name: str) -> ClipName:
    """Returns the id of a sequence of AIST++; a clip id, as our own exports have it, stays.

    Raises:
        InputError: as `id_of_name`.
    """
    if is_clip_id(name):
        return parse_clip_id(name)
    found = parse_aist(name)
    if found is None or found.music[1:3] != found.genre:
        return id_of_name("aist++", name)
    return ClipName(
        f"{_PREFIX}{found.genre}{found.situation}{found.dancer}{found.music[3]}{found.choreography}", 1, 1
    )


def id_of_name(kind: str, name: str) -> ClipName:
    """Returns the id of any other sequence: 9 digits to the base of 62 of a hash of its kind and name.

    Raises:
        InputError: the name is empty, too long or has control characters.
    """
    check_name(name)
    number = int.from_bytes(hashlib.sha256(f"{kind} {name}".encode()).digest()[:16])
    digits = ""
    for _ in range(9):
        number, digit = divmod(number, len(_DIGITS))
        digits += _DIGITS[digit]
    bvid = f"{_PREFIX}{digits}"
    assert is_bvid(bvid)
    return ClipName(bvid, 1, 1)


def id_of_file(kind: str, stem: str, name: str) -> ClipName:
    """The id of a clip in a file: its own name if that is a clip id, else one of its path in the set.

    Args:
        kind: of the set.
        stem: name of the file, or of its folder, without an ending.
        name: path in the set.

    Raises:
        InputError: the name cannot be used.
    """
    return parse_clip_id(stem) if is_clip_id(stem) else id_of_name(kind, name)


def check_name(name: str) -> None:
    """Does nothing if this can be the name of a sequence.

    Raises:
        InputError: the name is empty, too long, leaves its folder or has control characters.
    """
    parts = name.split("/")
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or not {"", ".", ".."}.isdisjoint(parts):
        raise InputError(
            f"{shown(name)} cannot be the name of a sequence",
            do=f"name it with 1 to {_LONGEST_NAME} printable characters",
        )


def shown(text: str) -> str:
    """Returns a text from outside for a message: quoted, short, and without control characters."""
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return ascii(short)
