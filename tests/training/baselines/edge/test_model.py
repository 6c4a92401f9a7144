"""Network, loss and representation of EDGE, against plain calculations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from popdanceset.errors import InputError
from training.baselines.edge.config import OURS, PRESETS, RELEASED, EdgeConfig, EdgeObjective
from training.baselines.edge.losses import training_loss
from training.baselines.edge.released import load_released
from training.baselines.edge.representation import (
    CHANNELS,
    FEET,
    MOVING,
    from_aist,
    motion_of,
    release_scaler,
    scaler_of,
)
from training.baselines.edge.sampling import ancestral_guidance, posterior
from training.data.representation import CONTACT, CONTACT_JOINTS, MinMaxScaler, encode
from training.motion.forward_kinematics import forward_kinematics
from training.popdg.ancestral import ancestral
from training.popdg.gaussian_diffusion import q_sample
from training.popdg.guidance import GuidedDenoiser
from training.popdg.losses import Draw, joints
from training.popdg.model import Prediction
from training.popdg.schedule import cosine_schedule

SIZES: dict[str, Any] = {"width": 24, "ff": 40, "heads": 3, "layers": 3, "music_dim": 5, "window": 12}


@pytest.fixture
def pair(plain: ModuleType, tmp_path: Path) -> tuple[Any, Any]:
    """The plain network and ours with its weights, both in evaluation mode."""
    torch.manual_seed(1)
    theirs = plain.PlainEDGE(**SIZES).eval()
    torch.save(theirs.state_dict(), tmp_path / "edge.pt")
    return theirs, load_released(tmp_path / "edge.pt", heads=3).model


def batch(seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Motion, noise, music, timesteps, and who keeps the music."""
    generator = torch.Generator().manual_seed(seed)
    motion = torch.rand(3, 12, 151, generator=generator) * 2 - 1
    noise, music = (torch.randn(3, 12, size, generator=generator) for size in (151, 5))
    return motion, noise, music, torch.tensor([0, 40, 999]), torch.tensor([True, False, True])


def test_it_is_the_plain_network_in_every_pass(pair: tuple[Any, Any]) -> None:
    theirs, ours = pair
    motion, _, music, t, keep = batch()
    with torch.no_grad():
        for kept in (keep, torch.ones_like(keep), torch.zeros_like(keep)):
            expected = theirs(motion, t, music, kept)
            found = ours(motion, t, music, kept, kept).x_start
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
        # Dropped music is that of `no_music`, with which sampling is guided.
        free = ours.denoise(motion, t, ours.no_music(3)).x_start
    torch.testing.assert_close(free, expected, atol=1e-5, rtol=1e-5)


def test_the_released_loss_and_its_gradients_are_the_plain_ones(
    plain: ModuleType, pair: tuple[Any, Any]
) -> None:
    theirs, ours = pair
    motion, noise, music, t, keep = batch(1)
    chance = Draw(t, noise, keep, keep)
    # A last layer that predicts contacts, so that some feet are held and others are not.
    for layer in (theirs.final_layer, ours.start_projection):
        torch.nn.init.constant_(layer.bias[:4], 0.9)
    found = training_loss(ours, cosine_schedule(), RELEASED.objective, motion, music, chance)
    expected = plain.loss_parts(theirs(plain.noisy(motion, noise, t), t, music, keep), motion)
    assert float(expected[3].detach()) > 0
    for part, value in zip(found.parts.values(), expected, strict=True):
        torch.testing.assert_close(part, value, atol=1e-6, rtol=1e-5)
    found.total.backward()
    sum(expected).backward()
    for name, other in (
        ("input_projection", "input_projection"),
        ("music_encoder.projection", "cond_projection"),
    ):
        mine, wanted = ours.get_submodule(name).weight.grad, theirs.get_submodule(other).weight.grad
        torch.testing.assert_close(mine, wanted, atol=1e-5 * float(wanted.abs().max()), rtol=1e-3)


def test_our_loss_measures_metres_in_numpy_too() -> None:
    """A dance of rest poses that slides: all parts can be calculated by hand."""
    generator = torch.Generator().manual_seed(0)
    scaler = MinMaxScaler(-2 * torch.ones(156), 3 * torch.ones(156))
    rest = encode(torch.zeros(1, 6, 24, 3), torch.zeros(1, 6, 3))
    slid = rest.clone()
    slid[..., 0] = torch.rand(6, generator=generator)
    slid[..., CONTACT] = torch.rand(6, 9, generator=generator)
    true, predicted = (scaler.scale(x)[..., CHANNELS] for x in (rest, slid))

    def network(*_: object) -> Prediction:
        return Prediction(predicted, None)

    chance = Draw(torch.zeros(1).long(), torch.zeros(1, 6, 151), *torch.ones(2, 1).bool())
    objective = OURS.objective
    loss = training_loss(network, cosine_schedule(), objective, true, torch.zeros(1, 6, 1), chance, scaler)

    x, contact = slid[0, :, 0].double().numpy(), slid[0, :, CONTACT][:, :4].double().numpy()
    apart = (predicted - true)[0].double().numpy()
    moves = np.append(np.diff(x), 0)
    expected = {
        "simple": 0.636 * (apart**2).mean(),
        "velocity": 2.964 * (np.diff(apart[:, 4:], axis=0) ** 2).mean(),
        "fk": 0.646 * (x**2).mean() / 3,
        "foot": 10.942 * ((moves[:, None] * contact) ** 2).mean() / 3,
    }
    for name, value in expected.items():
        assert loss.parts[name].item() == pytest.approx(value, rel=1e-4), name
    with pytest.raises(ValueError, match="need the scaler"):
        training_loss(network, cosine_schedule(), objective, true, torch.zeros(1, 6, 1), chance)


def test_channels_are_those_of_a_release_in_another_order() -> None:
    generator = torch.Generator().manual_seed(0)
    poses = 0.5 * torch.randn(2, 9, 24, 3, generator=generator)
    vectors = encode(poses, torch.randn(2, 9, 3, generator=generator))
    own = vectors[..., CHANNELS]
    for number, joint in enumerate(FEET):
        assert torch.equal(own[..., number], vectors[..., CONTACT][..., CONTACT_JOINTS.index(joint)])
    assert torch.equal(own[..., 4:7], vectors[..., :3])
    back = motion_of(own)
    assert torch.equal(back[..., :151], vectors[..., :151])
    assert not back[..., 151:].any()
    torch.testing.assert_close(joints(own[..., MOVING]), joints(vectors))
    scaler = MinMaxScaler.fit([vectors])
    torch.testing.assert_close(scaler_of(scaler).scale(own), scaler.scale(vectors)[..., CHANNELS])
    again = scaler_of(release_scaler(scaler_of(scaler)))
    assert torch.equal(again.minimum, scaler_of(scaler).minimum)
    assert torch.equal(again.maximum, scaler_of(scaler).maximum)


def test_aist_is_halved_scaled_and_stood_upright() -> None:
    """The joints of the encoded dance are those of the source, with (x, y, z) as (x, −z, y)."""
    generator = torch.Generator().manual_seed(0)
    poses = 0.4 * torch.randn(1, 8, 24, 3, generator=generator)
    places = torch.randn(1, 8, 3, generator=generator)
    own = from_aist(90 * places, poses.flatten(-2), 90.0)
    assert own.shape == (1, 4, 151)
    import roma

    x, y, z = forward_kinematics(roma.rotvec_to_rotmat(poses), places)[:, ::2].unbind(-1)
    upright = torch.stack([x, -z, y], dim=-1)
    # The root joint has no offset in these vectors, so the whole body turns about it.
    torch.testing.assert_close(joints(own[..., MOVING]), upright, atol=1e-5, rtol=0)
    assert own[:, -1, :4].eq(1).all()


def test_ancestral_steps_are_those_of_plain_ddpm() -> None:
    schedule, generator = cosine_schedule(), torch.Generator().manual_seed(0)
    x_t, x_start = (torch.randn(2, 4, 151, generator=generator) for _ in range(2))
    t = 30
    step = posterior(schedule, Prediction(x_start, None), x_t, torch.tensor([t, t]))
    before, now, beta = (float(x[t]) for x in (
        schedule.alphas_cumprod_prev, schedule.alphas_cumprod, schedule.betas
    ))  # fmt: skip
    clipped = x_start.clamp(-1, 1)
    mean = beta * before**0.5 / (1 - now) * clipped + (1 - before) * (1 - beta) ** 0.5 / (1 - now) * x_t
    torch.testing.assert_close(step.mean, mean, atol=1e-5, rtol=1e-4)
    variance = beta * (1 - before) / (1 - now)
    torch.testing.assert_close(step.log_variance.exp(), torch.full((2, 1, 1), variance), rtol=1e-4, atol=0)
    # From noise that matches a known dance, the best denoiser leads back to it.
    known = x_start.clamp(-0.9, 0.9)
    noise = torch.randn(known.shape, generator=generator)
    start = q_sample(schedule, known, torch.tensor([20]), noise)
    found = ancestral(
        lambda *_: Prediction(known, None),
        start,
        schedule=schedule,
        timesteps=range(20, -2, -1),
        reverse=posterior,
    )
    torch.testing.assert_close(found, known)
    assert [ancestral_guidance(t, 2.0) for t in (999, 100, 99, 0)] == [2.0, 2.0, 1.0, 1.0]
    assert ancestral_guidance(5, 0.5) == 0.5


def test_guidance_leads_from_no_music_to_the_music_and_beyond(pair: tuple[Any, Any]) -> None:
    _, ours = pair
    motion, _, music, _, _ = batch()
    with torch.no_grad():
        free, bound, twice = (GuidedDenoiser(ours, music, w)(motion, 300).x_start for w in (0, 1, 2.0))
    torch.testing.assert_close(twice, 2 * bound - free, atol=1e-5, rtol=0)
    assert (bound - free).abs().max() > 1e-3


def test_presets() -> None:
    assert list(PRESETS) == ["ours", "released"]
    assert RELEASED.objective == EdgeObjective(metres=False, contact="threshold")
    with pytest.raises(InputError, match="width 512 does not fit 7 heads"):
        EdgeConfig(heads=7)
    assert replace(OURS.model, window=60).transformer.window == 60
