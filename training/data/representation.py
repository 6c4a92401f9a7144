"""Motion vectors of POPDG: 156 channels that describe a frame of dance (paper, Sec. 4), and their scaling.

| channels | meaning |
|---|---|
| 0..2     | root position, metres, z up |
| 3..146   | 6D rotations of the 24 joints, relative to their parents: the first two rows of each matrix |
| 147..155 | contacts of ankles, feet, head, wrists, hands: 1 if the joint moves < 1 cm to the next frame |

6D rotations are continuous where angles jump: Zhou et al., "On the Continuity of Rotation Representations in
Neural Networks", CVPR 2019.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import roma
import torch

from popdanceset.atomic import atomic_write
from popdanceset.errors import InputError
from training.motion.forward_kinematics import JOINTS, forward_kinematics

POSITION = slice(0, 3)
ROTATION = slice(3, 147)
CONTACT = slice(147, 156)
WIDTH = 156

CONTACT_JOINTS = (7, 8, 10, 11, 15, 20, 21, 22, 23)
CONTACT_DISTANCE = 0.01
"""Metres that a joint in contact may move to the next frame."""


class SmplMotion(NamedTuple):
    """SMPL motion: `poses` (…, frames, 24, 3) axis-angle, radians; `translation` (…, frames, 3) metres."""

    poses: torch.Tensor
    translation: torch.Tensor


def encode(poses: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
    """Encodes motion as vectors.

    Contacts are computed on the mean skeleton. The last frame has no next frame: all its contacts are 1, as
    in the released code.

    Args:
        poses: (…, frames, 24, 3) axis-angle, radians, relative to the parents.
        translation: (…, frames, 3) root position, metres, z up, for a body of mean size.

    Returns:
        (…, frames, 156), in the dtype of `poses`.
    """
    # In double precision: far from the origin, rounding in single precision would decide some contacts.
    rotations = roma.rotvec_to_rotmat(poses.double())
    joints = forward_kinematics(rotations, translation.double())[..., CONTACT_JOINTS, :]
    contacts = torch.ones(joints.shape[:-1], dtype=poses.dtype, device=poses.device)
    moved = (joints[..., 1:, :, :] - joints[..., :-1, :, :]).norm(dim=-1)
    contacts[..., :-1, :] = (moved < CONTACT_DISTANCE).to(poses.dtype)
    rotation_6d = matrix_to_rotation_6d(rotations).flatten(-2).to(poses.dtype)
    return torch.cat([translation, rotation_6d, contacts], dim=-1)


def decode(vectors: torch.Tensor) -> SmplMotion:
    """Decodes (…, frames, 156) vectors without their contacts. 6D rotations need not be orthonormal."""
    rotation_6d = vectors[..., ROTATION].reshape(*vectors.shape[:-1], JOINTS, 6)
    return SmplMotion(roma.rotmat_to_rotvec(rotation_6d_to_matrix(rotation_6d)), vectors[..., POSITION])


def matrix_to_rotation_6d(matrices: torch.Tensor) -> torch.Tensor:
    """(…, 3, 3) rotation matrices → (…, 6), their first two rows."""
    return matrices[..., :2, :].flatten(-2)


def rotation_6d_to_matrix(rotation_6d: torch.Tensor) -> torch.Tensor:
    """(…, 6) → (…, 3, 3) rotation matrices: Gram-Schmidt of the two rows; the third is their cross product.

    `roma.special_gramschmidt` works on columns, so the matrices are transposed before and after it.
    """
    rows = rotation_6d.reshape(*rotation_6d.shape[:-1], 2, 3)
    # Parallel rows define no rotation; with the bound of the released code they give zeros instead of NaN.
    columns: torch.Tensor = roma.special_gramschmidt(rows.mT, epsilon=1e-12)
    return columns.mT


@dataclass(frozen=True, slots=True)
class MinMaxScaler:
    """Scales each channel so that the training part spans [-1, 1]; values outside are clipped.

    A constant channel gets the range 1 and so becomes -1 everywhere.

    Attributes:
        minimum, maximum: (channels,) of the training part.
    """

    minimum: torch.Tensor
    maximum: torch.Tensor

    @classmethod
    def fit(cls, parts: Iterable[torch.Tensor]) -> Self:
        """Fits to one or more (…, channels) parts of the training data, each read once."""
        minimum: torch.Tensor | None = None
        maximum: torch.Tensor | None = None
        for part in parts:
            rows = part.reshape(-1, part.shape[-1])
            low, high = rows.amin(dim=0), rows.amax(dim=0)
            minimum = low if minimum is None else torch.minimum(minimum, low)
            maximum = high if maximum is None else torch.maximum(maximum, high)
        if minimum is None or maximum is None:
            raise InputError("no data to fit a scaler to")
        return cls(minimum, maximum)

    @property
    def range(self) -> torch.Tensor:
        """(channels,) width of each channel, 1 where it is constant."""
        span = self.maximum - self.minimum
        # Below this bound scikit-learn, and so the released code, treats a channel as constant.
        return torch.where(span < 10 * torch.finfo(span.dtype).eps, torch.ones_like(span), span)

    def scale(self, vectors: torch.Tensor) -> torch.Tensor:
        """(…, channels) → [-1, 1]."""
        return (2 * (vectors - self.minimum) / self.range - 1).clamp(-1, 1)

    def unscale(self, vectors: torch.Tensor, *, clip: bool = True) -> torch.Tensor:
        """(…, channels) → original units; values outside [-1, 1] are clipped first, or not."""
        return ((vectors.clamp(-1, 1) if clip else vectors) + 1) / 2 * self.range + self.minimum

    def to(self, device: torch.device | str) -> MinMaxScaler:
        """The same on another device."""
        return MinMaxScaler(self.minimum.to(device), self.maximum.to(device))

    def save(self, path: Path) -> None:
        """Writes both tensors to a file, which appears when it is complete."""
        with atomic_write(path) as file:
            torch.save({"minimum": self.minimum, "maximum": self.maximum}, file)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            InputError: the file is missing, or is not a saved scaler.
        """
        try:
            saved = torch.load(path, weights_only=True, map_location="cpu")
            return cls(saved["minimum"], saved["maximum"])
        except OSError as error:
            raise InputError(f"not readable: {error.strerror}", path, "check the path") from error
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                "is not a saved scaler", path, "name a file that MinMaxScaler.save wrote"
            ) from error
