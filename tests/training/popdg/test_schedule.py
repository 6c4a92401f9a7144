"""The cosine schedule, against the recorded one and against its formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from popdanceset.errors import InputError
from training.popdg.schedule import CLEAN, cosine_schedule, even_timesteps, quadratic_timesteps, respaced


def test_the_schedule_is_the_recorded_one(golden: Path) -> None:
    expected = torch.load(golden / "schedule.pt", weights_only=False)
    schedule = cosine_schedule(dtype=torch.float32)
    ours = {
        "betas": schedule.betas,
        "alphas_cumprod": schedule.alphas_cumprod,
        "alphas_cumprod_prev": schedule.alphas_cumprod_prev,
        "sqrt_alphas_cumprod": schedule.sqrt_alphas_cumprod,
        "sqrt_one_minus_alphas_cumprod": schedule.sqrt_one_minus_alphas_cumprod,
        "posterior_variance": schedule.posterior_variance,
        "posterior_log_variance_clipped": schedule.posterior_log_variance_clipped,
        "posterior_mean_coef1": schedule.posterior_mean_coef1,
        "posterior_mean_coef2": schedule.posterior_mean_coef2,
    }
    for name, values in ours.items():
        torch.testing.assert_close(values, expected[name], atol=1e-6, rtol=1e-6, msg=name)


def test_the_signal_falls_as_a_squared_cosine() -> None:
    curve = np.cos((np.arange(1001) / 1000 + 0.008) / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(cosine_schedule().alphas_cumprod[:999], curve[1:1000] / curve[0], rtol=1e-9)
    assert cosine_schedule().alpha_cumprod_at(CLEAN) == 1


def test_a_respaced_chain_has_the_same_noise_at_its_timesteps() -> None:
    times = [3, 10, 500, 999]
    chain = respaced(cosine_schedule(), times)
    torch.testing.assert_close(chain.alphas_cumprod, cosine_schedule().alphas_cumprod[times])


def test_even_timesteps_end_clean() -> None:
    assert even_timesteps(50)[:3] == [999, 979, 959]
    assert even_timesteps(50)[-3:] == [39, 19, CLEAN]
    assert even_timesteps(1000) == list(range(999, -2, -1))
    for visits in (0, 1001):
        with pytest.raises(InputError, match=f"{visits} steps of sampling"):
            even_timesteps(visits)


def test_quadratic_timesteps_are_dense_at_the_clean_end() -> None:
    assert quadratic_timesteps(4) == [999, 561, 249, 61, CLEAN]
    assert {*quadratic_timesteps(4)} | {*quadratic_timesteps(3)} <= {*quadratic_timesteps(12)}
    most = quadratic_timesteps(31)
    assert most == sorted({*most}, reverse=True)
    for steps in (0, 32):
        with pytest.raises(InputError, match=f"{steps} quadratic steps of sampling"):
            quadratic_timesteps(steps)
