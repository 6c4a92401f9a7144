"""The published layout: what the released code makes of it, written again from its description.

The released code goes through the lists of the splits, cuts motions and sounds into slices of 5 s, one every
half second, pairs slices, features and sounds by the order of their names, and turns and shifts the poses.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from scipy.spatial.transform import Rotation

from popdanceset.release.reader import Release
from popdanceset.store import Store
from training.data import DanceWindows
from training.data.representation import CONTACT, encode
from training.export.kinds import Options
from training.export.release import Exported, export_release
from training.export.sounds import Sounds

Array = np.ndarray[Any, Any]


def exported(release: Path, out: Path, **options: Any) -> Exported:
    sounds = Sounds(Store(release.parents[1]))
    done = export_release(str(release), out, "popdanceset", Options(**options), sounds=sounds)
    assert done.failed == {}
    return done


def slices(count: int, rate: float) -> list[slice]:
    window, step = int(5 * rate), int(0.5 * rate)
    return [slice(start, start + window) for start in range(0, count - window + 1, step)]


def released_windows(out: Path, split: str) -> dict[str, tuple[Array, Array]]:
    """Slice → position (150, 3) and matrices (150, 24, 3, 3), in the order of the released loader."""
    found = {}
    for clip_id in (out / f"splits/{split}.txt").read_text().split():
        motion = pickle.loads((out / f"motions/{clip_id}.pkl").read_bytes())  # noqa: S301 - written by the test
        sound = out / f"wavs/{clip_id}.wav"
        if not sound.exists():
            continue
        info = soundfile.info(sound)
        place = motion["transl"] * motion["pred_camera"]
        parts = zip(slices(len(place), 30), slices(info.frames, info.samplerate), strict=False)
        for number, (part, _) in enumerate(parts):
            found[f"{clip_id}_slice{number}"] = place[part], motion["pred_thetas"][part]
    names = sorted(found)
    turn = Rotation.from_quat([-0.7071068, 0, 0, 0.7071068])
    down = Rotation.from_euler("x", -90, degrees=True)
    windows = {}
    for name in names:
        place, thetas = found[name]
        position = down.apply(place)
        position[:, 2] += 1
        position[:, 1] -= 5
        local = Rotation.from_rotvec(thetas.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
        local[:, 0] = turn.as_matrix() @ local[:, 0]
        windows[name] = position, local
    return windows


def features_of(out: Path, split: str, extractor: str = "baseline") -> dict[str, Array]:
    paths = sorted((out / split / f"{extractor}_feats").glob("*.npy"))
    return {path.stem: np.load(path) for path in paths}


def give_sound(release: Path, clip_id: str, frames: int) -> None:
    soundfile.write(release.parents[1] / f"media/{clip_id}.wav", np.zeros(22050 * frames // 30), 22050)


def test_the_released_loader_arrives_at_our_poses(tmp_path: Path, release: Path, silent: str) -> None:
    give_sound(release, silent, 165)
    out = tmp_path / "out"
    exported(release, out)
    with Release(release) as opened:
        for split in ("train", "test"):
            windows, features = released_windows(out, split), features_of(out, split)
            assert list(windows) == list(features)  # the released loader pairs them by their order
            assert len(windows) > 0
            for name, (position, local) in windows.items():
                clip_id, _, number = name.rpartition("_slice")
                part = slice(15 * int(number), 15 * int(number) + 150)
                frames = {key: np.asarray(value, np.float64)[part] for key, value in opened.frames(
                    clip_id, ["smpl_poses", "smpl_trans", "smpl_scaling"]).items()}  # fmt: skip
                wanted = frames["smpl_trans"] / frames["smpl_scaling"]
                np.testing.assert_allclose(position, wanted, atol=1e-5)
                turns = Rotation.from_rotvec(frames["smpl_poses"].reshape(-1, 3)).as_matrix()
                np.testing.assert_allclose(local, turns.reshape(-1, 24, 3, 3), atol=1e-5)
                np.testing.assert_array_equal(features[name], opened.music(clip_id)[part])


def test_windows_are_those_of_our_own_training(tmp_path: Path, release: Path, silent: str) -> None:
    give_sound(release, silent, 165)
    exported(release, tmp_path / "out")
    ours = DanceWindows(str(release), "train")
    theirs = released_windows(tmp_path / "out", "train")
    count = len(theirs)
    assert count == len(ours)
    vectors = ours.gather(torch.arange(count), scaled=False)[0][..., :147].numpy()
    for position, local in theirs.values():
        found = vectors[np.abs(vectors[..., :3] - position).max((1, 2)).argmin()]
        np.testing.assert_allclose(found[:, :3], position, atol=1e-5)
        np.testing.assert_allclose(found[:, 3:], local[:, :, :2].reshape(-1, 144), atol=1e-5)


def test_a_sound_that_ends_early_has_fewer_slices(tmp_path: Path, release: Path, silent: str) -> None:
    give_sound(release, silent, 165)
    long = "BV1aa411a7qr_Clip_2"
    give_sound(release, long, 240)
    exported(release, tmp_path / "out")
    every = {**features_of(tmp_path / "out", "train"), **features_of(tmp_path / "out", "test")}
    assert sum(name.startswith(long) for name in every) == (240 - 150) // 15 + 1


def test_what_is_not_there_is_said(tmp_path: Path, release: Path, silent: str) -> None:
    done = exported(release, tmp_path / "out")
    assert done.silent == [silent]
    assert not (tmp_path / f"out/wavs/{silent}.wav").exists()
    assert (
        silent
        in (tmp_path / "out/splits/train.txt").read_text() + (tmp_path / "out/splits/test.txt").read_text()
    )
    assert any(
        name.startswith(silent) for part in ("train", "test") for name in features_of(tmp_path / "out", part)
    )
    assert (tmp_path / "out/high_quality_dataset").read_text().split() == [
        member.clip_id for member in done.members if member.high_quality and member.split == "train"
    ]
    addresses = (tmp_path / "out/dataset_directory").read_text().split()
    assert sorted(addresses) == sorted({f"https://www.bilibili.com/{member.bvid}" for member in done.members})


def test_features_can_be_left_out(tmp_path: Path, release: Path) -> None:
    from popdanceset.errors import InputError

    with pytest.raises(InputError, match="no 'jukebox' music features"):
        exported(release, tmp_path / "a", features=["jukebox"])
    exported(release, tmp_path / "b", features=["baseline"])
    assert features_of(tmp_path / "b", "train")


def test_golden_pickles_come_back(tmp_path: Path, shared: Path, release_of: Callable[..., Path]) -> None:
    """Published pickles → a release → the published layout → the vectors of the released loader."""
    golden = torch.load(shared / "golden/popdg/data_pipeline.pt", weights_only=False)
    turn = Rotation.from_quat([-0.7071068, 0, 0, 0.7071068])
    motions, sources = {}, golden["source_pickles"]
    for clip_id, source in sources.items():
        poses = source["pred_thetas"].reshape(-1, 24, 3).astype(np.float64)
        poses[:, 0] = (turn * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
        root = turn.apply(source["transl"] * source["pred_camera"]) + np.array([0, -5, 1])
        motions[clip_id] = poses, root, 1.0
    release = release_of(motions, {clip_id: clip_id for clip_id in sources})
    out = tmp_path / "out"
    exported(release, out)
    for clip_id, source in sources.items():
        made = pickle.loads((out / f"motions/{clip_id}.pkl").read_bytes())  # noqa: S301 - written above
        assert {key: value.dtype for key, value in made.items()} == {
            key: value.dtype for key, value in source.items()
        }
        assert {key: value.shape for key, value in made.items()} == {
            key: value.shape for key, value in source.items()
        }
        np.testing.assert_allclose(
            made["transl"] * made["pred_camera"], source["transl"] * source["pred_camera"], atol=1e-5
        )
        (out / "wavs").mkdir(exist_ok=True)
        soundfile.write(out / f"wavs/{clip_id}.wav", np.zeros(1000 * len(source["transl"]) // 30), 1000)
    windows = {**released_windows(out, "train"), **released_windows(out, "test")}
    vectors = golden["train_pose_unnormalised"].numpy()
    assert set(golden["train_slice_names"]) | set(golden["test_slice_names"]) == set(windows)
    for name, vector in zip(golden["train_slice_names"], vectors, strict=True):
        position, local = windows[name]
        np.testing.assert_allclose(position, vector[:, :3], atol=1e-5)
        np.testing.assert_allclose(local[:, :, :2].reshape(-1, 144), vector[:, 3:147], atol=1e-5)
        poses = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 24, 3)
        contacts = encode(torch.tensor(poses), torch.tensor(position))[:, CONTACT].numpy()
        assert (contacts != vector[:, 147:]).mean() < 1e-3  # 1 cm within rounding
