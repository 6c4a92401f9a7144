"""Each part of the loss by its definition; recorded values are compared by `training.popdg.check`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from popdanceset.errors import InputError
from popdanceset.skeleton import SMPL_OFFSETS
from training.data.representation import CONTACT, CONTACT_JOINTS, MinMaxScaler
from training.popdg import losses
from training.popdg.config import PAPER, RELEASED
from training.popdg.losses import Draw, draw, training_loss
from training.popdg.model import POPDG, Prediction
from training.popdg.schedule import cosine_schedule

Small = Callable[..., POPDG]


def still(batch: int = 1, frames: int = 4) -> torch.Tensor:
    """Vectors of a body that stands in its rest pose at the origin."""
    vectors = torch.zeros(batch, frames, 156)
    vectors[..., 3:147] = torch.tensor([1.0, 0, 0, 0, 1, 0]).repeat(24)
    return vectors


def test_velocity_and_acceleration_are_differences_of_what_moves() -> None:
    true, predicted = torch.zeros(1, 4, 156), torch.zeros(1, 4, 156)
    predicted[0, :, 0] = torch.tensor([0.0, 1.0, 4.0, 9.0])
    predicted[0, :, 150] = torch.tensor([5.0, -5.0, 5.0, -5.0])  # a contact
    assert losses.velocity(predicted, true).item() == pytest.approx((1 + 9 + 25) / (3 * 147))
    assert losses.acceleration(predicted, true).item() == pytest.approx((4 + 4) / (2 * 147))
    assert losses.simple(predicted, true).item() == pytest.approx((1 + 16 + 81 + 4 * 25) / (4 * 156))


def test_fk_measures_joints() -> None:
    bent = still()
    bent[0, :, 3 + 6 * 18 : 9 + 6 * 18] = torch.tensor([0.0, 1, 0, -1, 0, 0])  # the left elbow, 90° about z
    rest, moved = losses.joints(still()), losses.joints(bent)
    torch.testing.assert_close(rest[0, 0, 4], torch.tensor(SMPL_OFFSETS[[1, 4]].sum(axis=0)).float())
    turn = torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    wrist = turn @ torch.tensor(SMPL_OFFSETS[20]).float() - torch.tensor(SMPL_OFFSETS[20]).float()
    hand = turn @ torch.tensor(SMPL_OFFSETS[22]).float() - torch.tensor(SMPL_OFFSETS[22]).float()
    expected = (wrist.square().sum() + (wrist + hand).square().sum()) / (24 * 3)
    assert losses.fk(moved, rest).item() == pytest.approx(expected.item(), rel=1e-5)


def test_body_holds_what_is_predicted_to_touch() -> None:
    vectors = still()
    vectors[0, :, 0] = torch.tensor([0.0, 0.1, 0.1, 0.4])
    joints = losses.joints(vectors)
    contacts = torch.zeros(1, 4, 9)
    assert losses.body(joints, contacts).item() == 0
    contacts[0, 0, 2], contacts[0, 2, 3], contacts[0, 3, 3] = 0.96, 0.94, 1.0
    assert losses.body(joints, contacts).item() == pytest.approx(0.01 / (4 * 9 * 3), rel=1e-4)
    contacts[0, 2, 3] = 1.0
    assert losses.body(joints, contacts).item() == pytest.approx((0.01 + 0.09) / (4 * 9 * 3), rel=1e-4)


def test_in_metres_the_scale_of_a_channel_does_not_matter(small: Small) -> None:
    """The same dance, scaled by the range of another training part, is as far from its truth."""
    generator = torch.Generator().manual_seed(0)
    true, predicted = (still(2, 20) + 0.1 * torch.rand(2, 20, 156, generator=generator) for _ in range(2))

    def parts(scaler: MinMaxScaler, objective: object) -> dict[str, torch.Tensor]:
        def network(*_: object) -> Prediction:
            return Prediction(scaler.scale(predicted), None)

        chance = draw(PAPER.objective, cosine_schedule(), true)
        return training_loss(
            network, cosine_schedule(), objective, scaler.scale(true), torch.zeros(2, 20, 1), chance, scaler
        ).parts

    narrow = MinMaxScaler(torch.full((156,), -2.0), torch.full((156,), 2.0))
    wide = MinMaxScaler(torch.full((156,), -5.0), torch.full((156,), 3.0))
    for name in ("fk", "body"):
        torch.testing.assert_close(parts(narrow, PAPER.objective)[name], parts(wide, PAPER.objective)[name])
    scaled = replace(PAPER.objective, metres=False)
    assert parts(narrow, scaled)["fk"] > 1.5 * parts(wide, scaled)["fk"]
    with pytest.raises(InputError, match="need the scaler"):
        training_loss(
            lambda *_: Prediction(true, None),
            cosine_schedule(),
            PAPER.objective,
            true,
            true,
            _chance(true),
            None,
        )


def _chance(motion: torch.Tensor) -> Draw:
    return draw(PAPER.objective, cosine_schedule(), motion)


def test_the_bound_teaches_the_variance_alone(small: Small) -> None:
    model = small().eval()
    motion = torch.rand(4, 20, 156) * 2 - 1
    music = torch.randn(4, 20, 7)
    chance = _chance(motion)._replace(timesteps=torch.tensor([1, 10, 100, 700]))
    objective = replace(PAPER.objective, metres=False)
    loss = training_loss(model, cosine_schedule(), objective, motion, music, chance)
    loss.parts["bound"].backward()
    assert model.start_projection.weight.grad is None
    assert model.variance_projection is not None
    assert model.variance_projection.weight.grad.norm() > 0


def test_parts_are_weighted_and_add_up(small: Small) -> None:
    model = small("released")
    motion, music = torch.rand(2, 20, 156) * 2 - 1, torch.randn(2, 20, 7)
    loss = training_loss(model, cosine_schedule(), RELEASED.objective, motion, music, _chance(motion))
    assert list(loss.parts) == ["simple", "velocity", "fk", "body", "bound"]
    assert loss.total.item() == pytest.approx(sum(part.item() for part in loss.parts.values()), rel=1e-6)
    doubled = replace(RELEASED.objective, weights=replace(RELEASED.objective.weights, simple=1.272))
    chance = _chance(motion)
    once, twice = (
        training_loss(model, cosine_schedule(), objective, motion, music, chance).parts["simple"]
        for objective in (RELEASED.objective, doubled)
    )
    assert twice.item() == pytest.approx(2 * once.item())


def test_plain_ddpm_has_no_bound(small: Small) -> None:
    model = small(learned_variance=False)
    motion, music = torch.rand(2, 20, 156) * 2 - 1, torch.randn(2, 20, 7)
    objective = replace(PAPER.objective, metres=False)
    assert (
        "bound"
        not in training_loss(model, cosine_schedule(), objective, motion, music, _chance(motion)).parts
    )


def test_chance_is_what_was_asked_for() -> None:
    motion = torch.zeros(4000, 1, 156)
    generator = torch.Generator().manual_seed(0)
    chance = draw(PAPER.objective, cosine_schedule(), motion, generator)
    assert chance.timesteps.min() >= 0
    assert 990 < chance.timesteps.max() < 1000
    assert chance.keep_tokens.float().mean().item() == pytest.approx(0.75, abs=0.03)
    assert torch.equal(chance.keep_tokens, chance.keep_pooled)
    apart = draw(RELEASED.objective, cosine_schedule(), motion, generator)
    both = (~apart.keep_tokens & ~apart.keep_pooled).float().mean().item()
    assert both == pytest.approx(0.0625, abs=0.02)
    again = draw(PAPER.objective, cosine_schedule(), motion, torch.Generator().manual_seed(0))
    assert torch.equal(again.noise, chance.noise)


def test_gradients_of_the_parts_are_right() -> None:
    """Central differences in double precision."""
    torch.manual_seed(0)
    true, predicted = (still(1, 3).double() + 0.1 * torch.randn(1, 3, 156).double() for _ in range(2))
    predicted[..., CONTACT] = 1.0

    def total(vectors: torch.Tensor) -> torch.Tensor:
        joints = losses.joints(vectors)
        return (
            losses.velocity(vectors, true)
            + losses.acceleration(vectors, true)
            + losses.fk(joints, losses.joints(true))
            + losses.body(joints, vectors[..., CONTACT])
        )

    leaf = predicted.clone().requires_grad_()
    total(leaf).backward()
    assert leaf.grad is not None
    for place in (0, 2, 3, 8, 60, 146):
        step = torch.zeros_like(predicted)
        step[0, 1, place] = 1e-6
        slope = (total(predicted + step) - total(predicted - step)) / 2e-6
        assert leaf.grad[0, 1, place].item() == pytest.approx(slope.item(), rel=1e-5, abs=1e-9)
    assert len(CONTACT_JOINTS) == 9
