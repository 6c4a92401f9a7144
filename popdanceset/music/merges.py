"""Music ids that may be, or are, one piece of music: fingerprints propose pairs, people decide.

A row of `clips` or `fingerprints` keeps the music id it was written with. A separate table, with one small
file per pair, records that two ids are one piece. So no row is ever relabelled silently, and a decision can
be reversed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.schema import FINGERPRINTS, MERGES
from popdanceset.store import Store

Pair = tuple[str, str]


class PairState(StrEnum):
    """State of a pair of music ids."""

    PROPOSED = "proposed"
    MERGED = "merged"
    REFUSED = "refused"


def propose(store: Store, one: str, other: str, bvid: str, page: int, method: str, similarity: float) -> bool:
    """Records that two music ids may be the same music; an existing record of the pair is kept.

    Returns:
        Whether the pair is new.
    """
    if one == other or store.exists(pair_name(one, other)):
        return False
    # A decision that was made since the question stays.
    row = _row(one, other, PairState.PROPOSED, bvid, page, method, similarity)
    return store.create_rows(pair_name(one, other), [row], MERGES)


def decide(store: Store, one: str, other: str, state: PairState) -> str:
    """Records the decision that two music ids are the same music, or are not. No proposal is needed.

    Returns:
        The id that stands for the first one from now on.

    Raises:
        InputError: the ids are equal, or one is not a music id of the store.
        StoreError: the store is not writable.
    """
    if one == other:
        raise InputError("is one music id, not two", one, "give two different ids")
    known = set(store.read_table(layout.FINGERPRINTS, FINGERPRINTS, ["music_id"])["music_id"].to_pylist())
    for music_id in (one, other):
        if music_id not in known:
            raise InputError(
                "is not a music id of the store", music_id, "see `popdanceset music list` for proposals"
            )
    name = pair_name(one, other)
    row = store.read_table(name, MERGES).to_pylist()[0] if store.exists(name) else {}
    kept = (row.get("bvid", ""), row.get("page", 1), row.get("method", ""), row.get("similarity", 0.0))
    store.write_rows(name, [_row(one, other, state, *kept)], MERGES)
    return aliases(store).get(one, one)


def name_same(store: Store, one: str, other: str, bvid: str, page: int) -> bool:
    """Records that, as a person says, the music of a part is the same as another music id.

    No fingerprint of either is needed, so that silent and imported clips can be named too.

    Args:
        one, other: the two music ids.
        bvid, page: the part that was looked at.

    Returns:
        Whether that is new.

    Raises:
        StoreError: the store is not writable.
    """
    name = pair_name(one, other)
    row = store.read_table(name, MERGES).to_pylist()[0] if store.exists(name) else {}
    # Also if they are joined through a third one already: that may be taken back.
    if one == other or row.get("state") == PairState.MERGED:
        return False
    kept = (row.get("bvid") or bvid, row.get("page", page), row.get("method", ""), row.get("similarity", 0.0))
    store.write_rows(name, [_row(one, other, PairState.MERGED, *kept)], MERGES)
    return True


def take_back(store: Store, one: str, other: str) -> None:
    """Takes back that a person named two music ids as the same: what a fingerprint proposed is a proposal
    again, and any other record is removed.

    Raises:
        StoreError: the store is not writable.
    """
    name = pair_name(one, other)
    if not store.exists(name):
        return
    (row,) = store.read_table(name, MERGES).to_pylist()
    if row["state"] != PairState.MERGED:
        return
    if row["method"]:
        kept = row["bvid"], row["page"], row["method"], row["similarity"]
        store.write_rows(name, [_row(one, other, PairState.PROPOSED, *kept)], MERGES)
    else:
        store.remove(name)


def pairs(store: Store, state: PairState | None = None) -> list[dict[str, Any]]:
    """Returns rows of `popdanceset.schema.MERGES`, all or those with one state, ordered by their ids."""
    rows = store.read_table(layout.MERGES, MERGES).to_pylist()
    chosen = [row for row in rows if state is None or row["state"] == state]
    return sorted(chosen, key=lambda row: (row["first"], row["second"]))


def aliases(store: Store) -> dict[str, str]:
    """Returns merged music id → the id that stands for it: the alphabetically first id of the piece."""
    return joined((row["first"], row["second"]) for row in pairs(store, PairState.MERGED))


def joined(links: Iterable[Pair]) -> dict[str, str]:
    """Returns name → the alphabetically first name it is connected with, directly or through other names."""
    least: dict[str, str] = {}

    def root(name: str) -> str:
        while least.setdefault(name, name) != name:
            least[name] = least[least[name]]
            name = least[name]
        return name

    for one, other in links:
        a, b = root(one), root(other)
        least[max(a, b)] = min(a, b)
    return {name: root(name) for name in least}


def pair_name(one: str, other: str) -> str:
    """Returns the store's name of the file of a pair, in either order."""
    # Ids are not safe as file names; their hash is.
    digest = hashlib.sha256("\n".join(sorted((one, other))).encode()).hexdigest()
    return layout.merge(digest[:32])


def _row(
    one: str, other: str, state: PairState, bvid: str, page: int, method: str, similarity: float
) -> dict[str, Any]:
    first, second = sorted((one, other))
    row = {"first": first, "second": second, "bvid": bvid, "page": page, "method": method}
    return row | {"similarity": similarity, "state": state}
