"""Finds the current row of each video in a few bytes a row, without holding the rows themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from popdanceset.bilibili.statistics import worth

Scan = Callable[[Sequence[str]], Iterator[pa.Table]]
"""Reads all rows from the beginning, in a fixed order, with these columns of schema STATISTICS."""

Whole = NDArray[np.int64]

ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 12
"""Characters of a video id: BV and ten of the alphabet, of which 62^10 fit in 60 bits."""

_DIGITS = np.full(256, 255, np.uint8)
_DIGITS[np.frombuffer(ALPHABET, np.uint8)] = np.arange(len(ALPHABET))
_BLOCK = 1 << 17


def superseded(scan: Scan, needed: Sequence[str]) -> tuple[Whole, int]:
    """Finds the rows that another row of the same video replaces.

    The rule is that of `popdanceset.bilibili.statistics.latest`: the most complete row, then the latest, then
    the alphabetically first source, then the first row.

    Args:
        scan: reads the rows; called once for the ids, and again only if an id occurs more than once.
        needed: columns that a complete row has.

    Returns:
        Numbers of the replaced rows, ascending, and the number of all rows.
    """
    strangers: dict[str, int] = {}
    blocks = [video_keys(table["bvid"], strangers) for table in scan(["bvid"])]
    keys = np.concatenate([*blocks, np.empty(0, np.int64)])
    del blocks
    total = len(keys)
    rows = _contested(keys)
    if not len(rows):
        return rows, total
    keys = keys[rows]
    rank, source = np.empty(len(rows), np.int64), np.empty(len(rows), np.int32)
    names: dict[str, int] = {}
    for part, table in _at(rows, scan(["state", *needed, "snapshot_at", "source"])):
        rank[part] = _rank(table, needed)
        source[part] = [names.setdefault(name, len(names)) for name in table["source"].to_pylist()]
    alphabetic = np.argsort(np.argsort(list(names))).astype(np.int32)
    # lexsort is stable, so among equals the first row stays first.
    np.negative(rank, out=rank)
    order = np.lexsort((alphabetic[source], rank, keys))
    replaced = keys[order[1:]] == keys[order[:-1]]
    losers: Whole = np.sort(rows[order[1:][replaced]])
    return losers, total


def video_keys(bvids: pa.ChunkedArray, strangers: dict[str, int]) -> Whole:
    """Returns a distinct number for each distinct id, int64 of shape (n,).

    Args:
        bvids: (n,) text without nulls.
        strangers: numbers of texts that are not video ids, from -1 downwards; new ones are added.
    """
    keys: Whole = np.empty(len(bvids), np.int64)
    first = 0
    for chunk in bvids.chunks:
        keys[first : first + len(chunk)] = _chunk_keys(chunk, strangers)
        first += len(chunk)
    return keys


def _chunk_keys(ids: pa.Array, strangers: dict[str, int]) -> Whole:
    if not len(ids):
        return np.empty(0, np.int64)
    _, offsets, text = ids.buffers()
    ends = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1].astype(np.int64)
    proper = np.diff(ends) == LENGTH
    characters = np.frombuffer(text, np.uint8) if text is not None else np.empty(0, np.uint8)
    if proper.all():
        letters = characters[ends[0] : ends[-1]].reshape(-1, LENGTH)
    else:
        letters = np.zeros((len(ids), LENGTH), np.uint8)
        letters[proper] = characters[ends[:-1][proper, None] + np.arange(LENGTH)]
    digits = _DIGITS[letters[:, 2:]]
    proper &= (letters[:, 0] == ord("B")) & (letters[:, 1] == ord("V")) & (digits < 255).all(axis=1)
    keys: Whole = np.zeros(len(ids), np.int64)
    for column in digits.T:
        keys = keys * len(ALPHABET) + column
    for row in np.flatnonzero(~proper):
        keys[row] = strangers.setdefault(ids[int(row)].as_py(), -1 - len(strangers))
    return keys


def _contested(keys: Whole) -> Whole:
    """Returns the numbers of the rows whose key occurs more than once."""
    ordered = np.sort(keys)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    del ordered
    if not len(twice):
        return np.empty(0, np.int64)
    found = np.empty(len(keys), bool)
    for first in range(0, len(keys), _BLOCK):
        block = keys[first : first + _BLOCK]
        place = np.minimum(np.searchsorted(twice, block), len(twice) - 1)
        found[first : first + _BLOCK] = twice[place] == block
    rows: Whole = np.flatnonzero(found)
    return rows


def _at(rows: Whole, tables: Iterator[pa.Table]) -> Iterator[tuple[slice, pa.Table]]:
    """Yields from each table the rows whose overall number is in `rows`, with their positions in `rows`."""
    first = 0
    for table in tables:
        low, high = np.searchsorted(rows, [first, first + len(table)])
        if high > low:
            yield slice(low, high), table.take(pa.array(rows[low:high] - first))
        first += len(table)


def _rank(table: pa.Table, needed: Sequence[str]) -> Whole:
    """Ranks rows by completeness, then by time; a row without a time ranks as the earliest."""
    times = pc.fill_null(table["snapshot_at"].cast(pa.int64()), -(2**55)).to_numpy()
    rank: Whole = (worth(table, needed).astype(np.int64) << 57) + np.clip(times, -(2**55), 2**55)
    return rank
