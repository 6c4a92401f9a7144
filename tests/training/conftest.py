"""A release to train on."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from popdanceset.store import Store

pytest.importorskip("torch", reason="training needs the extra 'train'")


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
def folders(tmp_path: Path, dance: Callable[..., Any]) -> Path:
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
