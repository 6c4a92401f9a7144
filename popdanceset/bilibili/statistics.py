"""The current statistics of each video: one row a video, chosen from all snapshots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from popdanceset import layout
from popdanceset.bilibili.ledger import read_followers
from popdanceset.bilibili.records import NEEDED
from popdanceset.schema import STATISTICS, State
from popdanceset.store import Store


def latest_statistics(store: Store) -> pa.Table:
    """Returns the newest usable snapshot of each video, with the newest follower count of its uploader.

    A complete row or a tombstone is preferred to an incomplete row, and that to an unreadable one; among
    equals the later snapshot wins.

    Returns:
        Table of schema STATISTICS, one row a bvid, ordered by bvid.
    """
    return with_followers(latest(store.read_table(layout.STATISTICS, STATISTICS)), read_followers(store))


def latest(statistics: pa.Table) -> pa.Table:
    """Returns the most complete row of each bvid, and among these the latest; ordered by bvid.

    Args:
        statistics: table of schema STATISTICS, any number of rows a bvid.
    """
    if not len(statistics):
        return statistics
    keys = pa.table(
        {
            "bvid": statistics["bvid"],
            "worth": pa.array(worth(statistics)),
            "snapshot_at": statistics["snapshot_at"],
            # Decides between rows of the same millisecond, so that the order of rows does not.
            "source": statistics["source"],
        }
    )
    order = pc.sort_indices(
        keys,
        [
            ("bvid", "ascending"),
            ("worth", "descending"),
            ("snapshot_at", "descending"),
            ("source", "ascending"),
        ],
    ).to_numpy()
    codes = statistics["bvid"].combine_chunks().dictionary_encode().indices.to_numpy()[order]
    first = np.concatenate([[True], codes[1:] != codes[:-1]])
    return statistics.take(pa.array(order[first]))


def with_followers(statistics: pa.Table, followers: pa.Table) -> pa.Table:
    """Returns the statistics with each uploader's newest known follower count in `follower`.

    A joint upload reaches the followers of all its people, so its number is their sum; it is unknown as long
    as one of them is. (People who follow several of them count several times.)

    Args:
        statistics: rows with `mid`, `follower` and `staff` of schema STATISTICS.
        followers: table of schema FOLLOWERS, any number of rows a mid.
    """
    known = followers.filter(pc.is_valid(followers["follower"]))
    if not len(known) or not len(statistics):
        return statistics
    newest = known.sort_by([("mid", "ascending"), ("snapshot_at", "ascending")])
    mids = newest["mid"].to_numpy()
    last = np.concatenate([mids[1:] != mids[:-1], [True]])
    newest = newest.filter(pa.array(last))
    place = pc.index_in(statistics["mid"], newest["mid"].combine_chunks())
    follower = newest["follower"].combine_chunks().take(place.combine_chunks())
    column = statistics.schema.get_field_index("follower")
    values = pc.coalesce(follower, statistics["follower"].combine_chunks())
    return statistics.set_column(
        column, STATISTICS.field("follower"), _of_joint_uploads(values, statistics["staff"], newest)
    )


def _of_joint_uploads(follower: pa.Array, staff: pa.ChunkedArray, newest: pa.Table) -> pa.Array:
    """Replaces the follower counts of joint uploads by the sum over their people, null if one is unknown.

    Args:
        follower: (n,) counts of the uploaders.
        staff: (n,) ids of people, joined by +; null for other videos.
        newest: one row a mid of schema FOLLOWERS, with a count.
    """
    joint = pc.is_valid(staff).to_numpy()
    if not joint.any():
        return follower
    lists = pc.split_pattern(staff.combine_chunks(), "+")
    rows, mids = pc.list_parent_indices(lists).to_numpy(), pc.list_flatten(lists)
    usable = pc.match_substring_regex(mids, r"^\d{1,18}$")
    mids = pc.if_else(usable, mids, pa.scalar(None, pa.string())).cast(pa.int64())
    place = pc.index_in(mids, newest["mid"].combine_chunks())
    counts = newest["follower"].combine_chunks().take(place)
    totals, unknown = np.zeros(len(joint), np.int64), np.zeros(len(joint), bool)
    np.add.at(totals, rows, pc.fill_null(counts, 0).to_numpy())
    unknown[rows[pc.is_null(counts).to_numpy(zero_copy_only=False)]] = True
    sums = pa.array(totals[joint], mask=unknown[joint])
    return pc.replace_with_mask(follower, pa.array(joint), sums)


def worth(statistics: pa.Table, needed: Sequence[str] = NEEDED) -> NDArray[np.int8]:
    """Rates how complete each row is, as (n,) int8.

    2 is a complete row or a tombstone, 1 an incomplete row, and 0 a row without information: it could not be
    read, or only names the video.

    Args:
        statistics: n rows with `state` and the needed columns.
        needed: columns that a complete row has.
    """
    state = statistics["state"]
    full, some = np.ones(len(statistics), bool), np.zeros(len(statistics), bool)
    for name in needed:
        known = pc.is_valid(statistics[name]).to_numpy()
        full, some = full & known, some | known
    tombstone = pc.is_in(state, pa.array([State.GONE.value, State.HIDDEN.value])).to_numpy()
    public = pc.equal(state, State.PUBLIC.value).to_numpy()
    return np.where(tombstone | (public & full), 2, np.where(public & some, 1, 0)).astype(np.int8)
