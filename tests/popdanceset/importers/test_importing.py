"""Importing the published layout: rows, repetition, changes, what is left out, and kills."""

from __future__ import annotations

import json
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.spatial.transform import Rotation

from popdanceset import layout
from popdanceset.errors import FailedError, InputError
from popdanceset.importers import importing
from popdanceset.importers.sets.popdanceset import PublishedPopDanceSet
from popdanceset.manifest import read_manifest
from popdanceset.motion.joint_motion import mean_body
from popdanceset.schema import CLIPS, FRAMES, VERDICTS
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import fold_column
from popdanceset.withdrawal.tombstones import Tombstone, WithdrawalReason, write_tombstone

FIRST, SECOND, THIRD = "BV1aaaaaaaaa_Clip_1", "BV1aaaaaaaaa_Clip_2", "BV1bbbbbbbbb_Clip_10"


def rows_of(store: Store) -> dict[str, dict[str, Any]]:
    return {
        row["clip_id"] or row["source_name"]: row for row in store.read_table(layout.CLIPS, CLIPS).to_pylist()
    }


def frames_of(store: Store, clip_id: str) -> dict[str, np.ndarray]:
    table = store.read_table(layout.poses(clip_id), FRAMES)
    return {
        name: fold_column(table, name).astype(np.float64) for name in ("smpl_poses", "smpl_trans", "joints3d")
    }


def content(store: Store) -> dict[str, Any]:
    """Everything in a store, by name: tables as rows, other files as bytes."""
    root = Path(store.address)
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not name.startswith("."):
            found[name] = pq.read_table(path).to_pylist() if path.suffix == ".parquet" else path.read_bytes()
    return found


def test_rows_are_those_of_our_own_stages(
    published: Path, run: Any, store: Store, settings: Settings
) -> None:
    summary = run("popdanceset", published)
    assert (summary.imported, summary.replaced, summary.kept, summary.left_out) == (3, 0, 0, {})
    assert summary.seconds == pytest.approx((160 + 190 + 170) / 30)
    rows = rows_of(store)
    assert list(rows) == [FIRST, SECOND, THIRD]
    assert [row["published_split"] for row in rows.values()] == ["train", "train", "test"]
    assert [row["high_quality"] for row in rows.values()] == [False, True, False]
    assert {row["source"] for row in rows.values()} == {"imported: popdanceset"}
    first = rows[FIRST]
    assert (first["start"], first["frames"], first["path"], first["accepted"]) == (0.0, 160, "", True)
    assert first["end"] == pytest.approx(160 / 30)
    assert first["music_id"] == rows[SECOND]["music_id"] != rows[THIRD]["music_id"]
    assert store.read_bytes(first["music_path"]) == (published / f"wavs/{FIRST}.wav").read_bytes()
    verdicts = {row["clip_id"]: row for row in store.read_table(layout.VERDICTS, VERDICTS).to_pylist()}
    assert list(verdicts) == [FIRST, SECOND, THIRD]
    for row in verdicts.values():
        assert row["accepted"]
        assert (row["mean_score"], row["score"], row["verdict"]) == (None, None, None)
        assert row["jitter_after"] > 0
        assert 0 < row["contact"] <= 1
    table = store.read_table(layout.poses(FIRST), FRAMES)
    for name in (
        "coco_keypoints3d",
        "coco_keypoints2d",
        "pred_scores",
        "pred_camera",
        "cam_root",
        "bbox",
        "observed",
    ):
        assert table[name].null_count == 160
    manifest = read_manifest(Path(settings.manifests, "all"))
    assert [video.bvid for video in manifest.videos] == ["BV1aaaaaaaaa", "BV1bbbbbbbbb"]
    assert manifest.provenance["imports"] == [
        {
            "kind": "popdanceset",
            "set": "published",
            "axes": "floor",
            "videos": 2,
            "directory": {"videos": 2, "without_clips": 1, "not_listed": 1},
            "lists": {"train": 2, "test": 1},
        }
    ]


def expected(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rotations as matrices and the path of the root, z up, by a plain calculation."""
    found = pickle.loads(path.read_bytes())  # noqa: S301
    turn = Rotation.from_quat([-(0.5**0.5), 0, 0, 0.5**0.5])
    root = turn.apply(found["transl"].astype(float) * found["pred_camera"])
    matrices = (
        Rotation.from_rotvec(found["pred_thetas"].reshape(-1, 3).astype(float))
        .as_matrix()
        .reshape(-1, 24, 3, 3)
    )
    matrices[:, 0] = turn.as_matrix() @ matrices[:, 0]
    return matrices, root


@pytest.mark.parametrize("axes", ["floor", "kept", "released"])
def test_the_path_is_moved_as_a_whole(published: Path, run: Any, store: Store, axes: str) -> None:
    run("popdanceset", published, axes=axes)
    for name in (FIRST, SECOND, THIRD):
        matrices, root = expected(published / f"motions/{name}.pkl")
        frames = frames_of(store, name)
        stored = Rotation.from_rotvec(frames["smpl_poses"].reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
        np.testing.assert_allclose(stored, matrices, atol=1e-6)
        moved = frames["smpl_trans"] - root
        np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=2e-6)
        body = mean_body(frames["smpl_poses"], np.zeros_like(root))
        np.testing.assert_allclose(frames["joints3d"], body, atol=1e-6)
        if axes == "kept":
            np.testing.assert_allclose(moved, 0, atol=2e-6)
        elif axes == "released":
            np.testing.assert_allclose(moved, np.broadcast_to([0, -5, 1], moved.shape), atol=2e-6)
        else:
            np.testing.assert_allclose(frames["smpl_trans"][0, :2], 0, atol=1e-6)
            lowest = (frames["joints3d"] + frames["smpl_trans"][:, None])[..., 2].min()
            assert abs(lowest) < 0.1
        how = json.loads(pq.read_schema(Path(store.address, layout.poses(name))).metadata[b"extraction"])
        assert how["axes"] == axes
        np.testing.assert_allclose(how["moved_m"], moved.mean(0), atol=1e-5)


def test_again_nothing_changes(published: Path, run: Any, store: Store, settings: Settings) -> None:
    run("popdanceset", published)
    before = content(store)
    stamps = {path: path.stat().st_mtime_ns for path in Path(store.address).rglob("*.parquet")}
    lists = {p.name: p.read_bytes() for p in Path(settings.manifests, "all").iterdir()}
    summary = run("popdanceset", published)
    assert (summary.imported, summary.replaced, summary.kept) == (0, 0, 3)
    assert content(store) == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert {p.name: p.read_bytes() for p in Path(settings.manifests, "all").iterdir()} == lists


def test_a_changed_file_replaces_its_rows_only(published: Path, run: Any, store: Store, dance: Any) -> None:
    from tests.popdanceset.importers.conftest import raw, write_pickle

    run("popdanceset", published)
    before = content(store)
    store.write_bytes(layout.music_features(SECOND, "baseline"), b"of the old motion")
    write_pickle(published / f"motions/{SECOND}.pkl", raw(dance(175, 9)))
    summary = run("popdanceset", published)
    assert (summary.imported, summary.replaced, summary.kept) == (0, 1, 2)
    after = content(store)
    assert rows_of(store)[SECOND]["frames"] == 175
    assert layout.music_features(SECOND, "baseline") not in after
    sounds = [name for name in after if SECOND in name and name.endswith(".wav")]
    assert sounds == [f"media/BV1aaaaaaaaa/{SECOND}.0ms.175f.wav"]
    same = [layout.poses(FIRST), layout.poses(THIRD), layout.verdict(FIRST), layout.clip_rows("BV1bbbbbbbbb")]
    assert [after[name] == before[name] for name in same] == [True] * 4
    # New labels do not make the poses again.
    (published / "high_quality_dataset").write_text(f"{FIRST}\n")
    assert run("popdanceset", published).kept == 3
    assert rows_of(store)[FIRST]["high_quality"]


def test_the_upgraded_set_adds_to_the_papers(published: Path, run: Any, store: Store, tmp_path: Path) -> None:
    paper = tmp_path / "paper"
    shutil.copytree(published, paper)
    for path in paper.rglob(f"{SECOND}.*"):
        path.unlink()
    (paper / "splits/train.txt").write_text(f"{FIRST}\n")
    (paper / "high_quality_dataset").unlink()
    assert run("popdanceset", paper).imported == 2
    summary = run("popdanceset", published)
    assert (summary.imported, summary.kept) == (1, 2)
    # A part of the set leaves the rest alone.
    summary = run("popdanceset", paper)
    assert (summary.imported, summary.kept) == (0, 2)
    assert list(rows_of(store)) == [FIRST, SECOND, THIRD]
    assert len({rows_of(store)[name]["music_id"] for name in (FIRST, SECOND)}) == 1


class Hostile:
    """A pickle that would run a command."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        import os

        return os.system, (f"touch {self.marker}",)


def test_bad_files_cost_themselves(published: Path, run: Any, store: Store, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    for name, bad in (
        ("BV1cccccccccc", b"x"),  # not an id: too long
        ("BV1ccccccccc_Clip_1", pickle.dumps(Hostile(marker))),
        ("BV1ccccccccc_Clip_2", pickle.dumps({"transl": Hostile(marker)})),
        ("BV1ccccccccc_Clip_3", pickle.dumps({"joints": np.zeros((9, 24, 3))})),
        ("BV1ccccccccc_Clip_4", (published / f"motions/{FIRST}.pkl").read_bytes()[:900]),
        ("BV1aaaaaaaaa_Clip_0", b""),
        ("BV1aaaaaaaaa_Clip_7\n", b""),
        (".._Clip_1", b""),
    ):
        (published / f"motions/{name}.pkl").write_bytes(bad)
    broken = pickle.loads((published / f"motions/{FIRST}.pkl").read_bytes())  # noqa: S301
    broken["transl"] = broken["transl"].copy()
    broken["transl"][5] = np.nan
    (published / "motions/BV1ccccccccc_Clip_5.pkl").write_bytes(pickle.dumps(broken))
    (published / "motions/BV1ccccccccc_Clip_6.pkl").write_bytes(
        (published / f"motions/{FIRST}.pkl").read_bytes()
    )
    (published / "wavs/BV1ccccccccc_Clip_6.wav").write_bytes(b"RIFF")
    with (published / "splits/train.txt").open("a") as file:
        file.write("BV1ddddddddd_Clip_1\n")
    summary = run("popdanceset", published)
    assert not marker.exists()
    assert summary.imported == 3
    assert summary.left_out == {
        "damaged": [f"BV1ccccccccc_Clip_{n}" for n in range(1, 7)],
        "missing": ["BV1ddddddddd_Clip_1"],
    }
    assert len(summary.refused) == 3  # a name that begins with a dot is hidden
    assert all("\n" not in f"{name} {why}" for name, why in summary.refused.items())
    rows = rows_of(store)
    assert [name for name, row in rows.items() if row["accepted"]] == [FIRST, SECOND, THIRD]
    notes = {name: row["note"] for name, row in rows.items() if not row["accepted"]}
    assert "system" in notes["BV1ccccccccc_Clip_1"]
    assert "system" in notes["BV1ccccccccc_Clip_2"]
    assert "NaN or infinity in 1 of 160 frames" in notes["BV1ccccccccc_Clip_5"]
    assert "sound" in notes["BV1ccccccccc_Clip_6"]
    for name in notes:
        assert not store.exists(layout.poses(name))
        assert not store.exists(layout.verdict(name))
    with pytest.raises(FailedError, match="9 of 12 sequences could not be imported"):
        summary.check()


@pytest.mark.parametrize(
    "line",
    [
        "../x",
        "BV/.._Clip_1",
        "BV1aaaaaaaaa_Clip_1\x1b[2J",
        "BV1" + "a" * 300 + "_Clip_1",
        "BV1aaaaaaaaa_Clip_01",
    ],
)
def test_a_hostile_line_stops_the_import_before_anything_is_written(
    published: Path, run: Any, store: Store, settings: Settings, line: str
) -> None:
    with (published / "splits/test.txt").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match=r"test\.txt, line 2: .* is not a clip id") as raised:
        run("popdanceset", published)
    assert str(raised.value).isprintable()
    assert content(store) == {}
    assert not Path(settings.manifests).exists()


def test_contradicting_lists_are_refused(published: Path, run: Any, store: Store) -> None:
    (published / "splits/test.txt").write_text(f"{FIRST}\n")
    with pytest.raises(InputError, match="is in train and test"):
        run("popdanceset", published)
    (published / "train.txt").write_text(f"{THIRD}\n")
    with pytest.raises(InputError, match=r"2 different lists train\.txt"):
        run("popdanceset", published)
    assert content(store) == {}


def test_an_unexpected_error_costs_one_clip(
    published: Path, run: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = PublishedPopDanceSet.read

    def failing(self: PublishedPopDanceSet, item: Any) -> Any:
        if item.name == SECOND:
            raise ZeroDivisionError("by us")
        return read(self, item)

    with monkeypatch.context() as patch:
        patch.setattr(PublishedPopDanceSet, "read", failing)
        summary = run("popdanceset", published)
    assert (summary.imported, summary.left_out) == (2, {"failed": [SECOND]})
    with pytest.raises(FailedError, match="ZeroDivisionError"):
        summary.check()
    assert store.exists(layout.failure("import", SECOND))
    assert run("popdanceset", published).imported == 1
    assert not store.exists(layout.failure("import", SECOND))


def test_withdrawn_and_acquired_videos_are_left_alone(
    published: Path, run: Any, store: Store, settings: Settings, synthetic: Any
) -> None:
    write_tombstone(Tombstone("BV1aaaaaaaaa", "2026-01-01", WithdrawalReason.UPLOADER), store)
    store.write_rows(layout.clip_rows("BV1bbbbbbbbb"), [synthetic.clip_row(THIRD, 200)], CLIPS)
    before = content(store)
    summary = run("popdanceset", published)
    assert summary.clips == 0
    assert summary.left_out == {"withdrawn": [FIRST, SECOND], "in the store already, from acquire": [THIRD]}
    summary.check()
    assert content(store) == before
    assert not any("BV1aaaaaaaaa" in str(path) for path in Path(store.address, "media").rglob("*"))


def test_only_the_list_of_high_quality(published: Path, run: Any, store: Store) -> None:
    assert run("popdanceset", published, high_quality=True).imported == 1
    assert list(rows_of(store)) == [SECOND]
    (published / "high_quality_dataset").unlink()
    with pytest.raises(InputError, match="no list of clips of high quality"):
        run("popdanceset", published, high_quality=True)


def test_import_adds_to_a_selection(published: Path, run: Any, settings: Settings) -> None:
    from popdanceset.manifest import Manifest, ManifestVideo, write_manifest

    folder = Path(settings.manifests, "all")
    own = ManifestVideo("BV1aaaaaaaaa", 0.9, view=7, title="kept")
    write_manifest(
        folder, Manifest("all", (own, ManifestVideo("BV1xx411c7mD", 0.95)), {"model": {"name": "m"}})
    )
    run("popdanceset", published)
    manifest = read_manifest(folder)
    assert [video.bvid for video in manifest.videos] == ["BV1aaaaaaaaa", "BV1bbbbbbbbb", "BV1xx411c7mD"]
    assert manifest.videos[0] == own
    assert (manifest.videos[1].pop, manifest.videos[1].source) == (None, "imported: popdanceset")
    assert manifest.provenance["model"] == {"name": "m"}


def test_a_broken_manifest_stops_the_import(
    published: Path, run: Any, store: Store, settings: Settings
) -> None:
    folder = Path(settings.manifests, "all")
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text("[")
    with pytest.raises(InputError, match="not valid YAML"):
        run("popdanceset", published)
    assert content(store) == {}


KILLED = """
import os, signal, sys
from pathlib import Path
import popdanceset.atomic as atomic
import popdanceset.store as module
from popdanceset.importers.importing import import_set
from popdanceset.settings import Settings
from popdanceset.store import Store

left = int(sys.argv[4])
def counted(original):
    def call(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)
    return call
Path.replace = counted(Path.replace)   # files appear by a rename
Store.remove = counted(Store.remove)
settings = Settings.load(overrides={"store": sys.argv[1], "manifests": sys.argv[2]})
import_set("popdanceset", Path(sys.argv[3]), settings, Store(settings.store), Path(sys.argv[2], "all"))
"""


def test_a_kill_at_any_moment(published: Path, tmp_path: Path, dance: Any) -> None:
    from tests.popdanceset.importers.conftest import raw, write_pickle

    def once(store: Store) -> dict[str, Any]:
        """Imports the set; returns all of the store and of the manifest."""
        folder = Path(f"{store.address}-manifests")
        settings = Settings.load(overrides={"store": store.address, "manifests": str(folder)})
        importing.import_set("popdanceset", published, settings, store, folder / "all")
        return content(store) | {path.name: path.read_bytes() for path in (folder / "all").iterdir()}

    old = Store(tmp_path / "old")
    once(old)
    write_pickle(published / f"motions/{SECOND}.pkl", raw(dance(175, 9)))
    stores = [Store(tmp_path / f"killed{moment}") for moment in (0, 2, 5, 9, 13, 17)]
    processes = []
    for store in stores:
        shutil.copytree(old.address, store.address)
        # A clip table that is gone: half of it is as though nothing had been imported.
        shutil.rmtree(Path(store.address, "clips"))
        arguments = [
            store.address,
            f"{store.address}-manifests",
            str(published),
            store.address.rpartition("killed")[2],
        ]
        processes.append(subprocess.Popen([sys.executable, "-c", KILLED, *arguments]))
    expected = once(old)
    killed = [process.wait() == -signal.SIGKILL for process in processes]
    assert sum(killed) >= 4
    for store in stores:
        # What is visible is whole: every accepted clip that has a verdict has its poses and its sound.
        for row in store.read_table(layout.CLIPS, CLIPS).to_pylist():
            if row["accepted"] and store.exists(layout.verdict(row["clip_id"])):
                assert store.exists(layout.poses(row["clip_id"]))
                assert store.exists(row["music_path"])
        assert once(store) == expected


def test_a_kill_from_outside(published: Path, tmp_path: Path, settings: Settings) -> None:
    store = Store(tmp_path / "killed")
    command = [sys.executable, "-c", KILLED, store.address, str(tmp_path / "m"), str(published), "1000000"]
    process = subprocess.Popen(command)
    end = time.monotonic() + 20
    while not store.list(layout.POSES, ".parquet") and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert store.list(layout.POSES, ".parquet")
    one, other = Store(tmp_path / "one"), tmp_path / "n"
    for each in (one, store):
        importing.import_set("popdanceset", published, settings, each, other)
    assert content(store) == content(one)
