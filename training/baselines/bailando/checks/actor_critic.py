"""Beats, rewards, values and losses of stage 4, and its windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from training.baselines.bailando.actor_critic import (
    Windows,
    actor_loss,
    critic_loss,
    policy_of,
    reward_of,
    score,
    states_of,
    td_error,
    windows_of,
)
from training.baselines.bailando.checks.record import (
    GPT,
    recorded_gpt,
    recorded_vqvae,
    whole_norm,
)
from training.baselines.bailando.config import RewardConfig
from training.baselines.bailando.gpt import DanceGpt
from training.baselines.bailando.representation import Halves
from training.baselines.bailando.reward import motion_beats, per_code, rewards
from training.baselines.bailando.vqvae import MotionVqVae
from training.recorded import (
    Difference,
    compare_exactly,
    compare_numbers,
    compare_to_largest,
    read_record,
    recorded_in,
)

Record = Mapping[str, Any]

_VARIANTS = {
    "reward_rate0": RewardConfig("punished", "released"),
    "reward_rate1": RewardConfig("punished", "released", rate=1.0),
    "reward_paper_variant": RewardConfig("allowed", "released"),
}


def differences(folder: Path) -> Iterator[Difference]:
    """All comparisons."""
    recorded = read_record(folder / GPT)
    with recorded_in(folder / GPT):
        vqvae, gpt = recorded_vqvae(folder), recorded_gpt(folder)
        expected = recorded["actor_critic"]
        windows = Windows(
            Halves(expected["codes_up"], expected["codes_down"]),
            expected["music"].float(),
            expected["beats"],
            expected["mask"],
        )
        yield from _rewards(vqvae, windows, expected)
        yield from _learning(gpt, windows, expected)
        yield from _windows(recorded["ac_windows"], windows, vqvae.config.frames_per_code)


def _rewards(vqvae: MotionVqVae, windows: Windows, expected: Record) -> Iterator[Difference]:
    frames = vqvae.config.frames_per_code
    smooth, heard = expected["smooth_pose"], windows.beats[:, frames:-frames]
    beats = per_code(motion_beats(smooth), frames).to(expected["smooth_motion_beats_per_code"].dtype)
    yield compare_exactly("beats of a smooth motion", beats, expected["smooth_motion_beats_per_code"])
    for name, config in _VARIANTS.items():
        compare = compare_to_largest if config.rate else compare_exactly
        found = reward_of(vqvae, windows, config)
        yield compare(name.replace("_", " "), found, expected[name])
        found = rewards(smooth, heard, frames, config)
        yield compare(f"smooth {name.replace('_', ' ')}", found, expected[f"smooth_{name}"])


def _learning(model: DanceGpt, windows: Windows, expected: Record) -> Iterator[Difference]:
    values = model.values(*states_of(windows))
    yield compare_to_largest("values", values, expected["values"])
    error = td_error(values, expected["reward_rate0"])
    yield compare_to_largest("differences of values and rewards", error, expected["td_error"])
    loss = critic_loss(error)
    yield compare_to_largest("loss of the critic", loss, expected["critic_loss"])
    torch.autograd.backward(loss)
    yield _number("norm of the critic's gradient", whole_norm(model.critic), expected["critic_grad_norm"])

    policy = policy_of(score(model, windows), windows.codes)
    for part, value in policy._asdict().items():
        name = "actor_cross_entropy" if part == "cross_entropy" else part
        yield compare_to_largest(f"actor: {part.replace('_', ' ')}", value.flatten(), expected[name])
    for alpha, wanted in expected["actor_loss"].items():
        encouraged = error + alpha * policy.entropy.detach()
        loss = actor_loss(policy, encouraged, windows.mask, alpha)
        yield compare_to_largest(f"loss of the actor, entropy {alpha:g}", loss, wanted)
    torch.autograd.backward(actor_loss(policy, error, windows.mask))
    yield _number("norm of the actor's gradient", whole_norm(model.head), expected["actor_grad_norm"])


def _windows(expected: Record, like: Windows, frames: int) -> Iterator[Difference]:
    codes, music = Halves(expected["up"], expected["down"]), expected["music"]
    found = windows_of(codes, music, expected["beats"], like.music.shape[1], frames)
    yield compare_exactly("windows: number", torch.tensor(len(found.mask)), torch.tensor(expected["count"]))
    for item in expected["items"]:
        number = int((music == item["music0"]).all(dim=-1).nonzero()[0])
        for name, values in (
            ("up", found.codes.up),
            ("down", found.codes.down),
            ("beats", found.beats),
            ("mask", found.mask),
        ):
            yield compare_exactly(f"window {number}: {name}", values[number], item[name])


def _number(name: str, value: float, expected: float) -> Difference:
    return compare_numbers(name, {name: value}, {name: expected})
