"""Reading the clip table: all of it, or what a batch of clips needs of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from popdanceset import layout
from popdanceset.schema import CLIPS

if TYPE_CHECKING:
    from popdanceset.store import Store


def read_clips(store: Store, columns: Sequence[str], clip_ids: Collection[str] | None = None) -> pa.Table:
    """Reads rows of CLIPS, accepted or not.

    Args:
        store: holds the table, one file a part of a video.
        columns: to read.
        clip_ids: the rows of at least these clips are read, from the files of their parts; None: all rows. A
            batch would otherwise read the rows of all the other batches.
    """
    names = [layout.CLIPS]
    if clip_ids is not None:
        names = sorted({layout.rows_of_clip(clip_id) for clip_id in clip_ids})
        if not all(store.exists(name) for name in names):
            names = [layout.CLIPS]
    tables = [store.read_table(name, CLIPS, columns) for name in names]
    return pa.concat_tables(tables) if tables else CLIPS.empty_table().select([*columns])
