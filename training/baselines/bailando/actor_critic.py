"""Stage 4: the actor learns from the difference between rewards and the critic's values (Bailando, Sec. 3.3).

The base is frozen, and nothing is dropped: keep the network in evaluation mode. The released code takes turns
of five steps for each of the two; they have no parameter in common.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn import functional

from popdanceset.errors import InputError
from training.baselines.bailando.config import RewardConfig
from training.baselines.bailando.gpt import DanceGpt
from training.baselines.bailando.representation import Halves
from training.baselines.bailando.reward import rewards
from training.baselines.bailando.vqvae import MotionVqVae


class Windows(NamedTuple):
    """Windows of dances by the current actor.

    Attributes:
        codes: (windows, codes) each.
        music: (windows, codes, music_width).
        beats: (windows, codes · frames) bool, beats of the music.
        mask: (windows, codes − 2): which actions count. Of a piece's first window all do, of the others only
            the last, so each action counts once.
    """

    codes: Halves
    music: torch.Tensor
    beats: torch.Tensor
    mask: torch.Tensor


class Policy(NamedTuple):
    """What the actor thinks of the actions that were taken.

    Attributes:
        cross_entropy: (batch, actions), of both halves together: minus the logarithm of their probability.
        entropy: (batch, actions), of both halves together.
    """

    cross_entropy: torch.Tensor
    entropy: torch.Tensor


def windows_of(
    codes: Halves, music: torch.Tensor, beats: torch.Tensor, length: int, frames: int, stride: int = 1
) -> Windows:
    """Cuts the dance to one piece into windows. What is too short is padded with its last value.

    Args:
        codes: (codes,) each.
        music: (frames of music, music_width), as many a second as codes.
        beats: (frames of motion,) bool.
        length: codes of a window: 30.
        frames: of motion for a code.
        stride: codes between the starts of two windows.

    Raises:
        InputError: the piece has no music.
    """
    if not len(music):
        raise InputError("a piece has no music", "Bailando")
    starts = range(0, max(len(music) - length, 0) + 1, stride)
    mask = torch.zeros(len(starts), length - 2)
    mask[0], mask[:, -1] = 1, 1

    def cut(values: torch.Tensor, scale: int) -> torch.Tensor:
        rows = torch.tensor(starts)[:, None] * scale + torch.arange(length * scale)
        return values[rows.clamp(max=len(values) - 1)]

    return Windows(Halves(cut(codes.up, 1), cut(codes.down, 1)), cut(music, 1), cut(beats, frames), mask)


def reward_of(vqvae: MotionVqVae, windows: Windows, config: RewardConfig) -> torch.Tensor:
    """The rewards (batch, actions) of the codes but the first and the last of each window."""
    frames = vqvae.config.frames_per_code
    with torch.no_grad():
        motion = vqvae.decode(Halves(windows.codes.up[:, 1:-1], windows.codes.down[:, 1:-1]))
    return rewards(motion, windows.beats[:, frames:-frames], frames, config)


def states_of(windows: Windows) -> tuple[Halves, torch.Tensor]:
    """Codes and music that the network sees: one state more than there are actions."""
    codes = windows.codes
    return Halves(codes.up[:, :-1], codes.down[:, :-1]), windows.music[:, 1:]


def td_error(values: torch.Tensor, reward: torch.Tensor, discount: float = 1.0) -> torch.Tensor:
    """How much better the actions were than the critic thought.

    Args:
        values: (batch, actions + 1), of the states; the gradient passes only through the state of the action.
        reward: (batch, actions).
        discount: of the next state's value.

    Returns:
        (batch, actions).
    """
    return reward + discount * values[:, 1:].detach() - values[:, :-1]


def policy_of(scores: Halves, codes: Halves) -> Policy:
    """The actor's view of the actions.

    Args:
        scores: (batch, states, codes) each; those of the last state are ignored.
        codes: (batch, codes) each, of the windows.
    """
    cross_entropy: list[torch.Tensor] = []
    entropy: list[torch.Tensor] = []
    for half, taken in zip(scores, codes, strict=True):
        logarithms = functional.log_softmax(half[:, :-1], dim=-1)
        cross_entropy.append(-logarithms.gather(-1, taken[:, 1:-1, None])[..., 0])
        entropy.append(-(logarithms.exp() * logarithms).sum(dim=-1))
    return Policy(sum(cross_entropy[1:], cross_entropy[0]), sum(entropy[1:], entropy[0]))


def actor_loss(policy: Policy, error: torch.Tensor, mask: torch.Tensor, alpha: float = 0.0) -> torch.Tensor:
    """The loss of the actor: actions that were better than expected become likelier.

    Args:
        policy: with gradients.
        error: (batch, actions), see `td_error`; used without gradients. With an `alpha`, add `alpha` times
            the entropy first, as the released code does.
        mask: (batch, actions), see `Windows`.
        alpha: weight of the entropy.
    """
    weighted = mask * (policy.cross_entropy * error.detach() - alpha * policy.entropy)
    return weighted.sum() / mask.sum()


def critic_loss(error: torch.Tensor) -> torch.Tensor:
    """The loss of the critic: the mean square of all errors, masked or not."""
    return error.square().mean()


def score(model: DanceGpt, windows: Windows) -> Halves:
    """The actor's scores (batch, states, codes); the base gets no gradients."""
    codes, music = states_of(windows)
    with torch.no_grad():
        features = model.base(codes, music)
    scores: Halves = model.head(features)
    return scores
