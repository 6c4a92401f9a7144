"""Reading a release."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from popdanceset.errors import InputError
from popdanceset.release.reader import Release
from popdanceset.schema import FRAMES
from popdanceset.store import Store


def test_arrays_are_folded(folder: Path, ready: Store) -> None:
    with Release(folder) as release:
        assert (release.version, release.fps, release.extractors) == ("2026.01.02", 30, ["baseline"])
        frames = release.frames("BV1_Clip_10")
        assert frames["smpl_poses"].shape == (60, 24, 3)
        assert frames["coco_keypoints2d"].shape == (60, 17, 2)
        assert frames["smpl_scaling"].shape == (60, 1)
        assert frames["observed"].shape == (60, 24)
        assert frames["observed"].dtype == bool
        assert frames["smpl_poses"].dtype == np.float32
        assert frames["estimator"][0] == "synthetic 1"
        stored = ready.read_table("poses/BV1_Clip_10.parquet", FRAMES)
        np.testing.assert_array_equal(
            frames["smpl_poses"][7], np.reshape(stored["smpl_poses"][7].as_py(), (24, 3)).astype(np.float32)
        )
        assert list(release.frames("BV1_Clip_10", ["smpl_trans"])) == ["smpl_trans"]


def test_parts_and_music(folder: Path) -> None:
    with Release(folder) as release:
        parts = {part: release.clip_ids(part) for part in ("train", "test")}
        assert sorted(parts["train"] + parts["test"]) == sorted(release.clip_ids())
        assert [clip_id for clip_id, _ in release.iterate("train", ["timestamp"])] == parts["train"]
        assert release.clips_with_music() == ["BV1_Clip_2", "BV1_Clip_10", "BV2_Clip_1"]
        assert release.music("BV2_Clip_1").shape == (400, 35)


def test_what_is_not_there_is_said(folder: Path) -> None:
    with Release(folder) as release:
        with pytest.raises(InputError, match="no such rows of clip 'BV7_Clip_1'"):
            release.frames("BV7_Clip_1")
        with pytest.raises(InputError, match="no column 'faces'"):
            release.frames("BV1_Clip_2", ["faces"])
        with pytest.raises(InputError, match="no part 'validation'"):
            release.clip_ids("validation")
        with pytest.raises(InputError, match=r"no 'jukebox' music features \(it has: baseline\)"):
            release.music("BV1_Clip_2", "jukebox")
        with pytest.raises(InputError, match="no such rows of clip 'BV3_Clip_1'"):
            release.music("BV3_Clip_1")


def test_a_folder_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no release: meta/info\.json is missing \(name a folder"):
        Release(tmp_path)


def test_a_release_of_another_schema_is_refused(folder: Path) -> None:
    info = json.loads((folder / "meta/info.json").read_text())
    (folder / "meta/info.json").write_text(json.dumps(info | {"schema_version": 99}))
    with pytest.raises(InputError, match="has schema version 99, this program reads 1"):
        Release(folder)


def test_a_missing_or_damaged_file_is_named(folder: Path) -> None:
    (data,) = (folder / "data").iterdir()
    content = data.read_bytes()
    data.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=f"{data.name} is damaged"):
        Release(folder).frames("BV1_Clip_2")
    data.unlink()
    with pytest.raises(InputError, match=f"is incomplete: data/{data.name} is missing"):
        Release(folder)
