"""HybrIK's twist-and-swing inverse kinematics on the SMPL skeleton with leaf joints (Li et al. 2021, section
3).

The skeleton has SMPL's 24 joints and five leaves: top of the head, tips of both hands and of both feet.
Positions are in metres in the camera's axes (x right, y down, z away); only their differences from the root
matter. All functions work on whole batches: the only loop is over the levels of the tree. Inside, components
come first (`popdanceset.rotations`), and on a processor frames are taken in chunks that stay in the cache.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import torch
from torch import Tensor

from hybrik_runner.component_tensors import (
    TINY,
    align_vectors,
    compose,
    cosine_and_sine,
    cross,
    dot,
    inverse,
    norm,
    rotate,
    rotation_about,
    rotation_between,
)

# fmt: off
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21,
           15, 22, 23, 10, 11)
PAIRS = ((1, 2), (4, 5), (7, 8), (10, 11), (13, 14), (16, 17), (18, 19), (20, 21), (22, 23),
         (25, 26), (27, 28))
"""Left and right."""
# fmt: on
LEAVES = range(24, 29)

_SWING_CHILD = {0: 3, 9: 12}
CHILDREN = tuple(
    _SWING_CHILD.get(joint, PARENTS.index(joint) if joint in PARENTS else -1) for joint in range(len(PARENTS))
)
"""The child whose bone fixes a joint's swing: pelvis → spine, chest → neck, else the only one; leaf → -1."""

MIRRORED = list(range(len(PARENTS)))
"""The joint on the other side of the body."""
for _left, _right in PAIRS:
    MIRRORED[_left], MIRRORED[_right] = _right, _left


def _by_level() -> list[list[int]]:
    levels = [[0]]
    while below := [joint for joint, parent in enumerate(PARENTS) if parent in levels[-1]]:
        levels.append(below)
    return levels


LEVELS = _by_level()

_BRANCHES = [
    [joint for joint in level if joint < LEAVES.start] for level in LEVELS if level[0] < LEAVES.start
]
"""The levels without the leaves."""
_SORTED = [joint for level in _BRANCHES for joint in level]
_CHUNK = 2048
"""Frames at a time on a processor: a level's rotations then take some 200 kB."""

MISSED = 0.015
"""Metres. Where the running skeleton misses a predicted joint by more, errors of the joints above are no
longer compensated: the bone then takes the direction that was predicted for it."""

PUBLISHED_SLACK = 1e-8
"""Square metres that the published code adds to the length of a cross product before dividing by it.
Rotations by nearly half a turn then deviate from orthonormality by up to some 1e-3."""


def offsets(joints: Tensor) -> Tensor:
    """(…, 29, 3) positions → (…, 29, 3) bones from each joint's parent, zero for the root."""
    parents = torch.tensor(PARENTS, device=joints.device).clamp_min(0)
    return joints - joints[..., parents, :]


def inverse_kinematics(
    joints: Tensor, rest: Tensor, twists: Tensor, *, naive: bool = False, slack: float = 0.0
) -> Tensor:
    """Rotations that bring the resting skeleton to the joints, with given twists.

    The root is aligned with its three children. Then, from the root outwards, every joint turns so that its
    child
    comes closest to where it was predicted, seen from where the rotations above have brought the joint:
        errors do
    not add up along the limbs (the paper's adaptive solution, section 3.3).

    Args:
        joints: (n, 29, 3) predicted positions.
        rest: (n, 29, 3) positions of the same body at rest.
        twists: (n, 23, 2) cosine and sine, of any length, of the twist of joints 1…23 about their bone.
        naive: aim every bone in its own predicted direction instead (section 3.2), root included.
        slack: see `PUBLISHED_SLACK` and `rotation_between`.

    Returns:
        (n, 24, 3, 3) parent-relative rotation matrices.
    """
    size = _CHUNK if joints.device.type == "cpu" else max(len(joints), 1)
    parts = [
        _inverse_kinematics(
            _components_first(seen), _components_first(still), _components_first(turns), naive, slack
        )
        for seen, still, turns in zip(
            torch.split(joints, size), torch.split(rest, size), torch.split(twists, size), strict=True
        )
    ]
    return torch.cat(parts)


def _inverse_kinematics(joints: Tensor, rest: Tensor, twists: Tensor, naive: bool, slack: float) -> Tensor:
    """The same for (3, 29, n), (3, 29, n) and (2, 23, n)."""
    parents = _indices((0, *PARENTS[1:]), joints.device)
    bones, rest_bones = joints - joints.index_select(1, parents), rest - rest.index_select(1, parents)
    aims = joints - joints[:, :1]
    hips = slice(1, 4)
    root = (
        _naive_root(rest_bones, bones, slack) if naive else align_vectors(rest_bones[:, hips], bones[:, hips])
    )
    # The loop is over levels, not joints; joints of one level depend only on the level before.
    chain, reached = root[:, :, None], torch.zeros_like(aims[:, :1])
    turns = [chain]
    for before, level in pairwise(_BRANCHES):
        above = _indices(tuple(before.index(PARENTS[joint]) for joint in level), joints.device)
        own = _indices(tuple(level), joints.device)
        child = _indices(tuple(CHILDREN[joint] for joint in level), joints.device)
        chain, reached = chain.index_select(2, above), reached.index_select(1, above)
        reached = reached + rotate(chain, rest_bones.index_select(1, own))
        bone, seen = rest_bones.index_select(1, child), bones.index_select(1, child)
        length = norm(bone)
        if naive:
            target = seen
        else:
            target = aims.index_select(1, child) - reached
            rescaled = seen * (length / norm(seen).clamp_min(TINY))
            missed = norm(target - rescaled) > MISSED
            target = torch.where(missed, rescaled, target)
        twist = twists.index_select(1, own - 1)
        cosine, sine = (twist / norm(twist).clamp_min(TINY)).unbind()
        swing = rotation_between(bone, rotate(inverse(chain), target), slack)
        turn = compose(swing, rotation_about(bone / length.clamp_min(TINY), cosine, sine))
        chain = compose(chain, turn)
        turns.append(turn)
    order = _indices(tuple(_SORTED.index(joint) for joint in range(LEAVES.start)), joints.device)
    return torch.cat(turns, dim=2).index_select(2, order).permute(3, 2, 0, 1).contiguous()


def forward_kinematics(rotations: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    """Positions of a posed skeleton.

    Args:
        rotations: (n, 24, 3, 3) parent-relative.
        rest: (n, 29, 3) positions at rest.

    Returns:
        (n, 29, 3) positions, the root where it is at rest; (n, 24, 3, 3) rotations relative to the outer
        frame.
    """
    size = _CHUNK if rotations.device.type == "cpu" else max(len(rotations), 1)
    parts = [
        _forward_kinematics(turns.permute(2, 3, 1, 0).contiguous(), _components_first(place))
        for turns, place in zip(torch.split(rotations, size), torch.split(rest, size), strict=True)
    ]
    positions, chains = zip(*parts, strict=True)
    return torch.cat(positions), torch.cat(chains)


def _forward_kinematics(rotations: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    """The same for (3, 3, 24, n) and (3, 29, n)."""
    bones = rest - rest[:, _indices((0, *PARENTS[1:]), rest.device)]
    chain, place = rotations[:, :, :1], rest[:, :1]
    chains, places, before = [chain], [place], LEVELS[0]
    for level in LEVELS[1:]:
        above = _indices(tuple(before.index(PARENTS[joint]) for joint in level), rest.device)
        own = _indices(tuple(level), rest.device)
        parent = chain.index_select(2, above)
        place = place.index_select(1, above) + rotate(parent, bones.index_select(1, own))
        places.append(place)
        before = level
        # The joints of a level that turn come first, so those of the next level find their parents by index.
        turning = own[: sum(joint < LEAVES.start for joint in level)]
        chain = compose(parent[:, :, : len(turning)], rotations.index_select(2, turning))
        chains.append(chain)
    order = [joint for level in LEVELS for joint in level]
    all_joints = _indices(tuple(order.index(joint) for joint in range(len(order))), rest.device)
    branches = _indices(tuple(_SORTED.index(joint) for joint in range(LEAVES.start)), rest.device)
    return (
        torch.cat(places, dim=1).index_select(1, all_joints).permute(2, 1, 0).contiguous(),
        torch.cat(chains, dim=2).index_select(2, branches).permute(3, 2, 0, 1).contiguous(),
    )


def _naive_root(rest: Tensor, bones: Tensor, slack: float) -> Tensor:
    """(3, 3, n) rotation of the root that meets the spine's bone exactly, then the mean of the hips as well
    as it can."""
    lean = rotation_between(rest[:, 3], bones[:, 3], slack)
    spine = bones[:, 3] / norm(bones[:, 3]).clamp_min(TINY)

    def reject_spine(vector: Tensor) -> Tensor:
        return vector - dot(vector, spine) * spine

    before = reject_spine(rotate(lean, rest[:, 1:3].mean(1)))
    after = reject_spine(bones[:, 1:3].mean(1))
    if slack:
        return compose(rotation_between(before, after, slack), lean)
    # Both are perpendicular to the spine, so the axis is known even where they are opposite.
    cosine, sine = cosine_and_sine(dot(before, after), dot(cross(before, after), spine))
    return compose(rotation_about(spine, cosine, sine), lean)


def _components_first(values: Tensor) -> Tensor:
    """(n, k, c) → (c, k, n)"""
    return values.permute(2, 1, 0).contiguous()


@cache
def _indices(numbers: tuple[int, ...], device: torch.device) -> Tensor:
    """Indices of joints as a tensor, made once: a list would be copied to the device at every use."""
    # They outlive the call, which may be one without gradients; later ones may need some.
    with torch.inference_mode(False):
        return torch.tensor(numbers, device=device)
