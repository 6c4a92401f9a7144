"""What a store has for a review: the database of decisions, and the clips."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.schema import CLIPS
from popdanceset.store import Store


def database_path(store: Store, chosen: Path | None = None) -> Path:
    """Returns the path of the database.

    Args:
        store: whose clips are reviewed.
        chosen: another database than that of the store.

    Raises:
        InputError: the store is no folder, and no other database is chosen.
    """
    if chosen is not None:
        return chosen
    if not store.is_local:
        raise InputError("a database cannot be in this store", store, "give --database FILE")
    return store.workplace(layout.REVIEW_DATABASE)


def clip_ids(store: Store, bvids: Collection[str] | None = None) -> list[str]:
    """Returns the ids of the clips that screening accepted.

    Args:
        store: with the clips.
        bvids: only of these videos; None: of all.

    Raises:
        StoreError: the store is not readable.
    """
    wanted = ds.field("accepted")
    if bvids is not None:
        wanted &= ds.field("bvid").isin(pa.array(sorted(bvids), pa.string()))
    ids: list[str] = store.read_table(layout.CLIPS, CLIPS, ["clip_id"], wanted)["clip_id"].to_pylist()
    return ids
