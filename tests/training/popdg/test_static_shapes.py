"""Fixed tensors give the same predictions; graphs themselves need a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from popdanceset.errors import InputError
from training.popdg.consistency import MusicDenoiser
from training.popdg.model import POPDG
from training.popdg.static_shapes import StaticNetwork, static_network

Small = Callable[..., POPDG]


def in_place(function: Callable[[], Any]) -> Callable[[], Any]:
    """What a graph does: the same output tensors at each run."""
    output = function()

    def again() -> Any:
        for kept, new in zip(tensors(output), tensors(function()), strict=True):
            kept.copy_(new)
        return output

    return again


def tensors(output: Any) -> list[torch.Tensor]:
    if isinstance(output, torch.Tensor):
        return [output]
    return [] if output is None else [one for part in output for one in tensors(part)]


@pytest.mark.parametrize("record", [in_place, lambda function: function], ids=["in place", "plain"])
def test_blocks_of_any_size_are_predicted_as_without(small: Small, record: Callable[..., Any]) -> None:
    model = small().requires_grad_(False)
    static = StaticNetwork(model, 4, record)
    for windows in (4, 2, 3, 1):
        music, noisy = torch.randn(windows, 20, 7), torch.randn(windows, 20, 156)
        fixed, plain = static(music), MusicDenoiser(model, music)
        first = fixed(noisy, 999).x_start
        kept = first.clone()
        torch.testing.assert_close(first, plain(noisy, 999).x_start, atol=1e-5, rtol=0)
        second = fixed(first, 400).x_start
        torch.testing.assert_close(second, plain(first, 400).x_start, atol=1e-5, rtol=0)
        assert torch.equal(first, kept)  # a later prediction does not overwrite an earlier one


def test_few_are_made_for_dances_of_all_lengths(small: Small) -> None:
    model = small()
    rooms = [static_network(model, windows, in_place).music.shape[0] for windows in (1, 2, 3, 4, 13, 54, 64)]
    assert rooms == [1, 2, 4, 4, 16, 64, 64]
    assert static_network(model, 9, in_place) is static_network(model, 16, in_place)
    assert not any("static" in name for name in model.state_dict())


def test_without_a_gpu_it_is_one_line(small: Small) -> None:
    with pytest.raises(InputError, match="--graphs: CUDA graphs do not exist on cpu"):
        StaticNetwork(small(), 4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
def test_graphs_predict_as_without(small: Small) -> None:
    model = small().requires_grad_(False).cuda()
    static = StaticNetwork(model, 4)
    for windows in (4, 2):
        music = torch.randn(windows, 20, 7, device="cuda")
        noisy = torch.randn(windows, 20, 156, device="cuda")
        with torch.no_grad():
            plain = MusicDenoiser(model, music)(noisy, 400).x_start
        torch.testing.assert_close(static(music)(noisy, 400).x_start, plain, atol=1e-4, rtol=0)
