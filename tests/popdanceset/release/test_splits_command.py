"""`popdanceset splits check`: what it finds in lists and releases, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from popdanceset.release.splits_command import splits


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(splits, [str(argument) for argument in arguments])


def test_the_published_lists_leak_by_video(shared: Path) -> None:
    done = run("check", shared / "upstream/splits", "--json")
    (report,) = json.loads(done.output)["reports"]
    assert report["splits"] == {"train": 1012, "test": 24}
    assert report["kinds"]["video"]["leaks"] == {"test": 21}
    assert report["kinds"]["music"] == {"leaks": {}, "known": 0, "fails": True}
    ids = {part: (shared / f"upstream/splits/{part}.txt").read_text().split() for part in ("train", "test")}
    videos = {clip_id.partition("_")[0] for clip_id in ids["train"]}
    leaking = {clip_id for clip_id in ids["test"] if clip_id.partition("_")[0] in videos}
    assert {leak["clip_id"] for leak in report["leaks"]} == leaking
    assert done.exit_code == 1
    assert "21 of 24 test clips leak" in run("check", shared / "upstream/splits").output


def test_lists_of_aist(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("gBR_sBM_cAll_d04_mBR0_ch01\n")
    (tmp_path / "test.txt").write_text("gBR_sBM_cAll_d05_mBR0_ch02\ngBR_sFM_cAll_d04_mBR1_ch02\n")
    done = run("check", tmp_path)
    assert done.exit_code == 1
    assert (
        "gBR_sBM_cAll_d05_mBR0_ch02 (test) shares music mBR0 with train gBR_sBM_cAll_d04_mBR0_ch01"
        in done.output
    )
    assert "dancer        1 of 2 test clips leak; reported only" in done.output
    assert run("check", tmp_path, "--by", "video").exit_code == 0
    assert run("check", tmp_path, "--by", "video, dancer").exit_code == 1
    assert run("check", tmp_path, "--by", "choreography").exit_code == 0


def test_a_release_does_not_leak(make_release: Callable[..., Path], synthetic: ModuleType) -> None:
    row: Callable[..., dict[str, Any]] = synthetic.clip_row
    release = make_release(
        [
            row("BV1_Clip_1", 60, "m1", dancer_id="7"),
            row("BV1_Clip_2", 60, "m2", dancer_id="7"),
            row("BV2_Clip_1", 50, "m3", dancer_id="7+8"),
            row("BV3_Clip_1", 40, "", dancer_id="BV3"),
        ]
    )
    done = run("check", release, "--json")
    (report,) = json.loads(done.output)["reports"]
    assert done.exit_code == 0
    assert report["kinds"]["music"]["known"] == 3
    assert report["kinds"]["dancer"]["known"] == 3
    failed = run("check", release, "--by", "uploader")
    assert failed.exit_code == 1
    assert "does not state the uploader of any clip" in str(failed.exception)


@pytest.mark.parametrize("by", ["", "videos", "clip"])
def test_unknown_kinds(tmp_path: Path, by: str) -> None:
    assert "is not one of video" in run("check", tmp_path, "--by", by).output
