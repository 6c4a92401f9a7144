"""Reads video statistics from a parquet or CSV file in batches, and checks the counts."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from popdanceset.errors import InputError
from popdanceset.schema import COUNTS, STATISTICS, State

BATCH = 1 << 17
"""Rows read at a time; with all columns a few tens of megabytes."""

SUFFIXES = (".parquet", ".csv", ".csv.gz")
NUMBER = r"^\s*[0-9]{1,18}(\.0*)?\s*$"
log = logging.getLogger(__name__)


class StatisticsFile:
    """A file with the columns bvid, view, danmaku, reply, favorite, coin, share and like.

    It may have other columns of schema STATISTICS. Counts may be numbers or text; a cell that is not a
    non-negative integer becomes null (`--`, negative, missing), and a warning states how many there are.

    Args:
        where: a parquet or CSV file.

    Raises:
        InputError: the file does not exist or cannot be read, or a column is missing or duplicated.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        if not Path(where).is_file():
            raise InputError("no such file", where, "check --statistics")
        try:
            names = (
                pq.read_schema(where).names if where.endswith(".parquet") else pv.open_csv(where).schema.names
            )
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(where, error) from error
        lacking = [name for name in ("bvid", *COUNTS) if name not in names]
        if lacking:
            raise InputError(
                f"columns {', '.join(lacking)} are missing", where, f"the file has {', '.join(names)}"
            )
        twice = [name for name in STATISTICS.names if names.count(name) > 1]
        if twice:
            raise InputError(f"columns {', '.join(twice)} are duplicated", where, "correct the file")
        self.columns = frozenset(names)
        self._warned: set[str] = set()

    def read(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yields all rows in the file's order, with these columns of STATISTICS.

        A missing column is null, except `state` (public), `note` (empty) and `source` (the file's name).

        Raises:
            InputError: a column has an unsuitable type, or an id is missing.
        """
        unusable: Counter[str] = Counter()
        rows = 0
        wanted = [name for name in columns if name in self.columns]
        for table in self._raw(wanted or ["bvid"]):
            rows += len(table)
            typed = self._typed(table, columns)
            for name in set(wanted).intersection(COUNTS):
                unusable[name] += typed[name].null_count
            yield typed
        news = {name: unusable[name] for name in COUNTS if unusable[name] and name not in self._warned}
        if news:
            self._warned.update(news)
            found = ", ".join(f"{count} {name}" for name, count in news.items())
            log.warning("%s: of %d rows, missing or unusable counts: %s", self.where, rows, found)

    def _raw(self, wanted: list[str]) -> Iterator[pa.Table]:
        try:
            if self.where.endswith(".parquet"):
                with pq.ParquetFile(self.where) as file:
                    for batch in file.iter_batches(BATCH, columns=wanted):
                        yield pa.Table.from_batches([batch])
                return
            # Read as text: otherwise a single "--" would determine the type of a whole column.
            options = pv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()),
                include_columns=wanted,
                strings_can_be_null=True,
            )
            reader = pv.open_csv(
                self.where,
                read_options=pv.ReadOptions(block_size=1 << 24),
                parse_options=pv.ParseOptions(newlines_in_values=True),
                convert_options=options,
            )
            for batch in reader:
                yield pa.Table.from_batches([batch])
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self.where, error) from error

    def _typed(self, table: pa.Table, columns: Sequence[str]) -> pa.Table:
        """Converts the file's columns to those of STATISTICS."""
        defaults = {"state": State.PUBLIC.value, "note": "", "source": Path(self.where).name}
        typed, fields = [], []
        for name in columns:
            field = STATISTICS.field(name)
            try:
                if name not in table.column_names:
                    column = pa.chunked_array([pa.nulls(len(table), field.type)])
                elif name in (*COUNTS, "follower", "mid"):
                    column = as_counts(table[name])
                else:
                    # Times may have a finer resolution than the schema's; truncating them is harmless.
                    column = table[name].cast(field.type, safe=not pa.types.is_timestamp(field.type))
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


def as_counts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Converts a column to non-negative int64; everything else becomes null.

    Args:
        column: integers, floats or text (`12`, ` 12.0 `; not `1.2万`, `--`, `-3`).
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_null(column.type):
        return column.cast(pa.int64())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        plain = pc.if_else(pc.match_substring_regex(column, NUMBER), column, pa.scalar(None, column.type))
        digits = pc.replace_substring_regex(pc.utf8_trim_whitespace(plain), r"\..*", "")
        return digits.cast(pa.int64())
    if pa.types.is_floating(column.type):
        column = column.cast(pa.float64())
        usable = pc.and_(pc.is_finite(column), pc.equal(pc.floor(column), column))
        usable = pc.and_(usable, pc.and_(pc.greater_equal(column, 0.0), pc.less(column, 2.0**53)))
        return pc.if_else(usable, column, pa.scalar(None, pa.float64())).cast(pa.int64())
    if pa.types.is_unsigned_integer(column.type):
        column = column.cast(pa.uint64())
        usable = pc.less(column, pa.scalar(2**63, pa.uint64()))
        column = pc.if_else(usable, column, pa.scalar(None, pa.uint64()))
    if not pa.types.is_integer(column.type):
        raise InputError(f"contains {column.type}, not counts", "statistics", "use whole numbers")
    whole = column.cast(pa.int64())
    return pc.if_else(pc.greater_equal(whole, 0), whole, pa.scalar(None, pa.int64()))


def _unreadable(where: str, error: Exception) -> InputError:
    return InputError(f"not readable: {str(error).splitlines()[0]}", where, "use a parquet or CSV file")
