"""The example of hybrik_runner/PLUGINS.md, taken from the page, installed, and run as its reader would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import hybrik_runner

PAGE = Path(hybrik_runner.__file__).parent / "PLUGINS.md"


def block(language: str) -> str:
    """The one code block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder as pip leaves it: the module, and the metadata that follows from its pyproject.toml."""
    site, project = tmp_path / "site", tomllib.loads(block("toml"))
    (module,) = project["tool"]["setuptools"]["py-modules"]
    name, version = project["project"]["name"], project["project"]["version"]
    metadata = site / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups = project["project"]["entry-points"]
    lines = [f"[{g}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for g, points in groups.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    (site / f"{module}.py").write_text(block("python"))
    return site


def recorded(path: Path, count: int) -> np.ndarray:
    """A dancer who faces the camera and swings an arm; gives the axis-angle poses."""
    poses = np.zeros((count, 24, 3))
    poses[:, 0, 0] = np.pi / 2
    poses[:, 16, 2] = np.sin(np.arange(count) / 5)
    np.savez(path, poses=poses, root=np.tile([0.2, 0.1, 4.0], (count, 1)), fps=30.0)
    return poses


def extract(site: Path, film: Path, out: Path, recording: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "popdanceset", "extract", str(film), "--out", str(out),
        "--set", "pose.estimator=replay", "--set", "pose.smoothing=0", "--set", "pose.fitting=off",
        "--set", "pose.feet=off", "--set", "pose.camera=assumed",
    ]  # fmt: skip
    paths = os.pathsep.join([str(site), str(PAGE.parent.parent)])
    env = {**os.environ, "PYTHONPATH": paths, "REPLAY_NPZ": str(recording)}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_the_example_runs_as_it_stands(installed: Path, film: Callable[..., Path], tmp_path: Path) -> None:
    poses = recorded(tmp_path / "dance.npz", 20)
    done = extract(installed, film(20), tmp_path / "out", tmp_path / "dance.npz")
    assert done.returncode == 0, done.stderr

    table = pq.read_table(tmp_path / "out" / "film.parquet")
    assert set(table["estimator"].to_pylist()) == {"replay-1.0"}
    written = np.array(table["smpl_poses"].to_pylist()).reshape(-1, 24, 3)
    np.testing.assert_allclose(written, poses, atol=1e-5)
    report = json.loads((tmp_path / "out" / "film.json").read_text())
    assert (report["pictures"], report["found"]) == (20, 20)


def test_its_mistakes_are_one_line(installed: Path, film: Callable[..., Path], tmp_path: Path) -> None:
    done = extract(installed, film(3), tmp_path / "out", tmp_path / "none.npz")
    assert done.returncode == 2
    assert "REPLAY_NPZ" in done.stderr
    assert "Traceback" not in done.stderr
