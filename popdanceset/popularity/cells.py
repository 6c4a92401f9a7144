"""Reads the cells of statistics files as people write them: counts, ids, durations and times.

A column that is clean already (numbers, plain digits, timestamps) is converted as a whole. Only the cells
that this leaves over are looked at as text. Every parser says how many cells it could not read: a cell that
is empty or says that nothing is known (`--`, `n/a`, `-1`) is unknown; one with anything else is unreadable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from popdanceset.errors import InputError

LARGEST_COUNT = 2**53
"""Counts above this, which float64 cannot represent exactly, are not accepted."""

_PLAIN = r"^[0-9]{1,18}(\.0*)?$"
_BLANK = r"^[\s\p{Z}\x{FEFF}]+|[\s\p{Z}\x{FEFF}]+$"
_UNKNOWN = r"(?i)^(|[-–—−*?/.]+|n/?a|nan|none|null|nil|unknown|未知|无|暂无|[-−]\d+(\.\d*)?)$"
_GROUPED = r"^\d{1,3}(?:(?:,\d{3})+|(?:'\d{3})+|(?:’\d{3})+|(?:_\d{3})+|(?:[ \p{Zs}]\d{3})+)(?:\.0*)?$"
_SEPARATORS = r"[,'’_\s\p{Z}]"
_SCALED = (
    r"^(?P<number>\d{1,15}(?:\.\d*)?|\.\d+)(?:[eE](?P<power>[+-]?\d{1,2}))?"
    r"[\s\p{Z}]*(?P<unit>千|万|萬|亿|億|[kKwWmMbB])?(?:次|人|个)?$"
)
_UNITS = {
    "": 1.0, "千": 1e3, "k": 1e3, "万": 1e4, "萬": 1e4, "w": 1e4, "m": 1e6, "亿": 1e8, "億": 1e8, "b": 1e9,
}  # fmt: skip
_CLOCK = r"^(?:(?P<d>\d{1,4}) days?,?\s+)?(?:(?P<h>\d{1,4}):)?(?P<m>\d{1,4}):(?P<s>\d{1,2}(?:\.\d{1,9})?)$"
_SECONDS = r"^(?P<number>\d{1,9}(?:\.\d{0,9})?(?:[eE][+-]?\d{1,2})?)\s*(?:s|sec|seconds|秒)?$"
_DATE = (
    r"^(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?"
    r"(?:[T\s]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?)?"
    r"\s*(?P<zone>Z|z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?$"
)
_COMPACT = r"^(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})$"

_EARLIEST = int(np.datetime64("2009-01-01", "ms").astype(np.int64))  # Bilibili began in June 2009
_LATEST = int(np.datetime64("2100-01-01", "ms").astype(np.int64))
_TICKS = (1_000.0, 1.0, 1e-3, 1e-6)
"""Milliseconds of a second, millisecond, microsecond and nanosecond."""


@dataclass(frozen=True)
class Cells:
    """A column as its table needs it, and what was found on the way.

    Attributes:
        column: the values; null where unknown or unreadable.
        filled: number of cells that say something.
        unreadable: number of these that could not be read.
        example: one unreadable cell; "" if there is none.
        rounded: number of counts that are written with a unit (`1.2万`), which are rounded.
        zoneless: number of times without a zone, which are read as UTC.
    """

    column: pa.ChunkedArray
    filled: int = 0
    unreadable: int = 0
    example: str = ""
    rounded: int = 0
    zoneless: int = 0


def counts(column: pa.ChunkedArray) -> Cells:
    """Reads non-negative whole numbers as int64.

    Args:
        column: integers, floats, decimals or text: `12`, ` 12.0 `, `1,234`, `1.2万`, `1.2e+06`, `１２３`.

    Raises:
        InputError: the column has another type.
    """
    column = _unwrapped(column)
    kind = column.type
    if pa.types.is_string(kind):
        return _from_text(column, _whole_of_text, pa.int64())
    if pa.types.is_null(kind):
        return Cells(column.cast(pa.int64()))
    if pa.types.is_floating(kind):
        column = column.cast(pa.float64())
        known = pc.greater_equal(column, 0.0)  # neither null nor NaN nor negative
        usable = pc.and_(known, pc.and_(pc.equal(pc.floor(column), column), pc.less(column, 2.0**53)))
        whole = pc.if_else(usable, column, pa.scalar(None, pa.float64())).cast(pa.int64())
        return _of_numbers(column, known, whole)
    if not pa.types.is_integer(kind):
        raise InputError(f"contains {kind}, not counts", "statistics", "use whole numbers")
    if pa.types.is_unsigned_integer(kind):
        column = column.cast(pa.uint64())
        usable = pc.less(column, pa.scalar(2**63, pa.uint64()))
        return _of_numbers(
            column,
            pc.is_valid(column),
            pc.if_else(usable, column, pa.scalar(None, pa.uint64())).cast(pa.int64()),
        )
    whole = column.cast(pa.int64())
    return Cells(pc.if_else(pc.greater_equal(whole, 0), whole, pa.scalar(None, pa.int64())), len(whole))


def numbers(column: pa.ChunkedArray, dtype: pa.DataType) -> Cells:
    """Reads ids and other exact whole numbers that fit the type; `1.0` is 1.

    An id in scientific notation has lost digits, so it is unreadable.

    Raises:
        InputError: the column has another type than numbers or text.
    """
    column = _unwrapped(column)
    if pa.types.is_string(column.type):
        found = _from_text(column, _exact_of_text, pa.int64())
    else:
        found = counts(column)
    largest = {8: 2**7 - 1, 32: 2**31 - 1, 64: 2**63 - 1}[dtype.bit_width]
    fits = pc.less_equal(found.column, largest)
    kept = pc.if_else(fits, found.column, pa.scalar(None, pa.int64()))
    lost = kept.null_count - found.column.null_count
    example = found.example
    if lost and not example:
        example = str(found.column.filter(pc.invert(pc.fill_null(fits, True)))[0].as_py())
    return Cells(kept.cast(dtype), found.filled, found.unreadable + lost, example)


def durations(column: pa.ChunkedArray) -> Cells:
    """Reads seconds as float64, from numbers, durations, times of day, or text such as `75.5` and `1:02:03`.

    Raises:
        InputError: the column has another type.
    """
    column = _unwrapped(column)
    kind = column.type
    if pa.types.is_string(kind):
        return _from_text(column, _seconds_of_text, pa.float64())
    if pa.types.is_duration(kind) or pa.types.is_time(kind):
        unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        width = pa.int32() if pa.types.is_time32(kind) else pa.int64()
        column = pc.divide(column.cast(width).cast(pa.float64()), float(unit))
    elif not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise InputError(f"contains {kind}, not durations", "statistics", "write seconds, or 4:05")
    column = column.cast(pa.float64(), safe=False)
    known = pc.greater_equal(column, 0.0)
    usable = pc.and_(known, pc.less(column, 1e7))
    return _of_numbers(column, known, pc.if_else(usable, column, pa.scalar(None, pa.float64())))


def times(column: pa.ChunkedArray, dtype: pa.DataType) -> Cells:
    """Reads times between 2009 and 2100, from timestamps, dates, text, or numbers.

    A number counts from 1970, in seconds, milliseconds, microseconds or nanoseconds; its size shows which.
    A time without a zone is taken for UTC.

    Args:
        column: timestamps of any resolution, dates, numbers or text (`2026-11-20 12:00:00`, `2026/11/20`).
        dtype: the timestamp type to return.

    Raises:
        InputError: the column has another type.
    """
    column = _unwrapped(column)
    kind = column.type
    if pa.types.is_string(kind):
        return _from_text(column, _moments_of_text, dtype)
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        column = column.cast(pa.float64(), safe=False)
        if (pc.max(column).as_py() or 0) < 1e8:  # days such as 20261120
            digits = counts(column).column.cast(pa.string())
            return _from_text(digits, _moments_of_text, dtype)
        known = pc.greater(column, 0.0)
        return _of_numbers(column, known, _moments_of_numbers(column).cast(dtype))
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_null(kind)):
        raise InputError(f"contains {kind}, not times", "statistics", "write 2026-11-20T12:00:00Z")
    zoneless = len(column) - column.null_count if pa.types.is_timestamp(kind) and kind.tz is None else 0
    # Times may have a finer resolution than the table's; truncating them is harmless.
    milliseconds = column.cast(pa.timestamp("ms", getattr(kind, "tz", None)), safe=False).cast(
        dtype, safe=False
    )
    usable = _within(milliseconds.cast(pa.int64()))
    found = _of_numbers(column, pc.is_valid(column), pc.if_else(usable, milliseconds, pa.scalar(None, dtype)))
    return Cells(found.column, found.filled, found.unreadable, found.example, zoneless=zoneless)


def text(column: pa.ChunkedArray) -> Cells:
    """Reads text; numbers become their digits."""
    column = _unwrapped(column)
    if pa.types.is_floating(column.type) and (whole := counts(column)).unreadable == 0:
        column = whole.column  # a column of digits with an empty cell arrives as floats
    return Cells(column.cast(pa.string()), len(column))


def _unwrapped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns plain values of a dictionary, and text of any layout, or of decimals, as `string`."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    textual = (
        pa.types.is_large_string(kind),
        pa.types.is_string_view(kind),
        pa.types.is_binary(kind),
        pa.types.is_large_binary(kind),
        pa.types.is_binary_view(kind),
        pa.types.is_decimal(kind),
    )
    if pa.types.is_binary_view(kind):
        column = column.cast(pa.binary())
    return column.cast(pa.string()) if any(textual) else column


def _of_numbers(column: pa.ChunkedArray, known: pa.ChunkedArray, values: pa.ChunkedArray) -> Cells:
    """Returns the values, and how many known cells of the column became null."""
    lost = pc.and_(pc.fill_null(known, False), pc.is_null(values))
    filled, unreadable = (pc.sum(flags).as_py() or 0 for flags in (known, lost))
    example = str(column.filter(lost)[0].as_py()) if unreadable else ""
    return Cells(values, filled, unreadable, example)


@dataclass(frozen=True)
class _Read:
    """What a parser of text found: (n,) values, null where unreadable, and the flags of `Cells`."""

    values: pa.Array
    rounded: int = 0
    zoneless: int = 0


def _from_text(column: pa.ChunkedArray, read: Callable[[pa.Array], _Read], dtype: pa.DataType) -> Cells:
    """Converts plain digits as a whole, and passes what is left, tidied, to `read`."""
    parts = [_chunk_from_text(chunk, read, dtype) for chunk in column.chunks]
    return Cells(
        pa.chunked_array([part.column for part in parts], dtype),
        sum(part.filled for part in parts),
        sum(part.unreadable for part in parts),
        next((part.example for part in parts if part.example), ""),
        sum(part.rounded for part in parts),
        sum(part.zoneless for part in parts),
    )


def _chunk_from_text(chunk: pa.Array, read: Callable[[pa.Array], _Read], dtype: pa.DataType) -> Cells:
    counting = read in (_whole_of_text, _exact_of_text)
    values = pa.nulls(len(chunk), dtype)
    left = pc.is_valid(chunk)
    if counting:
        plain = pc.fill_null(pc.match_substring_regex(chunk, _PLAIN), False)
        values = _digits(pc.if_else(plain, chunk, pa.scalar(None, pa.string())))
        left = pc.and_not(left, plain)
    rows = np.flatnonzero(left.to_numpy(zero_copy_only=False))
    done = len(chunk) - chunk.null_count - len(rows)
    if not len(rows):
        return Cells(values, done)
    rest = chunk.take(pa.array(rows))
    tidy = pc.replace_substring_regex(pc.utf8_normalize(rest, "NFKC"), _BLANK, "")
    filled = pc.invert(pc.match_substring_regex(tidy, _UNKNOWN)).to_numpy(zero_copy_only=False)
    stated = np.flatnonzero(filled)
    if not len(stated):
        return Cells(values, done)
    found = read(tidy.take(pa.array(stated)))
    mask = np.zeros(len(chunk), bool)
    mask[rows[stated]] = True
    values = pc.replace_with_mask(values, pa.array(mask), found.values.cast(dtype))
    missed = np.flatnonzero(pc.is_null(found.values).to_numpy(zero_copy_only=False))
    example = rest[int(stated[missed[0]])].as_py() if len(missed) else ""
    return Cells(values, done + len(stated), len(missed), example, found.rounded, found.zoneless)


def _digits(plain: pa.Array) -> pa.Array:
    """Converts digits, perhaps followed by `.0`, to int64."""
    return pc.replace_substring_regex(plain, r"\..*", "").cast(pa.int64())


def _exact_of_text(cells: pa.Array) -> _Read:
    """Reads digits and grouped digits as int64."""
    grouped = pc.match_substring_regex(cells, _GROUPED)
    joined = pc.replace_substring_regex(cells, _SEPARATORS, "")
    cells = pc.if_else(grouped, joined, cells)
    plain = pc.match_substring_regex(cells, _PLAIN)
    return _Read(_digits(pc.if_else(plain, cells, pa.scalar(None, pa.string()))))


def _whole_of_text(cells: pa.Array) -> _Read:
    """Reads counts with separators, units and powers of ten as int64."""
    exact = _exact_of_text(cells).values
    parts = pc.extract_regex(cells, _SCALED)
    number, power, unit = (pc.struct_field(parts, name) for name in ("number", "power", "unit"))
    scale = _array(pc.if_else(pc.equal(power, ""), pa.scalar("0"), power).cast(pa.float64()))
    words = pc.utf8_lower(pc.fill_null(unit, ""))
    codes = pc.index_in(words, pa.array(list(_UNITS))).to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore", over="ignore"):
        values = _array(number.cast(pa.float64())) * 10.0**scale * np.array(list(_UNITS.values()))[codes]
        nearest = np.round(values)
        # A written unit says that the number is rounded; without one it has to be whole.
        with_unit = codes > 0
        whole = np.abs(values - nearest) <= 1e-9 * np.maximum(nearest, 1)
        usable = (nearest < LARGEST_COUNT) & (whole | with_unit)
    scaled = pa.array(np.where(usable, nearest, 0).astype(np.int64), mask=~usable)
    unread = pc.is_null(exact).to_numpy(zero_copy_only=False)
    return _Read(pc.coalesce(exact, scaled), rounded=int((usable & with_unit & unread).sum()))


def _seconds_of_text(cells: pa.Array) -> _Read:
    """Reads seconds, and hours, minutes and seconds between colons, as float64."""
    clock = pc.extract_regex(cells, _CLOCK)
    days, hours, minutes, rest = (
        _array(_filled(pc.struct_field(clock, name)).cast(pa.float64())) for name in ("d", "h", "m", "s")
    )
    of_clock = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    plain = _array(pc.struct_field(pc.extract_regex(cells, _SECONDS), "number").cast(pa.float64()))
    values = np.where(np.isnan(plain), of_clock, plain)
    return _Read(pa.array(values, mask=~((values >= 0) & (values < 1e7))))


def _moments_of_text(cells: pa.Array) -> _Read:
    """Reads dates, times with or without a zone, and numbers that count from 1970."""
    usable = pc.match_substring_regex(cells, r"^\d{9,19}(\.\d*)?$|^\d(\.\d*)?[eE]\+?\d{1,2}$")
    digits = pc.if_else(usable, cells, pa.scalar(None, pa.string())).cast(pa.float64())
    since_1970 = _moments_of_numbers(pa.chunked_array([digits])).combine_chunks()
    dates = pc.extract_regex(cells, _DATE)
    compact = pc.extract_regex(cells, _COMPACT)
    fields = {
        name: pc.fill_null(pc.struct_field(dates, name), "")
        for name in ("hour", "minute", "second", "part", "zone")
    }
    day = {
        name: pc.coalesce(pc.struct_field(dates, name), pc.struct_field(compact, name))
        for name in ("year", "month", "day")
    }
    joined = pc.binary_join_element_wise(
        *day.values(), *(_filled(fields[name]) for name in ("hour", "minute", "second")), "-"
    )
    parsed = pc.strptime(joined, "%Y-%m-%d-%H-%M-%S", "s", error_is_null=True)
    exists = pc.equal(pc.day(parsed), day["day"].cast(pa.int64()))  # 31 February is parsed as 3 March
    parsed = pc.if_else(exists, parsed, pa.scalar(None, parsed.type))
    zone = fields["zone"]
    shift = pc.extract_regex(zone, r"^(?P<sign>[+-])(?P<h>\d{2}):?(?P<m>\d{2})?$")
    sign = np.where(_flags(pc.equal(pc.struct_field(shift, "sign"), "-")), -1.0, 1.0)
    hours, minutes = (_array(_filled(pc.struct_field(shift, name)).cast(pa.float64())) for name in ("h", "m"))
    offset = np.nan_to_num(sign * (hours * 60 + minutes)) * 60_000
    part = pc.binary_join_element_wise("0.", _filled(fields["part"]), "").cast(pa.float64())
    fraction = np.nan_to_num(np.floor(1000 * _array(part)))
    written = _array(parsed.cast(pa.int64()).cast(pa.float64())) * 1000 + fraction - offset
    inside = (written >= _EARLIEST) & (written < _LATEST)
    moments = pa.array(np.where(inside, written, 0).astype(np.int64), mask=~inside).cast(_MS)
    zoneless = int((inside & _flags(pc.equal(zone, "")) & ~_flags(pc.is_valid(since_1970))).sum())
    return _Read(pc.coalesce(since_1970, moments), zoneless=zoneless)


_MS = pa.timestamp("ms", "UTC")


def _moments_of_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns the times that numbers since 1970 mean; null where none lies between 2009 and 2100."""
    values = column.to_numpy(zero_copy_only=False)
    moments, known = np.zeros(len(values), np.int64), np.zeros(len(values), bool)
    for tick in _TICKS:
        with np.errstate(invalid="ignore"):
            scaled = np.floor(values * tick + 1e-6)
            inside = (scaled >= _EARLIEST) & (scaled < _LATEST)
        moments[inside] = scaled[inside].astype(np.int64)
        known |= inside
    return pa.chunked_array([pa.array(moments, mask=~known).cast(_MS)])


def _within(milliseconds: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(pc.greater_equal(milliseconds, _EARLIEST), pc.less(milliseconds, _LATEST))


def _filled(words: pa.Array) -> pa.Array:
    """Replaces a group that did not occur, which is empty, by 0; a cell that did not match stays null."""
    return pc.if_else(pc.equal(words, ""), pa.scalar("0"), words)


def _array(column: pa.Array) -> NDArray[np.float64]:
    """Returns numbers as float64, NaN where null."""
    values: NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
    return values


def _flags(column: pa.Array) -> NDArray[np.bool_]:
    """Returns flags, False where null."""
    flags: NDArray[np.bool_] = pc.fill_null(column, False).to_numpy(zero_copy_only=False)
    return flags
