"""Editing: parts of a dance are given, the rest is sampled to fit (as in EDGE, Tseng et al., CVPR 2023).

After each step the given parts are put into the dance, with the noise of that step (`q_sample`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from popdanceset.errors import InputError
from training.data.representation import CONTACT, CONTACT_JOINTS, POSITION, ROTATION
from training.popdg.sampler import Hook, Noise
from training.popdg.schedule import Schedule

LOWER_BODY = (0, 1, 2, 4, 5, 7, 8, 10, 11)
"""Root, hips, knees, ankles and toes."""

UPPER_BODY = tuple(joint for joint in range(24) if joint not in LOWER_BODY)


@dataclass(frozen=True, slots=True)
class Given:
    """The given parts of a dance.

    Attributes:
        values: (…, frames, channels), scaled; values outside the mask are ignored.
        mask: (frames, channels) bool, or (…, frames, channels): True where a value is given.

    Raises:
        InputError: the shapes do not fit.
    """

    values: torch.Tensor
    mask: torch.Tensor

    def __post_init__(self) -> None:
        if self.values.shape[-2:] != self.mask.shape[-2:]:
            raise InputError(
                f"given values {tuple(self.values.shape)} and their mask {tuple(self.mask.shape)} do not fit",
                do="give (frames, channels) of both",
            )

    def hook(self, schedule: Schedule, noise: Noise, *, at_end: bool = True) -> Hook:
        """The sampler hook that puts the given parts into a dance of the same length after each step.

        Args:
            schedule: the noise schedule.
            noise: of the given parts.
            at_end: also after the last step; the released code of EDGE leaves them as they were sampled.
        """

        def hook(dance: torch.Tensor, t: int) -> torch.Tensor:
            values, alpha_cumprod = self.values.to(dance).expand_as(dance), schedule.alpha_cumprod_at(t)
            if alpha_cumprod == 1 and not at_end:
                return dance
            if alpha_cumprod < 1:
                values = alpha_cumprod**0.5 * values + (1 - alpha_cumprod) ** 0.5 * noise(dance)
            return torch.where(self.mask.to(dance.device), values, dance)

        return hook

    def window(self, first: int, frames: int) -> Given:
        """The given parts of frames `first` to `first + frames`; nothing is given beyond the end."""
        width = self.mask.shape[-1]
        values = self.values.new_zeros(*self.values.shape[:-2], frames, width)
        mask = self.mask.new_zeros(*self.mask.shape[:-2], frames, width)
        there = self.values[..., first : first + frames, :]
        values[..., : there.shape[-2], :] = there
        mask[..., : there.shape[-2], :] = self.mask[..., first : first + frames, :]
        return Given(values, mask)


def frames_given(values: torch.Tensor, frames: slice | Sequence[int]) -> Given:
    """Whole frames are given: `slice(0, 75)`, for example, to continue a dance of 75 frames."""
    mask = torch.zeros(values.shape[-2:], dtype=torch.bool)
    mask[frames] = True
    return Given(values, mask)


def start_given(start: torch.Tensor, frames: int) -> Given:
    """A dance of `frames` frames that continues `start`, (given frames, 156).

    Raises:
        InputError: the start is longer than the dance.
    """
    if len(start) > frames:
        raise InputError(f"a start of {len(start)} frames in a dance of {frames}", do="give a shorter start")
    return Given(start, torch.ones(start.shape, dtype=torch.bool)).window(0, frames)


def ends_given(values: torch.Tensor, start: int, end: int) -> Given:
    """In-betweening: the first `start` and the last `end` frames are given."""
    frames = values.shape[-2]
    return frames_given(values, [*range(start), *range(max(start, frames - end), frames)])


def joints_given(values: torch.Tensor, joints: Sequence[int]) -> Given:
    """The rotations and contacts of these joints are given in all frames, and the position with the root's.

    `joints_given(values, LOWER_BODY)` keeps the legs and samples a new upper body.
    """
    mask = torch.zeros(values.shape[-2:], dtype=torch.bool)
    for joint in joints:
        mask[:, ROTATION.start + 6 * joint : ROTATION.start + 6 * (joint + 1)] = True
        if joint in CONTACT_JOINTS:
            mask[:, CONTACT.start + CONTACT_JOINTS.index(joint)] = True
        if joint == 0:
            mask[:, POSITION] = True
    return Given(values, mask)
