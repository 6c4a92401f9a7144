"""Releases in pandas, polars, DuckDB and Hugging Face datasets, as the card says; with and without nulls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from popdanceset.release.reader import Release
from popdanceset.release.writer import publish
from popdanceset.schema import FRAMES, shape_of
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import Array

ABSENT = "coco_keypoints2d"
"""Null in one clip, as in imported ones."""

LISTS = {field.name: int(np.prod(shape_of(field))) for field in FRAMES if shape_of(field)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, synthetic: ModuleType) -> Path:
    """Five clips; one lacks its keypoints and its camera."""
    root = tmp_path_factory.mktemp("release")
    settings = Settings.load(overrides={"store": str(root / "store"), "manifests": str(root)})
    store = Store(settings.store)
    synthetic.fill_store(
        store, "weekly", [synthetic.clip_row(f"BV{n}_Clip_1", 30 + n, f"m{n}") for n in range(5)]
    )
    synthetic.add_poses(store, "BV3_Clip_1", 33, seed=3, **dict.fromkeys(synthetic.CAMERA))
    rows = store.read_table("poses/BV3_Clip_1.parquet", FRAMES).drop_columns([ABSENT])
    store.write_table("poses/BV3_Clip_1.parquet", rows, FRAMES)
    return Path(settings.store, publish(settings, store, "weekly").path)


@pytest.fixture(scope="module")
def arrays(folder: Path) -> Iterator[dict[str, dict[str, Array]]]:
    """The clips as our own reader reads them."""
    with Release(folder) as release:
        yield dict(release.iterate())


def check_cameras(clips: Iterable[Any], cameras: Iterable[Any], folder: Path) -> None:
    """Compares `camera_to_world` of clips with our own; of one clip it is null."""
    found = dict(zip(clips, cameras, strict=True))
    with Release(folder) as release:
        for clip_id, turn in found.items():
            camera = release.camera(clip_id)
            assert (camera is None) is (turn is None) is (clip_id == "BV3_Clip_1")
            assert camera is None or np.array_equal(np.reshape(turn, (3, 3)), camera.to_world)
    assert len(found) == 5


def check_clip(rows: dict[str, Any], expected: dict[str, Array]) -> None:
    """Compares columns, each a sequence of cells, with our arrays."""
    assert set(rows) == set(expected)
    for name, cells in rows.items():
        if name in LISTS:
            absent = [cell is None for cell in cells]
            if any(absent):
                assert all(absent)
                assert name == ABSENT
                continue
            found = np.stack([np.asarray(cell) for cell in cells])
            np.testing.assert_array_equal(found.reshape(expected[name].shape), expected[name])
            assert found.dtype == expected[name].dtype or found.dtype == np.float64
        else:
            assert list(cells) == list(expected[name])


def test_pandas(folder: Path, arrays: dict[str, dict[str, Array]]) -> None:
    import pandas

    frames = pandas.read_parquet(folder / "data")
    assert len(frames) == sum(range(30, 35))
    for clip_id, rows in frames.groupby("clip_id"):
        check_clip({name: rows[name].tolist() for name in rows}, arrays[str(clip_id)])
    clips = pandas.read_parquet(folder / "meta/clips.parquet")
    assert list(clips["clip_id"]) == list(arrays)
    check_cameras(clips["clip_id"], clips["camera_to_world"], folder)


def test_polars(folder: Path, arrays: dict[str, dict[str, Array]]) -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    lazy = polars.scan_parquet(folder / "data/*.parquet")
    schema = lazy.collect_schema()
    for name, width in LISTS.items():
        assert schema[name] == polars.Array(polars.Boolean if name == "observed" else polars.Float32, width)
    for clip_id, expected in arrays.items():
        rows = lazy.filter(polars.col("clip_id") == clip_id).collect()
        check_clip({name: rows[name].to_list() for name in rows.columns}, expected)
    clips = polars.read_parquet(folder / "meta/clips.parquet")
    check_cameras(clips["clip_id"], clips["camera_to_world"].to_list(), folder)
    height = lazy.group_by("clip_id").agg(polars.col("smpl_trans").arr.get(2).max()).collect()
    for clip_id, highest in height.iter_rows():
        assert highest == arrays[clip_id]["smpl_trans"][:, 2].max()


def test_duckdb(folder: Path, arrays: dict[str, dict[str, Array]]) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    source = f"read_parquet('{folder}/data/*.parquet')"
    for clip_id, expected in arrays.items():
        rows = duckdb.sql(f"select * from {source} where clip_id = '{clip_id}' order by frame_index")
        check_clip(dict(zip(rows.columns, zip(*rows.fetchall(), strict=True), strict=True)), expected)
    clips = duckdb.sql(f"select clip_id, camera_to_world from '{folder}/meta/clips.parquet'").fetchall()
    check_cameras(*zip(*clips, strict=True), folder)
    joined = duckdb.sql(
        f"select clip_id, max(smpl_trans[3]) from {source} join '{folder}/meta/clips.parquet' "
        "using (clip_id) where split = 'train' group by clip_id"
    )
    for clip_id, highest in joined.fetchall():
        assert highest == arrays[clip_id]["smpl_trans"][:, 2].max()


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets(
    folder: Path, arrays: dict[str, dict[str, Array]], tmp_path: Path, streaming: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    options = {"streaming": streaming, "cache_dir": str(tmp_path)}
    found: dict[str, list[dict[str, Any]]] = {}
    for split in ("train", "test"):
        frames = datasets.load_dataset(str(folder), "frames", split=split, **options)
        for name, width in LISTS.items():
            leaf = "bool" if name == "observed" else "float32"
            assert frames.features[name] == datasets.List(datasets.Value(leaf), length=width)
        for row in frames:
            found.setdefault(row["clip_id"], []).append(row)
    for clip_id, expected in arrays.items():
        rows = found[clip_id]
        check_clip({name: [row[name] for row in rows] for name in rows[0]}, expected)
    music = datasets.load_dataset(str(folder), "music-baseline", split="train", **options)
    assert music.features["features"] == datasets.List(datasets.Value("float32"), length=35)
    assert len(next(iter(music))["features"]) == 35
    clips = datasets.load_dataset(str(folder), "clips", split="full", **options)
    assert [row["clip_id"] for row in clips] == list(arrays)
    check_cameras([row["clip_id"] for row in clips], [row["camera_to_world"] for row in clips], folder)
    if not streaming:
        poses = datasets.load_dataset(str(folder), "frames", split="train", **options).with_format("numpy")
        assert poses[0]["smpl_poses"].reshape(24, 3).shape == (24, 3)


def test_the_lines_of_the_card(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The card's Python blocks run as they are, inside the release."""
    for name in ("polars", "duckdb", "datasets"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    card = (folder / "README.md").read_text(encoding="utf-8")
    block = next(text for text in re.findall(r"```python\n(.*?)```", card, re.DOTALL) if "pandas" in text)
    for name in ("pandas", "polars", "duckdb", "datasets", "pyarrow", "Release"):
        assert name in block
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    code = block.replace('"path/to/this/folder"', repr(str(folder)))
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["poses"].shape[1:] == (24, 3)
