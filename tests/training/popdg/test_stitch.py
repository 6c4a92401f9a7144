"""Joined windows: against recorded ones, scipy's slerp and a dance cut into windows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from scipy.spatial.transform import Rotation, Slerp

from training.data.representation import MinMaxScaler, encode
from training.motion.forward_kinematics import forward_kinematics
from training.popdg.long import hop
from training.popdg.stitch import slerp, stitch, stitched


@pytest.mark.parametrize("kind", ["noise_samples", "smooth_windows"])
def test_recorded_windows_give_the_recorded_dance(golden: Path, kind: str) -> None:
    saved = torch.load(golden / "stitch_long.pt", weights_only=False)
    scaler = MinMaxScaler(*(torch.as_tensor(saved["scaler"][f"data_{end}_"]) for end in ("min", "max")))
    record = saved[kind]
    poses, translation = stitch(scaler.unscale(record["samples"]), chords=True)
    torch.testing.assert_close(poses.flatten(-2), torch.as_tensor(record["smpl_poses"]), atol=1e-4, rtol=0)
    torch.testing.assert_close(translation, torch.as_tensor(record["smpl_trans"]), atol=1e-4, rtol=0)
    joints = forward_kinematics(roma.rotvec_to_rotmat(poses), translation)
    torch.testing.assert_close(joints, torch.as_tensor(record["full_pose"]), atol=1e-4, rtol=0)


def test_slerp_is_scipys() -> None:
    first, second = Rotation.random(30, random_state=0), Rotation.random(30, random_state=1)
    weights = np.linspace(0, 1, 30)
    expected = [
        Slerp([0, 1], Rotation.concatenate([one, other]))(weight)
        for one, other, weight in zip(first, second, weights, strict=True)
    ]
    ours = slerp(torch.tensor(first.as_rotvec()), torch.tensor(second.as_rotvec()), torch.tensor(weights))
    apart = Rotation.concatenate(expected).inv() * Rotation.from_rotvec(ours.numpy())
    assert apart.magnitude().max() < 1e-7


def smooth(frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    time = torch.linspace(0, 2, frames).double()
    poses = 0.4 * torch.sin(time[:, None, None] + torch.arange(72).view(24, 3))
    return poses, torch.stack([time.sin(), time, time.cos()], dim=-1)


@pytest.mark.parametrize("window", [20, 21])
def test_a_dance_cut_into_windows_is_the_same_again(window: int) -> None:
    step = hop(window)
    poses, translation = smooth(3 * step + window)
    vectors = encode(poses, translation)
    windows = torch.stack([vectors[i * step : i * step + window] for i in range(4)])
    joined = stitch(windows)
    torch.testing.assert_close(joined.poses, poses, atol=1e-7, rtol=0)
    torch.testing.assert_close(joined.translation, translation)


def test_positions_fade_linearly() -> None:
    windows = encode(torch.zeros(2, 8, 24, 3), torch.zeros(2, 8, 3))
    windows[1, :, 0] = 3.0
    expected = [0.0] * 4 + [0.0, 1.0, 2.0, 3.0] + [3.0] * 4
    torch.testing.assert_close(stitch(windows).translation[:, 0], torch.tensor(expected))


def test_frames_come_as_soon_as_they_are_final() -> None:
    taken = []

    def windows() -> Iterator[torch.Tensor]:
        for number in range(5):
            taken.append(number)
            yield encode(*smooth(20)).float()

    stream = stitched(windows())
    assert next(stream).poses.shape == (10, 24, 3)
    assert taken == [0]
    assert sum(len(piece.poses) for piece in stream) == 50
    assert not list(stitched([]))
