"""Reads a release: what it is, its clips, and their frames as folded arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from popdanceset.errors import InputError
from popdanceset.release.shards import row_groups
from popdanceset.release.versions import INFO
from popdanceset.schema import RELEASE_CLIPS, VERSION, shape_of
from popdanceset.store import Store

Array = np.ndarray[Any, np.dtype[Any]]


class _Place(NamedTuple):
    file: pq.ParquetFile
    row_group: int


class Release:
    """A release, in a folder or below an object-store address. Nothing but its description is read at first.

    Files stay open until `close`, or until the end of the block if it is used as a context manager.

    Args:
        path: the release's folder, e.g. `store/releases/2026.01.31`.

    Raises:
        InputError: it is no release, is incomplete, or was made with another version of the schema.

    Attributes:
        path: as given.
        info: content of `meta/info.json`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._store = Store(path)
        self._files = ExitStack()
        if not self._store.exists(INFO):
            raise InputError(f"is no release: {INFO} is missing", path, "name a folder below releases/")
        self.info: dict[str, Any] = self._store.read_json(INFO)
        found = self.info.get("schema_version") if isinstance(self.info, dict) else None
        if found != VERSION:
            raise InputError(
                f"has schema version {found}, this program reads {VERSION}",
                path,
                "use the matching popdanceset",
            )
        needed = ["meta/clips.parquet", *self.info["data"]]
        needed += [name for music in self.info["music"].values() for name in music["files"]]
        missing = [name for name in needed if not self._store.exists(name)]
        if missing:
            raise InputError(f"is incomplete: {missing[0]} is missing", path, "fetch the release again")

    @property
    def version(self) -> str:
        """Name of the release."""
        return str(self.info["version"])

    @property
    def content(self) -> str:
        """Hash of all rows: two releases with the same one hold the same data."""
        return str(self.info["content"])

    @property
    def fps(self) -> int:
        """Frames a second."""
        return int(self.info["fps"])

    @property
    def extractors(self) -> list[str]:
        """Names of the music features that are there."""
        return list(self.info["music"])

    @cached_property
    def clips(self) -> pa.Table:
        """A row a clip (`popdanceset.schema.RELEASE_CLIPS`), in the order of the frames."""
        return self._store.read_table("meta/clips.parquet", RELEASE_CLIPS)

    def clip_ids(self, split: str | None = None) -> list[str]:
        """The clips of a part (`train`, `test`), or all; in the release's order.

        Raises:
            InputError: there is no such part.
        """
        if split is not None and split not in self.info["splits"]:
            raise InputError(
                f"has no part {split!r}", self.path, f"choose from {', '.join(self.info['splits'])}"
            )
        pairs = zip(self.clips["clip_id"].to_pylist(), self.clips["split"].to_pylist(), strict=True)
        return [clip_id for clip_id, part in pairs if split in (None, part)]

    def frames(self, clip_id: str, columns: Sequence[str] | None = None) -> dict[str, Array]:
        """Frame columns of a clip, by default all: name → (frames, *shape), e.g. `smpl_poses` (frames, 24,
        3).

        Raises:
            InputError: there is no such clip or column.
        """
        return self._read(self._frame_places, clip_id, columns)

    def music(self, clip_id: str, extractor: str = "baseline") -> Array:
        """Music features of a clip: (frames, width) float32.

        Raises:
            InputError: the release has no such features, or none of this clip.
        """
        return self._read(self._music_places(extractor), clip_id, ["features"])["features"]

    def clips_with_music(self, extractor: str = "baseline") -> list[str]:
        """The clips that have such features, in the release's order.

        Raises:
            InputError: the release has no such features at all.
        """
        return list(self._music_places(extractor))

    def iterate(
        self, split: str | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[tuple[str, dict[str, Array]]]:
        """Clip after clip of a part, or all: id, and what `frames` gives. One clip is in memory at a time."""
        for clip_id in self.clip_ids(split):
            yield clip_id, self.frames(clip_id, columns)

    def close(self) -> None:
        """Closes the files."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def _frame_places(self) -> dict[str, _Place]:
        return self._places(self.info["data"])

    @cached_property
    def _places_of_music(self) -> dict[str, dict[str, _Place]]:
        return {}

    def _music_places(self, extractor: str) -> dict[str, _Place]:
        if extractor not in self.info["music"]:
            there = ", ".join(self.extractors) or "none"
            raise InputError(f"has no {extractor!r} music features", self.path, f"it has: {there}")
        if extractor not in self._places_of_music:
            self._places_of_music[extractor] = self._places(self.info["music"][extractor]["files"])
        return self._places_of_music[extractor]

    def _places(self, names: Sequence[str]) -> dict[str, _Place]:
        places = {}
        for name in names:
            try:
                file = pq.ParquetFile(self._files.enter_context(self._store.open_read(name)))
            except pa.ArrowInvalid as error:
                raise InputError(
                    f"{name} is damaged: {error}", self.path, "fetch the release again"
                ) from error
            places.update({clip_id: _Place(file, number) for number, clip_id in enumerate(row_groups(file))})
        return places

    def _read(
        self, places: dict[str, _Place], clip_id: str, columns: Sequence[str] | None
    ) -> dict[str, Array]:
        if clip_id not in places:
            raise InputError(f"has no such rows of clip {clip_id!r}", self.path, "see meta/clips.parquet")
        file, row_group = places[clip_id]
        schema = file.schema_arrow
        wanted = list(columns) if columns is not None else schema.names
        unknown = [name for name in wanted if name not in schema.names]
        if unknown:
            raise InputError(f"has no column {unknown[0]!r}", self.path, f"it has: {', '.join(schema.names)}")
        table = file.read_row_group(row_group, wanted)
        return {name: folded(table[name], shape_of(schema.field(name))) for name in wanted}


def folded(column: pa.ChunkedArray, shape: tuple[int, ...]) -> Array:
    """A column as an array of (rows, *shape); words as objects."""
    values = column.combine_chunks()
    rows = len(values)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_fixed_size_list(values.type):
        values = values.flatten()
    array: Array = values.to_numpy(zero_copy_only=False)
    return array.reshape(rows, *shape)
