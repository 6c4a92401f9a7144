"""Reads a release: its description, its clips, and their frames as numpy arrays."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.release.info import ReleaseInfo, news_since, parse_info
from popdanceset.release.shards import row_groups
from popdanceset.schema import RELEASE_CLIPS
from popdanceset.store import Store
from popdanceset.tables import Array, fold_column

_log = logging.getLogger(__name__)


class _RowGroup(NamedTuple):
    file: pq.ParquetFile
    row_group: int


class Release:
    """A release, in a folder or below an object-store address. At first only its description is read.

    Files stay open until `close`, or until the end of the block if it is used as a context manager.

    A release of an older schema version opens with a warning that says what is new since then
    (`popdanceset.release.info`).

    Args:
        path: the release's folder, e.g. `store/releases/2026.01.31`.

    Raises:
        InputError: the folder is not a release, is incomplete or damaged, or has a newer schema version.

    Attributes:
        path: as given.
        info: its description.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._store = Store(path)
        self._files = ExitStack()
        if self._store.exists(layout.WITHDRAWAL_NOTE):
            raise InputError(
                f"was deleted because videos in it were withdrawn (see {layout.WITHDRAWAL_NOTE})",
                path,
                "use a newer release",
            )
        if not self._store.exists(layout.RELEASE_INFO):
            raise InputError(
                f"is not a release: {layout.RELEASE_INFO} is missing",
                path,
                f"give a folder below {layout.RELEASES}/",
            )
        self.info: ReleaseInfo = parse_info(self._store.read_json(layout.RELEASE_INFO), path)
        news = news_since(self.info.schema_version)
        if news:
            _log.warning("%s has schema version %d; since then: %s", path, self.info.schema_version, news)
        needed = [layout.RELEASE_CLIPS, *self.info.data]
        needed += [name for music in self.info.music.values() for name in music.files]
        missing = [name for name in needed if not self._store.exists(name)]
        if missing:
            raise InputError(f"is incomplete: {missing[0]} is missing", path, "fetch the release again")

    @property
    def version(self) -> str:
        """Name of the release."""
        return self.info.version

    @property
    def content(self) -> str:
        """Hash of all rows: two releases with the same hash hold the same data."""
        return self.info.content

    @property
    def fps(self) -> int:
        """Frames per second."""
        return self.info.fps

    @property
    def extractors(self) -> list[str]:
        """Names of the extractors whose music features the release has."""
        return list(self.info.music)

    @cached_property
    def clips(self) -> pa.Table:
        """One row per clip (`popdanceset.schema.RELEASE_CLIPS`), in the order of the frames."""
        return self._store.read_table(layout.RELEASE_CLIPS, RELEASE_CLIPS)

    def clip_ids(self, split: str | None = None) -> list[str]:
        """Returns the clips of a split (`train`, `test`), or all, in the release's order.

        Raises:
            InputError: there is no such split.
        """
        if split is not None and split not in self.info.splits:
            raise InputError(
                f"has no split {split!r}", self.path, f"choose from {', '.join(self.info.splits)}"
            )
        pairs = zip(self.clips["clip_id"].to_pylist(), self.clips["split"].to_pylist(), strict=True)
        return [clip_id for clip_id, own_split in pairs if split in (None, own_split)]

    def frames(self, clip_id: str, columns: Sequence[str] | None = None) -> dict[str, Array]:
        """Reads frame columns of a clip, all by default.

        Returns:
            Name → (frames, *shape), e.g. `smpl_poses` (frames, 24, 3).

        Raises:
            InputError: there is no such clip or column.
        """
        return self._read(self._frame_places, clip_id, columns)

    def music(self, clip_id: str, extractor: str = "baseline") -> Array:
        """Reads the music features of a clip: (frames, width) float32.

        Raises:
            InputError: the release has no features of this extractor, or none of this clip.
        """
        return self._read(self._music_places(extractor), clip_id, ["features"])["features"]

    def clips_with_music(self, extractor: str = "baseline") -> list[str]:
        """Returns the clips that have features of the extractor, in the release's order.

        Raises:
            InputError: the release has no features of this extractor.
        """
        return list(self._music_places(extractor))

    def iterate(
        self, split: str | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[tuple[str, dict[str, Array]]]:
        """Yields the clips of a split, or all: id and frame columns. One clip is in memory at a time."""
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
    def _frame_places(self) -> dict[str, _RowGroup]:
        return self._places(self.info.data)

    @cached_property
    def _places_of_music(self) -> dict[str, dict[str, _RowGroup]]:
        return {}

    def _music_places(self, extractor: str) -> dict[str, _RowGroup]:
        if extractor not in self.info.music:
            available = ", ".join(self.extractors) or "none"
            raise InputError(f"has no {extractor!r} music features", self.path, f"it has: {available}")
        if extractor not in self._places_of_music:
            self._places_of_music[extractor] = self._places(self.info.music[extractor].files)
        return self._places_of_music[extractor]

    def _places(self, names: Sequence[str]) -> dict[str, _RowGroup]:
        places = {}
        for name in names:
            try:
                file = pq.ParquetFile(self._files.enter_context(self._store.open_read(name)))
            except pa.ArrowInvalid as error:
                raise InputError(
                    f"{name} is damaged: {error}", self.path, "fetch the release again"
                ) from error
            places.update(
                {clip_id: _RowGroup(file, number) for number, clip_id in enumerate(row_groups(file))}
            )
        return places

    def _read(
        self, places: dict[str, _RowGroup], clip_id: str, columns: Sequence[str] | None
    ) -> dict[str, Array]:
        if clip_id not in places:
            raise InputError(
                f"has no such rows of clip {clip_id!r}", self.path, f"see {layout.RELEASE_CLIPS}"
            )
        file, row_group = places[clip_id]
        schema = file.schema_arrow
        wanted = list(columns) if columns is not None else schema.names
        unknown = [name for name in wanted if name not in schema.names]
        if unknown:
            raise InputError(f"has no column {unknown[0]!r}", self.path, f"it has: {', '.join(schema.names)}")
        table = file.read_row_group(row_group, wanted)
        return {name: fold_column(table, name) for name in wanted}
