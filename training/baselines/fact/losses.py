"""The loss of FACT: mean square error of the frames that follow the motion window (paper, Sec. 4.3)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn import functional

from training.baselines.fact.config import FactConfig


class Example(NamedTuple):
    """What the network sees, and what it should predict.

    Attributes:
        motion: (…, motion_frames, motion_width).
        audio: (…, audio_frames, audio_width).
        target: (…, future, motion_width), the motion after `motion`.
    """

    motion: torch.Tensor
    audio: torch.Tensor
    target: torch.Tensor


def example(motion: torch.Tensor, audio: torch.Tensor, config: FactConfig) -> Example:
    """Cuts an example from the start of a window.

    Args:
        motion: (…, frames, motion_width), with at least `motion_frames` + `future` frames.
        audio: (…, frames, audio_width), with at least `audio_frames`.
        config: the sizes.
    """
    end = config.motion_frames + config.future
    return Example(
        motion[..., : config.motion_frames, :],
        audio[..., : config.audio_frames, :],
        motion[..., config.motion_frames : end, :],
    )


def prediction_loss(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean square error of the first frames.

    Args:
        predicted: (batch, at least `future`, motion_width); later frames are not supervised.
        target: (batch, future, motion_width).
    """
    return functional.mse_loss(predicted[:, : target.shape[1]], target)
