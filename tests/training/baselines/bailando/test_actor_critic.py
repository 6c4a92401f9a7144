"""Windows, errors and losses of stage 4 by their definition."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.baselines.bailando.actor_critic import (  # noqa: E402
    Policy,
    actor_loss,
    critic_loss,
    policy_of,
    reward_of,
    score,
    states_of,
    td_error,
    windows_of,
)
from training.baselines.bailando.config import GptConfig, RewardConfig, VqVaeConfig  # noqa: E402
from training.baselines.bailando.gpt import DanceGpt  # noqa: E402
from training.baselines.bailando.representation import Halves  # noqa: E402
from training.baselines.bailando.vqvae import MotionVqVae  # noqa: E402


def test_windows_move_by_a_code_and_count_each_action_once() -> None:
    codes = Halves(torch.arange(12), torch.arange(12) + 50)
    music, beats = torch.arange(11.0)[:, None], torch.arange(40)
    windows = windows_of(codes, music, beats, length=8, frames=4)
    assert windows.codes.up[:, 0].tolist() == [0, 1, 2, 3]
    assert windows.codes.down[3].tolist() == list(range(53, 61))
    assert windows.music[2, :, 0].tolist() == list(range(2, 10))
    assert windows.beats[1].tolist() == list(range(4, 36))
    assert windows.beats[3].tolist() == [*range(12, 40), *[39] * 4]  # padded with the last value
    assert windows.mask.tolist() == [[1] * 6, [0] * 5 + [1], [0] * 5 + [1], [0] * 5 + [1]]
    actions = [(number + place + 1) for number, place in windows.mask.nonzero().tolist()]
    assert actions == list(range(1, 10))


def test_short_pieces_are_one_padded_window() -> None:
    codes = Halves(torch.arange(3), torch.arange(3))
    windows = windows_of(codes, torch.arange(2.0)[:, None], torch.zeros(7), length=5, frames=4)
    assert windows.codes.up.tolist() == [[0, 1, 2, 2, 2]]
    assert windows.music[0, :, 0].tolist() == [0, 1, 1, 1, 1]
    assert windows.beats.shape == (1, 20)


def test_errors_and_losses() -> None:
    values = torch.tensor([[1.0, 2.0, 4.0]], requires_grad=True)
    error = td_error(values, torch.tensor([[5.0, -5.0]]), discount=0.5)
    assert error.tolist() == [[5 + 1 - 1, -5 + 2 - 2]]
    loss = critic_loss(error)
    assert loss.item() == pytest.approx(25)
    loss.backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[-5, 5, 0]]  # not through the value of the next state

    policy = Policy(torch.tensor([[2.0, 3.0]]), torch.tensor([[1.0, 10.0]]))
    mask = torch.tensor([[1.0, 1.0]])
    assert actor_loss(policy, error, mask).item() == pytest.approx((2 * 5 - 3 * 5) / 2)
    assert actor_loss(policy, error, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(10)
    assert actor_loss(policy, error, mask, alpha=0.1).item() == pytest.approx((10 - 15 - 1.1) / 2)


def test_the_policy_is_that_of_the_actions_taken() -> None:
    even = torch.zeros(1, 3, 4)
    tilted = torch.log(torch.tensor([[[1.0, 1, 1, 7], [1, 1, 1, 1], [9, 9, 9, 9]]]))
    codes = Halves(torch.tensor([[0, 1, 2, 3]]), torch.tensor([[0, 3, 2, 3]]))
    policy = policy_of(Halves(even, tilted), codes)
    assert policy.cross_entropy.tolist() == [pytest.approx([math.log(4) + math.log(10 / 7), 2 * math.log(4)])]
    entropy = -(3 * 0.1 * math.log(0.1) + 0.7 * math.log(0.7))
    assert policy.entropy.tolist() == [pytest.approx([math.log(4) + entropy, 2 * math.log(4)])]


def test_the_shapes_of_a_step_fit_each_other() -> None:
    torch.manual_seed(0)
    sizes = {"width": 8, "heads": 2, "base_layers": 1, "head_layers": 1, "critic_layers": 1}
    gpt = DanceGpt(GptConfig(**sizes, block=7, codes=5, music_width=3)).eval()
    vqvae = MotionVqVae(VqVaeConfig(width=4, residual_width=4, embedding=4, codes=5, levels=2)).eval()
    codes = Halves(torch.randint(5, (12,)), torch.randint(5, (12,)))
    windows = windows_of(codes, torch.randn(11, 3), torch.rand(48) < 0.2, length=8, frames=4)
    reward = reward_of(vqvae, windows, RewardConfig())
    error = td_error(gpt.values(*states_of(windows)), reward)
    policy = policy_of(score(gpt, windows), windows.codes)
    assert reward.shape == error.shape == policy.entropy.shape == windows.mask.shape == (4, 6)
    actor_loss(policy, error, windows.mask).backward()
    learning = {name.split(".")[0] for name, value in gpt.named_parameters() if value.grad is not None}
    assert learning == {"head"}  # the base is frozen
