"""Reading a release: arrays, splits, damaged releases, and releases of other schema versions."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from popdanceset.errors import InputError
from popdanceset.release import info
from popdanceset.release.reader import Release
from popdanceset.schema import CAMERA_COLUMNS, FRAMES, RELEASE_CLIPS, VERSION
from popdanceset.store import Store
from popdanceset.tables import from_rows


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


def test_splits_and_music(folder: Path) -> None:
    with Release(folder) as release:
        splits = {split: release.clip_ids(split) for split in ("train", "test")}
        assert sorted(splits["train"] + splits["test"]) == sorted(release.clip_ids())
        assert [clip_id for clip_id, _ in release.iterate("train", ["timestamp"])] == splits["train"]
        assert release.clips_with_music() == ["BV1_Clip_2", "BV1_Clip_10", "BV2_Clip_1"]
        assert release.music("BV2_Clip_1").shape == (400, 35)


def test_what_does_not_exist_is_named(folder: Path) -> None:
    with Release(folder) as release:
        with pytest.raises(InputError, match="no such rows of clip 'BV7_Clip_1'"):
            release.frames("BV7_Clip_1")
        with pytest.raises(InputError, match="no column 'faces'"):
            release.frames("BV1_Clip_2", ["faces"])
        with pytest.raises(InputError, match="no split 'validation'"):
            release.clip_ids("validation")
        with pytest.raises(InputError, match=r"no 'jukebox' music features \(it has: baseline\)"):
            release.music("BV1_Clip_2", "jukebox")
        with pytest.raises(InputError, match="no such rows of clip 'BV3_Clip_1'"):
            release.music("BV3_Clip_1")


def test_a_folder_that_is_not_a_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"is not a release: meta/info\.json is missing \(give a folder below releases/"
    ):
        Release(tmp_path)


def test_a_release_of_a_newer_schema_is_refused_in_one_line(folder: Path) -> None:
    change_info(folder, schema_version=99)
    with pytest.raises(InputError) as refusal:
        Release(folder)
    assert str(refusal.value) == (
        f"{folder}: has schema version 99, and this popdanceset reads versions up to {VERSION} "
        "(update popdanceset)"
    )


def test_an_older_release_opens_and_the_warning_says_what_is_new(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As if the program were two versions ahead: one renamed a field of info.json, one added a column."""
    changes = {
        VERSION + 1: info.SchemaChange("licence_of_motion is called license", rename_license),
        VERSION + 2: info.SchemaChange("column mood of the clips"),
    }
    document = json.loads((folder / "meta/info.json").read_text())
    document["licence_of_motion"] = document.pop("license")
    (folder / "meta/info.json").write_text(json.dumps(document))
    monkeypatch.setattr(info, "VERSION", VERSION + 2)
    monkeypatch.setattr(info, "CHANGES", {**info.CHANGES, **changes})
    with_mood = RELEASE_CLIPS.append(pa.field("mood", pa.string(), nullable=True))
    monkeypatch.setattr("popdanceset.release.reader.RELEASE_CLIPS", with_mood)
    with caplog.at_level(logging.WARNING), Release(folder) as release:
        assert release.info.license == "other"
        assert release.info.schema_version == VERSION
        assert release.clips["mood"].to_pylist() == [None] * 4
        assert release.frames("BV1_Clip_2")["smpl_poses"].shape == (170, 24, 3)
    (message,) = caplog.messages
    assert message == (
        f"{folder} has schema version {VERSION}; since then: version {VERSION + 1}: licence_of_motion is "
        f"called license; version {VERSION + 2}: column mood of the clips"
    )


def rename_license(document: dict[str, Any]) -> dict[str, Any]:
    return {"license" if key == "licence_of_motion" else key: value for key, value in document.items()}


def test_every_schema_version_says_what_it_changed() -> None:
    assert list(info.CHANGES) == list(range(1, VERSION + 1))
    assert all(change.new for change in info.CHANGES.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": None}, "states no schema version"),
        ({"schema_version": 0}, "states no schema version"),
        ({"fps": "thirty"}, "is damaged: fps: "),
        ({"counts": {"clips": 4}}, r"is damaged: counts\.frames: "),
    ],
)
def test_a_damaged_description_is_named(folder: Path, changes: dict[str, Any], message: str) -> None:
    change_info(folder, **changes)
    with pytest.raises(InputError, match=rf"meta/info\.json {message}"):
        Release(folder)


def test_the_description_is_typed_and_loses_nothing(folder: Path) -> None:
    change_info(folder, mood="cheerful")  # a field that this version does not know
    document = json.loads((folder / "meta/info.json").read_text())
    with Release(folder) as release:
        assert release.info.document() == document
        assert list(release.info.document()) == list(document)
        assert release.info.counts.frames == 675
        assert release.info.splits["train"].file == "splits/train.txt"
        assert release.info.features["smpl_trans"].unit == "m"
        assert release.info.features["clip_id"].unit is None


def change_info(folder: Path, **changes: object) -> None:
    """Replaces fields of the release's info.json."""
    file = folder / "meta/info.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_the_camera_of_a_clip(folder: Path) -> None:
    """It is level, and its focal length is 800 pixels of frames of 640 × 480."""
    file = folder / "meta/clips.parquet"
    known, unknown, *_ = rows = pq.read_table(file).to_pylist()
    unknown |= dict.fromkeys(CAMERA_COLUMNS)
    pq.write_table(from_rows(rows, RELEASE_CLIPS), file)
    with Release(folder) as release:
        found = release.camera(known["clip_id"])
        assert found is not None
        # Of a root 4 m away: half a metre to the right, half a metre farther, a metre up.
        joints, root = np.array([[[0.5, 0.5, 1.0]]]), np.array([[0.0, 0.0, 4.0]])
        np.testing.assert_allclose(found.project(joints, root), [[[320 + 400 / 4.5, 240 - 800 / 4.5]]])
        assert release.camera(unknown["clip_id"]) is None
        with pytest.raises(InputError, match="has no such rows of clip 'BV9_Clip_9'"):
            release.camera("BV9_Clip_9")


def test_a_missing_or_damaged_file_is_named(folder: Path) -> None:
    (data,) = (folder / "data").glob("frames-train-00000-*.parquet")
    content = data.read_bytes()
    data.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=f"{data.name}: is damaged"):
        Release(folder).frames("BV1_Clip_2")
    data.unlink()
    with pytest.raises(InputError, match=f"is incomplete: data/{data.name} is missing"):
        Release(folder)
