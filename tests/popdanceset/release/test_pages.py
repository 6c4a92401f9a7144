"""Headers of pages: what they claim to unpack to, and bombs that their footer keeps quiet about."""

from __future__ import annotations

import io
import resource
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from popdanceset.errors import SchemaError
from popdanceset.release.pages import Pieces, unpacked_bytes
from popdanceset.release.shard_reader import ShardReader
from popdanceset.store import Store

ROWS = 5000


def chunks(path: Path) -> list[tuple[pq.ColumnChunkMetaData, bytes]]:
    content = path.read_bytes()
    found = []
    metadata = pq.read_metadata(path)
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for index in range(group.num_columns):
            chunk = group.column(index)
            first = min(o for o in (chunk.data_page_offset, chunk.dictionary_page_offset) if o)
            found.append((chunk, content[first : first + chunk.total_compressed_size]))
    return found


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "zstd", "snappy", "gzip"])
def test_headers_of_all_kinds_of_pages(tmp_path: Path, codec: str, version: str) -> None:
    random = np.random.default_rng(0)
    table = pa.table(
        {
            "word": [f"clip {n // 7}" for n in range(ROWS)],
            "number": random.normal(size=ROWS),
            "list": pa.FixedSizeListArray.from_arrays(pa.array(random.normal(size=3 * ROWS)), 3),
            "truth": random.random(ROWS) < 0.5,
            "nulls": pa.array([None, 1.5] * (ROWS // 2)),
        }
    )
    path = tmp_path / "x.parquet"
    pq.write_table(
        table, path, compression=codec, data_page_version=version, data_page_size=4000, row_group_size=2000,
        write_page_checksum=True,
    )  # fmt: skip
    for chunk, content in chunks(path):
        headers = chunk.total_uncompressed_size - unpacked_bytes(content)  # the footer counts them too
        assert 0 < headers < 200 * (2 + len(content) // 100)


@pytest.mark.parametrize(
    "content",
    [b"\x00", b"\x15", b"\x15\x00\x15\x02", b"\xff" * 50, b"\x1c" * 50, b"\x15\x00\x15\x02\x15\x7e\x00",
     b"\x15\x00\x15" + b"\x80" * 20, b"\x18\xff\xff\xff\x7f", b"\x15\x00\x15\x01\x15\x02\x00ab"],
)  # fmt: skip
def test_damaged_headers(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"page header|page claims"):
        unpacked_bytes(content)


def test_any_bytes_end_soon() -> None:
    random = np.random.default_rng(1)
    for _ in range(2000):
        try:
            unpacked_bytes(random.bytes(60))
        except ValueError:
            continue


def zigzag(number: int) -> bytes:
    number, out = number << 1, bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def test_a_page_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    """The footer of 3000 rows is that of an honest file; its page is not."""
    path = tmp_path / "x.parquet"
    table = pa.table({"number": np.zeros(3000, np.float32)})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)
    content = bytearray(path.read_bytes())
    ((chunk, stored),) = chunks(path)
    honest = zigzag(unpacked_bytes(stored))
    place = content.index(honest, chunk.data_page_offset)
    large = zigzag((1 << 31) - 1)
    content[place : place + len(honest)] = large
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    shard = ShardReader(Store(tmp_path), "x.parquet")
    with pytest.raises(SchemaError, match=r"is damaged: "):
        shard.read(0, ["number"])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_pieces_are_a_file_without_the_rest() -> None:
    pieces = Pieces([(10, b"abcdef"), (100, b"xyz")])
    assert pieces.seek(12) == pieces.tell() == 12
    assert pieces.read(3) == b"cde"
    assert pieces.at(100, 3) == b"xyz"
    assert pieces.seek(0, io.SEEK_END) == 103
    for first, count in ((0, 1), (15, 2), (50, 1), (101, 3)):
        with pytest.raises(ValueError, match="belong to no column"):
            pieces.at(first, count)
