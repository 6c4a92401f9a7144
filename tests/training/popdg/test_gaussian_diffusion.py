"""Steps back and the bound: against recorded values, Bayes' rule on a grid, and integrals."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from training.popdg.gaussian_diffusion import (
    HALF_BIN,
    Normal,
    discretized_gaussian_log_likelihood,
    normal_kl,
    p_mean_variance,
    q_posterior,
    q_sample,
    vb_terms_bpd,
)
from training.popdg.model import Prediction
from training.popdg.schedule import cosine_schedule


def test_recorded_posteriors_and_divergences(golden: Path) -> None:
    record = torch.load(golden / "diffusion_math.pt", weights_only=False)
    schedule = cosine_schedule(dtype=torch.float32)
    back = q_posterior(schedule, record["x_start"], record["x_t"], record["t"])
    torch.testing.assert_close(back.mean, record["posterior_mean"], atol=1e-6, rtol=0)
    torch.testing.assert_close(back.log_variance, record["posterior_log_variance_clipped"], atol=1e-5, rtol=0)
    pair = record["kl"]
    divergence = normal_kl(Normal(pair["mean1"], pair["logvar1"]), Normal(pair["mean2"], pair["logvar2"]))
    torch.testing.assert_close(divergence, pair["kl"], atol=1e-6, rtol=0)


def test_recorded_likelihoods(golden: Path) -> None:
    """To 1e-4 but for bins of less than a thousandth: their single-precision differences of two distribution
    functions hold few digits, and the last one of tanh depends on the machine."""
    record = torch.load(golden / "diffusion_math.pt", weights_only=False)["nll"]
    ours = discretized_gaussian_log_likelihood(record["x"], Normal(record["means"], 2 * record["log_scales"]))
    likely = record["logp"] > math.log(1e-3)
    assert likely.float().mean() > 0.3
    torch.testing.assert_close(ours[likely], record["logp"][likely], atol=1e-4, rtol=0)
    torch.testing.assert_close(ours.exp(), record["logp"].exp(), atol=1e-6, rtol=0)
    torch.testing.assert_close(ours.mean(), record["logp"].mean(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("time", [1, 37, 600, 999])
def test_the_posterior_is_bayes_rule_on_a_grid(time: int) -> None:
    """q(x_{t−1} | x_t, x_0) ∝ q(x_t | x_{t−1}) q(x_{t−1} | x_0), all by their definitions."""
    schedule = cosine_schedule()
    start, noisy = 0.4, -0.7
    beta, before = float(schedule.betas[time]), float(schedule.alphas_cumprod[time - 1])
    back = q_posterior(
        schedule, torch.tensor([[start]]).double(), torch.tensor([[noisy]]).double(), torch.tensor([time])
    )
    mean, deviation = back.mean.item(), math.exp(0.5 * back.log_variance.item())
    grid = np.linspace(mean - 8 * deviation, mean + 8 * deviation, 4001)
    log = -((noisy - math.sqrt(1 - beta) * grid) ** 2) / (2 * beta)
    log -= (grid - math.sqrt(before) * start) ** 2 / (2 * (1 - before))
    density = np.exp(log - log.max())
    density /= density.sum()
    centre = (density * grid).sum()
    assert centre == pytest.approx(mean, abs=1e-5)
    assert (density * (grid - centre) ** 2).sum() == pytest.approx(deviation**2, rel=1e-4)


def test_noise_adds_up_step_by_step() -> None:
    """Variance and signal of x_t, from the definition of each single step."""
    schedule = cosine_schedule()
    signal, variance = 1.0, 0.0
    for beta in schedule.betas[:301].tolist():
        signal, variance = signal * math.sqrt(1 - beta), variance * (1 - beta) + beta
    time = torch.tensor([300])
    one, nothing = torch.ones(1, 1), torch.zeros(1, 1)
    assert q_sample(schedule, one, time, nothing).item() == pytest.approx(signal, rel=1e-5)
    assert q_sample(schedule, nothing, time, one).item() == pytest.approx(math.sqrt(variance), rel=1e-5)


def test_divergence_is_its_integral() -> None:
    first, second = (
        Normal(torch.tensor(0.3), torch.tensor(-0.5)),
        Normal(torch.tensor(-0.4), torch.tensor(0.2)),
    )
    x = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    p, q = (
        torch.distributions.Normal(n.mean.double(), (0.5 * n.log_variance.double()).exp()).log_prob(x)
        for n in (first, second)
    )
    integral = torch.trapezoid(p.exp() * (p - q), x)
    assert normal_kl(first, second).item() == pytest.approx(integral.item(), rel=1e-5)
    draws = 0.3 + math.exp(-0.25) * torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    p, q = (torch.distributions.Normal(n.mean, (0.5 * n.log_variance).exp()) for n in (first, second))
    assert (p.log_prob(draws) - q.log_prob(draws)).mean().item() == pytest.approx(
        normal_kl(first, second).item(), rel=0.02
    )
    assert normal_kl(first, first).item() == 0


def test_bins_share_all_probability() -> None:
    """Bins of 2 · HALF_BIN from −1 to 1, the outermost open, leave nothing out."""
    places = torch.arange(-1, 1 + HALF_BIN, 2 * HALF_BIN, dtype=torch.float64)
    normal = Normal(torch.tensor(0.2).double(), torch.tensor(-2.0).double())
    assert discretized_gaussian_log_likelihood(places, normal).exp().sum().item() == pytest.approx(
        1, abs=1e-9
    )
    inner = discretized_gaussian_log_likelihood(torch.tensor(0.1).double(), normal)
    density = torch.distributions.Normal(0.2, math.exp(-1)).log_prob(torch.tensor(0.1))
    # The distribution function is an approximation, good to about a thousandth.
    assert inner.item() == pytest.approx(density.item() + math.log(2 * HALF_BIN), abs=5e-3)


def test_the_variance_lies_between_both_extremes() -> None:
    schedule, time = cosine_schedule(), torch.tensor([400, 400, 400, 400])
    noisy = torch.zeros(4, 1, 1)
    number = torch.tensor([-1.0, 1.0, 0.0, 5.0])[:, None, None]
    back = p_mean_variance(schedule, Prediction(noisy, number), noisy, time).log_variance.flatten()
    low, high = schedule.posterior_log_variance_clipped[400], schedule.log_betas[400]
    torch.testing.assert_close(back, torch.stack([low, high, (low + high) / 2, high]))
    fixed = p_mean_variance(schedule, Prediction(noisy, None), noisy, time).log_variance
    assert fixed.flatten()[0] == low


def test_the_bound_of_the_truth_is_the_smallest() -> None:
    schedule = cosine_schedule()
    torch.manual_seed(0)
    start = torch.rand(2, 5, 3) * 1.8 - 0.9
    time = torch.tensor([0, 300])
    noisy = q_sample(schedule, start, time, torch.randn_like(start))
    lowest = torch.full_like(start, -1.0)
    true = vb_terms_bpd(schedule, Prediction(start, lowest), start, noisy, time)
    off = vb_terms_bpd(schedule, Prediction(start + 0.2, lowest), start, noisy, time)
    assert true[1].item() == pytest.approx(0, abs=1e-6)
    assert (off > true).all()
    # In bits: a guess of the bin as wide as the noise allows.
    by_hand = -discretized_gaussian_log_likelihood(
        start, p_mean_variance(schedule, Prediction(start, lowest), noisy, time)
    )
    assert true[0].item() == pytest.approx(by_hand[0].mean().item() / math.log(2), rel=1e-5)
