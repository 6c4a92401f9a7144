"""Reads video statistics from a parquet or CSV file in batches, and checks the cells."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from popdanceset.bilibili.ids import as_bvids
from popdanceset.errors import InputError
from popdanceset.popularity import cells
from popdanceset.popularity.cells import Cells
from popdanceset.schema import COUNTS, STATISTICS, State

BATCH = 1 << 17
"""Rows read at a time; with all columns a few tens of megabytes."""

SUFFIXES = (".parquet", ".csv", ".csv.gz")
"""Suffixes of statistics files, in lower or upper case."""

JUDGED = (*COUNTS, "follower")
"""Columns that decide what is selected: a file in which many of their cells are unreadable is refused."""

MOST_UNREADABLE = 0.05
"""Largest share of unreadable cells among those that are filled."""

FEW = 3
"""This many unreadable cells of a column never refuse a file."""

log = logging.getLogger(__name__)


def is_file_name(where: str) -> bool:
    """Returns whether an address names a statistics file by its suffix."""
    return where.lower().endswith(SUFFIXES)


class StatisticsFile:
    """A file with the columns bvid, view, danmaku, reply, favorite, coin, share and like.

    It may have other columns of schema STATISTICS. `popdanceset.popularity.cells` says how cells may be
    written. A cell without a usable value becomes null. Warnings state how many there are, which ones are
    rounded, and which times have no zone. The file is refused if many cells of a count are unreadable.

    A CSV file is UTF-8, or UTF-16 with a byte order mark; commas, semicolons or tabs separate its cells.

    Args:
        where: a parquet or CSV file; `~` is the home folder.

    Raises:
        InputError: the file does not exist or cannot be read, or a column is missing or duplicated.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self._path = Path(where).expanduser()
        if not self._path.is_file():
            raise InputError("no such file", where, "check --statistics")
        self._form = None if self._suffix.endswith(".parquet") else _csv_form(self._path, where)
        try:
            if self._form is None:
                written = pq.read_schema(self._path).names
            else:
                with self._open_csv() as reader:
                    written = reader.schema.names
        except (pa.ArrowException, OSError, UnicodeError) as error:
            raise _unreadable(where, error) from error
        names = [name.strip() for name in written]
        lacking = [name for name in ("bvid", *COUNTS) if name not in names]
        if lacking:
            raise InputError(
                f"columns {', '.join(lacking)} are missing", where, f"the file has {', '.join(names)}"
            )
        twice = [name for name in STATISTICS.names if names.count(name) > 1]
        if twice:
            raise InputError(f"columns {', '.join(twice)} are duplicated", where, "correct the file")
        self.columns = frozenset(names)
        self._written = dict(zip(names, written, strict=True))
        self._warned: set[str] = set()

    def read(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yields all rows in the file's order, with these columns of STATISTICS.

        A missing column is null, except `state` (public), `note` (empty) and `source` (the file's name).

        Raises:
            InputError: a column has an unsuitable type, an id is missing, or, at the end, many cells of a
                count could not be read.
        """
        wanted = [name for name in columns if name in self.columns]
        found = {name: _Findings() for name in wanted}
        rows = 0
        for table in self._raw(wanted or ["bvid"]):
            rows += len(table)
            yield self._typed(table, columns, found)
        for name in JUDGED:
            if name in found and (each := found[name]).refuses:
                raise InputError(
                    f"column {name!r}: {each.unreadable} of {each.filled} cells cannot be read, "
                    f"such as {each.example[:40]!r}",
                    self.where,
                    "write whole numbers, or leave a cell empty if its number is unknown",
                )
        self._warn(rows, {name: each for name, each in found.items() if name not in self._warned})

    def _warn(self, rows: int, found: dict[str, _Findings]) -> None:
        """Logs what was found in columns that were read for the first time."""
        self._warned.update(found)
        missing = ", ".join(
            f"{each.nulls} {name}" for name, each in found.items() if name in COUNTS and each.nulls
        )
        if missing:
            log.warning("%s: of %d rows, missing or unusable counts: %s", self.where, rows, missing)
        for name, each in found.items():
            if each.unreadable:
                log.warning(
                    "%s: column %s: %d of %d cells cannot be read and count as unknown, such as %r",
                    self.where, name, each.unreadable, each.filled, each.example[:40],
                )  # fmt: skip
            if each.rounded:
                log.warning(
                    "%s: column %s: %d counts are rounded (written as 1.2万 or 1.2k)",
                    self.where, name, each.rounded,
                )  # fmt: skip
            if each.zoneless:
                log.warning(
                    "%s: column %s: %d times have no zone and are read as UTC",
                    self.where, name, each.zoneless,
                )  # fmt: skip

    @property
    def _suffix(self) -> str:
        return self._path.name.lower()

    def _raw(self, wanted: list[str]) -> Iterator[pa.Table]:
        """Yields the file's own cells of these columns, under their tidy names."""
        written = [self._written[name] for name in wanted]
        try:
            if self._form is None:
                with pq.ParquetFile(self._path) as file:
                    for batch in file.iter_batches(BATCH, columns=written):
                        yield pa.Table.from_batches([batch]).select(written).rename_columns(wanted)
                return
            with self._open_csv(written) as reader:
                for batch in reader:
                    yield pa.Table.from_batches([batch]).rename_columns(wanted)
        except (pa.ArrowException, OSError, UnicodeError) as error:
            raise _unreadable(self.where, error) from error

    def _open_csv(self, written: Sequence[str] | None = None) -> pv.CSVStreamingReader:
        """Opens the file for these columns as text; None: for all, of types that Arrow guesses."""
        assert self._form is not None
        stream = pa.OSFile(str(self._path))
        # Read as text: otherwise a single "--" would determine the type of a whole column.
        options = pv.ConvertOptions(
            column_types=dict.fromkeys(written or (), pa.string()),
            include_columns=written or (),
            strings_can_be_null=True,
        )
        return pv.open_csv(
            pa.CompressedInputStream(stream, "gzip") if self._suffix.endswith(".gz") else stream,
            read_options=pv.ReadOptions(block_size=1 << 24, encoding=self._form.encoding),
            parse_options=pv.ParseOptions(delimiter=self._form.delimiter, newlines_in_values=True),
            convert_options=options,
        )

    def _typed(self, table: pa.Table, columns: Sequence[str], found: dict[str, _Findings]) -> pa.Table:
        """Converts the file's columns to those of STATISTICS."""
        defaults = {"state": State.PUBLIC.value, "note": "", "source": self._path.name}
        typed, fields = [], []
        for name in columns:
            field = STATISTICS.field(name)
            try:
                if name not in table.column_names:
                    column = pa.chunked_array([pa.nulls(len(table), field.type)])
                else:
                    read = _cells(name, table[name], field.type)
                    found[name].add(read)
                    column = read.column
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, InputError) as error:
                what = str(error).splitlines()[0]
                raise InputError(f"column {name!r}: {what}", self.where, "correct the file") from error
            if name in defaults:
                column = pc.fill_null(column, defaults[name])
            elif name == "bvid" and column.null_count:
                raise InputError("column 'bvid' has empty cells", self.where, "correct the file")
            typed.append(column)
            fields.append(field.with_nullable(name not in ("bvid", *defaults)))
        return pa.table(typed, schema=pa.schema(fields))


@dataclass
class _Findings:
    """Totals over the batches of a column (see `popdanceset.popularity.cells.Cells`)."""

    nulls: int = 0
    filled: int = 0
    unreadable: int = 0
    example: str = ""
    rounded: int = 0
    zoneless: int = 0

    def add(self, read: Cells) -> None:
        self.nulls += read.column.null_count
        self.filled += read.filled
        self.unreadable += read.unreadable
        self.example = self.example or read.example
        self.rounded += read.rounded
        self.zoneless += read.zoneless

    @property
    def refuses(self) -> bool:
        return self.unreadable > max(FEW, MOST_UNREADABLE * self.filled)


def _cells(name: str, column: pa.ChunkedArray, dtype: pa.DataType) -> Cells:
    """Reads the cells of a column of STATISTICS.

    Raises:
        InputError: the column has an unsuitable type.
    """
    if name in JUDGED:
        return cells.counts(column)
    if name == "bvid":
        return Cells(as_bvids(cells.text(column).column))
    if name == "duration":
        return cells.durations(column)
    if pa.types.is_timestamp(dtype):
        return cells.times(column, dtype)
    if pa.types.is_integer(dtype):
        return cells.numbers(column, dtype)
    return cells.text(column) if pa.types.is_string(dtype) else Cells(column.cast(dtype), len(column))


@dataclass(frozen=True)
class _CsvForm:
    """How a CSV file is written."""

    encoding: str
    delimiter: str


def _csv_form(path: Path, where: str) -> _CsvForm:
    """Finds the encoding by the byte order mark, and the delimiter by the header.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with pa.OSFile(str(path)) as stream:
            source = pa.CompressedInputStream(stream, "gzip") if path.name.lower().endswith(".gz") else stream
            start = source.read(1 << 16)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(where, error) from error
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    header = start.decode(encoding, "replace").lstrip("\ufeff").partition("\n")[0]
    delimiter = next((mark for mark in ";\t" if header.count(mark) > header.count(",")), ",")
    if delimiter != ",":
        log.info("%s: the cells are separated by %r", where, delimiter)
    return _CsvForm(encoding, delimiter)


def _unreadable(where: str, error: Exception) -> InputError:
    what = str(error).splitlines()[0] if str(error) else type(error).__name__
    do = "save it as UTF-8" if "UTF8" in what else "use a parquet or CSV file"
    return InputError(f"not readable: {what}", where, do)
