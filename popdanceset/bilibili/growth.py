"""Growth of videos: increments a day between the snapshots of successive crawls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from popdanceset import layout
from popdanceset.bilibili.statistics import latest
from popdanceset.schema import COUNTS, GROWTH, STATISTICS, State
from popdanceset.store import Store

MS_A_DAY = 86_400_000


def growth(store: Store, bvids: Sequence[str] | None = None) -> pa.Table:
    """Computes the daily increments of the seven counts between successive snapshots of each video.

    A day's crawl is one snapshot: of a video in several listings, it uses the row that
    `popdanceset.bilibili.statistics.latest` prefers. Rows without any count (tombstones, unreadable
    answers) are ignored. Counts may shrink, because the host removes counts that it considers fraudulent.

    Args:
        store: where the tables are.
        bvids: only these videos; None: all.

    Returns:
        Table of schema GROWTH, one row for each pair of successive snapshots, ordered by bvid and time. The
        increment of a count that is unknown in either snapshot is null.
    """
    wanted = None if bvids is None else ds.field("bvid").isin(pa.array(bvids, pa.string()))
    days = sorted({str(PurePosixPath(name).parent) for name in store.list(layout.STATISTICS, layout.PARQUET)})
    snapshots = [
        _of_one_day(store.read_table(day, STATISTICS, filter=wanted)).select(["bvid", "snapshot_at", *COUNTS])
        for day in days
    ]
    if not snapshots:
        return GROWTH.empty_table()
    rows = pa.concat_tables(snapshots).sort_by([("bvid", "ascending"), ("snapshot_at", "ascending")])
    before, after = rows.slice(0, max(len(rows) - 1, 0)), rows.slice(1)
    # A crawl that was continued days later may coincide with the next snapshot: no time, no rate.
    pair = pc.and_(
        pc.equal(before["bvid"], after["bvid"]), pc.less(before["snapshot_at"], after["snapshot_at"])
    )
    before, after = before.filter(pair), after.filter(pair)
    passed = pc.subtract(after["snapshot_at"].cast(pa.int64()), before["snapshot_at"].cast(pa.int64()))
    elapsed = pc.divide(passed.cast(pa.float64()), MS_A_DAY)
    gained = [
        pc.divide(pc.subtract(after[name], before[name]).cast(pa.float64(), safe=False), elapsed)
        for name in COUNTS
    ]
    columns = [after["bvid"], before["snapshot_at"], after["snapshot_at"], elapsed, *gained]
    return pa.table(columns, schema=GROWTH)


def _of_one_day(table: pa.Table) -> pa.Table:
    """Returns the most complete row of each public video, among rows with any count."""
    public = pc.equal(table["state"], State.PUBLIC.value)
    known = pc.is_valid(table[COUNTS[0]])
    for name in COUNTS[1:]:
        known = pc.or_(known, pc.is_valid(table[name]))
    return latest(table.filter(pc.and_(public, known)))
