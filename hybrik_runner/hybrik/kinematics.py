"""Twist-and-swing inverse kinematics on the SMPL skeleton with leaf joints (Li et al. 2021, section 3).

The skeleton has SMPL's 24 joints and five leaves: top of the head, tips of both hands, of both feet.
Positions are in metres in the camera's axes (x right, y down, z away); only their differences from
the root matter. All functions work on whole batches: the only loop is over the levels of the tree.
"""

from __future__ import annotations

import torch
from torch import Tensor

# fmt: off
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21,
           15, 22, 23, 10, 11)
PAIRS = ((1, 2), (4, 5), (7, 8), (10, 11), (13, 14), (16, 17), (18, 19), (20, 21), (22, 23),
         (25, 26), (27, 28))
"""Left and right."""
# fmt: on
LEAVES = range(24, 29)

_FIXED = {0: 3, 9: 12}
CHILDREN = tuple(
    _FIXED.get(joint, PARENTS.index(joint) if joint in PARENTS else -1) for joint in range(len(PARENTS))
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

MISSED = 0.015
"""Metres. Where the running skeleton misses a predicted joint by more, errors of the joints above are no
longer made good: the bone then takes the direction that was predicted for it."""

_TINY = 1e-8

PUBLISHED_SLACK = 1e-8
"""Square metres that the published code adds to the length of a cross product before dividing by it.
Rotations by nearly half a turn then lack up to some 1e-3 to orthonormality."""


def offsets(joints: Tensor) -> Tensor:
    """(…, 29, 3) positions → (…, 29, 3) bones from each joint's parent, zero for the root."""
    parents = torch.tensor(PARENTS, device=joints.device).clamp_min(0)
    return joints - joints[..., parents, :]


def about(axis: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rodrigues' formula: (…, 3) unit axes, (…) cosines and sines → (…, 3, 3)."""
    x, y, z = axis.unbind(-1)
    xs, ys, zs = x * sine, y * sine, z * sine
    less = 1 - cosine
    xl, yl, zl = x * less, y * less, z * less
    xx, yy, zz, xy, xz, yz = x * xl, y * yl, z * zl, x * yl, x * zl, y * zl
    rows = (1 - yy - zz, xy - zs, xz + ys, xy + zs, 1 - xx - zz, yz - xs, xz - ys, yz + xs, 1 - xx - yy)
    return torch.stack(rows, -1).reshape(*x.shape, 3, 3)


def _unit(vector: Tensor) -> Tensor:
    length: Tensor = vector.norm(dim=-1, keepdim=True)
    return vector / length.clamp_min(_TINY)


def _across(vector: Tensor) -> Tensor:
    """Some unit vector perpendicular to each (…, 3) vector."""
    smallest = torch.nn.functional.one_hot(vector.abs().argmin(-1), 3).to(vector.dtype)
    return _unit(torch.linalg.cross(vector, smallest))


def swing(start: Tensor, end: Tensor, slack: float = 0.0) -> Tensor:
    """The smallest rotation that turns the direction of one vector into another's.

    Args:
        start, end: (…, 3), any length. A zero vector gives no rotation; opposite ones half a turn about some
            perpendicular axis.
        slack: shortens the axis of rotation, for comparisons only; see `PUBLISHED_SLACK`.

    Returns:
        (…, 3, 3)
    """
    lengths = start.norm(dim=-1) * end.norm(dim=-1)
    known = lengths > _TINY**2
    lengths = torch.where(known, lengths, torch.ones_like(lengths))
    normal = torch.linalg.cross(start, end)
    area = normal.norm(dim=-1)
    cosine = torch.where(known, (start * end).sum(-1) / lengths, torch.ones_like(lengths))
    sine = area / lengths
    # Made one again: rounding must not leave the matrix less than orthonormal.
    length = torch.hypot(cosine, sine)
    cosine, sine = cosine / length, sine / length
    axis = normal / (area + slack).clamp_min(torch.finfo(area.dtype).tiny)[..., None]
    axis = torch.where((sine > _TINY)[..., None], axis, _across(start))
    return about(axis, cosine, sine)


def _twist(bone: Tensor, twists: Tensor) -> Tensor:
    """Rotations about bones (…, 3) by the angles whose (cosine, sine), of any length, are (…, 2)."""
    cosine, sine = _unit(twists).unbind(-1)
    return about(_unit(bone), cosine, sine)


def register(start: Tensor, end: Tensor) -> Tensor:
    """The rotation that carries vectors closest to others in the sense of least squares (Kabsch 1976).

    Args:
        start, end: (n, k, 3).

    Returns:
        (n, 3, 3), determinant 1.
    """
    left, _, right = torch.linalg.svd(end.mT @ start)
    sign = torch.ones(len(start), 3, dtype=start.dtype, device=start.device)
    sign[:, 2] = torch.linalg.det(left @ right).sign()
    turn: Tensor = (left * sign[:, None]) @ right
    return turn


def _spine_and_hips(rest: Tensor, bones: Tensor, slack: float) -> Tensor:
    """(n, 3, 3) rotation of the root that meets the spine's bone, then the mean of the hips as it can."""
    lean = swing(rest[:, 3], bones[:, 3], slack)
    spine = _unit(bones[:, 3])

    def beside_spine(vector: Tensor) -> Tensor:
        return vector - (vector * spine).sum(-1, keepdim=True) * spine

    before = (lean @ rest[:, 1:3].mean(1)[..., None])[..., 0]
    return swing(beside_spine(before), beside_spine(bones[:, 1:3].mean(1)), slack) @ lean


def inverse(
    joints: Tensor, rest: Tensor, twists: Tensor, *, naive: bool = False, slack: float = 0.0
) -> Tensor:
    """Rotations that bring the resting skeleton to the joints, with the twists given.

    The root is registered on its three children. Then, from the root outwards, every joint turns so that its
    child comes closest to where it was predicted, seen from where the rotations above have brought the joint:
    errors do not add up along the limbs (the paper's adaptive solution, section 3.3).

    Args:
        joints: (n, 29, 3) predicted positions.
        rest: (n, 29, 3) positions of the same body at rest.
        twists: (n, 23, 2) cosine and sine, of any length, of the twist of joints 1…23 about their bone.
        naive: aim every bone in its own predicted direction instead (section 3.2), root included.
        slack: see `swing`.

    Returns:
        (n, 24, 3, 3) parent-relative rotation matrices.
    """
    bones, rest_bones = offsets(joints), offsets(rest)
    # Levels, not joints, are looped over; joints of one level depend on the level before only.
    hips = slice(1, 4)
    root = (
        _spine_and_hips(rest_bones, bones, slack) if naive else register(rest_bones[:, hips], bones[:, hips])
    )
    chain = torch.empty(len(joints), 24, 3, 3, dtype=joints.dtype, device=joints.device)
    rotations = torch.empty_like(chain)
    chain[:, 0] = rotations[:, 0] = root
    aims = joints - joints[:, :1]
    reached = torch.zeros(len(joints), 24, 3, dtype=joints.dtype, device=joints.device)
    for level in LEVELS[1:]:
        turning = [joint for joint in level if joint not in LEAVES]
        if not turning:
            break
        above = [PARENTS[joint] for joint in turning]
        child = [CHILDREN[joint] for joint in turning]
        turned = chain[:, above]
        reached[:, turning] = reached[:, above] + (turned @ rest_bones[:, turning, :, None])[..., 0]
        bone, seen = rest_bones[:, child], bones[:, child]
        if naive:
            target = seen
        else:
            target = aims[:, child] - reached[:, turning]
            rescaled = _unit(seen) * bone.norm(dim=-1, keepdim=True)
            missed = (target - rescaled).norm(dim=-1, keepdim=True) > MISSED
            target = torch.where(missed, rescaled, target)
        turn = swing(bone, (turned.mT @ target[..., None])[..., 0], slack)
        turn = turn @ _twist(bone, twists[:, [joint - 1 for joint in turning]])
        rotations[:, turning] = turn
        chain[:, turning] = turned @ turn
    return rotations


def forward(rotations: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    """Positions of a turned skeleton.

    Args:
        rotations: (n, 24, 3, 3) parent-relative.
        rest: (n, 29, 3) positions at rest.

    Returns:
        (n, 29, 3) positions, the root where it is at rest; (n, 24, 3, 3) rotations relative to the outside.
    """
    bones = offsets(rest)
    chain = torch.empty_like(rotations)
    chain[:, 0] = rotations[:, 0]
    positions = torch.empty_like(rest)
    positions[:, 0] = rest[:, 0]
    for level in LEVELS[1:]:
        above = [PARENTS[joint] for joint in level]
        positions[:, level] = positions[:, above] + (chain[:, above] @ bones[:, level, :, None])[..., 0]
        turning = [joint for joint in level if joint not in LEAVES]
        if turning:
            chain[:, turning] = chain[:, [PARENTS[joint] for joint in turning]] @ rotations[:, turning]
    return positions, chain
