"""From a release by an exporter to its layout, and by the importer back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from popdanceset import layout
from popdanceset.importers.importing import import_set
from popdanceset.importers.placing import Axes
from popdanceset.release.reader import Release
from popdanceset.release.writer import publish
from popdanceset.schema import FRAMES
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import fold_column
from tests.popdanceset.importers.conftest import write_pickle
from training.export.release import export_release

UPRIGHT = Rotation.from_euler("x", 90, degrees=True)


@pytest.fixture
def release(tmp_path: Path, run: Any, store: Store, settings: Settings, dance: Callable[..., Any]) -> Path:
    """Two clips of dancers of 0.9 and 1.1 times the mean size, named as videos."""
    for number, scale in enumerate((90.0, 110.0), 1):
        motion = dance(120, number)
        poses = motion.poses.astype(np.float64)
        poses[:, 0] = (UPRIGHT.inv() * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
        write_pickle(
            tmp_path / f"aist/BV1aaaaaaaaa_Clip_{number}.pkl",
            {
                "smpl_poses": poses.reshape(-1, 72),
                "smpl_trans": UPRIGHT.inv().apply(motion.translation.astype(float)) * scale,
                "smpl_scaling": np.array([scale]),
                "fps": 30.0,
            },
        )
    run("aist++", tmp_path / "aist")
    return Path(store.address, publish(settings, store, "all").path)


@pytest.mark.parametrize(
    ("kind", "axes"), [("popdanceset", "released"), ("aist++", "kept"), ("amass", "kept"), ("hybrik", "kept")]
)
def test_what_comes_back_is_the_same_motion(
    release: Path, tmp_path: Path, settings: Settings, kind: str, axes: Axes
) -> None:
    export_release(str(release), tmp_path / "out", kind)
    other = Store(tmp_path / "other")
    summary = import_set(kind, tmp_path / "out", settings, other, tmp_path / "manifest", axes=axes)
    summary.check()
    assert summary.imported == 2
    with Release(release) as source:
        for clip_id, frames in source.iterate():
            table = other.read_table(layout.poses(clip_id), FRAMES)
            back = {
                name: fold_column(table, name).astype(np.float64) for name in ("smpl_poses", "smpl_trans")
            }
            scaling = fold_column(table, "smpl_scaling")
            np.testing.assert_allclose(scaling, frames["smpl_scaling"] if kind == "aist++" else 1, atol=1e-6)
            root = frames["smpl_trans"] / frames["smpl_scaling"]
            np.testing.assert_allclose(back["smpl_trans"] / scaling, root, atol=1e-5)
            kept = slice(0, 22) if kind == "amass" else slice(0, 24)
            one = Rotation.from_rotvec(back["smpl_poses"][:, kept].reshape(-1, 3))
            two = Rotation.from_rotvec(frames["smpl_poses"][:, kept].reshape(-1, 3).astype(np.float64))
            assert (one * two.inv()).magnitude().max() < 1e-5


@pytest.mark.parametrize("kind", ["popdanceset", "aist++", "amass", "hybrik"])
def test_a_dance_that_stands_on_its_floor_comes_back_there(
    release: Path, tmp_path: Path, settings: Settings, kind: str
) -> None:
    export_release(str(release), tmp_path / "out", kind)
    other = Store(tmp_path / "other")
    assert import_set(kind, tmp_path / "out", settings, other, tmp_path / "manifest").imported == 2
    with Release(release) as source:
        for clip_id, frames in source.iterate():
            table = other.read_table(layout.poses(clip_id), FRAMES)
            root = frames["smpl_trans"] / frames["smpl_scaling"]
            found = fold_column(table, "smpl_trans") / fold_column(table, "smpl_scaling")
            np.testing.assert_allclose(found, root, atol=0.03)
