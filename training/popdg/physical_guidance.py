"""Physical guidance: the predicted dance is moved towards what a body can do, in each step of a sampler.

The energies of `training.motion.physical_energy` are differentiated by the predicted clean dance, through
forward kinematics but not through the network, so guidance costs a few per cent of a large network's time.
Each frame takes a step along its own gradient whose length follows from its own energy: since no energy is
below 0, half the step to 0 is E/|∇E|² (Polyak, 1987), and there is no rate to tune. Rotations and root are
measured in what they may be wrong by, so that legs move before the whole body does.

It wraps a denoiser, so it works with every sampler, with long dances and with given parts, which it leaves
alone: PhysDiff (Yuan et al., ICCV 2023) projects the prediction with a physics simulator in the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import torch

from popdanceset.skeleton import FOOT_JOINTS
from training.data.representation import (
    CONTACT,
    CONTACT_JOINTS,
    POSITION,
    ROTATION,
    WIDTH,
    MinMaxScaler,
)
from training.motion import physical_energy
from training.motion.physical_energy import Contact, contact
from training.popdg.editing import Given
from training.popdg.long import hop
from training.popdg.losses import joints
from training.popdg.model import Prediction
from training.popdg.sampler import Denoiser
from training.popdg.schedule import Schedule
from training.sampling.choices import Physics, PhysicsName

_OF_FEET: dict[PhysicsName, Callable[[torch.Tensor, Contact], torch.Tensor]] = {
    "feet": physical_energy.feet,
    "floor": physical_energy.floor,
}
"""The energies that depend on when feet stand."""

_POSITION_ERROR = 0.02
"""Metres that the root may be wrong by."""
_ROTATION_ERROR, _ROOT_ROTATION_ERROR = 0.1, 0.03
"""What a number of a 6D rotation may be wrong by: 0.1 is 6°. The root's turns the whole body."""
_LONGEST = 1.0
"""Longest step of a frame, in these errors (root mean square over the channels that move)."""
_FROM = 0.5
"""ᾱ from which a prediction is worth correcting: with more noise it is a mean of many dances."""
_LAST = 4
"""Steps at the last prediction, which is the dance."""


class PhysicalGuidance:
    """A `Denoiser` whose predictions are possible for a body.

    Args:
        denoise: the denoiser that is guided.
        physics: what to keep to, and how strongly.
        schedule: the noise schedule.
        timesteps: that the sampler visits, with or without the clean end.
        scaler: of the vectors of a release.
        channels: the channels of these vectors that the network has, in its order.
        given: what is given of these windows, (windows, window, channels); it is not moved.
    """

    def __init__(
        self,
        denoise: Denoiser,
        physics: Physics,
        *,
        schedule: Schedule,
        timesteps: Sequence[int],
        scaler: MinMaxScaler,
        channels: Sequence[int] | slice = slice(None),
        given: Given | None = None,
    ) -> None:
        self.denoise, self.physics = denoise, physics
        self.schedule, self.last = schedule, min(t for t in timesteps if t >= 0)
        self.scaler, self.channels = scaler, channels
        self.free = None if given is None else ~given.mask
        errors = scaler.minimum.new_zeros(WIDTH)
        errors[POSITION] = _POSITION_ERROR
        errors[ROTATION] = _ROTATION_ERROR
        errors[ROTATION.start : ROTATION.start + 6] = _ROOT_ROTATION_ERROR
        self.errors = (2 * errors / scaler.range)[channels]
        predicted = torch.zeros(WIDTH, dtype=torch.bool)
        predicted[channels] = True
        self.predicts_contacts = bool(predicted[CONTACT].all())

    def __call__(self, x_t: torch.Tensor, t: int) -> Prediction:
        """See `training.popdg.sampler.Denoiser`."""
        prediction = self.denoise(x_t, t)
        if t != self.last and self.schedule.alpha_cumprod_at(t) < _FROM:
            return prediction
        x_start = prediction.x_start.clamp(-1, 1)
        for _ in range(_LAST if t == self.last else 1):
            # One after the other: a sum of energies of different curvature would be slow.
            for part in self.physics.parts:
                x_start = (x_start + self.physics.strength * self.step(x_start, part)).clamp(-1, 1)
        return Prediction(x_start, prediction.variance)

    def step(self, x_start: torch.Tensor, part: PhysicsName) -> torch.Tensor:
        """The step by which a scaled dance becomes more possible, (batch, window, channels) as the dance."""
        with torch.inference_mode(False), torch.enable_grad():
            moved = x_start.clone().requires_grad_()
            energy = self.energy(moved, part)
            (gradient,) = torch.autograd.grad(energy.sum(), moved)
        energy = energy.detach()
        steepest = gradient * self.errors.to(gradient)
        if self.free is not None:
            steepest = steepest * self.free.to(steepest)
        squared = steepest.square().sum(-1)
        length = 2 * energy / squared.clamp(min=1e-12)
        longest = _LONGEST * (self.errors > 0).sum().sqrt() / squared.sqrt().clamp(min=1e-12)
        return -torch.minimum(length, longest)[..., None] * steepest * self.errors.to(gradient)

    def energy(self, x_start: torch.Tensor, part: PhysicsName) -> torch.Tensor:
        """(batch, window) energy of the frames of a scaled dance, (batch, window, channels)."""
        vectors = x_start.new_full((*x_start.shape[:-1], WIDTH), -1.0)
        vectors[..., self.channels] = x_start
        vectors = self.scaler.unscale(vectors, clip=False)
        places = joints(vectors)
        if part == "body":
            return physical_energy.body(places)
        predicted = None
        if self.predicts_contacts:
            predicted = vectors[..., CONTACT][..., [CONTACT_JOINTS.index(joint) for joint in FOOT_JOINTS]]
        return _OF_FEET[part](places, contact(places, predicted))


def physically(
    denoiser: Callable[[torch.Tensor], Denoiser],
    guide: Callable[..., PhysicalGuidance],
    given: Given | None = None,
) -> Callable[[torch.Tensor], Denoiser]:
    """Guides the denoisers of a long dance.

    Args:
        denoiser: makes the denoiser of a block of windows, as for `training.popdg.long.long_dance`.
        guide: `PhysicalGuidance` with everything but the denoiser and what is given.
        given: parts of the whole dance, (frames, channels).

    Returns:
        The same with guidance, to be called for the blocks in their order.
    """
    numbers = count()

    def guided(block: torch.Tensor) -> Denoiser:
        here: Given | None = None
        if given is not None:
            window = block.shape[1]
            parts = [given.window(next(numbers) * hop(window), window) for _ in block]
            values, masks = zip(*((part.values, part.mask) for part in parts), strict=True)
            here = Given(torch.stack(values), torch.stack(masks))
        return guide(denoiser(block), given=here)

    return guided
