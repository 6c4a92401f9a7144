"""The sampler of distilled networks: on paths known exactly, with hooks, and with given parts."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from training.popdg.consistency import consistency, edited_again
from training.popdg.editing import Given, frames_given
from training.popdg.model import Prediction
from training.popdg.sampler import Denoiser, own_noise
from training.popdg.schedule import CLEAN, cosine_schedule, quadratic_timesteps

SCHEDULE = cosine_schedule()
MEAN, DEVIATION = 0.1, 0.2


def exact(steps: int) -> Denoiser:
    """Leads numbers from N(MEAN, DEVIATION²) to the end of their segment along the probability flow."""
    ends = quadratic_timesteps(steps)

    def spread(t: int) -> tuple[float, float]:
        kept = SCHEDULE.alpha_cumprod_at(t)
        return kept**0.5 * MEAN, (kept * DEVIATION**2 + 1 - kept) ** 0.5

    def denoise(x_t: torch.Tensor, t: int) -> Prediction:
        end = next(end for start, end in pairwise(ends) if end < t <= start)
        (before, old), (after, new) = spread(t), spread(end)
        there = after + new / old * (x_t - before)
        now, later = SCHEDULE.alpha_cumprod_at(t), SCHEDULE.alpha_cumprod_at(end)
        share = ((1 - later) / (1 - now)) ** 0.5
        return Prediction((there - share * x_t) / (later**0.5 - share * now**0.5), None)

    return denoise


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_samples_have_mean_and_deviation_of_the_data(steps: int) -> None:
    noise = torch.randn(64, 4, 156, generator=torch.Generator().manual_seed(0))
    times = quadratic_timesteps(steps)
    dance = consistency(exact(steps), noise, schedule=SCHEDULE, timesteps=times)
    assert dance.mean().item() == pytest.approx(MEAN, abs=0.005)
    assert dance.std().item() == pytest.approx(DEVIATION, rel=0.02)
    again = consistency(exact(steps), noise, schedule=SCHEDULE, timesteps=times, again=edited_again(times))
    assert again.mean().item() == pytest.approx(MEAN, abs=0.005)
    assert again.std().item() == pytest.approx(DEVIATION, rel=0.02)


def test_hooks_see_the_noise_every_step_and_the_clean_end() -> None:
    seen: list[int] = []

    def watch(dance: torch.Tensor, t: int) -> torch.Tensor:
        seen.append(t)
        return dance

    noise, times = torch.randn(1, 4, 156), quadratic_timesteps(2)
    consistency(exact(2), noise, schedule=SCHEDULE, timesteps=times, hook=watch)
    assert seen == times == [999, 249, CLEAN]
    seen.clear()
    consistency(exact(2), noise, schedule=SCHEDULE, timesteps=times, hook=watch, again=edited_again(times))
    assert seen == [999, 249, CLEAN, 61, CLEAN]
    assert edited_again(quadratic_timesteps(1)) == [561, 249, 61]
    assert edited_again(quadratic_timesteps(4)) == []


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_what_is_given_stays_and_is_seen(steps: int) -> None:
    """The network sees the given frames in the last prediction, hardly noisy."""
    values = torch.full((10, 156), 0.7)
    given: Given = frames_given(values, slice(0, 5))
    seen: list[torch.Tensor] = []

    def denoise(x_t: torch.Tensor, t: int) -> Prediction:
        seen.append(x_t)
        return Prediction(torch.zeros_like(x_t), None)

    times = quadratic_timesteps(steps)
    dance = consistency(
        denoise,
        torch.randn(2, 10, 156),
        schedule=SCHEDULE,
        timesteps=times,
        noise=own_noise([0, 1]),
        hook=given.hook(SCHEDULE, own_noise([2, 3])),
        again=edited_again(times),
    )
    assert torch.equal(dance[:, :5], values[:5].expand(2, -1, -1))
    assert torch.equal(dance[:, 5:], torch.zeros(2, 5, 156))
    signal = SCHEDULE.alpha_cumprod_at(61) ** 0.5
    assert seen[-1][:, :5].mean().item() == pytest.approx(0.7 * signal, abs=0.05)
    assert len(seen) == {1: 4, 2: 3, 4: 4}[steps]
