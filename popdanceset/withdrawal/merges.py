"""Decisions on pairs of music ids, when the video that brought one of the ids is withdrawn.

An id of music is the hash of a sound, and names no video. It goes if no other video uses it. Its pairs go
with it, and what they connected is connected directly: pieces that belonged together stay in one split.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from popdanceset import layout
from popdanceset.music.merges import PairState, pair_name, pairs
from popdanceset.schema import CLIPS, FINGERPRINTS, MERGES
from popdanceset.store import Store
from popdanceset.withdrawal.targets import Targets

Row = dict[str, Any]


def changed_pairs(store: Store, targets: Targets) -> Iterator[tuple[str, Row | None]]:
    """Yields the files of pairs that must change, in an order in which they can be changed one by one.

    Stopped anywhere and begun again, the result is the same, as long as the rows of the targets' clips and
    fingerprints are still in the store.

    Yields:
        The file's name in the store, and its new row; None if it is to be removed.
    """
    rows = pairs(store)
    if not rows:
        return
    gone = _left_alone(store, targets)
    gone |= {row[key] for row in rows for key in ("first", "second") if targets.named(row[key])}
    known = {pair_name(row["first"], row["second"]) for row in rows}
    for row in _bridges(rows, gone):
        name = pair_name(row["first"], row["second"])
        if name not in known:
            yield name, row
    for row in rows:
        name = pair_name(row["first"], row["second"])
        if {row["first"], row["second"]} & gone:
            yield name, None
        elif targets.named(row["bvid"]):
            yield name, {**row, "bvid": ""}


def write_pair(store: Store, name: str, row: Row | None) -> None:
    """Writes or removes the file of a pair."""
    if row is None:
        store.remove(name)
    else:
        store.write_rows(name, [row], MERGES)


def _left_alone(store: Store, targets: Targets) -> set[str]:
    """Returns the music ids that only the targets use."""
    of_targets: set[str] = set()
    used: set[str] = set()
    ids = pa.array(sorted(targets.ids))
    for folder, schema in ((layout.FINGERPRINTS, FINGERPRINTS), (layout.CLIPS, CLIPS)):
        table = store.read_table(folder, schema, ["bvid", "music_id"])
        mine = pc.is_in(table["bvid"], ids)
        of_targets.update(table.filter(mine)["music_id"].to_pylist())
        used.update(table.filter(pc.invert(mine))["music_id"].to_pylist())
    return of_targets - used


def _bridges(rows: list[Row], gone: set[str]) -> Iterator[Row]:
    """Yields pairs that connect the ids which were connected through ids that go.

    The id with the surest connection is paired with each of the others.
    """
    near: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        near[row["first"]][row["second"]] = near[row["second"]][row["first"]] = row
    seen: set[str] = set()
    for start in sorted(gone & near.keys()):
        ends: dict[str, Row] = {}
        waiting: list[tuple[str, Row | None]] = [(start, None)] if start not in seen else []
        while waiting:
            current, link = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            for other, row in near[current].items():
                weakest = row if link is None else min(link, row, key=_strength)
                if other in gone:
                    waiting.append((other, weakest))
                else:
                    ends[other] = max(ends.get(other, weakest), weakest, key=_strength)
        hub = min(ends, key=lambda each: (-_strength(ends[each]), each), default="")
        for other in sorted(ends.keys() - {hub}):
            weaker = min(ends[hub], ends[other], key=_strength)
            similarity = min(ends[hub]["similarity"], ends[other]["similarity"])
            first, second = sorted((hub, other))
            yield {**weaker, "first": first, "second": second, "bvid": "", "similarity": similarity}


def _strength(row: Row) -> int:
    """How much a pair's state says: that two ids are one piece follows only from merged pairs."""
    return (PairState.PROPOSED, PairState.REFUSED, PairState.MERGED).index(PairState(row["state"]))
