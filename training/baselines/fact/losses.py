"""The loss of FACT: mean square error of the frames that follow the motion window (paper, Sec. 4.3)."""

from __future__ import annotations

import torch
from torch.nn import functional


def prediction_loss(predicted: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
    """Mean square error of predicted frames.

    Args:
        predicted: (batch, frames, motion_width).
        motion: (batch, at least `frames`, motion_width), of which the last frames are the expected ones.
    """
    return functional.mse_loss(predicted, motion[:, -predicted.shape[1] :])
