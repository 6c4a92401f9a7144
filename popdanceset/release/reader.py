"""Reads a release: its description, its clips, and their frames as numpy arrays."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc

from popdanceset import layout
from popdanceset.errors import InputError, SchemaError
from popdanceset.motion.camera import Camera
from popdanceset.release.info import ReleaseInfo, news_since, parse_info
from popdanceset.release.limits import DOCUMENT_BYTES, FRAMES, ROWS, TABLE_BYTES, check_names, is_plain
from popdanceset.release.shard_reader import ShardReader
from popdanceset.schema import CAMERA_COLUMNS, RELEASE_CLIPS, RELEASE_ROWS, music_schema, shape_of
from popdanceset.schema import FRAMES as FRAME_COLUMNS
from popdanceset.store import Store
from popdanceset.tables import Array, conform, fold

OPEN_FILES = 64
"""Files whose footers are held; others are closed and read again when they are needed."""

_AGAIN = "fetch the release again"

_log = logging.getLogger(__name__)


class _RowGroup(NamedTuple):
    """Where a clip's rows are."""

    file: str
    number: int


class Release:
    """A release, in a folder or below an address. At first only its description is read.

    Reads exactly the bytes that are needed: `meta/info.json`, the clip table, the footers of the files that
    contain the wanted clips, and of these the wanted columns. The server need not list folders. Several
    threads may read at once. Files stay open until `close`, or until the end of the block if it is used as a
    context manager.

    A release of an older schema version opens with a warning that says what is new since then
    (`popdanceset.release.info`). What a release states about itself is not trusted: names lead only into it,
    and absurd sizes are refused (`popdanceset.release.limits`). `popdanceset release validate` checks
    everything else.

    Args:
        path: the release's folder, e.g. `store/releases/2026.01.31`, or its address: `https://…`, `s3://…`,
            `hf://datasets/ORG/NAME`, `hf://datasets/ORG/NAME@REVISION`.

    Raises:
        InputError: the folder is not a release, is incomplete or damaged, or has a newer schema version.
        StoreError: the address cannot be reached.

    Attributes:
        path: as given.
        info: its description.
    """

    def __init__(self, path: str | Path) -> None:
        self._store = Store(path)
        self.path = str(path)
        self._shown = str(self._store)
        self._shards: OrderedDict[str, ShardReader] = OrderedDict()
        self._lock = threading.RLock()
        if self._store.exists(layout.WITHDRAWAL_NOTE):
            raise InputError(
                f"was deleted because videos in it were withdrawn (see {layout.WITHDRAWAL_NOTE})",
                self._shown,
                "use a newer release",
            )
        if not self._store.exists(layout.RELEASE_INFO):
            raise InputError(
                f"is not a release: {layout.RELEASE_INFO} is missing",
                self._shown,
                f"give a folder below {layout.RELEASES}/",
            )
        document = self._store.read_json(layout.RELEASE_INFO, DOCUMENT_BYTES)
        self.info: ReleaseInfo = parse_info(document, self._shown)
        check_names(self.info, self._shown)
        news = news_since(self.info.schema_version)
        if news:
            _log.warning(
                "%s has schema version %d; since then: %s", self._shown, self.info.schema_version, news
            )
        if self._store.is_local:  # elsewhere each question is a request; a missing file is named when needed
            missing = [name for name in self.files if not self._store.exists(name)]
            if missing:
                raise InputError(f"is incomplete: {missing[0]} is missing", self._shown, _AGAIN)

    @property
    def files(self) -> list[str]:
        """The parquet files of the release, as `info.json` names them."""
        music = [name for music in self.info.music.values() for name in music.files]
        rows = [] if self.info.schema_version < 3 else [layout.RELEASE_ROWS]
        return [layout.RELEASE_CLIPS, *rows, *self.info.data, *music]

    @property
    def is_local(self) -> bool:
        """Whether the release is in a folder of this machine."""
        return self._store.is_local

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
        """One row per clip (`popdanceset.schema.RELEASE_CLIPS`), in the order of the frames.

        Raises:
            SchemaError: the table is damaged, or contains ids that no clip can have.
        """
        table = self._table(layout.RELEASE_CLIPS, RELEASE_CLIPS)
        where = f"{self._shown}/{layout.RELEASE_CLIPS}"
        ids = table["clip_id"].to_pylist()
        odd = next((clip_id for clip_id in ids if not is_plain(clip_id)), None)
        if odd is not None:
            raise SchemaError(f"contains {odd[:200]!r}, which is not a clip id", where, "do not use it")
        lengths = table["frames"].to_numpy()
        if len(lengths) and not 0 < lengths.min() <= lengths.max() <= FRAMES:
            raise SchemaError(f"contains a clip of {lengths.min()} or {lengths.max()} frames", where, _AGAIN)
        if len(set(ids)) < len(ids):
            raise SchemaError("contains a clip id twice", where, _AGAIN)
        return table

    @cached_property
    def rows(self) -> pa.Table | None:
        """Where each clip's rows are, and their hashes (`popdanceset.schema.RELEASE_ROWS`).

        None in releases of schema versions 1 and 2.

        Raises:
            SchemaError: the table is damaged.
        """
        if self.info.schema_version < 3:
            return None
        return self._table(layout.RELEASE_ROWS, RELEASE_ROWS)

    def clip_ids(self, split: str | None = None) -> list[str]:
        """Returns the clips of a split (`train`, `test`), or all, in the release's order.

        Raises:
            InputError: there is no such split.
        """
        if split is not None and split not in self.info.splits:
            raise InputError(
                f"has no split {split!r}", self._shown, f"choose from {', '.join(self.info.splits)}"
            )
        pairs = zip(self.clips["clip_id"].to_pylist(), self.clips["split"].to_pylist(), strict=True)
        return [clip_id for clip_id, own_split in pairs if split in (None, own_split)]

    def frames(self, clip_id: str, columns: Sequence[str] | None = None) -> dict[str, Array]:
        """Reads frame columns of a clip, all by default.

        Returns:
            Name → (frames, *shape), e.g. `smpl_poses` (frames, 24, 3).

        Raises:
            InputError: there is no such clip or column.
            SchemaError: the rows are damaged.
            StoreError: the file is missing or not readable.
        """
        place = self._frame_places.get(clip_id)
        if place is None:
            raise self._no_rows(clip_id)
        return self._read(place, clip_id, FRAME_COLUMNS, columns)

    def camera(self, clip_id: str) -> Camera | None:
        """Returns the camera that took a clip, which shows where its joints are in the video's frames.

        None if it is unknown: of imported clips, and in releases of schema versions before 4.

        Raises:
            InputError: there is no such clip.
            SchemaError: the clip table is damaged.
        """
        if clip_id not in self._camera_rows:
            raise self._no_rows(clip_id)
        return Camera.of_row(self._camera_rows[clip_id])

    def music(self, clip_id: str, extractor: str = "baseline") -> Array:
        """Reads the music features of a clip: (frames, width) float32.

        Raises:
            InputError: the release has no features of this extractor, or none of this clip.
            SchemaError: the rows are damaged.
            StoreError: the file is missing or not readable.
        """
        place = self._music_places(extractor).get(clip_id)
        if place is None:
            raise self._no_rows(clip_id)
        schema = music_schema(extractor, self.info.music[extractor].width)
        return self._read(place, clip_id, schema, ["features"])["features"]

    def clips_with_music(self, extractor: str = "baseline") -> list[str]:
        """Returns the clips that have features of the extractor, in the release's order.

        Raises:
            InputError: the release has no features of this extractor.
            SchemaError: a file of them is damaged.
            StoreError: a file of them is missing or not readable.
        """
        places = self._music_places(extractor)
        return [clip_id for clip_id in self.clip_ids() if clip_id in places]

    def iterate(
        self, split: str | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[tuple[str, dict[str, Array]]]:
        """Yields the clips of a split, or all: id and frame columns. One clip is in memory at a time."""
        for clip_id in self.clip_ids(split):
            yield clip_id, self.frames(clip_id, columns)

    def close(self) -> None:
        """Closes the files."""
        with self._lock:
            while self._shards:
                self._shards.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _table(self, name: str, schema: pa.Schema) -> pa.Table:
        """Reads a whole table of `meta/`, which must fit its schema."""
        where = f"{self._shown}/{name}"
        shard = ShardReader(self._store, name)
        rows = sum(shard.rows(number) for number in range(len(shard)))
        if not 0 <= rows <= ROWS or shard.uncompressed > TABLE_BYTES:
            raise SchemaError(
                f"is damaged: it claims {rows} rows of {shard.uncompressed} bytes", where, _AGAIN
            )
        known = [column for column in schema.names if column in shard.schema.names]
        parts = [shard.read(number, known) for number in range(len(shard))]
        shard.close()
        empty = pa.schema([shard.schema.field(column) for column in known]).empty_table()
        return conform(pa.concat_tables(parts) if parts else empty, schema, where)

    def _no_rows(self, clip_id: str) -> InputError:
        return InputError(f"has no such rows of clip {clip_id!r}", self._shown, f"see {layout.RELEASE_CLIPS}")

    @cached_property
    def _camera_rows(self) -> dict[str, dict[str, Any]]:
        rows = self.clips.select(["clip_id", *CAMERA_COLUMNS]).to_pylist()
        return {row["clip_id"]: row for row in rows}

    @cached_property
    def _frame_places(self) -> dict[str, _RowGroup]:
        return self._stated_places(self.clips, self.info.data, layout.RELEASE_CLIPS)

    def _stated_places(self, rows: pa.Table, files: Sequence[str], name: str) -> dict[str, _RowGroup]:
        """Where clips are, by the columns `file` and `row_group` of the table `name`."""
        places = rows.select(["clip_id", "file", "row_group"]).to_pydict()
        unknown = set(places["file"]) - set(files)
        if unknown:
            raise SchemaError(
                f"names a file that {layout.RELEASE_INFO} does not: {min(unknown)[:200]!r}",
                f"{self._shown}/{name}",
                _AGAIN,
            )
        numbered = zip(places["file"], places["row_group"], strict=True)
        return {
            clip_id: _RowGroup(*place) for clip_id, place in zip(places["clip_id"], numbered, strict=True)
        }

    @cached_property
    def _frames_of(self) -> dict[str, int]:
        return dict(zip(self.clips["clip_id"].to_pylist(), self.clips["frames"].to_pylist(), strict=True))

    @cached_property
    def _places_of_music(self) -> dict[str, dict[str, _RowGroup]]:
        return {}

    def _music_places(self, extractor: str) -> dict[str, _RowGroup]:
        if extractor not in self.info.music:
            available = ", ".join(self.extractors) or "none"
            raise InputError(f"has no {extractor!r} music features", self._shown, f"it has: {available}")
        with self._lock:
            if extractor not in self._places_of_music:
                files = self.info.music[extractor].files
                if self.rows is None:
                    places = self._footer_places(files)
                else:
                    mine = self.rows.filter(pc.field("table") == extractor)
                    places = self._stated_places(mine, files, layout.RELEASE_ROWS)
                self._places_of_music[extractor] = {
                    clip_id: places[clip_id] for clip_id in self.clip_ids() if clip_id in places
                }
            return self._places_of_music[extractor]

    def _footer_places(self, names: Sequence[str]) -> dict[str, _RowGroup]:
        """Finds the clips of files by their footers."""
        places = {}
        for name in names:
            shard = self._shard(name)
            for number in range(len(shard)):
                clip_id = shard.first_word(number)
                if clip_id is None:
                    raise SchemaError(
                        f"does not state the clip of row group {number}", f"{self._shown}/{name}", _AGAIN
                    )
                places[clip_id] = _RowGroup(name, number)
        return places

    def _shard(self, name: str) -> ShardReader:
        with self._lock:
            if name not in self._shards:
                self._shards[name] = ShardReader(self._store, name)
            self._shards.move_to_end(name)
            while len(self._shards) > OPEN_FILES:
                self._shards.popitem(last=False)[1].close()
            return self._shards[name]

    def _read(
        self, place: _RowGroup, clip_id: str, expected: pa.Schema, columns: Sequence[str] | None
    ) -> dict[str, Array]:
        shard = self._shard(place.file)
        known = [name for name in expected.names if name in shard.schema.names]
        wanted = list(columns) if columns is not None else known
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise InputError(f"has no column {unknown[0]!r}", self._shown, f"it has: {', '.join(known)}")
        where = f"{self._shown}/{place.file}"
        for name in wanted:
            found, right = shard.schema.field(name).type, expected.field(name).type
            if not found.equals(right):
                raise SchemaError(f"column {name!r} is {found} instead of {right}", where, _AGAIN)
        if not 0 <= place.number < len(shard):
            raise SchemaError(f"has no row group {place.number}; it has {len(shard)}", where, _AGAIN)
        stated, frames = shard.first_word(place.number), self._frames_of.get(clip_id)
        if stated not in (None, clip_id):
            raise SchemaError(
                f"row group {place.number} contains clip {stated!r} instead of {clip_id!r}", where, _AGAIN
            )
        if frames is not None and shard.rows(place.number) != frames:
            raise SchemaError(
                f"clip {clip_id!r} has {shard.rows(place.number)} rows instead of {frames}", where, _AGAIN
            )
        table = shard.read(place.number, wanted)
        arrays = {}
        for name in wanted:
            field = expected.field(name)
            if not field.nullable and table[name].null_count:
                raise SchemaError(f"column {name!r} of clip {clip_id!r} contains nulls", where, _AGAIN)
            arrays[name] = fold(table[name], shape_of(field))
        return arrays
