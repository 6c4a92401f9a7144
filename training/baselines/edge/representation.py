"""Motion vectors of EDGE: 151 channels, which are channels of the vectors of a release in another order.

| channels | meaning |
|---|---|
| 0..3     | contacts of ankles and toes |
| 4..6     | root position, metres, z up |
| 7..150   | 6D rotations of the 24 joints |
"""

from __future__ import annotations

import math

import roma
import torch

from training.data.representation import (
    CONTACT,
    CONTACT_JOINTS,
    POSITION,
    ROTATION,
    MinMaxScaler,
    encode,
)
from training.data.representation import WIDTH as RELEASE_WIDTH

FEET = (7, 8, 10, 11)
CONTACTS = slice(0, len(FEET))
MOVING = slice(CONTACTS.stop, CONTACTS.stop + ROTATION.stop - POSITION.start)
"""Position and rotations, in the order of a release."""

CHANNELS = (
    *(CONTACT.start + CONTACT_JOINTS.index(joint) for joint in FEET),
    *range(POSITION.start, ROTATION.stop),
)
"""For each channel its number in the vectors of a release."""

WIDTH = len(CHANNELS)


def scaler_of(release: MinMaxScaler) -> MinMaxScaler:
    """The scaler of our channels, from that of the vectors of a release."""
    channels = list(CHANNELS)
    return MinMaxScaler(release.minimum[channels], release.maximum[channels])


def release_scaler(own: MinMaxScaler) -> MinMaxScaler:
    """The scaler of the vectors of a release, from that of our channels; other contacts span 0 to 1."""
    minimum, maximum = own.minimum.new_zeros(RELEASE_WIDTH), own.maximum.new_ones(RELEASE_WIDTH)
    minimum[list(CHANNELS)], maximum[list(CHANNELS)] = own.minimum, own.maximum
    return MinMaxScaler(minimum, maximum)


def from_aist(positions: torch.Tensor, poses: torch.Tensor, scaling: float) -> torch.Tensor:
    """Windows of AIST++ as the authors' code encodes them: 30 of 60 frames a second, z up, not scaled.

    Args:
        positions: (windows, frames, 3) of the root, y up, in the units of `smpl_trans`.
        poses: (windows, frames, 72) axis-angle, radians.
        scaling: `smpl_scaling`, by which positions are divided.

    Returns:
        (windows, frames / 2, 151). The last frame of each window has no next frame: its contacts are 1.
    """
    x, y, z = (positions[:, ::2] / scaling).unbind(dim=-1)
    turned = turned_upright(poses[:, ::2].reshape(*x.shape, -1, 3))
    return encode(turned, torch.stack([x, -z, y], dim=-1))[..., CHANNELS]


def turned_upright(poses: torch.Tensor) -> torch.Tensor:
    """(…, 24, 3) axis-angle with y up → the same with z up: the root is rotated by 90° about x."""
    quarter = poses.new_tensor([math.pi / 2, 0, 0])
    root = roma.rotvec_composition([quarter.expand_as(poses[..., 0, :]), poses[..., 0, :]])
    return torch.cat([root[..., None, :], poses[..., 1:, :]], dim=-2)


def motion_of(vectors: torch.Tensor) -> torch.Tensor:
    """(…, 151) unscaled → (…, 156), the vectors of a release; contacts that are not known are 0."""
    release = vectors.new_zeros(*vectors.shape[:-1], RELEASE_WIDTH)
    release[..., CHANNELS] = vectors
    return release
