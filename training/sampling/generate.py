"""From music features to a dance, and from the dance to files."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import torch

from popdanceset.film import Sound
from popdanceset.progress import track
from popdanceset.schema import FPS
from training.export import Dance, write
from training.export.render import write_video
from training.interface import Trained
from training.popdg.editing import Given
from training.sampling.choices import Physics, SamplerName
from training.sampling.dancing import dance, whole

_log = logging.getLogger(__name__)


def generate(
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
) -> Dance:
    """Samples one dance and measures the time; arguments as of `training.sampling.dancing.dance`."""
    began = time.perf_counter()
    pieces = []
    with track("frames", len(music)) as advance:
        for piece in dance(
            trained, music, sampler=sampler, steps=steps, guidance=guidance, seed=seed, given=given,
            physics=physics, graphs=graphs,
        ):  # fmt: skip
            pieces.append(piece)
            advance(len(piece.poses))
    motion = whole(iter(pieces))
    seconds = time.perf_counter() - began
    _log.info("sampled %d frames in %.1f s", len(music), seconds)
    return Dance(motion.poses.double().numpy(), motion.translation.double().numpy(), FPS, seconds)


def save(dance: Dance, path: Path, audio: Sound | None = None) -> None:
    """Writes a dance in the format of the file's ending; an MP4 has the audio as its track.

    Raises:
        InputError: the ending is unknown, or the file cannot be written.
    """
    if path.suffix == ".mp4":
        write_video(dance.joints, path, round(dance.fps), audio)
    else:
        write(path, dance)
