"""Finding videos in texts, tables, archives and pages, and removing them from there."""

from __future__ import annotations

import base64
import gzip
import io
import logging
import zipfile
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.bilibili.ids import aid_of_bvid, bvid_of_aid
from popdanceset.store import Store
from popdanceset.withdrawal import searching
from popdanceset.withdrawal.searching import in_bytes, search_file
from popdanceset.withdrawal.tables import occurrences, scrub
from popdanceset.withdrawal.targets import Targets
from popdanceset.withdrawal.texts import without_entries, without_lines

BVID = "BV17x411w7KC"  # av170001
TARGETS = Targets([BVID])


@given(st.integers(1, (1 << 51) - 1))
def test_numeric_ids_and_back(aid: int) -> None:
    assert aid_of_bvid(bvid_of_aid(aid)) == aid


@pytest.mark.parametrize("bvid", ["", "BV1", "BV1000000000", "BV1abcdefghi", "xx17x411w7KC"])
def test_ids_without_a_numeric_id(bvid: str) -> None:
    assert aid_of_bvid(bvid) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"see {BVID}!", "see (withdrawn)!"),
        (f"{BVID}_p2_Clip_1", "(withdrawn)_p2_Clip_1"),
        (f"x{BVID}y bv17x411w7KC", "x(withdrawn)y (withdrawn)"),
        ("av170001, AV170001.", "(withdrawn), (withdrawn)."),
        ("av1700012 xav170001 av17000", "av1700012 xav170001 av17000"),
        (f"舞 {BVID} 蹈 \ud83d", "舞 (withdrawn) 蹈 \ud83d"),
        ("BV17x411w7Kc", "BV17x411w7Kc"),
        ("", ""),
    ],
)
def test_mentions_are_replaced(text: str, expected: str) -> None:
    assert TARGETS.redacted(text) == expected


@given(st.text("BVbv17x4w7KCa0 _", max_size=60), st.integers(0, 60))
def test_a_planted_id_is_found_wherever_it_is(text: str, place: int) -> None:
    planted = text[:place] + BVID + text[place:]
    assert TARGETS.named(planted) == {BVID}
    assert not TARGETS.named(TARGETS.redacted(planted))


@pytest.mark.parametrize("block", [13, 64, 129, 500])
def test_an_id_across_two_blocks_counts_once(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "BLOCK", block)
    for place in range(0, 300, 7):
        data = b"." * place + BVID.encode() + b"." * (300 - place) + BVID.encode()
        assert in_bytes(io.BytesIO(data), TARGETS) == Counter({BVID: 2})


def table_of(**more: Any) -> pa.Table:
    clips = [f"{BVID}_Clip_1", "BV1StaysHere_Clip_1", "BV1StaysHere_Clip_2"] * 50
    return pa.table(
        {
            "clip_id": pa.array(clips).dictionary_encode(),
            "note": pa.array(["mine", f"like {BVID}", None] * 50),
            "tags": pa.array([["a"], [f"#{BVID}", "b"], None] * 50),
            "raw": pa.array([b"", b"\0" + BVID.encode(), b"x"] * 50),
            "values": pa.array([[1.0, 2.0]] * 150, pa.list_(pa.float32(), 2)),
            "facts": pa.array([{"of": "x"}, {"of": BVID}, None] * 50),
            "aid": pa.array([1, 2, 3] * 50),
            **more,
        }
    )


def written(table: pa.Table, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd", row_group_size=40, **options)
    file.seek(0)
    return file


@pytest.mark.parametrize(
    "options", [{}, {"use_dictionary": ["clip_id"], "column_encoding": {"note": "DELTA_BYTE_ARRAY"}}]
)
def test_every_kind_of_column_is_searched(options: dict[str, Any]) -> None:
    found = dict(occurrences(written(table_of(), **options), TARGETS))
    expected = {name: Counter({BVID: 50}) for name in ("clip_id", "note", "tags", "raw", "facts")}
    assert found == expected
    assert dict(occurrences(written(pa.table({"aid": [170001, 2]})), TARGETS)) == {"aid": Counter({BVID: 1})}


def test_rows_go_and_mentions_are_replaced() -> None:
    table = table_of()
    out = io.BytesIO()
    changes = scrub(written(table), lambda: out, TARGETS)
    assert changes == (50, 200)
    clean = pq.read_table(io.BytesIO(out.getvalue()))
    assert clean.schema.equals(table.schema)
    assert set(clean["clip_id"].to_pylist()) == {"BV1StaysHere_Clip_1", "BV1StaysHere_Clip_2"}
    assert clean["note"].to_pylist()[:2] == ["like (withdrawn)", None]
    assert clean["tags"].to_pylist()[:2] == [["#(withdrawn)", "b"], None]
    assert clean["raw"].to_pylist()[:2] == [b"", b"x"]
    assert clean["facts"].to_pylist()[:2] == [{"of": "(withdrawn)"}, None]
    assert np.array_equal(np.array(clean["values"].to_pylist()), np.tile([1.0, 2.0], (100, 1)))
    assert not dict(occurrences(io.BytesIO(out.getvalue()), TARGETS))


def test_a_file_without_the_video_is_not_written() -> None:
    def fail() -> Any:
        raise AssertionError

    assert scrub(written(pa.table({"a": ["BV1StaysHere"]})), fail, TARGETS) == (0, 0)
    assert scrub(written(pa.table({"a": pa.array([], pa.string())})), fail, TARGETS) == (0, 0)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_other_lines_keep_their_bytes(end: str) -> None:
    kept = [f'a,"two{end}lines, ""quoted"""', "c,舞", ""]
    text = end.join([kept[0], f'{BVID}_Clip_3,"x{end}y"', *kept[1:]])
    assert without_lines(text, TARGETS) == (end.join(kept), 1)
    assert without_lines("nothing", TARGETS) == ("nothing", 0)


def test_text_that_is_no_csv_is_still_redacted() -> None:
    text, removed = without_lines('a,"never closed ' + "x" * 200_000 + f" {BVID}", TARGETS)
    assert removed == 0
    assert BVID not in text


def test_entries_of_a_document() -> None:
    document = {
        "sample": ["BV1StaysHere", BVID],
        f"{BVID}_Clip_1": {"verdict": 1},
        "rows": [{"clip_id": f"{BVID}_Clip_1"}, {"clip_id": "BV1StaysHere_Clip_1", "note": f"not {BVID}"}],
        "n": 3,
    }
    assert without_entries(document, TARGETS) == (
        {
            "sample": ["BV1StaysHere"],
            "rows": [{"clip_id": "BV1StaysHere_Clip_1", "note": "not (withdrawn)"}],
            "n": 3,
        },
        4,
    )
    assert without_entries({"bvid": BVID}, TARGETS) == (None, 1)


def test_what_is_compressed_or_embedded_is_found(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    secret = b"before " + BVID.encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("deep/motion.txt", secret * 20)
    store.write_bytes("x/a.npz", archive.getvalue())
    store.write_bytes("x/b.json.gz", gzip.compress(secret))
    picture = base64.b64encode(b"\x89PNG" + secret)
    store.write_bytes("x/c.html", b'<img src="data:image/png;base64,' + picture + b'">')
    store.write_bytes("x/d.parquet", written(table_of()).getvalue())
    store.write_bytes("x/e.bin", b"\0\1" + secret)
    store.write_bytes("x/broken.parquet", b"PAR1 " + secret)
    store.write_bytes("x/broken.zip", b"PK\3\4" + b"\0" * 40)
    store.write_bytes("x/broken.gz", b"no " + secret)

    def found(name: str) -> set[str]:
        return {what for _, what, _ in search_file(store, f"x/{name}", TARGETS)}

    with caplog.at_level(logging.WARNING):
        assert found("a.npz") == {"member deep/motion.txt"}
        assert found("b.json.gz") == {"compressed"}
        assert found("c.html") == {"embedded"}
        assert found("d.parquet") >= {"column clip_id", "column tags"}
        assert found("e.bin") == found("broken.gz") == found("broken.parquet") == {"bytes"}
        assert found("broken.zip") == set()
    assert "only its bytes were searched" in caplog.text
