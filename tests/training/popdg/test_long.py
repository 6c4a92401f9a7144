"""Long dances: streamed as if sampled together, cut and joined without loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch

from popdanceset.errors import InputError
from training.popdg.ddim import ddim
from training.popdg.dpm_solver import dpm_solver
from training.popdg.editing import start_given
from training.popdg.guidance import GuidedDenoiser, guidance_ramp
from training.popdg.long import hop, long_dance, music_windows, window_count
from training.popdg.model import POPDG
from training.popdg.sampler import Sampler
from training.popdg.schedule import cosine_schedule, even_timesteps

Small = Callable[..., POPDG]
TIMES = even_timesteps(6)
SAMPLERS: dict[str, Sampler] = {
    "ddim": partial(ddim, schedule=cosine_schedule(), timesteps=TIMES),
    "solver": partial(dpm_solver, schedule=cosine_schedule(), timesteps=TIMES),
}


@pytest.fixture
def dance(small: Small) -> Callable[..., torch.Tensor]:
    """Samples seven windows in blocks of a size."""
    model = small()
    music = torch.randn(7, 20, 7, generator=torch.Generator().manual_seed(1))

    def make(block: int, sampler: str = "ddim", **options: object) -> torch.Tensor:
        def denoiser(part: torch.Tensor) -> GuidedDenoiser:
            return GuidedDenoiser(model, part, guidance_ramp(TIMES, 2.0))

        with torch.inference_mode():
            blocks = long_dance(music.split(block), denoiser, SAMPLERS[sampler], seed=3, **options)
            return torch.cat(list(blocks))

    return make


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("block", [1, 3])
def test_streamed_is_the_same_as_together(
    dance: Callable[..., torch.Tensor], block: int, sampler: str
) -> None:
    torch.testing.assert_close(dance(block, sampler), dance(7, sampler), atol=1e-5, rtol=0)


def test_given_parts_go_through_all_windows(dance: Callable[..., torch.Tensor]) -> None:
    given = start_given(torch.linspace(-0.5, 0.5, 25)[:, None].expand(25, 156), 80)
    together, streamed = (dance(block, given=given, schedule=cosine_schedule()) for block in (7, 2))
    torch.testing.assert_close(streamed, together, atol=1e-5, rtol=0)
    assert torch.equal(together[0], given.values[:20])
    assert torch.equal(together[1, :15], given.values[10:25])
    assert torch.equal(together[2, :5], given.values[20:25])
    with pytest.raises(InputError, match="need a noise schedule"):
        dance(7, given=given)


def test_seeds_differ_and_windows_do_not_share_noise(small: Small) -> None:
    model, music = small(), torch.zeros(2, 20, 7)
    first, second = (
        torch.cat(list(long_dance([music], partial(GuidedDenoiser, model), SAMPLERS["ddim"], seed=seed)))
        for seed in (0, 1)
    )
    assert (first - second).abs().max() > 0.1
    assert (first[0] - first[1]).abs().max() > 0.1


def test_only_the_block_at_hand_is_in_memory(small: Small) -> None:
    """The stream asks for music when it needs it, and gives windows before it asks for more."""
    model, asked = small(), []

    def music() -> Iterator[torch.Tensor]:
        for block in range(1000):
            asked.append(block)
            yield torch.zeros(1, 20, 7)

    stream = long_dance(music(), partial(GuidedDenoiser, model), SAMPLERS["solver"])
    for expected in range(1, 4):
        next(stream)
        assert len(asked) == expected


@pytest.mark.parametrize(
    ("frames", "window", "count"),
    [(1, 20, 1), (20, 20, 1), (21, 20, 2), (30, 20, 2), (31, 20, 3), (22, 7, 5)],
)
def test_windows_cover_the_music(frames: int, window: int, count: int) -> None:
    music = torch.arange(frames)[:, None].float()
    windows = music_windows(music, window)
    assert windows.shape == (count, window, 1) == (window_count(frames, window), window, 1)
    step = hop(window)
    for number, part in enumerate(windows[..., 0]):
        expected = torch.arange(number * step, number * step + window).clamp(max=frames - 1)
        assert torch.equal(part, expected.float())
    with pytest.raises(InputError, match="no frame of music"):
        music_windows(music[:0], window)
