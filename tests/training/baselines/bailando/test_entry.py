"""Bailando behind the common trainer and sampler: four stages, each from the one before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from popdanceset.errors import InputError  # noqa: E402
from training.baselines.bailando.config import PRESETS, BailandoConfig  # noqa: E402
from training.baselines.bailando.entry import MODEL  # noqa: E402
from training.baselines.bailando.network import Bailando, beats_of  # noqa: E402
from training.baselines.bailando.representation import decode  # noqa: E402
from training.data import DanceWindows  # noqa: E402
from training.data import representation as vectors_of  # noqa: E402
from training.data.representation import encode  # noqa: E402
from training.fitting.recipe import Recipe  # noqa: E402
from training.fitting.trainer import Trainer  # noqa: E402
from training.interface import Options  # noqa: E402
from training.motion.forward_kinematics import forward_kinematics  # noqa: E402
from training.sampling.dancing import whole  # noqa: E402
from training.sampling.trained import load_trained  # noqa: E402

SMALL = BailandoConfig(
    vqvae_width=16, residual_width=16, embedding=8, codes=8, levels=2, depth=1, width=16, heads=2,
    base_layers=1, head_layers=1, critic_layers=1, block=5, music_dim=35, dropout=0.0, seeds=3, window=24,
)  # fmt: skip


@pytest.fixture
def windows(release_dir: Path, tmp_path: Path) -> DanceWindows:
    return DanceWindows(release_dir, "train", length=24, stride=10, cache_dir=tmp_path / "cache")


def trainer_of(windows: DanceWindows, folder: Path, stage: int, steps: int) -> Trainer:
    preset = PRESETS["ours" if stage == 1 else f"ours-{stage}"]
    settings = {**preset.recipe, "batch_size": 4, "learning_rate": 3e-3}
    recipe = Recipe(steps=steps, **settings, log="none")
    start = folder / str(stage - 1) if stage > 1 else None
    model = replace(SMALL, stage=stage)
    return Trainer(windows, model, preset.objective, recipe, folder / str(stage), start=start)


def curve(trainer: Trainer, steps: int) -> list[float]:
    trainer.model.train()
    return [trainer.step(*batch)["loss/total"] for batch in trainer.batches.stream(trainer.done, steps)]


def changed(trainer: Trainer, before: dict[str, torch.Tensor]) -> set[str]:
    """The parts of the network whose parameters or buffers differ."""
    return {
        ".".join(name.split(".")[:2])
        for name, value in trainer.network.state_dict().items()
        if not torch.equal(value, before[name])
    }


@pytest.mark.usefixtures("beats_in_releases")
def test_each_stage_trains_its_part_and_the_last_ones_dance(windows: DanceWindows, tmp_path: Path) -> None:
    parts = {
        1: {"vqvae.up", "vqvae.down"},
        2: {"vqvae.root_decoder"},
        3: {"gpt.base", "gpt.head", "starts", "known_starts"},
        4: {"gpt.head", "gpt.critic"},
    }
    for stage, steps in ((1, 40), (2, 40), (3, 40), (4, 2)):
        trainer = trainer_of(windows, tmp_path, stage, steps)
        before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
        losses = curve(trainer, steps)
        assert changed(trainer, before) == parts[stage]
        if stage < 4:
            assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
        trainer.save()

    trained = load_trained(tmp_path / "4")
    assert trained.model.config.stage == 4
    music = windows.gather(np.array([0, 1]), scaled=False)[1].flatten(0, 1)[:46]
    (piece,) = MODEL.dance(trained, music, Options(), seed=0)
    assert (piece.poses.shape, piece.translation.shape) == ((46, 24, 3), (46, 3))
    assert torch.isfinite(piece.poses).all()
    assert piece.translation[0].abs().max() == 0
    again = whole(MODEL.dance(trained, music, Options(), seed=3))  # one of three remembered starts
    assert torch.equal(again.poses, piece.poses)
    for frames in (1, 4, 5):
        assert len(whole(MODEL.dance(trained, music[:frames], Options(), seed=0)).poses) == frames


def test_a_stage_without_the_ones_before_it_gets_one_line(windows: DanceWindows, tmp_path: Path) -> None:
    for stage in (2, 3, 4):
        preset, model = PRESETS[f"ours-{stage}"], replace(SMALL, stage=stage)
        recipe = Recipe(steps=1, **{**preset.recipe, "batch_size": 4}, log="none")
        trainer = Trainer(windows, model, preset.objective, recipe, tmp_path / str(stage))
        with pytest.raises(InputError, match=f"stage {stage} needs the stages before it"):
            curve(trainer, 1)
    trainer = trainer_of(windows, tmp_path, 1, 1)
    trainer.run()
    trained = load_trained(tmp_path / "1")
    with pytest.raises(InputError, match="stage 1 cannot dance yet"):
        list(MODEL.dance(trained, torch.zeros(9, 35), Options(), seed=0))
    with pytest.raises(InputError, match="Bailando has no steps to choose"):
        list(MODEL.dance(trained, torch.zeros(9, 35), Options(steps=3), seed=0))
    with pytest.raises(InputError, match="60 fps"):
        MODEL.load_released(tmp_path / "bailando.pt", torch.device("cpu"), "baseline")


def test_vectors_of_a_release_become_positions() -> None:
    generator = torch.Generator().manual_seed(0)
    poses = torch.randn(2, 9, 24, 3, generator=generator)
    translation = torch.randn(2, 9, 3, generator=generator)
    vectors = encode(poses, translation)
    rotation_6d = vectors[..., vectors_of.ROTATION].reshape(2, 9, 24, 6)
    joints = forward_kinematics(vectors_of.rotation_6d_to_matrix(rotation_6d), translation)
    scaler = vectors_of.MinMaxScaler.fit([vectors])
    motion = MODEL.encode(SMALL, vectors, scaler)
    assert torch.allclose(decode(motion), joints - translation[:, :1, None], atol=1e-5)


def test_music_is_averaged_over_the_frames_of_a_code() -> None:
    music = torch.arange(10.0).view(1, 10, 1)
    assert Bailando(SMALL).per_code(music)[0, :, 0].tolist() == [1.5, 5.5, 8.5]


def test_beats_are_marked_by_the_last_feature() -> None:
    marks = torch.tensor([[0.0, 1, 0, 0, 1]])
    for scaled in (marks, (marks - 0.4) / 0.49):
        music = torch.stack([torch.randn(1, 5), scaled], dim=-1)
        assert beats_of(music).tolist() == [[False, True, False, False, True]]
    assert not beats_of(torch.zeros(1, 4, 2)).any()
    with pytest.raises(InputError, match="marks none"):
        beats_of(torch.randn(1, 5, 3))


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="multiple of 4 from 12 to 24"):
        replace(SMALL, window=26)
    with pytest.raises(InputError, match="multiple of 4 from 12 to 24"):
        replace(SMALL, window=28)
    with pytest.raises(InputError, match="stage is 5"):
        replace(SMALL, stage=5)
    with pytest.raises(InputError, match="critic is 'x'"):
        replace(SMALL, critic="x")


def test_presets_of_all_stages() -> None:
    for name, frames in (("ours", 4), ("released", 8)):
        for stage in range(1, 5):
            preset = PRESETS[name if stage == 1 else f"{name}-{stage}"]
            assert preset.model.stage == stage
            assert preset.model.vqvae.frames_per_code == frames
            assert preset.model.window == frames * 30
            Recipe(steps=1, **preset.recipe)
    assert PRESETS["released"].drop_epochs == (100, 200)
    assert PRESETS["released-3"].recipe["learning_rate"] == 3e-4
