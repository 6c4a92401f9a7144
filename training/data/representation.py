"""The 156 numbers by which POPDG describes a frame of dance (paper, Sec. 4), and their scaling.

| numbers  | meaning |
|---|---|
| 0..2     | root position, metres, z up |
| 3..146   | rotations of the 24 joints, six numbers each: the first two rows of the matrix |
| 147..155 | contacts of ankles, feet, head, wrists, hands: 1 if the joint moves < 1 cm to the next frame |

Six numbers for a rotation, because they are continuous where angles jump: Zhou et al., CVPR 2019.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import roma
import torch

from popdanceset.errors import InputError
from training.atomic import replacing
from training.motion.forward_kinematics import JOINTS, forward_kinematics

POSITION = slice(0, 3)
ROTATION = slice(3, 147)
CONTACT = slice(147, 156)
WIDTH = 156

CONTACT_JOINTS = (7, 8, 10, 11, 15, 20, 21, 22, 23)
CONTACT_DISTANCE = 0.01
"""Metres a joint in contact may move to the next frame."""


class SmplMotion(NamedTuple):
    """SMPL motion: `poses` (…, frames, 24, 3) axis-angle, radians; `translation` (…, frames, 3) metres."""

    poses: torch.Tensor
    translation: torch.Tensor


def encode(poses: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
    """Motion as vectors.

    Contacts are those of the mean skeleton. The last frame has no next one: there all contacts are 1, as in
    the released code.

    Args:
        poses: (…, frames, 24, 3) axis-angle, radians, relative to the parents.
        translation: (…, frames, 3) root position, metres, z up, of a body of mean size.

    Returns:
        (…, frames, 156), in the type of `poses`.
    """
    # In double precision: metres from the origin, single precision would decide some contacts by rounding.
    rotations = roma.rotvec_to_rotmat(poses.double())
    joints = forward_kinematics(rotations, translation.double())[..., CONTACT_JOINTS, :]
    contacts = torch.ones(joints.shape[:-1], dtype=poses.dtype, device=poses.device)
    moved = (joints[..., 1:, :, :] - joints[..., :-1, :, :]).norm(dim=-1)
    contacts[..., :-1, :] = (moved < CONTACT_DISTANCE).to(poses.dtype)
    six = matrix_to_six(rotations).flatten(-2).to(poses.dtype)
    return torch.cat([translation, six, contacts], dim=-1)


def decode(vectors: torch.Tensor) -> SmplMotion:
    """Motion of (…, frames, 156) vectors; contacts are left out. The six numbers need not be orthonormal."""
    six = vectors[..., ROTATION].reshape(*vectors.shape[:-1], JOINTS, 6)
    return SmplMotion(roma.rotmat_to_rotvec(six_to_matrix(six)), vectors[..., POSITION])


def matrix_to_six(matrices: torch.Tensor) -> torch.Tensor:
    """(…, 3, 3) rotation matrices → (…, 6), their first two rows."""
    return matrices[..., :2, :].flatten(-2)


def six_to_matrix(six: torch.Tensor) -> torch.Tensor:
    """(…, 6) → (…, 3, 3) rotation matrices; their first two rows are the numbers after Gram-Schmidt."""
    # Parallel rows have no rotation; the bound of the released code leaves zeros instead of no number at all.
    columns: torch.Tensor = roma.special_gramschmidt(six.reshape(*six.shape[:-1], 2, 3).mT, epsilon=1e-12)
    return columns.mT


@dataclass(frozen=True, slots=True)
class MinMaxScaler:
    """Scales each channel so that the training part spans [-1, 1]; what lies beyond is clipped.

    A channel that never changes gets the range 1 and so becomes -1 everywhere.

    Attributes:
        minimum, maximum: (channels,) of the training part.
    """

    minimum: torch.Tensor
    maximum: torch.Tensor

    @classmethod
    def fit(cls, parts: Iterable[torch.Tensor]) -> Self:
        """Fits to the (…, channels) parts of the training data, one or more, each looked at once."""
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
        # The bound below which scikit-learn, and so the released code, takes a channel for constant.
        return torch.where(span < 10 * torch.finfo(span.dtype).eps, torch.ones_like(span), span)

    def scale(self, vectors: torch.Tensor) -> torch.Tensor:
        """(…, channels) → [-1, 1]."""
        return (2 * (vectors - self.minimum) / self.range - 1).clamp(-1, 1)

    def unscale(self, vectors: torch.Tensor) -> torch.Tensor:
        """(…, channels) → original units; what lies beyond [-1, 1] is clipped first."""
        return (vectors.clamp(-1, 1) + 1) / 2 * self.range + self.minimum

    def to(self, device: torch.device | str) -> MinMaxScaler:
        """The same on another device."""
        return MinMaxScaler(self.minimum.to(device), self.maximum.to(device))

    def save(self, path: Path) -> None:
        """Writes both tensors; the file appears when it is complete."""
        with replacing(path) as file:
            torch.save({"minimum": self.minimum, "maximum": self.maximum}, file)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            InputError: the file is missing or something else.
        """
        try:
            saved = torch.load(path, weights_only=True, map_location="cpu")
            return cls(saved["minimum"], saved["maximum"])
        except OSError as error:
            raise InputError(f"not readable: {error.strerror}", path, "check the path") from error
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                "is no saved scaler", path, "name a file that MinMaxScaler.save wrote"
            ) from error
