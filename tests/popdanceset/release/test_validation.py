"""Validation of releases: whole ones pass, and each damage or lie is named on one line."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import resource
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from popdanceset.errors import PopDanceSetError
from popdanceset.release.command import release as command
from popdanceset.release.reader import Release
from popdanceset.release.validation import validate
from popdanceset.release.validation.faults import MOST, Faults
from popdanceset.release.writer import publish
from popdanceset.schema import CAMERA_COLUMNS, FRAMES, RELEASE_CLIPS
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, synthetic: ModuleType) -> Path:
    """A release like that of `folder` in conftest, made once."""
    root = tmp_path_factory.mktemp("whole")
    settings = Settings.load(overrides={"store": str(root / "store"), "manifests": str(root)})
    clips = [
        synthetic.clip_row("BV1_Clip_10", 60, "m1"),
        synthetic.clip_row("BV1_Clip_2", 170, "m1"),
        synthetic.clip_row("BV2_Clip_1", 400, "m2", genre="kpop", dancer_id="8"),
        synthetic.clip_row("BV3_Clip_1", 45, "m3", music_path=""),
    ]
    store = Store(settings.store)
    synthetic.fill_store(store, "weekly", clips)
    return Path(settings.store, publish(settings, store, "weekly", day=datetime.date(2026, 1, 2)).path)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of the release."""
    return Path(shutil.copytree(whole, tmp_path / "release"))


def data(folder: Path) -> Path:
    """The file with frames of the training clips."""
    (file,) = (folder / "data").glob("frames-train-*")
    return file


def rewrite(file: Path, change: Callable[[int, pa.Table], pa.Table]) -> None:
    """Writes a parquet file again with changed row groups."""
    with pq.ParquetFile(file) as old:
        groups = [change(n, old.read_row_group(n)) for n in range(old.num_row_groups)]
    with pq.ParquetWriter(file, groups[0].schema) as new:
        for group in groups:
            new.write_table(group, row_group_size=max(1, len(group)))


def sign(folder: Path) -> None:
    """Writes the checksums of all files into croissant.json, as somebody would who hides a change."""
    file = folder / "croissant.json"
    document = json.loads(file.read_text())
    for item in document["distribution"]:
        if item["@type"] == "cr:FileObject":
            content = (folder / item["contentUrl"]).read_bytes()
            item["sha256"] = hashlib.sha256(content).hexdigest()
            item["contentSize"] = f"{len(content)} B"
    file.write_text(json.dumps(document))


def edit(file: Path, change: Callable[[Any], None]) -> None:
    """Changes a JSON document."""
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def set_column(name: str, values: Any) -> Callable[[int, pa.Table], pa.Table]:
    def change(number: int, rows: pa.Table) -> pa.Table:
        if number:
            return rows
        index = rows.schema.get_field_index(name)
        return rows.set_column(
            index, rows.schema.field(index), pa.array(values(rows), rows.field(index).type)
        )

    return change


def only_faults(folder: Path) -> list[str]:
    found = validate(folder)
    assert len(found.faults) == found.total
    assert all("\n" not in fault for fault in found.faults)
    return found.faults


def test_a_whole_release_is_valid(folder: Path) -> None:
    found = validate(folder)
    assert found.faults == []
    assert (found.version, found.clips, found.frames) == ("2026.01.02", 4, 675)
    assert found.files == len([path for path in folder.rglob("*") if path.is_file()]) - 1
    result = CliRunner().invoke(command, ["validate", str(folder)])
    assert result.exit_code == 0
    assert "release 2026.01.02 is valid: 4 clips, 675 frames" in result.output


def test_a_release_of_the_store_is_named_by_its_version(ready: Store, settings: Settings) -> None:
    made = publish(settings, ready, "weekly")
    for version in (made.version, "1.0.0"):
        result = CliRunner().invoke(command, ["validate", version, "--store", settings.store])
        assert f"release {made.version} is valid" in result.output
    result = CliRunner().invoke(command, ["validate", "2.0.0", "--store", settings.store])
    assert "there is no release '2.0.0'" in str(result.exception)


def test_a_release_on_a_web_server_is_validated(folder: Path, web: ModuleType) -> None:
    with web.serve(folder) as server:
        assert validate(server.address).faults == []
        name = data(folder).relative_to(folder).as_posix()
        data(folder).write_bytes(data(folder).read_bytes()[:-3] + b"xyz")
        assert any(name in fault for fault in validate(server.address).faults)


def test_releases_with_nulls_are_valid(ready: Store, settings: Settings) -> None:
    """Imported clips lack columns."""
    for clip_id in ("BV1_Clip_10", "BV2_Clip_1"):
        rows = ready.read_table(f"poses/{clip_id}.parquet", FRAMES)
        rows = rows.drop_columns(["coco_keypoints2d", "pred_scores", "observed"])
        ready.write_table(f"poses/{clip_id}.parquet", rows, FRAMES)
    assert only_faults(Path(settings.store, publish(settings, ready, "weekly").path)) == []


def test_other_checksums_are_named(folder: Path) -> None:
    def lie(document: Any) -> None:
        for item in document["distribution"]:
            if item["@id"] == "meta/stats.json":
                item["sha256"] = "0" * 64
            if item["@id"] == "README.md":
                item["contentSize"] = "7 B"

    edit(folder / "croissant.json", lie)
    size = (folder / "README.md").stat().st_size
    actual = hashlib.sha256((folder / "meta/stats.json").read_bytes()).hexdigest()
    assert only_faults(folder) == [
        f"README.md: has {size} bytes instead of the 7 that croissant.json states",
        f"meta/stats.json: has another SHA-256 than croissant.json states: {actual}",
    ]
    result = CliRunner().invoke(command, ["validate", str(folder)])
    assert result.exit_code == 1
    assert "meta/stats.json: has another SHA-256" in result.output
    assert "2 faults" in result.output


@pytest.mark.parametrize(
    "name", ["../x.parquet", "/etc/passwd", "https://host/x", "a/../b", "a\\b", ".x", ""]
)
def test_croissant_may_only_name_files_inside(folder: Path, name: str) -> None:
    edit(folder / "croissant.json", lambda document: document["distribution"][0].update(contentUrl=name))
    assert any("croissant.json: names a file outside the release" in fault for fault in only_faults(folder))


@pytest.mark.parametrize("text", ["[]", "{}", '{"distribution": {}}', "{", "[" * 100_000, '"x"', "NaN"])
def test_a_croissant_of_another_form(folder: Path, text: str) -> None:
    (folder / "croissant.json").write_text(text)
    assert any("croissant.json: " in fault for fault in only_faults(folder))


def test_missing_and_unlisted_files_are_named(folder: Path) -> None:
    (folder / "README.md").unlink()
    (folder / "meta/extra.json").write_text("{}")
    (folder / ".gitattributes").write_text("")
    edit(
        folder / "croissant.json",
        lambda document: document.update(
            distribution=[item for item in document["distribution"] if item["@id"] != "meta/info.json"]
        ),
    )
    faults = "\n".join(only_faults(folder))
    assert "README.md: file is missing" in faults
    assert "meta/extra.json: is not listed in croissant.json" in faults
    assert "croissant.json: does not list meta/info.json" in faults
    assert ".gitattributes" not in faults


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("smpl_poses", lambda rows: [[np.nan] * 72] * len(rows), "'smpl_poses' contains NaN or infinity"),
        ("timestamp", lambda rows: [np.inf] * len(rows), "'timestamp' contains NaN or infinity"),
        ("timestamp", lambda rows: np.arange(len(rows)) / 25, "timestamp is not that of 30 frames"),
        ("frame_index", lambda rows: np.arange(len(rows))[::-1], "frame_index does not count from 0"),
        ("clip_id", lambda rows: ["BV8_Clip_1"] * len(rows), "contains clip 'BV8_Clip_1', which does not"),
        ("clip_id", lambda rows: ["BV2_Clip_1", *["x"] * (len(rows) - 1)], "rows of 2 clips instead of one"),
        ("smpl_trans", lambda rows: [[0.1, 0.2, 50.0]] * len(rows), "states another min, max, mean, std"),
    ],
)  # fmt: skip
def test_wrong_rows_are_named_even_with_right_checksums(
    folder: Path, column: str, values: Any, message: str
) -> None:
    rewrite(data(folder), set_column(column, values))
    sign(folder)
    faults = only_faults(folder)
    assert any(message in fault for fault in faults), faults
    assert len(faults) < 12


def test_rows_that_were_exchanged_are_found_by_their_hash(folder: Path) -> None:
    def other(rows: pa.Table) -> Any:
        return [*rows["estimator"].combine_chunks().dictionary_decode().to_pylist()[1:], "other 2"]

    rewrite(data(folder), set_column("estimator", other))
    sign(folder)
    (fault,) = only_faults(folder)
    assert "have another hash than their table states" in fault


def test_lost_reordered_and_doubled_row_groups(folder: Path) -> None:
    file = data(folder)
    with pq.ParquetFile(file) as old:
        groups = [old.read_row_group(n) for n in range(old.num_row_groups)]
    for order, message in (
        (groups[:-1], "has no usable rows of clip"),
        ([*groups, groups[0]], "which does not belong there"),
        (groups[::-1], ""),
    ):
        with pq.ParquetWriter(file, groups[0].schema) as new:
            for group in order:
                new.write_table(group, row_group_size=len(group))
        sign(folder)
        faults = only_faults(folder) if message else []
        assert not message or any(message in fault for fault in faults)
    with Release(folder) as release, pytest.raises(PopDanceSetError, match="row group 0 contains clip"):
        release.frames(groups[0]["clip_id"][0].as_py())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda info: info["counts"].update(frames=674), "states counts.frames 674, but it is 675"),
        (lambda info: info["counts"].update(dancers=9), "states counts.dancers 9, but it is 2"),
        (lambda info: info["splits"]["train"].update(clips=1), "states splits.train.clips 1, but it is"),
        (lambda info: info["genres"].update(waacking=3), "states genres {"),
        (lambda info: info["music"]["baseline"].update(clips=4), "states music.baseline.clips 4, but"),
        (lambda info: info.update(fps=60), "states 60 frames per second instead of 30"),
        (lambda info: info["features"]["smpl_trans"].update(unit="cm"), "describes column smpl_trans other"),
        (lambda info: info["features"].pop("bbox"), "describes other columns than the schema: 'bbox'"),
    ],
)  # fmt: skip
def test_a_wrong_description_is_named(folder: Path, change: Any, message: str) -> None:
    edit(folder / "meta/info.json", change)
    sign(folder)
    (fault,) = only_faults(folder)
    assert fault.startswith(f"meta/info.json: {message}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["smpl_trans"]["min"].__setitem__(1, -9.0), "another min"),
        (lambda s: s["smpl_poses"]["mean"][3].__setitem__(1, 0.9), "another mean of smpl_poses"),
        (lambda s: s["bbox"]["std"].__setitem__(0, 0.0), "another std of bbox"),
        (lambda s: s["timestamp"].update(q90=0.0), "another q90 of timestamp"),
        (lambda s: s["bbox"].update(count=3), "states 3 rows of bbox, but there are 675"),
        (lambda s: s["music/baseline"]["features"].update(std=None), "no usable statistics of features"),
        (lambda s: s["bbox"].update(max="many"), "states no usable statistics of bbox"),
        (lambda s: s["bbox"].update(max=[1e999] * 4), "states no usable statistics of bbox"),
        (lambda s: s.pop("bbox"), "states no usable statistics of bbox"),
        (lambda s: s.clear(), "states no usable statistics of timestamp"),
    ],
)  # fmt: skip
def test_wrong_statistics_are_named(folder: Path, change: Any, message: str) -> None:
    edit(folder / "meta/stats.json", change)
    sign(folder)
    assert any(message in fault for fault in only_faults(folder))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict.fromkeys(CAMERA_COLUMNS), ""),
        ({"height": None, "focal_length": None}, "has no height, focal_length"),
        ({"focal_length": -700.0}, "has no positive size or focal length"),
        ({"width": 0}, "has no positive size or focal length"),
        ({"camera_to_world": [2.0, 0, 0, 0, 0, 1, 0, -1, 0]}, "is not a rotation"),
        ({"camera_to_world": [-1.0, 0, 0, 0, 0, 1, 0, -1, 0]}, "is not a rotation"),  # a reflection
        ({"camera_to_world": [math.nan] * 9}, "is not a rotation"),
    ],
)
def test_a_camera_that_cannot_be_is_named(folder: Path, changes: dict[str, Any], message: str) -> None:
    rows = pq.read_table(folder / "meta/clips.parquet").to_pylist()
    rows[0] |= changes
    pq.write_table(from_rows(rows, RELEASE_CLIPS), folder / "meta/clips.parquet")
    sign(folder)
    faults = only_faults(folder)
    assert len(faults) == bool(message), faults
    assert all(message in fault and repr(rows[0]["clip_id"]) in fault for fault in faults)


def test_wrong_lists_and_leaks_are_named(folder: Path) -> None:
    (folder / "splits/train.txt").write_text("BV1_Clip_10\n")
    table = pq.read_table(folder / "meta/clips.parquet")
    index = table.schema.get_field_index("split")
    other = {"train": "test", "test": "train"}
    splits = table["split"].to_pylist()
    place = table["clip_id"].to_pylist().index("BV1_Clip_10")
    splits[place] = other[splits[place]]
    table = table.set_column(index, table.schema.field(index), pa.array(splits))
    pq.write_table(table, folder / "meta/clips.parquet")
    sign(folder)
    faults = "\n".join(only_faults(folder))
    assert "splits/train.txt: does not list the clips of the split" in faults
    assert "shares video BV1 with" in faults
    assert "shares music m1 with" in faults
    assert "contains clips of several splits: test, train" in faults


# -- hostile releases are refused when they are read


@pytest.mark.parametrize(
    "name",
    ["../x.parquet", "/etc/passwd", "https://evil/x.parquet", "s3://b/x", "data/../../x", "a\\..\\x",
     "data//x", "data/\nx", "C:/x", "data/.hidden"],
)  # fmt: skip
@pytest.mark.parametrize("where", ["data", "music", "splits"])
def test_info_may_only_name_files_inside(folder: Path, name: str, where: str) -> None:
    def lead_out(info: Any) -> None:
        if where == "data":
            info["data"] = [name]
        elif where == "music":
            info["music"]["baseline"]["files"] = [name]
        else:
            info["splits"]["train"]["file"] = name

    edit(folder / "meta/info.json", lead_out)
    with pytest.raises(PopDanceSetError, match=r"info\.json names a file outside the release: ") as refusal:
        Release(folder)
    assert "\n" not in str(refusal.value)
    (fault,) = validate(folder).faults
    assert "names a file outside the release" in fault


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info.update(content="sha256:../../../x"),
        lambda info: info.update(content=""),
        lambda info: info.update(version="../x"),
        lambda info: info["music"].update({"../x": info["music"]["baseline"]}),
        lambda info: info.update(fps=0),
        lambda info: info.update(fps=10**12),
    ],
)
def test_info_may_only_contain_names(folder: Path, change: Any) -> None:
    edit(folder / "meta/info.json", change)
    with pytest.raises(PopDanceSetError, match=r"meta/info\.json"):
        Release(folder)


def test_a_document_without_end_is_not_read(folder: Path) -> None:
    with (folder / "meta/info.json").open("r+b") as file:
        file.truncate(1 << 40)  # sparse: nothing is written
    with pytest.raises(PopDanceSetError, match=r"has 1099511627776 bytes, and at most"):
        Release(folder)


@pytest.mark.parametrize("clip_id", ["../../x", "a/b", "", ".", "..", "a\x00b", "a\nb", "x" * 400, "\x1b[2J"])
def test_ids_that_are_no_names_are_refused(folder: Path, clip_id: str) -> None:
    rows = pq.read_table(folder / "meta/clips.parquet")
    ids = [clip_id, *rows["clip_id"].to_pylist()[1:]]
    pq.write_table(rows.set_column(0, rows.schema.field(0), pa.array(ids)), folder / "meta/clips.parquet")
    with Release(folder) as release:
        with pytest.raises(PopDanceSetError, match="which is not a clip id") as refusal:
            release.clip_ids()
        assert str(refusal.value).isprintable()


@pytest.mark.parametrize("cut", [0, 3, 11, 100, -1, -4, -9, -2000])
def test_truncated_files_are_one_line(folder: Path, cut: int) -> None:
    content = data(folder).read_bytes()
    data(folder).write_bytes(content[:cut])
    with Release(folder) as release:
        clip_id = release.clip_ids("train")[0]
        with pytest.raises(PopDanceSetError, match="is damaged: ") as refusal:
            release.frames(clip_id)
    assert "\n" not in str(refusal.value)
    assert only_faults(folder)


@pytest.mark.parametrize("length", [0, 1 << 20, 1 << 31, (1 << 32) - 1])
def test_footers_of_another_length_are_one_line(folder: Path, length: int) -> None:
    content = data(folder).read_bytes()
    data(folder).write_bytes(content[:-8] + struct.pack("<I", length) + b"PAR1")
    with Release(folder) as release, pytest.raises(PopDanceSetError, match="is damaged: "):
        release.frames(release.clip_ids("train")[0])


def test_flipped_bytes_never_end_in_another_exception(folder: Path) -> None:
    file, content = data(folder), data(folder).read_bytes()
    footer = len(content) - 8 - struct.unpack("<I", content[-8:-4])[0]
    random = np.random.default_rng(0)
    places = [*random.integers(footer, len(content) - 8, 60), *random.integers(4, footer, 60)]
    refused = []
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= int(random.integers(1, 256))
        file.write_bytes(damaged)
        with Release(folder) as release:
            for clip_id in release.clip_ids("train"):
                try:
                    release.frames(clip_id)
                except PopDanceSetError as error:
                    refused.append(str(error))
    assert len(refused) > 60
    assert not any("\n" in line for line in refused)


def bomb(folder: Path, **columns: Any) -> None:
    """Replaces the clip's file by one whose single row group has other columns."""
    table = pa.table(columns)
    pq.write_table(table, data(folder), row_group_size=len(table), compression="zstd")


def test_absurd_counts_cost_nothing(folder: Path) -> None:
    with Release(folder) as release:
        clip_id = release.clip_ids("train")[0]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pq.ParquetFile(data(folder)) as file:
        schema = file.schema_arrow
    field = schema.field("smpl_scaling")
    rows = 1 << 22
    scaling = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(rows, np.float32)), type=field.type)
    bomb(
        folder,
        clip_id=pa.array([clip_id])
        .dictionary_encode()
        .take(pa.array(np.zeros(rows, np.int32)))
        .cast(pa.string()),
        smpl_scaling=scaling,
    )
    del scaling
    began = time.perf_counter()
    with Release(folder) as release, pytest.raises(PopDanceSetError, match="rows"):
        release.frames(clip_id, ["smpl_scaling"])
    faults = validate(folder).faults
    assert any("claims 4194304 rows" in fault for fault in faults)
    assert time.perf_counter() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 900_000


def test_text_without_end_is_not_unpacked(folder: Path) -> None:
    with Release(folder) as release:
        clip_id = release.clip_ids("train")[0]
        frames = release.clips.to_pylist()[release.clip_ids().index(clip_id)]["frames"]
    with pq.ParquetFile(data(folder)) as file:
        rows = file.read_row_group(0)
    large = pa.array(["x" * (1 << 26)]).dictionary_encode().take(pa.array(np.zeros(len(rows), np.int32)))
    index = rows.schema.get_field_index("estimator")
    rows = rows.set_column(index, rows.schema.field(index), large)
    pq.write_table(rows, data(folder), row_group_size=frames, compression="zstd")
    assert data(folder).stat().st_size < 5_000_000
    with (
        Release(folder) as release,
        pytest.raises(PopDanceSetError, match="column 'estimator' of row group 0"),
    ):
        release.frames(clip_id)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("smpl_trans", lambda n: pa.array([[0.0, 0.0, 1.0]] * n)),  # a list of any length
        ("smpl_trans", lambda n: pa.array([[0.0, 0.0, 1.0, 1.0]] * n, pa.list_(pa.float32(), 4))),
        ("smpl_trans", lambda n: pa.array(["x"] * n)),
        ("frame_index", lambda n: pa.array(np.arange(n))),
    ],
)
def test_other_types_are_refused(folder: Path, column: str, values: Any) -> None:
    def change(_: int, rows: pa.Table) -> pa.Table:
        index = rows.schema.get_field_index(column)
        return rows.set_column(index, column, values(len(rows)))

    rewrite(data(folder), change)
    with Release(folder) as release:
        clip_id = release.clip_ids("train")[0]
        with pytest.raises(PopDanceSetError, match=f"column '{column}' is .* instead of "):
            release.frames(clip_id)
        assert "smpl_poses" in release.frames(clip_id, ["smpl_poses"])
    assert any(f"column '{column}' is" in fault for fault in only_faults(folder))


@pytest.mark.parametrize("column", ["file", "row_group", "frames"])
def test_a_clip_table_that_leads_nowhere(folder: Path, column: str) -> None:
    rows = pq.read_table(folder / "meta/clips.parquet")
    wrong = {"file": "../../x.parquet", "row_group": 2**31 - 1, "frames": -5}[column]
    index = rows.schema.get_field_index(column)
    values = pa.array([wrong] * len(rows), rows.field(column).type)
    pq.write_table(rows.set_column(index, rows.schema.field(index), values), folder / "meta/clips.parquet")
    with Release(folder) as release, pytest.raises(PopDanceSetError) as refusal:
        release.frames("BV2_Clip_1")
    assert "\n" not in str(refusal.value)
    assert only_faults(folder)


def test_faults_are_printable_and_limited() -> None:
    faults = Faults()
    for _ in range(MOST + 5):
        faults.add("x", "a\x1b[31m\nb" + "c" * 5000)
    assert len(faults.lines) == MOST
    assert faults.count == MOST + 5
    assert faults.lines[0].isprintable()
    assert len(faults.lines[0]) <= 1000
