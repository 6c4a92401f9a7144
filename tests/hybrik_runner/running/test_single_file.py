"""One file in, a report out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.spatial.transform import Rotation

from hybrik_runner.running import single_file
from popdanceset.errors import InputError
from popdanceset.settings import Settings
from popdanceset.skeleton import LIMB_JOINTS

Film = Callable[..., Path]


@pytest.fixture
def with_fake(fake: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_file, "loaded_estimator", lambda _: fake())


def written_joints(folder: Path) -> np.ndarray:
    table = pq.read_table(folder / "film.parquet")
    return np.asarray(table["joints3d"].combine_chunks().values).reshape(-1, 24, 3)


@pytest.mark.usefixtures("with_fake")
def test_report_table_and_truth(film: Film, tmp_path: Path, settings: Settings) -> None:
    path, out = film(24, fps=24), tmp_path / "out"
    report = single_file.extract_file(path, out, settings)
    assert json.loads((out / "film.json").read_text()) == report
    assert (report["pictures"], report["found"], report["frames"]) == (24, 24, 29)
    assert report["verdict"] in ("accept", "review")

    # A truth twice as large, shifted and 30 mm off in a random direction at every joint
    off = np.random.default_rng(0).normal(size=(29, 12, 3))
    off *= 0.03 / np.linalg.norm(off, axis=2, keepdims=True)
    truth = 2 * (written_joints(out)[:, list(LIMB_JOINTS)] + off) + [1, 2, 3]
    np.savez(tmp_path / "truth.npz", J=truth)
    compared = single_file.extract_file(path, out, settings, tmp_path / "truth.npz")
    assert 35 < compared["pa_mpjpe_mm"] < 60  # twice 30 mm, less what the alignment takes away


@pytest.mark.usefixtures("with_fake")
def test_figures_of_a_known_truth(film: Film, tmp_path: Path, settings: Settings) -> None:
    """The truth is the table itself, turned and shifted; then with hips that move 10 % farther."""
    path, out = film(24, fps=24), tmp_path / "out"
    single_file.extract_file(path, out, settings)
    root = np.asarray(pq.read_table(out / "film.parquet")["smpl_trans"].combine_chunks().values).reshape(
        -1, 3
    )
    limbs = written_joints(out)[:, list(LIMB_JOINTS)]
    turn = Rotation.from_rotvec([0, 0, 2.0]).as_matrix()
    np.savez(tmp_path / "truth.npz", J=(limbs + root[:, None]) @ turn.T + [1, 2, 3])
    same = single_file.extract_file(path, out, settings, tmp_path / "truth.npz")
    for figure in ("pa_mpjpe_mm", "rte_percent", "acceleration_error"):
        assert same[figure] == pytest.approx(0, abs=0.01), figure
    hips = limbs[:, 6:8].mean(1) + root
    middle = hips.mean(0)
    farther = limbs + root[:, None] + 0.1 * (hips - middle)[:, None]
    np.savez(tmp_path / "truth.npz", J=farther)
    off = single_file.extract_file(path, out, settings, tmp_path / "truth.npz")
    length = 1.1 * np.linalg.norm(np.diff(hips, axis=0), axis=1).sum()
    expected = 100 * 0.1 * np.linalg.norm(hips - middle, axis=1).mean() / length
    assert off["rte_percent"] == pytest.approx(expected, abs=0.01)
    assert off["acceleration_error"] == pytest.approx(0, abs=0.01)
    assert same["foot_sliding_mm"] <= 10  # ankles that stand move by less than a centimetre a frame


@pytest.mark.usefixtures("with_fake")
def test_overlay(film: Film, tmp_path: Path, settings: Settings) -> None:
    single_file.extract_file(film(12), tmp_path / "out", settings, overlay="skeleton")
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert len([n for n in names if n.endswith(".png")]) == 6
    assert "film_overlay.mp4" in names


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"no archive", "contains no array J"),
        ({"K": np.zeros((3, 12, 3))}, "contains no array J"),
        ({"J": np.zeros((3, 24, 3))}, "shape"),
        ({"J": np.full((3, 12, 3), np.nan)}, "contains NaN"),
        ({"J": np.array([{}, None], object)}, "contains no array J"),
    ],
)
def test_unusable_truth(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "truth.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    with pytest.raises(InputError, match=message):
        single_file.read_truth(path)


@pytest.mark.usefixtures("with_fake")
def test_truth_of_another_length(film: Film, tmp_path: Path, settings: Settings) -> None:
    np.savez(tmp_path / "truth.npz", J=np.zeros((7, 12, 3)))
    with pytest.raises(InputError, match="holds 7 frames, the video has 12"):
        single_file.extract_file(film(12), tmp_path / "out", settings, tmp_path / "truth.npz")


def test_a_folder_that_cannot_be_created_is_reported_first(
    film: Film, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be created"):
        single_file.extract_file(film(3), tmp_path / "file" / "out", settings)


def test_nobody_in_the_film(
    film: Film, tmp_path: Path, settings: Settings, fake: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_file, "loaded_estimator", lambda _: fake(range(12)))
    report = single_file.extract_file(film(12), tmp_path / "out", settings, overlay="skeleton")
    assert (report["verdict"], report["reasons"]) == ("reject", "not_tracked")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["film.json"]
