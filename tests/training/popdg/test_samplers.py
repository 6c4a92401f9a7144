"""Samplers: against recorded dances, and on data whose best denoiser is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from training.popdg.ancestral import ancestral
from training.popdg.ddim import ddim
from training.popdg.dpm_solver import dpm_solver
from training.popdg.guidance import GuidedDenoiser, guidance_ramp
from training.popdg.long import Overlap
from training.popdg.model import Prediction
from training.popdg.released import load_released
from training.popdg.sampler import Denoiser, Noise, chained, own_noise
from training.popdg.schedule import CLEAN, Schedule, cosine_schedule, even_timesteps

MEAN, DEVIATION = 0.1, 0.2


def replay(noises: torch.Tensor) -> Noise:
    """Recorded noise, one tensor a call; the first was where sampling began."""
    rest: Iterator[torch.Tensor] = iter(noises[1:])
    return lambda _: next(rest)


@pytest.mark.parametrize("kind", ["ddim_sample", "long_ddim_sample"])
def test_recorded_noise_gives_the_recorded_dance(golden: Path, kind: str) -> None:
    record = torch.load(golden / "small64_samplers.pt", weights_only=False)[kind]
    model = load_released(golden / "small64_weights.pt").model
    times = even_timesteps(50)
    long = kind.startswith("long")
    with torch.inference_mode():
        denoise = GuidedDenoiser(model, record["music"], guidance_ramp(times, 2.0) if long else 2.0)
        dance = ddim(
            denoise,
            record["noises"][0],
            schedule=cosine_schedule(dtype=torch.float32),
            timesteps=times,
            noise=replay(record["noises"]),
            hook=Overlap() if long else None,
        )
    torch.testing.assert_close(dance, record["sample"], atol=1e-4, rtol=0)


def best_denoiser(schedule: Schedule, variance: bool = False) -> Denoiser:
    """E[x_0 | x_t] where dances are independent numbers from N(MEAN, DEVIATION²)."""

    def denoise(noisy: torch.Tensor, time: int) -> Prediction:
        kept = schedule.alpha_cumprod_at(time)
        total = kept * DEVIATION**2 + 1 - kept
        start = MEAN + kept**0.5 * DEVIATION**2 / total * (noisy - kept**0.5 * MEAN)
        return Prediction(start, torch.zeros_like(start) if variance else None)

    return denoise


def flow(schedule: Schedule, noisy: torch.Tensor, time: int, end: int) -> torch.Tensor:
    """Where the probability flow takes numbers from `time` to `end`: each keeps its quantile."""
    (before, old), (after, new) = (
        (kept**0.5 * MEAN, (kept * DEVIATION**2 + 1 - kept) ** 0.5)
        for kept in (schedule.alpha_cumprod_at(time), schedule.alpha_cumprod_at(end))
    )
    return after + new / old * (noisy - before)


@pytest.fixture(scope="module")
def start() -> torch.Tensor:
    return torch.randn(64, 4, 156, generator=torch.Generator().manual_seed(0))


Kind = Callable[..., torch.Tensor]
SAMPLERS: list[tuple[str, Kind, int]] = [
    ("ddim, new noise", partial(ddim, eta=1.0), 1000),
    ("ddim, half new", partial(ddim, eta=0.5), 500),
    ("ddim, none new", partial(ddim, eta=0.0), 500),
    ("ancestral", ancestral, 500),
    ("solver", dpm_solver, 20),
]


@pytest.mark.parametrize(("name", "sample", "steps"), SAMPLERS, ids=[name for name, *_ in SAMPLERS])
def test_samples_have_mean_and_variance_of_the_data(
    name: str, sample: Kind, steps: int, start: torch.Tensor
) -> None:
    schedule = cosine_schedule()
    dance = sample(
        best_denoiser(schedule, name == "ancestral"),
        start,
        schedule=schedule,
        timesteps=(times := even_timesteps(steps)),
        noise=own_noise(range(64)),
    )
    assert dance.mean().item() == pytest.approx(MEAN, abs=0.005)
    # The last step returns a mean: the variance hidden by the noise of the last visited timestep is missing.
    kept = schedule.alpha_cumprod_at(times[-2])
    told = kept * DEVIATION**2 / (kept * DEVIATION**2 + 1 - kept)
    assert dance.std().item() == pytest.approx(DEVIATION * told**0.5, rel=0.025)


def test_ancestral_sampling_uses_the_learned_variance(start: torch.Tensor) -> None:
    """One step from a known state: the deviation is the one that the output −1 … 1 encodes."""
    schedule = cosine_schedule()
    x = torch.zeros(64, 4, 156)
    for number, expected in ((-1.0, schedule.posterior_log_variance_clipped), (1.0, schedule.log_betas)):
        seen: list[torch.Tensor] = []

        def denoise(noisy: torch.Tensor, _: int, number: float = number) -> Prediction:
            return Prediction(torch.zeros_like(noisy), torch.full_like(noisy, number))

        def keep(dance: torch.Tensor, _: int, seen: list[torch.Tensor] = seen) -> torch.Tensor:
            seen.append(dance)
            return dance

        ancestral(denoise, x, schedule=schedule, timesteps=range(30, -2, -1), hook=keep)
        torch.manual_seed(0)
        assert seen[0].std().item() == pytest.approx(math.exp(0.5 * expected[30].item()), rel=0.02)


def test_without_new_noise_ddim_can_be_reversed(start: torch.Tensor) -> None:
    """Down to little noise and up again returns to the start; both follow the exact flow."""
    schedule, times = cosine_schedule(), list(range(700, 20, -1))
    x = start[:2] * 0.5
    run = partial(ddim, best_denoiser(schedule), schedule=schedule, eta=0.0)
    down = run(x, timesteps=times)
    torch.testing.assert_close(down, flow(schedule, x, 700, 21), atol=2e-3, rtol=0)
    torch.testing.assert_close(run(down, timesteps=times[::-1]), x, atol=0.02, rtol=0)


def test_the_solver_is_of_second_order(start: torch.Tensor) -> None:
    """Half the step, a quarter of the error; half for DDIM. Both end at a timestep with some noise left."""
    schedule = cosine_schedule()
    first, last = 800, 160
    x = start[:4] * 0.3
    exact = flow(schedule, x, first, last)

    def error(sample: Any, visits: int) -> float:
        times = [first - (first - last) * step // visits for step in range(visits + 1)]
        return (
            (sample(best_denoiser(schedule), x, schedule=schedule, timesteps=times) - exact)
            .abs()
            .max()
            .item()
        )

    def orders(sample: Any) -> list[float]:
        errors = [error(sample, visits) for visits in (10, 20, 40, 80)]
        return [math.log2(large / fine) for large, fine in pairwise(errors)]

    assert all(1.7 < order < 2.5 for order in orders(dpm_solver)[1:])
    assert all(0.8 < order < 1.3 for order in orders(partial(ddim, eta=0.0))[1:])
    assert error(dpm_solver, 15) < 0.2 * error(partial(ddim, eta=0.0), 15)


def test_hooks_see_every_step_and_the_clean_end(start: torch.Tensor) -> None:
    schedule, times = cosine_schedule(), even_timesteps(5)
    for sample in (ddim, ancestral, dpm_solver):
        seen: list[int] = []

        def watch(dance: torch.Tensor, time: int, seen: list[int] = seen) -> torch.Tensor:
            seen.append(time)
            return dance + (time == CLEAN)

        dance = sample(
            best_denoiser(schedule), start, schedule=schedule, timesteps=times, hook=chained(None, watch)
        )
        assert seen == times[1:]
        assert dance.mean() > 0.9
    assert chained(None, None) is None


def test_noise_of_a_sample_is_its_own() -> None:
    several, alone = own_noise([1, 2, 3]), own_noise([2])
    for _ in range(2):
        assert torch.equal(several(torch.zeros(3, 5, 4))[1:2], alone(torch.zeros(1, 5, 4)))
