"""What the actor is rewarded for: beats of the motion where the music has beats, and a straight body.

Bailando, Sec. 3.3. One reward for each code, from the frames that it stands for.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from training.baselines.bailando.config import RewardConfig
from training.baselines.bailando.representation import JOINTS

_SMOOTHING = 5.0
_SCALE = 10.0

_NECK, _HEAD = 12, 15
_COLLARS = (14, 13)
_HIPS = (1, 2)
_KNEES = (4, 5)
_ANKLES = (7, 8)


def rewards(motion: torch.Tensor, beats: torch.Tensor, frames: int, config: RewardConfig) -> torch.Tensor:
    """The reward of each code.

    Args:
        motion: (batch, codes · frames, 72), with the velocity of joint 0.
        beats: (batch, codes · frames) bool, of the music.
        frames: that a code stands for.
        config: its switches.

    Returns:
        (batch, codes) float32.
    """
    danced = per_code(motion_beats(motion), frames)
    heard = per_code(beats.bool(), frames)
    met = danced & heard if config.silence == "punished" else danced | ~heard
    reward = _SCALE * (met.float() - 0.5)
    if config.rate:
        reward = reward + config.rate * facing(motion, frames, config)
    return reward


def motion_beats(motion: torch.Tensor) -> torch.Tensor:
    """(batch, frames, 72) → (batch, frames) bool: whether a frame is a strict minimum of the smoothed speed.

    The speed is the mean of all joints from this frame to the next; that of joint 0 is the change of its
    velocity, as in the released code. The last frame has none.
    """
    from scipy.ndimage import gaussian_filter1d

    moved = motion.detach().cpu().diff(dim=1)
    speed = moved.unflatten(-1, (JOINTS, 3)).norm(dim=-1).mean(dim=-1).numpy()  # type: ignore[no-untyped-call]
    smooth = gaussian_filter1d(speed, _SMOOTHING, axis=1)
    beats = np.zeros(motion.shape[:2], bool)
    inner = smooth[:, 1:-1]
    beats[:, 1:-2] = (inner < smooth[:, :-2]) & (inner < smooth[:, 2:])
    return torch.from_numpy(beats).to(motion.device)


def per_code(beats: torch.Tensor, frames: int) -> torch.Tensor:
    """(batch, codes · frames) → (batch, codes): whether any frame of a code has a beat."""
    return beats.view(len(beats), -1, frames).any(dim=-1)


def facing(motion: torch.Tensor, frames: int, config: RewardConfig) -> torch.Tensor:
    """1 for each code if the upper and the lower body face the same half of the plane, else ≤ 0.

    Args:
        motion: (batch, codes · frames, 72).
        frames: that a code stands for; the worst of them counts.
        config: the vertical axis, and whose sign the lower body has.

    Returns:
        (batch, codes).
    """
    joints = motion.reshape(*motion.shape[:-1], JOINTS, 3)
    upper = _normal(joints, _COLLARS)
    upper_sign = _sign(upper, joints[..., _HEAD, :] - joints[..., _NECK, :])
    lower = _normal(joints, _KNEES)
    bent = 2 * _sum(joints, _KNEES) - _sum(joints, _HIPS) - _sum(joints, _ANKLES)
    lower_sign = upper_sign if config.facing == "released" else _sign(lower, bent)
    flat = torch.ones(3, dtype=motion.dtype, device=motion.device)
    flat[config.up] = 0
    agreement = (upper * upper_sign * lower * lower_sign * flat).sum(dim=-1)
    worst = agreement.view(len(motion), -1, frames).amin(dim=-1)
    return torch.where(worst >= 0, torch.ones_like(worst), worst)


def _normal(joints: torch.Tensor, pair: tuple[int, int]) -> torch.Tensor:
    """Unit vectors (…, 3) across a pair of joints."""
    first, second = pair
    cross = torch.linalg.cross(joints[..., first, :], joints[..., second, :], dim=-1)
    return functional.normalize(cross, dim=-1, eps=1e-12)


def _sign(normal: torch.Tensor, forward: torch.Tensor) -> torch.Tensor:
    """(…, 1), near 1 if the normal points forward and near -1 if it points backward."""
    along = (normal * forward).sum(dim=-1, keepdim=True)
    return along / (along.abs() + 1e-5)


def _sum(joints: torch.Tensor, pair: tuple[int, int]) -> torch.Tensor:
    return joints[..., pair[0], :] + joints[..., pair[1], :]
