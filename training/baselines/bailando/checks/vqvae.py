"""Motion to codes and back, and the losses and gradients of stages 1 and 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from training.baselines.bailando.checks.codebook import recorded_choices
from training.baselines.bailando.checks.record import (
    VQVAE,
    gradient_norms,
    recorded_commitment,
    recorded_vqvae,
)
from training.baselines.bailando.reconstruction_losses import (
    HalfLoss,
    StageOneLoss,
    stage_one_loss,
    stage_two_loss,
)
from training.baselines.bailando.released import vqvae_names
from training.baselines.bailando.representation import Halves, decode, join, split, without_velocity
from training.baselines.bailando.vqvae import MotionVqVae
from training.recorded import (
    Difference,
    compare_exactly,
    compare_numbers,
    compare_to_largest,
    read_record,
    recorded_in,
)

Record = Mapping[str, Any]


def differences(folder: Path) -> Iterator[Difference]:
    """All comparisons."""
    recorded = read_record(folder / VQVAE)
    with recorded_in(folder / VQVAE):
        model, motion = recorded_vqvae(folder), recorded["pose_root_velocity"]
        yield from _codes(model, recorded)
        commitment = recorded_commitment(folder)
        yield from _stage_one_eval(model, motion, commitment, recorded["stage1_eval"])
        yield from _stage_two(model, motion, recorded["stage2"])
        model = recorded_vqvae(folder)
        yield from _stage_one_train(model, motion, commitment, recorded["stage1_train"])


@torch.no_grad()
def _codes(model: MotionVqVae, recorded: Record) -> Iterator[Difference]:
    motion = recorded["pose_root_velocity"]
    channels = split(without_velocity(motion))
    for half, values in zip(("up", "down"), channels, strict=True):
        features = model.get_submodule(f"{half}.encoder")(values)
        yield compare_to_largest(f"encoder, {half}", features, recorded[f"encoder_output_{half}"])
    codes = model.encode(motion)
    for half, found in zip(("up", "down"), codes, strict=True):
        yield compare_exactly(f"codes, {half}", found, recorded[f"codes_{half}"])
    decoded = model.decode(Halves(recorded["codes_up"], recorded["codes_down"]))
    expected = recorded["decoded_pose_root_velocity"]
    yield compare_to_largest("decoded motion", decoded, expected)
    yield compare_to_largest("decoded joints", decode(decoded), recorded["decoded_joints"])
    if "root_position" in recorded:
        path = decode(motion)[..., 0, :]
        given = recorded["root_position"]
        yield compare_to_largest("position of joint 0 from its velocity", path, given - given[:, :1])


@torch.no_grad()
def _stage_one_eval(
    model: MotionVqVae, motion: torch.Tensor, commitment: float, expected: Record
) -> Iterator[Difference]:
    both = model.reconstruct(motion)
    restored = join(Halves(both.up.motion, both.down.motion))
    yield compare_to_largest("stage 1, evaluation: motion", restored, expected["x_out"])
    yield from _parts("stage 1, evaluation", stage_one_loss(both, motion, commitment), expected)


def _parts(title: str, loss: StageOneLoss, expected: Record) -> Iterator[Difference]:
    names = {
        "position": "recons_loss",
        "velocity": "velocity_loss",
        "acceleration": "acceleration_loss",
        "commitment": "commit_loss",
    }
    yield compare_to_largest(f"{title}: loss", loss.total, expected["loss"])
    halves: tuple[HalfLoss, HalfLoss] = (loss.up, loss.down)
    for half, parts, theirs in zip(("up", "down"), halves, expected["metrics_up_down"], strict=True):
        for ours, name in names.items():
            yield compare_to_largest(f"{title}: {ours}, {half}", getattr(parts, ours), theirs[name])


def _stage_one_train(
    model: MotionVqVae, motion: torch.Tensor, commitment: float, expected: Record
) -> Iterator[Difference]:
    """A step of training; the file of weights starts the averages of the codebooks as the record does."""
    model.train()
    halves = (model.up, model.down)
    # There is no noise in a batch with as many features as codes.
    choices = zip_longest(halves, expected["randperm_up_down"], expected["tile_noise_up_down"])
    for half, permutation, noise in choices:
        half.codebook.draw = recorded_choices([permutation], [noise])
    loss = stage_one_loss(model.reconstruct(motion), motion, commitment)
    torch.autograd.backward(loss.total)
    yield from _parts("stage 1, training", loss, expected)
    for name, half in zip(("up", "down"), halves, strict=True):
        vectors, counts = expected["k_after"][name], expected["k_elem_after"][name]
        yield compare_to_largest(f"stage 1, training: vectors, {name}", half.codebook.vectors, vectors)
        yield compare_to_largest(f"stage 1, training: counts, {name}", half.codebook.counts, counts)
    norms = gradient_norms(model, vqvae_names(model.config))
    yield compare_numbers("stage 1, training: norms of gradients", norms, expected["grad_norms"])


def _stage_two(model: MotionVqVae, motion: torch.Tensor, expected: Record) -> Iterator[Difference]:
    model.zero_grad()
    loss = stage_two_loss(model.restore_velocity(motion), motion)
    torch.autograd.backward(loss.total)
    with torch.no_grad():
        restored = model.decode(model.encode(motion))
    yield compare_to_largest("stage 2: motion", restored, expected["x_out"])
    theirs = expected["metrics_up_down"][1]
    yield compare_to_largest("stage 2: loss", loss.total, expected["loss"])
    yield compare_to_largest("stage 2: velocity", loss.velocity, theirs["velocity_loss"])
    yield compare_to_largest("stage 2: acceleration", loss.acceleration, theirs["acceleration_loss"])
    norms = gradient_norms(model, vqvae_names(model.config))
    yield compare_numbers("stage 2: norms of gradients", norms, expected["grad_norms"])
    if "parameters_without_grad" in expected:
        without = torch.tensor(sum(parameter.grad is None for parameter in model.parameters()))
        frozen = torch.tensor(expected["parameters_without_grad"])
        yield compare_exactly("stage 2: parameters without a gradient", without, frozen)
