"""Release → export → import → release: the motions, and a set that lives on with new clips."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.spatial.transform import Rotation

from popdanceset import layout
from popdanceset.cli import main as popdanceset_main
from popdanceset.manifest import Manifest, ManifestVideo, read_manifest, write_manifest
from popdanceset.release.reader import Release
from popdanceset.schema import CLIPS, FRAMES
from popdanceset.store import Store
from popdanceset.tables import fold_column, from_rows

Array = np.ndarray[Any, Any]
NEW = "BV1zz411z7qz"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """`run("import", …)` → exit code and standard output."""

    def go(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["popdanceset", *map(str, words)])
        with pytest.raises(SystemExit) as exited:
            popdanceset_main()
        return int(exited.value.code or 0), capsys.readouterr().out

    return go


@pytest.fixture
def sounding(release: Path) -> Path:
    """`release`, whose store has noise for every clip, the same for the clips of a video."""
    with Release(release) as opened:
        for row in opened.clips.to_pylist():
            noise = np.random.default_rng(sum(map(ord, row["bvid"]))).uniform(-0.3, 0.3, 22050 * 12)
            path = release.parents[1] / f"media/{row['clip_id']}.wav"
            soundfile.write(path, noise[: 22050 * row["frames"] // 30], 22050)
    return release


def motion(frames: Any) -> tuple[Array, Array]:
    """Matrices (frames, 24, 3, 3), and the root of the mean body (frames, 3)."""
    vectors = np.asarray(frames["smpl_poses"], np.float64).reshape(-1, 3)
    root = np.asarray(frames["smpl_trans"], np.float64) / np.asarray(frames["smpl_scaling"], np.float64)
    return Rotation.from_rotvec(vectors).as_matrix().reshape(-1, 24, 3, 3), root


@pytest.mark.parametrize(
    ("kind", "axes", "joints"),
    [("popdanceset", "released", 24), ("aist++", "kept", 24), ("amass", "kept", 22), ("hybrik", "kept", 24)],
)
def test_the_importer_finds_the_motions_again(
    tmp_path: Path, sounding: Path, run: Callable[..., Any], kind: str, axes: str, joints: int
) -> None:
    store = tmp_path / "other"
    where = ("--store", store, "--set", f"manifests={tmp_path / 'manifests'}")
    code, _ = run("export", kind, sounding, "--out", tmp_path / "out", "--store", sounding.parents[1])
    assert code == 0
    code, _ = run("import", kind, tmp_path / "out", "--manifest", "again", "--axes", axes, *where)
    assert code == 0
    with Release(sounding) as opened:
        rows = Store(store).read_table(layout.CLIPS, CLIPS).to_pylist()
        names = {row["source_name"].partition("/")[0].removesuffix(".npz"): row["clip_id"] for row in rows}
        assert len(names) == 4
        for clip_id in opened.clip_ids():
            frames = opened.frames(clip_id)
            imported = names.get(clip_id, clip_id)
            table = Store(store).read_table(layout.poses(imported), FRAMES)
            read = {name: fold_column(table, name) for name in ("smpl_poses", "smpl_trans", "smpl_scaling")}
            (turns, root), (wanted, path) = motion(read), motion(frames)
            np.testing.assert_allclose(turns[:, :joints], wanted[:, :joints], atol=1e-5)
            moved = root - path
            shift = moved[0] if kind == "hybrik" else np.zeros(3)  # that camera stands somewhere
            np.testing.assert_allclose(moved, np.broadcast_to(shift, moved.shape), atol=1e-5)
            if kind == "aist++":
                np.testing.assert_allclose(read["smpl_scaling"], frames["smpl_scaling"], rtol=1e-6)


def test_an_imported_set_lives_on(
    tmp_path: Path, sounding: Path, run: Callable[..., Any], synthetic: ModuleType
) -> None:
    """The published layout, imported, then a new video: no leaks; the new clips are the difference."""
    manifests, address = tmp_path / "manifests", tmp_path / "living"
    where = ("--store", address, "--set", f"manifests={manifests}", "--set", "release.test_share=0.2")
    assert (
        run("export", "popdanceset", sounding, "--out", tmp_path / "out", "--store", sounding.parents[1])[0]
        == 0
    )
    assert run("import", "popdanceset", tmp_path / "out", "--manifest", "living", *where)[0] == 0
    assert run("publish", "--manifest", "living", "--version", "imported", *where)[0] == 0
    assert run("splits", "check", address / "releases/imported")[0] == 0

    store = Store(address)
    rows = [synthetic.clip_row(f"{NEW}_Clip_{number}", 180, "new", music_path="") for number in (1, 2)]
    store.write_table(layout.clip_rows(NEW), from_rows(rows, CLIPS), CLIPS)
    for number, row in enumerate(rows):
        synthetic.add_poses(store, row["clip_id"], 180, seed=number)
    before = read_manifest(manifests / "living")
    videos = (*before.videos, ManifestVideo(NEW, 0.9, title="new", source="ranking:1004"))
    write_manifest(manifests / "living", Manifest(before.name, videos, before.provenance))

    assert run("publish", "--manifest", "living", "--version", "extended", *where)[0] == 0
    assert run("splits", "check", address / "releases/extended")[0] == 0
    code, out = run("release", "diff", "imported", "extended", "--json", "--store", address)
    assert code == 0
    found = json.loads(out)
    assert {clip["clip_id"] for clip in found["added"]} == {row["clip_id"] for row in rows}
    assert (found["removed"], found["changed"], found["moved"]) == ([], [], [])
    assert found["unchanged"] == 4
    with Release(address / "releases/extended") as extended, Release(sounding) as original:
        assert set(extended.clip_ids()) == {*original.clip_ids(), *(row["clip_id"] for row in rows)}
