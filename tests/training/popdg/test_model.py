"""The network as a whole: any window, any preset, nothing dead, music once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from training.data.representation import MinMaxScaler
from training.popdg.config import ABLATIONS, PAPER, ablate
from training.popdg.guidance import GuidedDenoiser, classifier_free_guidance, guidance_ramp
from training.popdg.losses import draw, training_loss
from training.popdg.model import POPDG, Condition, Prediction
from training.popdg.schedule import cosine_schedule

Small = Callable[..., POPDG]


def inputs(model: POPDG, batch: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    window, music_dim = model.config.window, model.config.music_dim
    motion = torch.rand(batch, window, 156, generator=generator) * 2 - 1
    music = torch.randn(batch, window, music_dim, generator=generator)
    return motion, torch.randint(1000, (batch,), generator=generator), music


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("window", [1, 13, 30])
def test_any_window(small: Small, preset: str, window: int) -> None:
    model = small(preset, window=window)
    start, variance = model(*inputs(model))
    assert start.shape == (3, window, 156)
    assert variance is not None
    assert variance.abs().max() <= 1


@pytest.mark.parametrize("parts", [[], *([name] for name in ABLATIONS), list(ABLATIONS)], ids=str)
def test_every_parameter_learns(small: Small, parts: list[str]) -> None:
    torch.manual_seed(0)
    model = POPDG(ablate(small().config, parts)).train()
    motion, _, music = inputs(model, batch=6)
    chance = draw(PAPER.objective, cosine_schedule(), motion)
    kept = torch.tensor([True, True, True, True, False, False])
    chance = chance._replace(
        timesteps=torch.tensor([0, 3, 40, 200, 500, 900]), keep_tokens=kept, keep_pooled=kept
    )
    scaler = MinMaxScaler(-torch.ones(156), torch.ones(156))
    training_loss(model, cosine_schedule(), PAPER.objective, motion, music, chance, scaler).total.backward()
    norms = {name: parameter.grad for name, parameter in model.named_parameters()}
    # Rounding alone gives about 1e-8 where a parameter has no effect.
    assert [name for name, grad in norms.items() if grad is None or grad.norm() < 1e-6] == []


def test_half_width_has_about_a_quarter_of_the_weights(small: Small) -> None:
    config = small(width=64, feedforward=128).config
    whole, half = (
        sum(parameter.numel() for parameter in POPDG(sizes).blocks.parameters())
        for sizes in (config, ablate(config, ["half-width"]))
    )
    assert 0.2 < half / whole < 0.5


def test_all_of_the_full_size_is_used() -> None:
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in POPDG(PAPER.model).parameters())
    assert 92e6 < count < 93e6


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_music_may_be_encoded_once(small: Small, preset: str) -> None:
    model = small(preset)
    motion, time, music = inputs(model)
    torch.testing.assert_close(
        model.denoise(motion, time, model.condition(music)), model(motion, time, music)
    )
    nobody = torch.zeros(3, dtype=torch.bool)
    torch.testing.assert_close(
        model.denoise(motion, time, model.no_music(3)), model(motion, time, music, nobody, nobody)
    )


def test_tokens_and_pooled_music_are_dropped_apart(small: Small) -> None:
    model = small()
    motion, time, music = inputs(model)
    some, all_of_them = torch.tensor([True, False, True]), torch.ones(3, dtype=torch.bool)
    full = model(motion, time, music).x_start
    for keep in ((some, all_of_them), (all_of_them, some)):
        changed = (model(motion, time, music, *keep).x_start - full).abs().amax(dim=(1, 2)) > 1e-6
        assert changed.tolist() == [False, True, False]


@pytest.mark.parametrize("changes", [{}, {"alignment": False}, {"ds_attention": False}], ids=str)
@pytest.mark.parametrize("weight", [0.0, 0.7, 1.0, 2.0])
def test_one_batched_pass_is_two_passes(small: Small, weight: float, changes: dict) -> None:
    model = small(**changes)
    motion, _, music = inputs(model)
    nobody, time = torch.zeros(3, dtype=torch.bool), torch.full((3,), 321)
    expected = classifier_free_guidance(
        model(motion, time, music, nobody, nobody), model(motion, time, music), weight
    )
    torch.testing.assert_close(
        GuidedDenoiser(model, music, weight)(motion, 321), expected, atol=1e-5, rtol=1e-5
    )


def test_several_conditions_of_one_dance(small: Small) -> None:
    model = small()
    motion, _, music = inputs(model)
    both = Condition.cat([model.condition(music), model.no_music(3)])
    time = torch.tensor([500])
    torch.testing.assert_close(
        model.denoise(motion, time, both).x_start, model.denoise(motion.repeat(2, 1, 1), time, both).x_start
    )


def test_guidance_ramps_over_half_the_steps() -> None:
    weights = guidance_ramp([999, 799, 599, 399, 199, -1], 2.0)
    assert weights == {999: 0.0, 799: 1.0, 599: 2.0, 399: 2.0, 199: 2.0}
    without, given = (Prediction(torch.tensor(value), None) for value in (1.0, 3.0))
    assert classifier_free_guidance(without, given, weights[599]).x_start.item() == 5.0


def test_frames_are_hidden_in_training_only(small: Small) -> None:
    model = small(dropout=0.0, frame_mask=0.5)
    case = inputs(model)
    assert torch.equal(model(*case).x_start, model(*case).x_start)
    model.train()
    assert not torch.equal(model(*case).x_start, model(*case).x_start)


def test_half_precision_trains(small: Small) -> None:
    model = small().train()
    motion, _, music = inputs(model)
    scaler = MinMaxScaler(-torch.ones(156), torch.ones(156))
    chance = draw(PAPER.objective, cosine_schedule(), motion)
    with torch.autocast("cpu", torch.bfloat16):
        loss = training_loss(model, cosine_schedule(), PAPER.objective, motion, music, chance, scaler)
    loss.total.backward()
    assert loss.total.dtype == torch.float32
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
