"""Places in heat maps, flip test, camera."""

import pytest
import torch

from hybrik_runner.hybrik import heads
from hybrik_runner.hybrik.twist_swing import MIRRORED


def gaussian(u, v, d, side=64, spread=2.0):
    """(1, 1, side, side, side) heat map, summing to one, around bins (u, v, d)."""
    bins = torch.arange(side, dtype=torch.float64)
    one = [torch.exp(-((bins - centre) ** 2) / (2 * spread**2)) for centre in (d, v, u)]
    volume = one[0][:, None, None] * one[1][:, None] * one[2]
    return (volume / volume.sum())[None, None]


def test_soft_argmax_finds_the_mean_of_a_gaussian():
    found = heads.soft_argmax(gaussian(20.25, 40.5, 31.75))

    expected = torch.tensor([20.25, 40.5, 31.75]) / 64 - 0.5
    assert torch.allclose(found[0, 0], expected.double(), atol=1e-9)


def test_softmax_is_over_each_joints_volume():
    heat = torch.randn(2, 29 * 64, 4, 4, generator=torch.Generator().manual_seed(0))
    volumes = heads.softmax_volumes(heat)

    assert volumes.shape == (2, 29, 64, 4, 4)
    assert torch.allclose(volumes.sum((2, 3, 4)), torch.ones(2, 29))


def test_unflipped_heat_maps_lie_where_they_were():
    """What a network that sees joint j at column c shows of the mirrored image: its partner at 64 - c."""
    heat, mirrored = torch.zeros(2, 1, 29, 64, 4, 64)
    for joint in range(29):
        heat[0, joint, joint, 1, 30 + joint] = 1
        mirrored[0, MIRRORED[joint], joint, 1, 64 - (30 + joint)] = 1

    assert torch.equal(heads.unflip_heat(mirrored.flatten(1, 2)), heat.flatten(1, 2))


def test_the_published_shift_is_a_copy_within_one_array_by_blocks_of_sixteen():
    row = list(range(64))
    for start in range(0, 48, 16):
        row[start + 1 : start + 17] = row[start : start + 16]
    for column in range(49, 64):
        row[column] = row[column - 1]

    assert tuple(row) == heads.PUBLISHED_SHIFT


def test_unflipped_twists():
    twists = torch.randn(3, 23, 2, generator=torch.Generator().manual_seed(0))
    unflipped = heads.unflip_twists(twists)

    assert torch.equal(heads.unflip_twists(unflipped), twists)
    assert torch.equal(unflipped[:, 0], twists[:, 1] * torch.tensor([1, -1]))  # left hip, right hip
    assert torch.equal(unflipped[:, 2], twists[:, 2] * torch.tensor([1, -1]))  # spine


@pytest.fixture
def scene():
    """Joints in metres seen by a camera of focal length 1000 in a 1280 × 720 frame, and what is seen."""
    random = torch.Generator().manual_seed(1)
    joints = torch.rand(2, 29, 3, generator=random, dtype=torch.float64) - 0.5
    joints[:, 0] = 0
    scale = torch.tensor([[0.8], [1.1]], dtype=torch.float64)
    bboxes = torch.tensor([[400.0, 100, 900, 600], [300, 50, 700, 450]], dtype=torch.float64)
    centre = torch.tensor([[640.0, 360]]).double().expand(2, 2)
    root = torch.tensor([[0.1, -0.05, 0], [-0.3, -0.2, 0]]).double()
    placed = joints + root[:, None]
    offset = heads.box_offset(bboxes, centre)
    away = placed[..., 2:] + 1000 / (256 * scale[:, None])
    uv = placed[..., :2] / away * 1000 / 256 - offset[:, None]
    return placed, torch.cat([uv, placed[..., 2:] / 2.2], 2), scale, offset


def test_back_projection_undoes_projection(scene):
    placed, uvd, scale, offset = scene

    assert torch.allclose(heads.back_project(uvd, scale, offset), placed)


def test_the_scale_is_found_again(scene):
    placed, uvd, scale, offset = scene
    sigma = torch.full((2, 29), 0.02, dtype=torch.float64)
    sigma[:, 5] = 0.5
    placed = placed.clone()
    placed[:, 5] += 1.0  # uncertain: must not count

    found = heads.refine_scale(uvd, placed[:, :24], sigma, 0 * scale, offset)

    assert torch.allclose(found, scale)


def test_the_scale_stays_where_nothing_is_certain(scene):
    placed, uvd, scale, offset = scene
    sigma = torch.stack([torch.full((29,), 0.5), torch.full((29,), 0.01)]).double()
    found = heads.refine_scale(uvd, placed[:, :24], sigma, scale + 1, offset)

    assert torch.allclose(found, scale + torch.tensor([[1.0], [0.0]]))
