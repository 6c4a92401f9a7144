"""A release to train on."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from popdanceset.release.writer import publish
from popdanceset.settings import Settings
from popdanceset.store import Store

pytest.importorskip("torch", reason="training needs the extra 'train'")


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The module that fills stores, shared with the tests of releases."""
    path = Path(__file__).parent.parent / "popdanceset/release/synthetic.py"
    spec = importlib.util.spec_from_file_location("synthetic", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make_release(
    store: Store, settings: Settings, synthetic: ModuleType
) -> Callable[[list[dict[str, Any]]], Path]:
    """Publishes clips given as rows of the clip table; returns the release's folder."""

    def make(clips: list[dict[str, Any]]) -> Path:
        synthetic.fill_store(store, "weekly", clips)
        return Path(settings.store, publish(settings, store, "weekly").path)

    return make


@pytest.fixture
def beats_in_releases(synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives the clips of new releases a beat each half second; otherwise their music is noise."""

    def beats(store: Store, clip_id: str, frames: int, seed: int = 0) -> None:
        values = np.zeros((frames, 35), np.float32)
        values[::15, -1] = 1
        flat = pa.FixedSizeListArray.from_arrays(
            pa.array(values.ravel()), type=synthetic.MUSIC.field("features").type
        )
        index = np.arange(frames, dtype=np.int32)
        table = pa.table({"clip_id": [clip_id] * frames, "frame_index": index, "features": flat})
        store.write_table(f"music/baseline/{clip_id}.parquet", table, synthetic.MUSIC)

    monkeypatch.setattr(synthetic, "add_music", beats)


@pytest.fixture
def release_dir(make_release: Callable[..., Path], synthetic: ModuleType) -> Path:
    """Two clips of one video, one of another, one too short, one without audio."""
    row = synthetic.clip_row
    return make_release(
        [
            row("BV1_Clip_1", 170, "m1"),
            row("BV1_Clip_2", 400, "m1"),
            row("BV2_Clip_1", 200, "m2"),
            row("BV3_Clip_1", 40, "m1"),
            row("BV4_Clip_1", 160, "m1", music_path=""),
        ]
    )


class Dance(NamedTuple):
    """SMPL motion and its joints, metres, z up."""

    poses: np.ndarray
    translation: np.ndarray
    joints: np.ndarray


@pytest.fixture(scope="session")
def dance() -> Callable[..., Dance]:
    """`dance(frames, seed, fps)`: a body that stands on the floor, sways, turns and swings its limbs."""
    import torch
    from scipy.spatial.transform import Rotation

    from training.motion.forward_kinematics import forward_kinematics

    def make(frames: int = 90, seed: int = 0, fps: float = 30) -> Dance:
        random = np.random.default_rng(seed)
        time = np.arange(frames)[:, None, None] / fps
        pace, phase = random.uniform(0.3, 1.2, (24, 3)), random.uniform(0, 2 * np.pi, (24, 3))
        poses = 0.25 * np.sin(2 * np.pi * time * pace + phase)
        facing = Rotation.from_rotvec(np.sin(time[:, 0] + seed) * [0, 0, 0.6])
        poses[:, 0] = (facing * Rotation.from_rotvec([np.pi / 2, 0, 0])).as_rotvec()
        root = np.concatenate([0.2 * np.sin(time[:, 0] * [[1.1, 0.7]] + seed), np.zeros((frames, 1))], axis=1)
        turned = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix()
        rotations = torch.tensor(turned.reshape(frames, 24, 3, 3))
        joints = forward_kinematics(rotations, torch.tensor(root)).numpy()
        root[:, 2] -= joints[..., 2].min(1)
        joints = forward_kinematics(rotations, torch.tensor(root)).numpy()
        return Dance(poses.astype(np.float32), root.astype(np.float32), joints.astype(np.float32))

    return make


@pytest.fixture
def folders(tmp_path: Path, dance: Callable[..., Dance]) -> Path:
    """A folder with `real`, `model` and `music`: four dances each, in the layout of the released code."""
    for name in ("real", "model", "music"):
        (tmp_path / name).mkdir()
    for number in range(4):
        clip = f"BV{number}_Clip_1"
        features = np.zeros((90, 35), np.float32)
        features[number::15, -1] = 1
        np.save(tmp_path / f"music/{clip}.npy", features)
        for part, seed in (("real", number), ("model", 10 + number)):
            made = dance(90, seed)
            content = {"smpl_poses": made.poses, "smpl_trans": made.translation, "full_pose": made.joints}
            (tmp_path / f"{part}/test_{clip}.pkl").write_bytes(pickle.dumps(content))
    return tmp_path


@pytest.fixture
def run_folder(release_dir: Path, tmp_path: Path) -> Path:
    """A small network after two steps of training."""
    from training.data import DanceWindows
    from training.fitting.recipe import Recipe
    from training.fitting.trainer import Trainer
    from training.popdg.config import PAPER, ModelConfig

    small = ModelConfig(width=32, feedforward=32, heads=4, layers=1, music_layers=1)
    windows = DanceWindows(release_dir, "train", length=30, stride=10, cache_dir=tmp_path / "cache")
    recipe = Recipe(steps=2, batch_size=4, log="none")
    Trainer(windows, small, PAPER.objective, recipe, tmp_path / "run").run()
    return tmp_path / "run"


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A song of clicks, 2.4 s."""
    rate = 22_050
    time = np.arange(int(2.4 * rate)) / rate
    clicks = (time % 0.5 < 0.02) * np.sin(2 * np.pi * 900 * time)
    path = tmp_path / "song.wav"
    soundfile.write(path, clicks.astype(np.float32), rate)
    return path
