"""Dropout on a processor: shares, means, gradients and repetition; torch's own draws other numbers."""

from __future__ import annotations

import pytest
import torch

from training.popdg.dropout import Dropout


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("size", [(3, 7, 9001), (250_001,)])
def test_the_share_is_dropped_and_the_mean_remains(share: float, size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    y = Dropout(share)(torch.ones(size))
    places = torch.arange(y.numel()) % 4  # one random number decides on four
    for place in range(4):
        part = y.flatten()[places == place]
        assert abs(float((part == 0).float().mean()) - share) < 0.01
        assert part.max() == pytest.approx(1 / (1 - share), rel=1e-3)
    assert float(y.mean()) == pytest.approx(1, abs=0.02)


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(0)
    dropped = (Dropout(0.5)(torch.ones(400_000)) == 0).float()
    for distance in (1, 2, 3, 4, 8):
        assert abs(float((dropped[:-distance] * dropped[distance:]).mean()) - 0.25) < 0.005


def test_the_gradient_is_dropped_where_the_value_is() -> None:
    x = torch.randn(4, 5, 6, requires_grad=True)
    y = Dropout(0.4)(x)
    torch.autograd.backward(y.sum())
    assert x.grad is not None
    torch.testing.assert_close(x.grad * x, y)


def test_the_seed_decides() -> None:
    x, drop = torch.randn(50, 3), Dropout(0.3)
    first, second, other = (drop(x) for seed in (1, 1, 2) if torch.manual_seed(seed))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_nothing_is_dropped_outside_training() -> None:
    x = torch.randn(5, 6)
    assert Dropout(0.5).eval()(x) is x


def test_other_precisions_keep_theirs() -> None:
    assert Dropout(0.5)(torch.ones(8, dtype=torch.bfloat16)).dtype == torch.bfloat16
