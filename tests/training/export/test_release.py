"""`popdanceset export`: what it does with bad clips, interruptions, other exports and options."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from popdanceset.cli import main as popdanceset_main
from popdanceset.errors import InputError, StoreError
from popdanceset.release.reader import Release
from popdanceset.store import Store
from training import export_command
from training.export.folder import Folder
from training.export.kinds import KINDS, Options, exporter
from training.export.kinds.base import File
from training.export.release import Selection, export_release
from training.export.sounds import Sounds

CLIP = "BV1aa411a7qr_Clip_2"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """`run("bvh", RELEASE, …)` → exit code, standard output, standard error."""

    def go(*words: object) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["popdanceset", "export", *map(str, words)])
        with pytest.raises(SystemExit) as exited:
            popdanceset_main()
        out, err = capsys.readouterr()
        return exited.value.code, out, err

    return go


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_command_names_all_layouts() -> None:
    assert tuple(KINDS) == export_command.KINDS


def test_the_command(tmp_path: Path, release: Path, run: Callable[..., Any], silent: str) -> None:
    words = ("popdanceset", release, "--out", tmp_path / "out", "--store", release.parents[1])
    code, out, _ = run(*words)
    assert code in (0, None)
    assert out.startswith(f"{tmp_path / 'out'}: 4 clips, ")
    assert f"1 clips have no sound here, which {release.parents[1]} does not have: {silent}" in out
    assert "train.py" in out
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    code, out, _ = run(*words)
    assert ", 0 files written, " in out
    assert written == {
        path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()
    }


def test_clips_from_a_file_and_by_name(tmp_path: Path, release: Path, run: Callable[..., Any]) -> None:
    with Release(release) as opened:
        every = opened.clip_ids()
    (tmp_path / "ids.txt").write_text("\n".join(every[:2]))
    code, _, _ = run(
        "csv", release, "--out", tmp_path / "a", "--clips", tmp_path / "ids.txt", "--clips", every[3]
    )
    assert code in (0, None)
    assert {path.stem for path in (tmp_path / "a").glob("*.csv")} == {every[0], every[1], every[3]}
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xff")
    for given, message in (
        ("BV9_Clip_1", "has no clip 'BV9_Clip_1'"),
        (tmp_path / "bad.txt", "not readable"),
    ):
        code, _, err = run("csv", release, "--out", tmp_path / "b", "--clips", given)
        assert code == 2
        assert message in err
        assert err.count("\n") == 1
    code, _, err = run("csv", release, "--out", tmp_path / "b", "--split", "validation")
    assert (code, "has no split 'validation'" in err) == (2, True)
    assert not list((tmp_path / "b").glob("*.csv"))


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("popdanceset", {"fps": 60.0}, "popdanceset does not take --fps"),
        ("hybrik", {"fps": 60.0}, "hybrik does not take --fps"),
        ("bvh", {"features": ["baseline"]}, "bvh does not take --features"),
        ("gltf", {"blender": "python"}, "gltf does not take --blender"),
        ("usd", {}, "no layout 'usd'"),
    ],
)
def test_options_that_a_layout_does_not_take(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        exporter(kind, Options(**options))


def test_fbx_without_blender_is_one_line(tmp_path: Path, release: Path, run: Callable[..., Any]) -> None:
    if importlib.util.find_spec("bpy") is None:
        code, _, err = run("fbx", release, "--out", tmp_path / "out")
        assert code == 2
        assert err.count("\n") == 1
        assert "FBX needs bpy" in err
    for python in (
        "/nowhere/python",
        sys.executable if importlib.util.find_spec("bpy") is None else "/bin/true",
    ):
        code, _, err = run("fbx", release, "--out", tmp_path / "out", "--blender", python)
        assert code == 2
        assert err.count("\n") == 1
        assert python in err
    assert not (tmp_path / "out").exists()


def test_a_bad_clip_costs_that_clip(
    tmp_path: Path, release: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Release.frames

    def damaged(self: Release, clip_id: str, columns: Any = None) -> Any:
        if clip_id == "BV1aa411a7qr_Clip_1":
            raise pa.ArrowInvalid("Corrupt snappy compressed data")
        frames = real(self, clip_id, columns)
        if clip_id == CLIP:
            frames["smpl_trans"] = frames["smpl_trans"] * np.nan
        return frames

    monkeypatch.setattr(Release, "frames", damaged)
    code, out, err = run("popdanceset", release, "--out", tmp_path / "out")
    assert code == 1
    assert ": 2 clips, " in out
    assert f"{CLIP}: not exported: the dance contains NaN or infinity" in err
    assert "BV1aa411a7qr_Clip_1: not exported: ArrowInvalid: Corrupt snappy" in err
    assert "Traceback" not in err
    lists = "".join(path.read_text() for path in (tmp_path / "out/splits").glob("*.txt"))
    assert CLIP not in lists
    assert not list((tmp_path / "out/motions").glob("BV1aa*"))
    document = json.loads((tmp_path / "out/export.json").read_text())
    assert set(document["failed"]) == {CLIP, "BV1aa411a7qr_Clip_1"}
    monkeypatch.undo()
    export_release(str(release), tmp_path / "out", "popdanceset")
    export_release(str(release), tmp_path / "clean", "popdanceset")
    assert tree(tmp_path / "out") == tree(tmp_path / "clean")


def test_ids_never_become_paths(tmp_path: Path, release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Release(release) as opened:
        clips = opened.clips
    hostile = ["../../evil", "/etc/evil", ".hidden", "a\x1b[31m/b"]
    place = clips.schema.get_field_index("clip_id")
    table = clips.set_column(place, clips.schema.field(place), pa.array(hostile))
    monkeypatch.setattr(Release, "clips", table)
    done = export_release(str(release), tmp_path / "inner/out", "bvh")
    assert list(done.failed) == hostile
    assert all("cannot be a file name" in why and "\x1b" not in why for why in done.failed.values())
    assert {path.name for path in tmp_path.rglob("*evil*")} == set()
    assert set(tree(tmp_path / "inner")) == {"out/export.json"}


@pytest.mark.parametrize("kind", ["popdanceset", "gltf", "aist++"])
def test_a_killed_export_is_finished_by_the_next(
    tmp_path: Path, release: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    sounds = Sounds(Store(release.parents[1]))
    export_release(str(release), tmp_path / "clean", kind, sounds=sounds)
    wanted = tree(tmp_path / "clean")
    real, out = Folder.put, tmp_path / "out"

    def until(limit: int) -> Callable[[Folder, File], bool]:
        count = 0

        def put(self: Folder, file: File) -> bool:
            nonlocal count
            count += 1
            if count == limit:
                file.write(self._scratch / "half")
                raise KeyboardInterrupt
            return real(self, file)

        return put

    for limit in range(1, len(wanted) + 1, 3):
        monkeypatch.setattr(Folder, "put", until(limit))
        with pytest.raises(KeyboardInterrupt):
            export_release(str(release), out, kind, sounds=sounds)
        there = tree(out)
        assert all(wanted[name] == content for name, content in there.items() if name != "export.json")
    monkeypatch.undo()
    export_release(str(release), out, kind, sounds=sounds)
    assert tree(out) == wanted


def test_unfinished_files_of_a_dead_process_are_removed(tmp_path: Path, release: Path) -> None:
    left = tmp_path / "out/.scratch/tmpdead"
    left.mkdir(parents=True)
    (left / "half.bvh").write_text("HIER")
    export_release(str(release), tmp_path / "out", "bvh")
    assert not (tmp_path / "out/.scratch").exists()


def test_a_folder_with_another_export_is_refused(tmp_path: Path, release: Path) -> None:
    export_release(str(release), tmp_path / "out", "bvh")
    before = tree(tmp_path / "out")
    for kind, options, selection, name in (
        ("csv", Options(), Selection(), "kind"),
        ("bvh", Options(fps=60), Selection(), "fps"),
        ("bvh", Options(), Selection(splits=["test"]), "splits"),
        ("bvh", Options(), Selection(clips=[CLIP]), "only"),
    ):
        with pytest.raises(InputError, match=f"contains another export: {name} differs"):
            export_release(str(release), tmp_path / "out", kind, options, selection)
    assert tree(tmp_path / "out") == before
    (tmp_path / "out/export.json").write_text("{")
    with pytest.raises(InputError, match="not readable"):
        export_release(str(release), tmp_path / "out", "bvh")


def test_folders_that_cannot_be_written(tmp_path: Path, release: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file"):
        export_release(str(release), tmp_path / "file", "bvh")
    with pytest.raises(StoreError, match="not writable"):
        export_release(str(release), tmp_path / "file/inner", "bvh")
    with pytest.raises(InputError, match="not a release"):
        export_release(str(tmp_path), tmp_path / "out", "bvh")
    assert not (tmp_path / "out").exists()


def test_a_sound_of_another_span_is_not_taken(tmp_path: Path, release: Path) -> None:
    sounds = Sounds(Store(release.parents[1]))
    with Release(release) as opened:
        row = next(row for row in opened.clips.to_pylist() if row["clip_id"] == CLIP)
    with sounds.of(row) as path:
        assert path is not None
    with sounds.of({**row, "start": row["start"] + 3}) as path:
        assert path is None
    with Sounds(Store(tmp_path / "empty")).of(row) as path:
        assert path is None


def test_a_rate_is_a_number() -> None:
    for fps in (0.0, -30.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="not a frame rate"):
            Options(fps=fps)
