"""Training on clips of a quality tier or better."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner

from popdanceset.errors import InputError
from popdanceset.release.writer import publish
from popdanceset.settings import Settings
from popdanceset.store import Store
from training.data import DanceWindows
from training.train import train

MEASURED = {"contact": 0.9, "skate_after": 0.5, "skating_after": 0.3, "penetration": 0.01, "floating": 0.01}


@pytest.fixture
def graded(store: Store, settings: Settings, synthetic: ModuleType) -> Path:
    """A release with two clips of each tier; all are for training."""
    clips = [synthetic.clip_row(f"BV{n}_Clip_1", 60, f"m{n}") for n in range(6)]
    synthetic.fill_store(store, "weekly", clips)
    for n in range(6):
        worse: dict[str, Any] = ({}, {"skate_after": 1.2}, {"verdict": "review"})[n % 3]
        synthetic.add_poses(store, f"BV{n}_Clip_1", 60, seed=n, **MEASURED | worse)
    release = settings.release.model_copy(update={"test_share": 0.0})
    done = publish(settings.model_copy(update={"release": release}), store, "weekly")
    return Path(settings.store, done.path)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("tier", "numbers"), [("A", [0, 3]), ("B", [0, 1, 3, 4]), ("C", range(6)), (None, range(6))]
)
def test_windows_of_a_tier(
    graded: Path, tmp_path: Path, tier: str | None, numbers: list[int], stream: bool
) -> None:
    windows = DanceWindows(graded, "train", 30, 30, cache_dir=tmp_path / "cache", tier=tier, stream=stream)
    assert {windows[n]["clip_id"] for n in range(len(windows))} == {f"BV{n}_Clip_1" for n in numbers}
    # The scalers are those of these clips only.
    motion = torch.cat([windows.scaler.unscale(windows[n]["motion"]) for n in range(len(windows))])
    torch.testing.assert_close(motion.amax(0), windows.scaler.maximum)
    torch.testing.assert_close(motion.amin(0), windows.scaler.minimum)
    music = torch.cat([windows[n]["music"] for n in range(len(windows))])
    torch.testing.assert_close(music.mean(0), torch.zeros(35), atol=1e-5, rtol=0)


def test_streamed_scalers_of_tiers_do_not_mix(graded: Path, tmp_path: Path) -> None:
    found = [
        DanceWindows(graded, "train", 30, 30, cache_dir=tmp_path / "cache", tier=tier, stream=True).scaler
        for tier in ("A", "C", "A")
    ]
    assert not torch.equal(found[0].maximum, found[1].maximum)
    assert torch.equal(found[0].maximum, found[2].maximum)


def test_a_run_does_not_continue_with_another_tier(graded: Path, tmp_path: Path) -> None:
    command = [
        *("--release", graded, "--out", tmp_path / "run", "--cache", tmp_path / "cache", "--window", 30),
        *("--model", "width=16", "--model", "feedforward=16", "--model", "heads=2", "--model", "layers=1"),
        *("--model", "music_layers=1", "--batch-size", 2, "--log", "none", "--steps", 1),
    ]

    def run(*more: str) -> None:
        CliRunner().invoke(train, [*map(str, command), *more], catch_exceptions=False)

    run("--tier", "b")
    run("--tier", "B")
    with pytest.raises(InputError, match=r"contains another run: tier B \(now A\)"):
        run("--tier", "A")
    with pytest.raises(InputError, match=r"contains another run: tier B \(now None\)"):
        run()


def test_releases_without_tiers(graded: Path, tmp_path: Path) -> None:
    path = graded / "meta/clips.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["tier"]), path)
    with pytest.raises(InputError, match="states no quality tiers"):
        DanceWindows(graded, "train", 30, cache_dir=tmp_path / "cache", tier="B")
    assert len(DanceWindows(graded, "train", 30, cache_dir=tmp_path / "cache"))
