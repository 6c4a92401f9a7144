"""FACT behind the common trainer and sampler."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from popdanceset.errors import InputError  # noqa: E402
from training.baselines.fact.config import PRESETS, FactConfig  # noqa: E402
from training.baselines.fact.entry import MODEL, mirrored_ends  # noqa: E402
from training.data import DanceWindows  # noqa: E402
from training.data.representation import encode  # noqa: E402
from training.fitting.recipe import Recipe  # noqa: E402
from training.fitting.trainer import Trainer  # noqa: E402
from training.interface import Options, Trained  # noqa: E402
from training.popdg.editing import start_given  # noqa: E402
from training.sampling.dancing import whole  # noqa: E402
from training.sampling.trained import load_trained  # noqa: E402

SMALL = FactConfig(
    width=16, heads=2, feedforward=16, motion_layers=1, audio_layers=1, cross_layers=1,
    motion_frames=8, audio_frames=16, future=4, seeds=3, window=16,
)  # fmt: skip


@pytest.fixture
def trainer(release_dir: Path, tmp_path: Path) -> Trainer:
    windows = DanceWindows(release_dir, "train", length=20, stride=10, cache_dir=tmp_path / "cache")
    settings = {**PRESETS["ours"].recipe, "batch_size": 4, "learning_rate": 3e-3}
    recipe = Recipe(steps=40, **settings, log="none")
    return Trainer(windows, SMALL, PRESETS["ours"].objective, recipe, tmp_path / "run")


@pytest.fixture
def trained(trainer: Trainer) -> Trained:
    trainer.run()
    return load_trained(trainer.folder)


def test_it_learns_and_dances_as_long_as_the_music(trainer: Trainer) -> None:
    curve = [trainer.step(*batch)["loss/total"] for batch in trainer.batches.stream(0, 40)]
    assert sum(curve[-5:]) < 0.7 * sum(curve[:5])
    trainer.save()
    trained = load_trained(trainer.folder)
    assert trained.model.known_seeds == 3

    music = trainer.windows.gather(np.array([0, 1, 2]), scaled=False)[1].flatten(0, 1)  # 60 frames
    pieces = list(MODEL.dance(trained, music, Options(), seed=1))
    assert [len(piece.poses) for piece in pieces] == [30, 30]
    motion = whole(iter(pieces))
    assert (motion.poses.shape, motion.translation.shape) == ((60, 24, 3), (60, 3))
    assert torch.isfinite(motion.poses).all()
    same = whole(MODEL.dance(trained, music, Options(), seed=1 + 3))  # one of three remembered motions
    other = whole(MODEL.dance(trained, music, Options(), seed=2))
    assert torch.equal(same.poses, motion.poses)
    assert not torch.equal(other.poses, motion.poses)
    assert len(whole(MODEL.dance(trained, music[:1], Options(), seed=0)).poses) == 1


def test_a_given_start_is_continued(trained: Trained, trainer: Trainer) -> None:
    vectors, music = trainer.windows.gather(np.array([3]), scaled=False)
    start = start_given(trained.scaler.scale(vectors[0, :8]), 20)
    motion = whole(MODEL.dance(trained, music[0], Options(given=start), seed=0))
    assert len(motion.poses) == 20
    # The same as vectors: scaled and back, within single precision.
    assert torch.allclose(encode(*motion)[:7], vectors[0, :7], atol=1e-4)
    for wrong in (start_given(start.values[:6], 20), start_given(start.values[:9], 20)):
        with pytest.raises(InputError, match="first 8 frames"):
            list(MODEL.dance(trained, music[0], Options(given=wrong), seed=0))


def test_what_cannot_be_danced_gets_one_line(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="FACT has no sampler to choose"):
        list(MODEL.dance(trained, torch.zeros(9, 35), Options(sampler="ddim"), seed=0))
    with pytest.raises(InputError, match="no frames of music"):
        list(MODEL.dance(trained, torch.zeros(0, 35), Options(), seed=0))
    fresh = replace(trained, model=MODEL.network(SMALL).eval())
    with pytest.raises(InputError, match="remembers no motion"):
        list(MODEL.dance(fresh, torch.zeros(9, 35), Options(), seed=0))
    with pytest.raises(InputError, match="60 fps"):
        MODEL.load_released(tmp_path / "fact.npz", torch.device("cpu"), "baseline")


def test_music_goes_on_backwards_beyond_its_ends() -> None:
    music = torch.arange(4.0)[:, None]
    assert mirrored_ends(music, 2, 5)[:, 0].tolist() == [2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert mirrored_ends(music[:1], 1, 2)[:, 0].tolist() == [0, 0, 0, 0]
