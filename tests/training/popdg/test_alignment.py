"""The mean of a convolution without the convolution, and the modulation."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from training.popdg.alignment import Alignment, ConvolvedMean


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("frames", [1, 2, 3, 5, 150])
def test_the_mean_of_a_convolution_is_one_product(frames: int, kernel: int) -> None:
    """Also where the kernel hangs over the border, and where it is longer than the sequence."""
    torch.manual_seed(frames)
    convolution = torch.nn.Conv1d(6, 6, kernel, padding="same", dtype=torch.float64)
    pool = ConvolvedMean(6, kernel).double()
    with torch.no_grad():
        pool.product.weight.copy_(convolution.weight.permute(0, 2, 1).flatten(1))
        pool.product.bias.copy_(convolution.bias)
    x = torch.randn(3, frames, 6, dtype=torch.float64)
    torch.testing.assert_close(pool(x), convolution(x.mT).mean(dim=-1), atol=1e-14, rtol=1e-12)


def test_without_a_kernel_it_is_a_mean() -> None:
    x = torch.randn(2, 5, 4)
    torch.testing.assert_close(ConvolvedMean(4, 0)(x), x.mean(dim=1))
    assert not list(ConvolvedMean(4, 0).parameters())


def test_alignment_scales_and_shifts_all_frames_alike() -> None:
    alignment = Alignment(4, 5)
    x, condition = torch.randn(2, 6, 4), torch.randn(2, 4)
    modulation = alignment.modulation(functional.mish(condition + alignment.pool(x)))
    for sample in range(2):
        for frame in range(6):
            expected = (1 + modulation[sample, :4]) * x[sample, frame] + modulation[sample, 4:]
            torch.testing.assert_close(alignment(x, condition)[sample, frame], expected)
