"""Distilling a small trained network, and dancing with the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from popdanceset.errors import InputError
from popdanceset.schema import FPS
from training.data import DanceWindows
from training.distillation.entry import Distillation, GuidedTeacher, distillation_objective, fingerprint
from training.export import Dance
from training.fitting import checkpoint
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
from training.interface import Trained
from training.motion import physical_energy
from training.popdg.guidance import GuidedDenoiser
from training.sample import sample
from training.sampling.choices import Physics
from training.sampling.dancing import dance, whole
from training.sampling.given import keep, read_dance
from training.sampling.trained import load_trained
from training.train import train


@pytest.fixture
def teacher(run_folder: Path) -> Trained:
    return load_trained(run_folder)


def trainer(teacher: Trained, release_dir: Path, folder: Path, steps: int = 2, **more: Any) -> Trainer:
    """A distillation in a folder; windows and cache are those of `run_folder`."""
    windows = DanceWindows(
        release_dir,
        "train",
        length=30,
        stride=10,
        cache_dir=folder.parent / "cache",
        scaler=teacher.scaler,
        music_scaler=teacher.music_scaler,
    )
    kind = Distillation(teacher)
    recipe = Recipe(**{"steps": 6, "batch_size": 4, "learning_rate": 1e-3, "log": "none"} | more)
    objective = distillation_objective(teacher, steps, teacher_steps=8)
    return Trainer(windows, kind.sizes, objective, recipe, folder, kind=kind)


@pytest.fixture
def student(teacher: Trained, release_dir: Path, tmp_path: Path) -> Trained:
    trainer(teacher, release_dir, tmp_path / "student").run()
    return load_trained(tmp_path / "student")


def losses(made: Trainer, steps: int) -> list[float]:
    return [made.step(*batch)["loss/total"] for batch in made.batches.stream(made.done, steps)]


def test_the_teacher_predicts_as_in_sampling(teacher: Trained) -> None:
    x, music = torch.randn(3, 30, 156), torch.randn(3, 30, 35)
    guided = GuidedTeacher(teacher.model, music, 2.0)
    times = torch.tensor([999, 400, 7])
    together = guided(x, times)
    for row, t in enumerate(times.tolist()):
        one = slice(row, row + 1)
        with torch.no_grad():
            alone = GuidedDenoiser(teacher.model, music[one], 2.0)(x[one], t).x_start
        torch.testing.assert_close(together[one], alone, atol=1e-5, rtol=0)


def test_a_student_begins_as_its_teacher_and_says_so(
    teacher: Trained, student: Trained, release_dir: Path, tmp_path: Path
) -> None:
    begun = trainer(teacher, release_dir, tmp_path / "begun")
    assert fingerprint(begun.network) == fingerprint(teacher.model)
    assert begun.config.dropout == begun.config.frame_mask == 0
    assert student.distilled is not None
    assert (student.distilled.steps, student.distilled.teacher) == (2, fingerprint(teacher.model))
    assert fingerprint(student.model) != student.distilled.teacher
    assert torch.equal(student.scaler.minimum, teacher.scaler.minimum)
    assert torch.equal(student.music_scaler.mean, teacher.music_scaler.mean)
    assert torch.equal(student.model.no_tokens, teacher.model.no_tokens)  # it never dances without music


def test_it_learns(teacher: Trained, release_dir: Path, tmp_path: Path) -> None:
    """On one batch, with the same noise, the student comes to agree with itself and its teacher."""
    made = trainer(teacher, release_dir, tmp_path / "student")
    motion, music = made.batches.batch(0)
    curve = [made.step(0, motion, music)["loss/total"] for _ in range(10)]
    assert curve[-1] < 0.5 * curve[0]


def test_a_resumed_distillation_is_the_uninterrupted_one(
    teacher: Trained, release_dir: Path, tmp_path: Path
) -> None:
    wish = {"mirrored": True, "rotated": True, "warmup": 3}
    whole_run = trainer(teacher, release_dir, tmp_path / "whole", **wish)
    curve = losses(whole_run, 6)
    whole_run.save()
    first = trainer(teacher, release_dir, tmp_path / "parts", **wish)
    begun = losses(first, 4)
    first.save()
    second = trainer(teacher, release_dir, tmp_path / "parts", **wish)
    assert second.done == 4
    assert begun + losses(second, 6) == curve
    second.save()
    one, other = checkpoint.load(tmp_path / "whole"), checkpoint.load(tmp_path / "parts")
    for part in ("model", "average"):
        assert all(torch.equal(values, other[part][name]) for name, values in one[part].items())
    assert one["distilled"] == other["distilled"]


def test_another_teacher_is_another_run(teacher: Trained, release_dir: Path, tmp_path: Path) -> None:
    trainer(teacher, release_dir, tmp_path / "student").run()
    with torch.no_grad():
        teacher.model.no_tokens += 1
    with pytest.raises(InputError, match=r"contains another run: objective.teacher [0-9a-f]{12} \(now "):
        trainer(teacher, release_dir, tmp_path / "student")


@pytest.mark.parametrize("frames", [7, 30, 31, 95])
def test_any_length(student: Trained, frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    music = torch.randn(frames, 35, generator=torch.Generator().manual_seed(0))
    made = whole(dance(student, music, seed=3))
    assert made.poses.shape == (frames, 24, 3)
    assert torch.isfinite(made.poses).all()
    monkeypatch.setattr("training.sampling.diffusion.BLOCK", 2)
    again = whole(dance(student, music, sampler="consistency", steps=2, guidance=2.0, seed=3))
    torch.testing.assert_close(again.translation, made.translation, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("part", "kept"), [("start:0.5", slice(0, 15)), ("ends:0.4", slice(-12, None))])
def test_given_parts_stay(student: Trained, tmp_path: Path, part: str, kept: slice) -> None:
    music = torch.randn(72, 35)
    old = whole(dance(student, music, seed=9))
    np.savez(tmp_path / "old.npz", smpl_poses=old.poses, smpl_trans=old.translation)
    given = keep(read_dance(tmp_path / "old.npz"), part, 72, student.scaler)
    made = whole(dance(student, music, seed=1, given=given))
    torch.testing.assert_close(made.translation[kept], old.translation[kept], atol=1e-4, rtol=0)
    assert (made.translation - old.translation).abs().max() > 1e-3


def test_physical_guidance(student: Trained) -> None:
    music = torch.randn(72, 35, generator=torch.Generator().manual_seed(0))

    def above_or_below(physics: Physics | None) -> float:
        made = whole(dance(student, music, seed=3, physics=physics))
        joints = Dance(made.poses.double().numpy(), made.translation.double().numpy(), FPS).joints
        places = torch.from_numpy(joints)[None]
        return physical_energy.floor(places, physical_energy.contact(places)).sum().item()

    assert above_or_below(Physics(("floor",))) < 0.5 * above_or_below(None)


def test_what_does_not_fit_is_one_line(student: Trained, teacher: Trained) -> None:
    music = torch.randn(40, 35)

    def refused(trained: Trained, match: str, **options: Any) -> None:
        with pytest.raises(InputError, match=match):
            whole(dance(trained, music, **options))

    refused(teacher, "is not distilled, so it cannot dance by consistency", sampler="consistency")
    distilled = "is distilled to 2 steps with guidance 2, it cannot"
    refused(student, f"{distilled} dance by ddim", sampler="ddim")
    refused(student, f"{distilled} take steps: 4", steps=4)
    refused(student, f"{distilled} take a guidance of 0", guidance=0.0)
    with pytest.raises(InputError, match="is distilled to 2 steps already"):
        Distillation(student)


def test_the_command(run_folder: Path, release_dir: Path, song: Path, tmp_path: Path) -> None:
    command = [
        "--release",
        release_dir,
        "--out",
        tmp_path / "few",
        "--cache",
        tmp_path,
        "--distil",
        run_folder,
    ]
    command += ["--steps", 2, "--batch-size", 4, "--log", "none"]

    def run(*more: object) -> str:
        result = CliRunner().invoke(train, [*map(str, [*command, *more])], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    assert "2 steps finished" in run("--sampling-steps", 1, "--validate-every", 2)
    made = load_trained(tmp_path / "few")
    assert made.distilled is not None
    assert made.distilled.steps == 1
    out = ["--checkpoint", tmp_path / "few", "--music", song, "--out", tmp_path / "out", "--format", "npz"]
    out += ["--guide", "feet"]
    assert CliRunner().invoke(sample, [*map(str, out)], catch_exceptions=False).exit_code == 0
    with pytest.raises(InputError, match="--window: a distilled network has that of"):
        run("--window", 60)
    with pytest.raises(InputError, match="--sampling-steps: only a distilled network has them"):
        CliRunner().invoke(
            train, [*map(str, command[:4]), "--steps", "1", "--sampling-steps", "2"], catch_exceptions=False
        )
    with pytest.raises(InputError, match=r"objective.steps 1 \(now 4\)"):
        run()
