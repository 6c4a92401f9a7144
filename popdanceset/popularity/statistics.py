"""Video statistics from wherever the user has them: a store, or one parquet or CSV file."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from popdanceset.bilibili.statistics import latest, latest_statistics
from popdanceset.errors import InputError
from popdanceset.schema import COUNTS, STATISTICS, State
from popdanceset.store import Store

NUMBER = r"^\s*[0-9]{1,18}(\.0*)?\s*$"
FILES = (".parquet", ".csv", ".csv.gz")
log = logging.getLogger(__name__)


def read_statistics(where: str) -> pa.Table:
    """One row a video, ordered by bvid.

    A file needs the columns bvid, view, danmaku, reply, favorite, coin, share and like; it may have any
    other column of schema STATISTICS. Counts may be numbers or text; what is no whole number from 0 becomes
    null (`--`, negative, missing), with a warning that says how many.

    Args:
        where: a parquet or CSV file, or the address of a store.

    Returns:
        Table with the columns of STATISTICS, in which all but `bvid`, `state`, `note` and `source` may be
        null.

    Raises:
        InputError: there is no such file, it cannot be read, lacks a column, or has no rows.
    """
    if not where.endswith(FILES):
        table = latest_statistics(Store(where))
        if not len(table):
            raise InputError(
                "there are no statistics", where, "run `popdanceset crawl` first, or check --statistics"
            )
        return table
    table = _read_file(where)
    lacking = [name for name in ("bvid", *COUNTS) if name not in table.column_names]
    if lacking:
        raise InputError(
            f"columns {', '.join(lacking)} are missing", where, f"there are {', '.join(table.column_names)}"
        )
    table = _typed(table, where)
    if not len(table):
        raise InputError("there are no videos", where, "give a file with rows")
    single = latest(table)
    if len(single) < len(table):
        log.warning(
            "%s: %d videos have several rows; the latest complete one counts", where, len(table) - len(single)
        )
    return single


def as_counts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers from 0 as int64; null for everything else.

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
        raise InputError(f"holds {column.type}, not counts", "statistics", "give whole numbers")
    whole = column.cast(pa.int64())
    return pc.if_else(pc.greater_equal(whole, 0), whole, pa.scalar(None, pa.int64()))


def _read_file(where: str) -> pa.Table:
    if not Path(where).is_file():
        raise InputError("no such file", where, "check --statistics")
    try:
        if where.endswith(".parquet"):
            return pq.ParquetFile(where).read()
        # Read as text: a single "--" would otherwise decide the type of a whole column.
        names = pv.open_csv(where).schema.names
        types = dict.fromkeys(names, pa.string())
        options = pv.ConvertOptions(column_types=types, strings_can_be_null=True)
        return pv.read_csv(
            where, parse_options=pv.ParseOptions(newlines_in_values=True), convert_options=options
        )
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"not readable: {str(error).splitlines()[0]}", where, "give a parquet or CSV file"
        ) from error


def _typed(table: pa.Table, where: str) -> pa.Table:
    """The columns of STATISTICS out of whatever the file has."""
    defaults = {"state": State.PUBLIC.value, "note": "", "source": Path(where).name}
    columns, fields = [], []
    for field in STATISTICS:
        name, optional = field.name, field.name not in ("bvid", *defaults)
        try:
            if name not in table.column_names:
                column = pa.nulls(len(table), field.type)
            elif name in (*COUNTS, "follower", "mid"):
                column = as_counts(table[name])
                unusable = column.null_count
                if unusable and name in COUNTS:
                    log.warning(
                        "%s: %d of %d %s counts are missing or no counts", where, unusable, len(table), name
                    )
            else:
                column = table[name].cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, InputError) as error:
            raise InputError(
                f"column {name!r}: {str(error).splitlines()[0]}", where, "correct the file"
            ) from error
        if name in defaults:
            column = pc.fill_null(column, defaults[name])
        elif not optional and column.null_count:
            raise InputError(
                f"column {name!r} has {column.null_count} empty cells", where, "correct the file"
            )
        columns.append(column)
        fields.append(field.with_nullable(optional))
    return pa.table(columns, schema=pa.schema(fields))
