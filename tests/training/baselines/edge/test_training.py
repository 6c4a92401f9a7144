"""EDGE with the trainer, the sampler and the commands that POPDG has."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from popdanceset.errors import InputError
from training.data import DanceWindows
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
from training.popdg.config import PAPER, ModelConfig
from training.sample import sample
from training.sampling.dancing import dance, whole
from training.sampling.trained import load_trained
from training.train import train

SMALL = ["--model", "edge", "--model", "width=32", "--model", "heads=4", "--model", "layers=1"]


@pytest.fixture
def arguments(release_dir: Path, tmp_path: Path) -> list[str]:
    """Of a training of a small network; `--steps` is missing."""
    command = ["--release", release_dir, "--out", tmp_path / "run", "--window", 30, "--cache", tmp_path]
    return [*map(str, command), *SMALL, "--log", "none", "--batch-size", "4", "--learning-rate", "1e-3"]


def run(command: Any, arguments: list[Any]) -> str:
    result = CliRunner().invoke(command, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("preset", ["ours", "released"])
def test_a_few_steps_lower_the_loss(release_dir: Path, tmp_path: Path, preset: str) -> None:
    from dataclasses import replace

    from training.baselines.edge.config import PRESETS

    windows = DanceWindows(release_dir, "train", length=30, stride=10, cache_dir=tmp_path / "cache")
    model = replace(PRESETS[preset].model, width=32, feedforward=32, heads=4, layers=1, music_layers=1)
    recipe = Recipe(steps=24, batch_size=4, learning_rate=2e-3, log="none")
    trainer = Trainer(windows, model, PRESETS[preset].objective, recipe, tmp_path / "run")
    curve = [trainer.step(*one)["loss/total"] for one in trainer.batches.stream(0, 24)]
    assert sum(curve[-4:]) < 0.8 * sum(curve[:4])


def test_from_a_release_to_dances(
    arguments: list[str], song: Path, release_dir: Path, tmp_path: Path
) -> None:
    assert "2 steps finished" in run(train, [*arguments, "--steps", 2, "--validate-every", 2])
    trained = load_trained(tmp_path / "run", wanted="edge")
    music = torch.randn(95, 35, generator=torch.Generator().manual_seed(0))
    for sampler in ("ddim", "dpm-solver", "ancestral"):
        made = whole(dance(trained, music, sampler=sampler, steps=3, seed=1))
        assert made.poses.shape == (95, 24, 3)
        assert torch.isfinite(made.poses).all()
    old = tmp_path / "old.npz"
    first = whole(dance(trained, music[:72], steps=3, seed=9))
    np.savez(old, smpl_poses=first.poses, smpl_trans=first.translation, fps=30)
    command = ["--checkpoint", tmp_path / "run", "--music", song, "--out", tmp_path / "out", "--steps", 3]
    run(sample, [*command, "--format", "npz", "--given", old, "--keep", "start:0.5"])
    with np.load(tmp_path / "out/song-0.npz") as file:
        np.testing.assert_allclose(file["smpl_trans"][:15], first.translation[:15], atol=1e-4)


def test_another_model_is_refused_in_one_line(
    arguments: list[str], release_dir: Path, song: Path, tmp_path: Path
) -> None:
    windows = DanceWindows(release_dir, "train", length=30, stride=10, cache_dir=tmp_path)
    small = ModelConfig(width=16, feedforward=16, heads=2, layers=1, music_layers=1)
    other = Recipe(steps=1, batch_size=4, log="none")
    Trainer(windows, small, PAPER.objective, other, tmp_path / "popdg").run()
    messages = (
        (
            train,
            [*arguments, "--steps", 1, "--out", tmp_path / "popdg"],
            "a run of the model popdg, not edge",
        ),
        (train, [*arguments, "--steps", 1, "--start", tmp_path / "popdg"], "of the model popdg, not edge"),
        (train, [*arguments, "--steps", 1, "--preset", "paper"], "EDGE has no preset 'paper'"),
        (train, [*arguments, "--steps", 1, "--ablate", "iddpm"], "EDGE has no part 'iddpm'"),
        (
            train,
            [*arguments, "--steps", 1, "--model", "kernel=3"],
            "'kernel' is not a size of the network of EDGE",
        ),
        (train, [*arguments, "--steps", 1, "--model", "popdg"], "2 models are named"),
        (train, [*arguments, "--steps", 1, "--extractor", "jukebox"], "jukebox"),
        (
            sample,
            [
                "--checkpoint",
                tmp_path / "popdg",
                "--model",
                "edge",
                "--music",
                song,
                "--out",
                tmp_path / "out",
            ],
            "of the model popdg, not edge",
        ),
    )
    for command, wrong, message in messages:
        with pytest.raises(InputError, match=message) as caught:
            run(command, wrong)
        assert "\n" not in str(caught.value)


def test_a_training_begins_with_the_weights_of_another(arguments: list[str], tmp_path: Path) -> None:
    run(train, [*arguments, "--steps", 1])
    first = load_trained(tmp_path / "run").model.state_dict()
    more = [*arguments, "--out", tmp_path / "more", "--start", tmp_path / "run"]
    run(train, [*more, "--steps", 1, "--learning-rate", 1e-12, "--weight-decay", 0])
    second = load_trained(tmp_path / "more").model.state_dict()
    for name, weight in first.items():
        torch.testing.assert_close(second[name], weight, atol=1e-7, rtol=0)


def test_a_checkpoint_of_the_authors_dances(
    plain: ModuleType, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As theirs is pickled: a normaliser of classes that are not here."""
    module = types.ModuleType("dataset_of_others")
    monkeypatch.setitem(sys.modules, "dataset_of_others", module)
    for name in ("Normalizer", "MinMaxScaler"):
        setattr(module, name, type(name, (), {"__module__": "dataset_of_others"}))
    normalizer, inner = module.Normalizer(), module.MinMaxScaler()
    inner.data_min_, inner.data_max_ = -torch.ones(151), torch.ones(151)
    normalizer.scaler = inner
    weights = plain.PlainEDGE(width=16, ff=24, heads=8, layers=1, music_dim=35, window=30).state_dict()
    torch.save({"ema_state_dict": weights, "normalizer": normalizer}, tmp_path / "edge.pt")
    command = ["--released", "--checkpoint", tmp_path / "edge.pt", "--music", song, "--out", tmp_path / "out"]
    command += ["--extractor", "baseline", "--steps", 2, "--format", "npz"]
    run(sample, [*command, "--model", "edge"])
    assert np.load(tmp_path / "out/song-0.npz")["smpl_poses"].shape == (72, 24, 3)
    with pytest.raises(InputError, match="does not contain weights of the released network"):
        run(sample, command)  # which reads checkpoints of POPDG
    torch.save({"ema_state_dict": weights}, tmp_path / "edge.pt")
    with pytest.raises(InputError, match="contains no normaliser"):
        run(sample, [*command, "--model", "edge"])


def test_music_that_is_shorter_than_asked_is_named(
    arguments: list[str], song: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(train, [*arguments, "--steps", 1])
    command = ["--checkpoint", tmp_path / "run", "--music", song, "--out", tmp_path / "out", "--steps", 2]
    run(sample, [*command, "--format", "npz", "--seconds", 5])
    assert "song.wav lasts 2.4 s, not the 5 s that were asked for" in caplog.text
    assert len(np.load(tmp_path / "out/song-0.npz")["smpl_poses"]) == 72
