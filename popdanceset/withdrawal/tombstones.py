"""Tombstones: which videos were withdrawn. Each is one small file that says when and why, and nothing else.

A tombstone is written before anything is deleted and is never removed. Every stage asks `withdrawn` which
videos it must leave alone, so that an id is never used again.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from enum import StrEnum

from popdanceset import layout
from popdanceset.errors import InputError, StoreError
from popdanceset.store import Store

LONGEST_NOTE = 200

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,99}", re.ASCII)
_PERSONAL = re.compile(r"@|https?:|www\.|\d{5,}|[Bb][Vv][0-9A-Za-z]{10}", re.ASCII)


class WithdrawalReason(StrEnum):
    """Who asked for the withdrawal, or why it was necessary."""

    RIGHTS_HOLDER = "rights_holder"
    UPLOADER = "uploader"
    DEPICTED_PERSON = "depicted_person"
    LEGAL = "legal"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is kept of a withdrawn video.

    Attributes:
        bvid: id of the video.
        day: of the withdrawal, ISO 8601.
        reason: why it was withdrawn.
        note: details without personal data; may be empty.
    """

    bvid: str
    day: str
    reason: WithdrawalReason
    note: str = ""


def withdrawn(store: Store) -> frozenset[str]:
    """Returns the ids of all withdrawn videos. Only names of files are read."""
    return frozenset(layout.stem(name) for name in store.list(layout.TOMBSTONES, layout.JSON))


def is_withdrawn(bvid: str, store: Store) -> bool:
    """Returns whether a video was withdrawn."""
    return store.exists(layout.tombstone(bvid))


def read_tombstone(bvid: str, store: Store) -> Tombstone:
    """Reads a tombstone.

    Raises:
        StoreError: it does not exist or is damaged.
    """
    name = layout.tombstone(bvid)
    document = store.read_json(name)
    try:
        reason = WithdrawalReason(document["reason"])
        return Tombstone(str(document["bvid"]), str(document["day"]), reason, str(document.get("note", "")))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"not a tombstone: {error!r}", name, "restore the file; do not delete it") from error


def write_tombstone(tombstone: Tombstone, store: Store) -> bool:
    """Writes a tombstone, unless the video has one already.

    Returns:
        Whether it is new.

    Raises:
        InputError: the id cannot be a file's name, or the note may contain personal data.
        StoreError: the store is not writable.
    """
    check_id(tombstone.bvid)
    check_note(tombstone.note)
    document = {name: str(value) for name, value in asdict(tombstone).items() if value}
    return store.create_json(layout.tombstone(tombstone.bvid), document)


def check_not_withdrawn(bvid: str, store: Store) -> None:
    """Does nothing if a video was not withdrawn.

    Raises:
        InputError: it was; the message says when and why.
    """
    if _ID.fullmatch(bvid) and is_withdrawn(bvid, store):
        tombstone = read_tombstone(bvid, store)
        why = tombstone.reason.replace("_", " ")
        raise InputError(f"was withdrawn on {tombstone.day} ({why}), and nothing is known of it", bvid)


def check_id(bvid: str) -> None:
    """Does nothing if an id can be withdrawn.

    Raises:
        InputError: it cannot be a file's name, or is the id of a clip.
    """
    if not _ID.fullmatch(bvid):
        raise InputError(f"{bvid[:40]!r} is not a video id", do="give a BV id, an av id or an address")
    if "_Clip_" in bvid:
        raise InputError(
            f"{bvid!r} is a clip, and videos are withdrawn as a whole", do=bvid.partition("_Clip_")[0]
        )


def check_note(note: str) -> None:
    """Does nothing if a note contains no obvious personal data.

    Raises:
        InputError: it is too long, or contains an address, a long number or a video id.
    """
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise InputError(f"the note must be one line of at most {LONGEST_NOTE} characters", do="shorten it")
    if found := _PERSONAL.search(note):
        raise InputError(
            f"the note contains {found[0]!r}",
            do="leave out names, addresses, numbers and ids: a tombstone holds no personal data",
        )
