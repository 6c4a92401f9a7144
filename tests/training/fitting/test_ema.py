"""The moving average of parameters, computed step by step."""

import contextlib

import pytest
import torch

from training.fitting.ema import ExponentialMovingAverage


def test_the_mean_follows_with_a_rising_decay():
    parameter = torch.nn.Parameter(torch.tensor([0.0]))
    average = ExponentialMovingAverage([parameter], decay=0.5)
    expected = 0.0
    for n, value in enumerate([1.0, 2.0, 5.0, 3.0, 8.0, 8.0, 1.0, 4.0, 4.0, 4.0]):
        parameter.data.fill_(value)
        average.update()
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * value
    assert average.means[0].item() == pytest.approx(expected)
    assert (1 + 9) / (10 + 9) > 0.5  # the last ones had the final decay


def test_the_mean_is_applied_inside_the_block():
    layer = torch.nn.Linear(2, 2)
    before = layer.weight.detach().clone()
    average = ExponentialMovingAverage(layer.parameters(), decay=0.9)
    with torch.no_grad():
        layer.weight.add_(1)
    with contextlib.suppress(KeyboardInterrupt), average.applied():
        assert torch.equal(layer.weight, before)
        raise KeyboardInterrupt
    assert torch.equal(layer.weight, before + 1)
    assert torch.equal(average.means[0], before)
