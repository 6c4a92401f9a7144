"""Samples a dance of the length of its music features, with any model, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from training.data.representation import SmplMotion
from training.interface import Options, Trained
from training.models import model_of
from training.popdg.editing import Given
from training.sampling.choices import Physics, SamplerName


def dance(
    trained: Trained,
    music: torch.Tensor,
    *,
    sampler: SamplerName | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    seed: int = 0,
    given: Given | None = None,
    physics: Physics | None = None,
    graphs: bool | None = None,
) -> Iterator[SmplMotion]:
    """Samples a dance to music, piece by piece in order.

    Args:
        trained: the network.
        music: (frames, width) features, unscaled.
        sampler: of a diffusion model: `ddim` with fresh noise (paper, and the default), `dpm-solver` for few
            steps, `ancestral` with the variance of the model.
        steps: of the sampler; None: `STEPS`.
        guidance: weight of classifier-free guidance: 1 for none, above 1 follows the music more, 0 ignores
            it; None: the weight of the model.
        seed: of the dance.
        given: parts of the dance that are fixed: vectors of a release, scaled.
        physics: what a diffusion model keeps to: standing feet, the floor, a solid body.
        graphs: whether a distilled network samples with CUDA graphs, which only a GPU has.

    Yields:
        Motion, `frames` frames in all.

    Raises:
        InputError: there are no frames of music, or the model has no such sampler or number of steps.
    """
    options = Options(sampler, steps, guidance, given, physics, graphs)
    yield from model_of(trained.model.config).dance(trained, music, options, seed)


def whole(pieces: Iterator[SmplMotion]) -> SmplMotion:
    """Joins all pieces of a dance."""
    poses, translations = zip(*pieces, strict=True)
    return SmplMotion(torch.cat(poses), torch.cat(translations))
