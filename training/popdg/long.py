"""Dances of any length: windows that overlap by half, sampled together or one after the other.

In each step, the first half of a window is replaced by the second half of the window before it (as in EDGE
and the released POPDG). So a window depends on the windows before it, not on those after it. The windows are
sampled in blocks, and each block receives the states of the last half window of the block before; the dance
does not depend on the size of the blocks, and memory does not grow with its length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count

import torch

from popdanceset.errors import InputError
from training.data.representation import WIDTH
from training.data.seeds import mixed
from training.popdg.editing import Given
from training.popdg.sampler import Denoiser, Hook, Sampler, chained, own_noise
from training.popdg.schedule import CLEAN, Schedule


def hop(window: int) -> int:
    """Frames from one window to the next."""
    return window - window // 2


def window_count(frames: int, window: int) -> int:
    """Number of windows in a dance of `frames` frames."""
    return 1 + max(0, -(-(frames - window) // hop(window)))


def music_windows(music: torch.Tensor, window: int) -> torch.Tensor:
    """(frames, music_dim) → (windows, window, music_dim), overlapping by half; the last frame is repeated.

    Raises:
        InputError: there are no frames.
    """
    frames = len(music)
    if not frames:
        raise InputError("no frame of music", do="give at least one")
    starts = hop(window) * torch.arange(window_count(frames, window))
    return music[(starts[:, None] + torch.arange(window)).clamp(max=frames - 1)]


class Overlap:
    """The hook that copies the second half of each window into the first half of the next one.

    Args:
        before: `course` of the `Overlap` of the windows before these; None if these are the first.

    Attributes:
        course: the second half of the last window at each timestep, (window / 2, 156).
    """

    def __init__(self, before: dict[int, torch.Tensor] | None = None) -> None:
        self.before = before
        self.course: dict[int, torch.Tensor] = {}

    def __call__(self, dance: torch.Tensor, t: int) -> torch.Tensor:
        """See `training.popdg.sampler.Hook`; the batch is consecutive windows."""
        if t == CLEAN:
            return dance
        shared, step = dance.shape[1] // 2, hop(dance.shape[1])
        self.course[t] = dance[-1, step:].clone()
        dance = dance.clone()
        dance[1:, :shared] = dance[:-1, step:].clone()
        if self.before is not None:
            dance[0, :shared] = self.before[t]
        return dance


def long_dance(
    music: Iterable[torch.Tensor],
    denoiser: Callable[[torch.Tensor], Denoiser],
    sample: Sampler,
    *,
    width: int = WIDTH,
    seed: int = 0,
    schedule: Schedule | None = None,
    given: Given | None = None,
) -> Iterator[torch.Tensor]:
    """Samples consecutive windows, block by block.

    Every window has its own random generator, so the dance does not depend on the size of the blocks.

    Args:
        music: blocks of consecutive windows, each (windows, window, music_dim); `music_windows(…).split(8)`.
        denoiser: makes the denoiser of a block, e.g. `lambda music: GuidedDenoiser(model, music, weights)`.
        sample: e.g. `partial(ddim, schedule=schedule, timesteps=timesteps)`.
        width: channels of a frame of dance.
        seed: of the whole dance.
        schedule: the noise schedule; required if parts are given.
        given: parts of the whole dance; its values are (frames, width).

    Yields:
        (windows, window, width) scaled dance for each block; `stitch` joins them.

    Raises:
        InputError: parts are given without a schedule.
    """
    if given is not None and schedule is None:
        raise InputError("given parts need a noise schedule", do="pass `schedule`")
    course: dict[int, torch.Tensor] | None = None
    numbers = count()
    for block in music:
        window = block.shape[1]
        mine = [next(numbers) for _ in block]
        # Editing draws its noise from other generators, so that it does not change the parts sampled freely.
        noise = own_noise([mixed(seed, number, 0) for number in mine], block.device)
        edit: Hook | None = None
        if given is not None and schedule is not None:
            parts = [given.window(number * hop(window), window) for number in mine]
            edit = _window_by_window(parts, schedule, seed, mine, block.device)
        overlap = Overlap(course)
        noisy = noise(block.new_empty(len(block), window, width))
        yield sample(denoiser(block), noisy, noise=noise, hook=chained(edit, overlap))
        course = overlap.course


def _window_by_window(
    parts: list[Given], schedule: Schedule, seed: int, numbers: list[int], device: torch.device
) -> Hook:
    hooks = [
        part.hook(schedule, own_noise([mixed(seed, number, 1)], device))
        for part, number in zip(parts, numbers, strict=True)
    ]

    def hook(dance: torch.Tensor, t: int) -> torch.Tensor:
        return torch.cat([one(dance[i : i + 1], t) for i, one in enumerate(hooks)])

    return hook
