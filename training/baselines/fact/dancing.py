"""How FACT dances: one frame after the other, each from the frames before it (paper, Sec. 4.4)."""

from __future__ import annotations

import torch

from popdanceset.errors import InputError
from training.baselines.fact.model import FACT


@torch.no_grad()
def dance(model: FACT, seed: torch.Tensor, audio: torch.Tensor, frames: int | None = None) -> torch.Tensor:
    """Continues a motion to music.

    The network predicts several frames, of which only the first is kept; then both windows move on by a
    frame. All channels are fed back as predicted: matrices are made rotations only when the dance is decoded.

    Args:
        model: in evaluation mode.
        seed: (batch, motion_frames, motion_width), the motion during the first frames of the music.
        audio: (batch, frames, music_dim) music from the first frame of the seed on.
        frames: stop after this many; None: go on while there is a whole window of music. The last window's
            music stays without a dance: `audio_frames` − `motion_frames` frames at the end.

    Returns:
        (batch, frames, motion_width), which follow the seed. The seed is a real dance: leave it out of
        measurements.

    Raises:
        InputError: the seed has another length, or the music is shorter than a window.
    """
    config = model.config
    if seed.shape[1] != config.motion_frames:
        raise InputError(
            f"the seed has {seed.shape[1]} frames", "FACT", f"give {config.motion_frames} frames of motion"
        )
    possible = audio.shape[1] - config.audio_frames + 1
    if possible < 1:
        raise InputError(
            f"{audio.shape[1]} frames of music are less than a window",
            "FACT",
            f"give at least {config.audio_frames} frames",
        )
    count = possible if frames is None else min(frames, possible)
    whole = torch.cat([seed, seed.new_empty(len(seed), count, seed.shape[2])], dim=1)
    for step in range(count):
        end = step + config.motion_frames
        window = audio[:, step : step + config.audio_frames]
        whole[:, end] = model(whole[:, step:end], window, frames=1)[:, 0]
    return whole[:, config.motion_frames :]
