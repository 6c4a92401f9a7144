"""How diffusion models dance: any sampler, windows that overlap, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, get_args

import torch

from popdanceset.errors import InputError
from training.data.representation import WIDTH, SmplMotion
from training.interface import Options, Trained
from training.popdg.ancestral import Reverse, ancestral
from training.popdg.consistency import MusicDenoiser, consistency, edited_again
from training.popdg.ddim import ddim
from training.popdg.dpm_solver import dpm_solver
from training.popdg.editing import Given
from training.popdg.gaussian_diffusion import p_mean_variance
from training.popdg.guidance import GuidedDenoiser, guidance_ramp
from training.popdg.long import long_dance, music_windows
from training.popdg.physical_guidance import PhysicalGuidance, physically
from training.popdg.sampler import Denoiser, Sampler
from training.popdg.schedule import cosine_schedule, even_timesteps, quadratic_timesteps
from training.popdg.static_shapes import static_network
from training.popdg.stitch import stitched
from training.sampling.choices import STEPS, SamplerName

_SAMPLERS: dict[SamplerName, Callable[..., torch.Tensor]] = {
    "ddim": ddim,
    "dpm-solver": dpm_solver,
    "ancestral": ancestral,
    "consistency": consistency,
}

QUICK = Options("dpm-solver", 10)
"""Enough to compare one checkpoint with the next."""

BLOCK = 8
"""Number of windows in memory at once."""

GPU_BLOCK = 64
"""The same on a GPU, which a few windows do not fill."""


def diffusion_dance(
    trained: Trained,
    music: torch.Tensor,
    options: Options,
    seed: int,
    *,
    channels: Sequence[int] | slice = slice(None),
    ancestral_guidance: Callable[[int, float], float] | None = None,
    reverse: Reverse = p_mean_variance,
    chords: bool = False,
) -> Iterator[SmplMotion]:
    """Samples a dance to music, piece by piece in order; memory does not grow with its length.

    Dances longer than a window are sampled in windows that overlap by half; their guidance rises from 0 over
    the first half of the steps, as in the released code.

    Args:
        trained: the network.
        music: (frames, width) features, unscaled.
        options: `ddim` with fresh noise (papers) by default, `dpm-solver` for few steps, `ancestral` for all
            steps of the diffusion or some of them. A distilled network dances by `consistency`, in its own
            number of steps and with the guidance that it was distilled with.
        seed: of the dance.
        channels: the channels of the vectors of a release that the network has, in its order; it leaves out
            contacts at most.
        ancestral_guidance: a timestep and the weight to those of that step of ancestral sampling.
        reverse: the normal distribution of a step of ancestral sampling.
        chords: as in `training.popdg.stitch.stitched`.

    Yields:
        Motion, `frames` frames in all.

    Raises:
        InputError: there are no frames of music, or the sampler or the number of steps is impossible.
    """
    sampler, steps = _chosen(trained, options)
    schedule = cosine_schedule()
    timesteps = (even_timesteps if trained.distilled is None else quadratic_timesteps)(steps)
    weight = trained.guidance if options.guidance is None else options.guidance
    window, frames = trained.model.config.window, len(music)
    blocks = music_windows(music, window)
    weights: float | dict[int, float] = weight if len(blocks) == 1 else guidance_ramp(timesteps, weight)
    more: dict[str, Any] = {}
    if sampler == "ancestral":
        more["reverse"] = reverse
        if ancestral_guidance is not None:
            weights = {t: ancestral_guidance(t, weight) for t in timesteps}

    size = GPU_BLOCK if trained.device.type == "cuda" else BLOCK
    heard: Callable[[torch.Tensor], Denoiser] = partial(MusicDenoiser, trained.model)
    if options.graphs:
        heard = static_network(trained.model, min(size, len(blocks)))

    def denoiser(block: torch.Tensor) -> Denoiser:
        if trained.distilled is not None:
            return heard(block)
        return GuidedDenoiser(trained.model, block, weights)

    visited = timesteps
    if sampler == "consistency" and options.given is not None:
        more["again"] = edited_again(timesteps)
        visited = [*timesteps, *more["again"]]
    sample: Sampler = partial(_SAMPLERS[sampler], schedule=schedule, timesteps=timesteps, **more)
    given = options.given
    if given is not None:
        given = Given(given.values[..., channels], given.mask[..., channels])
        # The frames that fill the last window beyond the end of the music are free.
        given = given.window(0, window + (len(blocks) - 1) * (window - window // 2))
    dancer: Callable[[torch.Tensor], Denoiser] = denoiser
    if options.physics is not None:
        guide = partial(PhysicalGuidance, physics=options.physics, schedule=schedule, timesteps=visited)
        dancer = physically(denoiser, partial(guide, scaler=trained.scaler, channels=channels), given)
    scaled = (trained.music_scaler(block).to(trained.device) for block in torch.split(blocks, size))
    width = len(range(WIDTH)[channels]) if isinstance(channels, slice) else len(channels)
    with torch.no_grad():
        sampled = long_dance(scaled, dancer, sample, width=width, seed=seed, schedule=schedule, given=given)
        windows = (_unscaled(trained, one, channels) for block in sampled for one in block)
        for piece in stitched(windows, chords):
            count = min(frames, len(piece.poses))
            if count:
                yield SmplMotion(piece.poses[:count], piece.translation[:count])
            frames -= count


def _chosen(trained: Trained, options: Options) -> tuple[SamplerName, int]:
    """The sampler and its number of steps.

    Raises:
        InputError: the network cannot dance like this.
    """
    distilled = trained.distilled
    sampler: SamplerName = options.sampler or ("ddim" if distilled is None else "consistency")
    if sampler not in get_args(SamplerName):
        raise InputError(f"unknown sampler {sampler!r}", do=f"use one of {', '.join(get_args(SamplerName))}")
    if distilled is None:
        if sampler == "consistency":
            raise InputError(
                "the network is not distilled, so it cannot dance by consistency",
                do="use another sampler, or distil it first: popdanceset train --distil",
            )
        if options.graphs:
            raise InputError("only a distilled network has CUDA graphs", "--graphs", "leave it out")
        return sampler, STEPS[sampler] if options.steps is None else options.steps
    for what, given, own in (
        ("dance by", sampler, "consistency"),
        ("take steps:", options.steps, distilled.steps),
        ("take a guidance of", options.guidance, trained.guidance),
    ):
        if given not in (None, own):
            raise InputError(
                f"the network is distilled to {distilled.steps} steps with guidance {trained.guidance:g}, "
                f"it cannot {what} {given}",
                do="leave that out, or use the checkpoint it was distilled from",
            )
    return sampler, distilled.steps


def _unscaled(trained: Trained, motion: torch.Tensor, channels: Sequence[int] | slice) -> torch.Tensor:
    """The vectors of a release, in original units; channels that the network lacks are at their minimum."""
    vectors = motion.new_full((*motion.shape[:-1], WIDTH), -1.0)
    vectors[..., channels] = motion
    return trained.scaler.unscale(vectors).cpu()
