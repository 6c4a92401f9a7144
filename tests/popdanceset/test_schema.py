"""The data contract: every column says what it is, and only tables that keep it are let through."""

import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from popdanceset import schema, tables
from popdanceset.errors import SchemaError
from popdanceset.schema import (
    CLIPS,
    FOLLOWERS,
    FRAMES,
    RELEASE_CLIPS,
    SELECTION,
    STATISTICS,
    VERDICTS,
    VIDEOS,
)

TABLES = {
    "statistics": STATISTICS,
    "followers": FOLLOWERS,
    "selection": SELECTION,
    "videos": VIDEOS,
    "clips": CLIPS,
    "verdicts": VERDICTS,
    "frames": FRAMES,
    "release_clips": RELEASE_CLIPS,
    "music": schema.music_schema("baseline", 35),
}

VERDICT = {
    "clip_id": "BV1_Clip_1",
    "bvid": "BV1",
    "frames": 10,
    "detected": 9,
    "mean_score": 0.5,
    "jitter_before": 2.0,
    "jitter_after": 1.0,
    "estimator": "e 1",
    "accepted": True,
    "reason": "",
    "note": "",
}


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_documented(name):
    table = TABLES[name]

    assert table.metadata[b"table"].decode() == name
    assert table.metadata[b"schema_version"].decode() == str(schema.VERSION)
    for field in table:
        assert field.metadata[b"doc"], field.name
        shape = schema.shape_of(field)
        if pa.types.is_fixed_size_list(field.type):
            assert int(np.prod(shape)) == field.type.list_size, field.name
        else:
            assert shape == ()


def test_the_frame_table_is_the_published_one():
    described = schema.describe(FRAMES)

    assert {name: tuple(column["shape"]) for name, column in described.items()} == {
        "clip_id": (),
        "frame_index": (),
        "timestamp": (),
        "smpl_poses": (24, 3),
        "smpl_trans": (3,),
        "smpl_scaling": (1,),
        "joints3d": (24, 3),
        "coco_keypoints3d": (17, 3),
        "coco_keypoints2d": (17, 2),
        "pred_scores": (29,),
        "pred_camera": (3,),
        "cam_root": (3,),
        "bbox": (4,),
        "observed": (24,),
        "estimator": (),
    }
    assert described["smpl_poses"] == {
        "dtype": "float32",
        "shape": [24, 3],
        "unit": "rad",
        "axes": "parent joint's frame, SMPL",
        "doc": "axis-angle rotations",
    }
    assert described["timestamp"]["unit"] == "s"
    json.dumps(described)


def test_the_meaning_travels_inside_the_file(tmp_path):
    pq.write_table(tables.from_rows([VERDICT], VERDICTS), tmp_path / "verdict.parquet")

    assert pq.read_schema(tmp_path / "verdict.parquet").equals(VERDICTS, check_metadata=True)


def test_music_schema_names_its_extractor():
    jukebox = schema.music_schema("jukebox", 4800)

    assert jukebox.metadata[b"extractor"] == b"jukebox"
    assert jukebox.field("features").type.list_size == 4800


def test_rows_become_a_table():
    table = tables.from_rows([VERDICT, VERDICT | {"clip_id": "BV1_Clip_2"}], VERDICTS)

    assert table.schema.equals(VERDICTS, check_metadata=True)
    assert table.to_pylist()[1]["clip_id"] == "BV1_Clip_2"
    assert tables.from_rows([], VERDICTS).equals(VERDICTS.empty_table())


def test_missing_nullable_columns_are_null():
    row = {
        "bvid": "BV1",
        "snapshot_at": datetime(2026, 1, 1, tzinfo=UTC),
        "state": "gone",
        "note": "",
        "source": "x",
    }

    assert tables.from_rows([row], STATISTICS).to_pylist()[0]["view"] is None


def test_columns_are_ordered_and_cast():
    plain = pa.table({name: [value] for name, value in reversed(VERDICT.items())})
    assert plain["frames"].type == pa.int64()

    assert tables.conform(plain, VERDICTS).schema.equals(VERDICTS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frames": "ten"}, "'frames'"),
        ({"frames": 2**40}, "'frames'"),
        ({"frames": 2**70}, "'frames'"),
        ({"note": "half a \ud800 character"}, "'note'"),
        ({"note": 5}, "'note'"),
        ({"note": None}, "'note'.* 1 nulls"),
        ({"colour": "red"}, "'colour'"),
    ],
)
def test_rows_that_do_not_fit(change, words):
    with pytest.raises(SchemaError, match=f"^here: .*{words}"):
        tables.from_rows([VERDICT | change], VERDICTS, "here")


def test_tables_that_do_not_fit():
    table = pa.table({name: [value] for name, value in VERDICT.items()})

    with pytest.raises(SchemaError, match=r"here: column 'note' of table 'verdicts' is missing"):
        tables.conform(table.drop_columns("note"), VERDICTS, "here")
    with pytest.raises(SchemaError, match=r"here: columns \['x'\] do not belong to table 'verdicts'"):
        tables.conform(table.append_column("x", [[1]]), VERDICTS, "here")
    wrong = table.set_column(table.schema.get_field_index("frames"), "frames", [["ten"]])
    with pytest.raises(SchemaError, match=r"here: column 'frames'"):
        tables.conform(wrong, VERDICTS, "here")


@pytest.mark.parametrize("features", [[0.0] * 34, [0.0] * 34 + [None]], ids=["too short", "with a hole"])
def test_arrays_that_do_not_fit(features):
    with pytest.raises(SchemaError, match="'features'"):
        tables.from_rows(
            [{"clip_id": "a", "frame_index": 0, "features": features}], schema.music_schema("baseline", 35)
        )


def test_reasons_are_lower_case_words():
    assert schema.Reason.NONE == ""
    assert all(reason == reason.name.lower() for reason in schema.Reason if reason)
