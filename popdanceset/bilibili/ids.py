"""Video ids: their forms, and reading lists of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from popdanceset.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_BVID = re.compile(r"BV[0-9A-Za-z]{10}", re.ASCII)
_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])[Bb][Vv]([0-9A-Za-z]{10})(?![0-9A-Za-z])", re.ASCII)
_AV = re.compile(r"(?<![0-9A-Za-z])av(\d{1,16})(?![0-9A-Za-z])", re.ASCII | re.IGNORECASE)
_SHORT = re.compile(r"(?<![\w.])b23\.tv/([0-9A-Za-z]{1,20})\b", re.A | re.I)

# The arithmetic between numeric ids and video ids. Both are public names of the same video: every answer of
# the host has both (`aid`, `bvid`).
_LETTERS = np.frombuffer(b"FcwAPNKTMug3GV5Lj7EJnHpWsx4tb8haYeviqBz6rkCy12mUSDQX9RdoZf", np.uint8)
_XOR = 23442827791579
_LARGEST_AID = 1 << 51


def is_bvid(value: Any) -> TypeGuard[str]:
    """Returns whether this is a video id. Check this before an id becomes part of a path or an address."""
    return isinstance(value, str) and _BVID.fullmatch(value) is not None


def bvid_of_aid(aid: int) -> str:
    """Returns the video id of a numeric id, as in `av170001`.

    Raises:
        InputError: there is no such id.
    """
    if not 0 < aid < _LARGEST_AID:
        raise InputError(f"av{aid} is not a video id", do=f"numeric ids are below {_LARGEST_AID}")
    return bytes(_bvids_of_aids(np.array([aid]))[0]).decode()


def aid_of_bvid(bvid: str) -> int | None:
    """Returns the numeric id of a video id; None if no video can have this id."""
    if not is_bvid(bvid):
        return None
    letters = list(bvid)
    letters[3], letters[9] = letters[9], letters[3]
    letters[4], letters[7] = letters[7], letters[4]
    alphabet, number = _LETTERS.tobytes().decode(), 0
    for letter in letters[3:]:
        place = alphabet.find(letter)
        if place < 0:
            return None
        number = number * len(alphabet) + place
    aid = (number & (_LARGEST_AID - 1)) ^ _XOR
    return aid if 0 < aid < _LARGEST_AID and bvid_of_aid(aid) == bvid else None


def find_bvid(text: str) -> str | None:
    """Returns the video id in an id or address (`BV…`, `bv…`, `av170001`); None if there is none."""
    if found := _IN_TEXT.search(text):
        return f"BV{found[1]}"
    numeric = _AV.search(text)
    return bvid_of_aid(int(numeric[1])) if numeric and 0 < int(numeric[1]) < _LARGEST_AID else None


def find_short_link(text: str) -> str | None:
    """Returns the address of a short link in the text, `https://b23.tv/abc`; None if there is none.

    A short link that contains the video id is not one: `find_bvid` reads it.
    """
    found = _SHORT.search(text)
    return f"https://b23.tv/{found[1]}" if found and find_bvid(text) is None else None


def as_bvids(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a column of video ids, in which other forms of an id, and addresses, are replaced by it.

    Args:
        column: text; cells that contain no video id stay as they are.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.min_max(pc.binary_length(column)).as_py()
    usual = pc.starts_with(column, "BV")
    if lengths == {"min": 12, "max": 12} and pc.all(usual).as_py() is not False:
        return column
    usual = pc.and_(pc.fill_null(usual, True), pc.equal(pc.fill_null(pc.binary_length(column), 12), 12))
    rows = np.flatnonzero(~usual.to_numpy())
    values = column.combine_chunks()
    rest = values.take(pa.array(rows))
    ids = pc.struct_field(
        pc.extract_regex(rest, r"(?:^|[^0-9A-Za-z])[Bb][Vv](?P<id>[0-9A-Za-z]{10})(?:[^0-9A-Za-z]|$)"), "id"
    )
    replaced = pc.binary_join_element_wise("BV", ids, "")
    numeric = pc.struct_field(
        pc.extract_regex(rest, r"(?i)(?:^|[^0-9a-z])av(?P<id>\d{1,15})(?:[^0-9a-z]|$)"), "id"
    )
    aids = pc.fill_null(numeric.cast(pa.int64()), 0).to_numpy()
    inside = (aids > 0) & (aids < _LARGEST_AID)
    letters = np.ascontiguousarray(_bvids_of_aids(np.where(inside, aids, 1)))
    ends = pa.py_buffer(np.arange(0, 12 * len(rows) + 1, 12, dtype=np.int32))
    of_aids = pa.StringArray.from_buffers(len(rows), ends, pa.py_buffer(letters.tobytes()))
    of_aids = pc.if_else(pa.array(inside), of_aids, pa.scalar(None, pa.string()))
    mask = np.zeros(len(values), bool)
    mask[rows] = True
    return pa.chunked_array(
        [pc.replace_with_mask(values, pa.array(mask), pc.coalesce(replaced, of_aids, rest))]
    )


def read_ids(path: Path) -> tuple[str, ...]:
    """Reads ids from a text file with one id or address a line; `#` begins a comment.

    A line may have a video id (`BV…`), a numeric id (`av170001`), an address with one of them, or a short
    link (`https://b23.tv/abc`), which only the host can resolve.

    Args:
        path: the file; `~` is the home folder.

    Returns:
        Each video id and each short link once, in the order of first occurrence.

    Raises:
        InputError: the file cannot be read as text, has no ids, or has a line without an id.
    """
    try:
        lines = path.expanduser().read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the name") from error
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", path, "save it as UTF-8") from error
    ids: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        found = find_bvid(text) or find_short_link(text)
        if not found:
            raise InputError(
                f"{text[:40]!r} has no video id",
                f"{path}, line {number}",
                "write one BV id, av id, address or b23.tv link a line",
            )
        ids[found] = None
    if not ids:
        raise InputError("the file has no video ids", path, "write one BV id a line")
    return tuple(ids)


def _bvids_of_aids(aids: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Returns the letters of video ids, (n, 12), of numeric ids, (n,)."""
    letters = np.empty((len(aids), 12), np.uint8)
    letters[:, :3] = np.frombuffer(b"BV1", np.uint8)
    rest = (aids.astype(np.int64) | _LARGEST_AID) ^ _XOR
    for place in range(11, 2, -1):
        rest, digit = np.divmod(rest, len(_LETTERS))
        letters[:, place] = _LETTERS[digit]
    letters[:, [3, 9]] = letters[:, [9, 3]]
    letters[:, [4, 7]] = letters[:, [7, 4]]
    return letters
