"""A release of moving bodies with sound, in several sizes."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.rotations.arrays import axis_angle_to_matrix
from popdanceset.schema import FRAMES
from popdanceset.settings import Settings
from popdanceset.store import Store

CLIPS = {
    "BV1aa411a7qr_Clip_1": (160, "m1"),
    "BV1aa411a7qr_Clip_2": (331, "m1"),
    "BV1bb411b7qs_Clip_1": (200, "m2"),
    "BV1cc411c7qt_Clip_1": (165, "m3"),
}
SILENT = "BV1cc411c7qt_Clip_1"


@pytest.fixture
def silent() -> str:
    """The clip of `release` whose sound the store does not have."""
    return SILENT


Motion = tuple[np.ndarray, np.ndarray, float]
"""Poses (frames, 24, 3), root (frames, 3) and scale of the body."""


def publish_motions(
    settings: Settings, synthetic: ModuleType, motions: Mapping[str, Motion], music: Mapping[str, str]
) -> Path:
    """Publishes motions by clip id, with the ids of their music."""
    from popdanceset.release.writer import publish

    store = Store(settings.store)
    rows = [synthetic.clip_row(name, len(poses), music[name]) for name, (poses, _, _) in motions.items()]
    synthetic.fill_store(store, "weekly", rows)
    for name, (poses, root, scale) in motions.items():
        joints = forward_kinematics(axis_angle_to_matrix(poses.astype(np.float64)), scale)
        columns = {
            "smpl_poses": poses,
            "smpl_trans": root,
            "smpl_scaling": np.full((len(poses), 1), scale),
            "joints3d": joints,
        }
        table = synthetic.pose_rows(name, len(poses))
        for column, values in columns.items():
            flat = pa.array(values.astype(np.float32).reshape(-1))
            array = pa.FixedSizeListArray.from_arrays(flat, type=FRAMES.field(column).type)
            table = table.set_column(table.schema.get_field_index(column), column, array)
        store.write_table(f"poses/{name}.parquet", table, FRAMES)
    return Path(settings.store, publish(settings, store, "weekly").path)


@pytest.fixture
def release_of(settings: Settings, synthetic: ModuleType) -> Callable[..., Path]:
    """`release_of({clip_id: (poses, root, scale)}, {clip_id: music_id})` publishes these motions."""
    return functools.partial(publish_motions, settings, synthetic)


@pytest.fixture(scope="session")
def published_once(
    tmp_path_factory: pytest.TempPathFactory, dance: Callable[..., Any], synthetic: ModuleType
) -> Path:
    """The release of `release`, which no test may change."""
    base = tmp_path_factory.mktemp("published")
    settings = Settings.load(overrides={"store": str(base / "store"), "manifests": str(base / "manifests")})
    motions: dict[str, Motion] = {}
    for number, (name, (frames, _)) in enumerate(CLIPS.items()):
        made = dance(frames, seed=number)
        travel = np.linspace(0, 4, frames)[:, None] * [1, -0.7, 0.02]
        motions[name] = made.poses, made.translation + travel, (1.0, 1.08, 0.93, 1.0)[number]
        if name != SILENT:
            path = base / "store/media" / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.zeros(22050 * frames // 30), 22050)
    return publish_motions(settings, synthetic, motions, {name: music for name, (_, music) in CLIPS.items()})


@pytest.fixture
def release(published_once: Path, tmp_path: Path) -> Path:
    """Four clips: bodies of three sizes that turn and travel; three have their sound in the store."""
    store = published_once.parents[1]
    shutil.copytree(store, tmp_path / "store")
    return tmp_path / "store" / published_once.relative_to(store)
