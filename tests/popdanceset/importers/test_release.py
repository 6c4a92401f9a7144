"""From imported sets to releases: with new clips, both kinds of splits, and the released loader's values."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from popdanceset.manifest import Manifest, ManifestVideo, read_manifest, write_manifest
from popdanceset.music.features import extract_features
from popdanceset.release.diff import difference, read_content
from popdanceset.release.reader import Release
from popdanceset.release.split_check import check_splits
from popdanceset.release.writer import publish
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.popdanceset.importers.conftest import CLIPS, raw, tone, write_list, write_pickle
from training.data import DanceWindows
from training.data.representation import CONTACT, MinMaxScaler, encode


def published_release(settings: Settings, store: Store) -> Path:
    extract_features(settings, store)
    return Path(store.address, publish(settings, store, "all").path)


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split()


def test_one_release_from_imported_and_new_clips(
    published: Path, run: Any, settings: Settings, store: Store, synthetic: Any, dance: Any
) -> None:
    # Two more videos with one song: the published lists put them on different sides.
    for number, name in enumerate(("BV1ccccccccc_Clip_1", "BV1ddddddddd_Clip_2"), 20):
        write_pickle(published / f"motions/{name}.pkl", raw(dance(165, number)))
        tone(published / f"wavs/{name}.wav", 440, 5.5)
    write_list(published / "splits/train.txt", [*list(CLIPS)[:2], "BV1ccccccccc_Clip_1"])
    write_list(published / "splits/test.txt", [*list(CLIPS)[2:], "BV1ddddddddd_Clip_2"])
    run("popdanceset", published)
    alone = published_release(settings, store)
    row = synthetic.clip_row
    new = [row(f"BV1x{n:08}_Clip_1", 150 + n, f"m{n}", music_path="") for n in range(9)]
    synthetic.fill_store(store, "new", new)
    folder = Path(settings.manifests, "all")
    manifest = read_manifest(folder)
    videos = [*manifest.videos, *(ManifestVideo(clip["bvid"], 0.9) for clip in new)]
    write_manifest(folder, Manifest("all", tuple(videos), manifest.provenance))
    path = published_release(settings, store)
    with Release(path) as release:
        clips = {clip["clip_id"]: clip for clip in release.clips.to_pylist()}
        assert len(clips) == 5 + 9
        for clip_id, clip in clips.items():
            imported = clip_id in CLIPS or clip["bvid"] in ("BV1ccccccccc", "BV1ddddddddd")
            assert clip["source"] == ("imported: popdanceset" if imported else None)
            assert (clip["pop"] is None) is imported
        by_song = {clips[name]["music_id"] for name in ("BV1ccccccccc_Clip_1", "BV1ddddddddd_Clip_2")}
        assert len(by_song) == 1
        # No video and no music on both sides, whatever the published lists say.
        sides = {side: [c for c in clips.values() if c["split"] == side] for side in ("train", "test")}
        assert all(sides.values())
        for key in ("bvid", "music_id"):
            shared = {c[key] for c in sides["train"]} & {c[key] for c in sides["test"]}
            assert shared == set()
        frames = release.frames("BV1ccccccccc_Clip_1")
        assert np.isnan(frames["coco_keypoints3d"]).all()
        assert np.isfinite(frames["smpl_poses"]).all()
    assert sorted(lines(path / "splits/published-train.txt")) == sorted(lines(published / "splits/train.txt"))
    assert sorted(lines(path / "splits/published-test.txt")) == sorted(lines(published / "splits/test.txt"))
    assert sorted(lines(path / "splits/train.txt") + lines(path / "splits/test.txt")) == sorted(clips)
    assert publish(settings, store, "all").written is False
    ours, theirs = check_splits([str(path)])
    assert (ours.failed, theirs.failed) == (False, True)  # one song is on both sides of the published lists
    root = Path(store.address)
    before, after = (read_content(store, str(each.relative_to(root))) for each in (alone, path))
    found = difference(before, after)
    assert {change.clip_id for change in found.added} == {clip["clip_id"] for clip in new}
    assert (found.removed, found.changed) == ((), ())


def loader(content: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """A published pickle as the released loader turns and moves it, by a plain calculation."""
    turn = Rotation.from_quat([-0.7071068, 0, 0, 0.7071068])
    place = turn.apply(content["transl"] * content["pred_camera"]) + np.array([0, -5, 1])
    poses = content["pred_thetas"].reshape(-1, 24, 3).astype(np.float64)
    poses[:, 0] = (turn * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
    return torch.tensor(poses, dtype=torch.float32), torch.tensor(place, dtype=torch.float32)


def slices(clip: torch.Tensor) -> list[torch.Tensor]:
    return [clip[start : start + 150] for start in range(0, len(clip) - 149, 15)]


@pytest.mark.filterwarnings("ignore")
def test_windows_are_those_of_the_released_loader(
    published: Path, run: Any, settings: Settings, store: Store, tmp_path: Path
) -> None:
    run("popdanceset", published, axes="released")
    path = published_release(settings, store)
    vectors = []
    for split in ("train", "test"):
        windows = DanceWindows(path, split, cache_dir=tmp_path / "cache")
        for number in range(len(windows)):
            sample = windows[number]
            poses, place = loader(pickle.loads((published / f"motions/{sample['clip_id']}.pkl").read_bytes()))  # noqa: S301
            rows = slice(sample["start"], sample["start"] + 150)
            expected = encode(poses[rows], place[rows])
            found = windows.gather(np.array([number]), scaled=False)[0][0]
            torch.testing.assert_close(found[:, :147], expected[:, :147], atol=1e-5, rtol=0)
            # The last frame of a released window has no next frame to be compared with.
            assert torch.equal(found[:-1, CONTACT], expected[:-1, CONTACT])
            vectors.append(expected)
    assert len(vectors) == 1 + 3 + 2


def test_the_golden_pipeline(
    shared: Path, tmp_path: Path, run: Any, settings: Settings, store: Store
) -> None:
    golden = torch.load(shared / "golden/popdg/data_pipeline.pt", weights_only=False)
    folder = tmp_path / "golden"
    for name, content in golden["source_pickles"].items():
        write_pickle(folder / f"motions/{name}.pkl", content)
        sound = shared / f"golden/popdg/raw_wavs/{name}.wav"
        (folder / sound.name).write_bytes(sound.read_bytes())
    names = {side: golden[f"{side}_slice_names"] for side in ("train", "test")}
    for side, listed in names.items():
        write_list(folder / f"{side}.txt", sorted({name.rpartition("_slice")[0] for name in listed}))
    assert run("popdanceset", folder, axes="released").imported == len(golden["source_pickles"])
    path = published_release(settings, store)
    with Release(path) as release:
        motions = {
            clip_id: (torch.tensor(f["smpl_poses"]), torch.tensor(f["smpl_trans"] / f["smpl_scaling"]))
            for clip_id, f in release.iterate()
        }
    windows = {}
    for side, listed in names.items():
        places = [(name.rpartition("_slice")[0], 15 * int(name.rpartition("_slice")[2])) for name in listed]
        cut = [tuple(part[at : at + 150] for part in motions[clip_id]) for clip_id, at in places]
        windows[side] = torch.stack([encode(poses, place) for poses, place in cut])
    expected = golden["train_pose_unnormalised"]
    torch.testing.assert_close(windows["train"], expected, atol=1e-5, rtol=0)
    scaler = MinMaxScaler.fit(windows["train"])
    torch.testing.assert_close(scaler.minimum, golden["scaler"]["data_min_"], atol=1e-5, rtol=0)
    torch.testing.assert_close(scaler.maximum, golden["scaler"]["data_max_"], atol=1e-5, rtol=0)
    torch.testing.assert_close(scaler.range, golden["scaler"]["data_range_"], atol=1e-5, rtol=0)
    for side, found in windows.items():
        # Scaling multiplies rounding by 2 / range, so channels are compared in their own units.
        difference = (scaler.scale(found) - golden[f"{side}_pose_normalised"]) * scaler.range / 2
        assert difference.abs().max() < 1e-5
    for side in ("train", "test"):
        assert lines(path / f"splits/published-{side}.txt") == lines(folder / f"{side}.txt")


def test_the_published_lists(shared: Path, tmp_path: Path, run: Any, store: Store, dance: Any) -> None:
    """The lists of the upgraded set, with motions of two of its clips."""
    upstream = shared / "upstream"
    listed = {side: lines(upstream / f"splits/{side}.txt") for side in ("train", "test")}
    for clip_id in (listed["train"][0], listed["test"][0]):
        write_pickle(tmp_path / f"part/{clip_id}.pkl", raw(dance(60, 1)))
    from popdanceset.importers.items import Options

    summary = run("popdanceset", tmp_path / "part", options=Options(lists=upstream))
    assert summary.imported == 2
    assert len(summary.left_out["missing"]) == 1036 - 2
    assert summary.facts["lists"] == {"train": 1012, "test": 24}
    assert summary.facts["directory"]["videos"] == 305
    summary.check()
