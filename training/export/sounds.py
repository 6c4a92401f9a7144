"""The sound of clips, which a store has and a release does not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from popdanceset import layout
from popdanceset.schema import CLIPS
from popdanceset.store import Store

_SAME = 1e-6
"""Seconds by which equal times may differ."""


class Sounds:
    """The WAV files of a store's clips.

    Args:
        store: with the clips; it may be empty.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @cached_property
    def _rows(self) -> dict[str, dict[str, Any]]:
        columns = ["clip_id", "start", "end", "music_path"]
        rows = self._store.read_table(layout.CLIPS, CLIPS, columns).to_pylist()
        return {row["clip_id"]: row for row in rows if row["clip_id"] and row["music_path"]}

    @contextlib.contextmanager
    def of(self, clip: dict[str, Any]) -> Iterator[Path | None]:
        """Yields the sound of a clip of a release; None if the store has none, or one of another span.

        Args:
            clip: its row of RELEASE_CLIPS.

        Raises:
            StoreError: the store is not readable.
        """
        row = self._rows.get(clip["clip_id"])
        same = row is not None and abs(row["start"] - clip["start"]) < _SAME
        if row is None or not same or not self._store.exists(row["music_path"]):
            yield None
            return
        with self._store.local(row["music_path"]) as path:
            yield path
