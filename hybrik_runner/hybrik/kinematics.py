"""Twist-and-swing inverse kinematics on the SMPL skeleton with leaf joints (Li et al. 2021, section 3).

The skeleton has SMPL's 24 joints and five leaves: top of the head, tips of both hands, of both feet.
Positions are in metres in the camera's axes (x right, y down, z away); only their differences from
the root matter. All functions work on whole batches: the only loop is over the levels of the tree.

Inside, vectors are (3, …) and matrices (3, 3, …) with the frames last. Products of 3 × 3 matrices are
then sums of products of long rows, which run at the speed of memory; frames are taken so many at a time that
the rows stay in the cache.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

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

_BRANCHES = [
    [joint for joint in level if joint < LEAVES.start] for level in LEVELS if level[0] < LEAVES.start
]
"""The levels without the leaves."""
_SORTED = [joint for level in _BRANCHES for joint in level]
_CHUNK = 2048
"""Frames at a time on a CPU: a level's rotations then take some 200 kB."""

MISSED = 0.015
"""Metres. Where the running skeleton misses a predicted joint by more, errors of the joints above are no
longer made good: the bone then takes the direction that was predicted for it."""

_TINY = 1e-8

PUBLISHED_SLACK = 1e-8
"""Square metres that the published code adds to the length of a cross product before dividing by it.
Rotations by nearly half a turn then lack up to some 1e-3 to orthonormality."""

_NEWTON = 20
"""Steps; where the root is a single one a handful is enough, near a double one each halves the error."""


def offsets(joints: Tensor) -> Tensor:
    """(…, 29, 3) positions → (…, 29, 3) bones from each joint's parent, zero for the root."""
    parents = torch.tensor(PARENTS, device=joints.device).clamp_min(0)
    return joints - joints[..., parents, :]


def about(axis: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rodrigues' formula: (3, …) unit axes, (…) cosines and sines → (3, 3, …)."""
    x, y, z = axis.unbind()
    xs, ys, zs = (axis * sine).unbind()
    xl, yl, zl = (axis * (1 - cosine)).unbind()
    xy, xz, yz = x * yl, x * zl, y * zl
    rows = (
        torch.addcmul(cosine, x, xl), xy - zs, xz + ys,
        xy + zs, torch.addcmul(cosine, y, yl), yz - xs,
        xz - ys, yz + xs, torch.addcmul(cosine, z, zl),
    )  # fmt: skip
    return torch.stack(rows).reshape(3, 3, *cosine.shape)


def swing(start: Tensor, end: Tensor, slack: float = 0.0) -> Tensor:
    """The smallest rotation that turns the direction of one vector into another's.

    Args:
        start, end: (3, …), any length. A zero vector gives no rotation; opposite ones half a turn about some
            perpendicular axis.
        slack: shortens the axis of rotation, for comparisons only; see `PUBLISHED_SLACK`.

    Returns:
        (3, 3, …)
    """
    normal = _cross(start, end)
    area = _length(normal)
    cosine, sine = _angle(_dot(start, end), area)
    axis = normal / (area + slack).clamp_min(torch.finfo(area.dtype).tiny)
    turned = (sine <= _TINY) & (cosine < 0)
    if turned.any():
        axis = torch.where(turned, _across(start), axis)
    return about(axis, cosine, sine)


def register(start: Tensor, end: Tensor) -> Tensor:
    """The rotation that carries vectors closest to others in the sense of least squares.

    Solved in closed form but for the largest root of a quartic, which Newton's method approaches from above
    (Markley, "Attitude Determination Using Vector Observations: A Fast Optimal Matrix Algorithm", Journal of
    the Astronautical Sciences 41, 1993). In double precision.

    Args:
        start, end: (3, k, …).

    Returns:
        (3, 3, …), determinant 1; no rotation where the vectors determine none.
    """
    first, second = start.double(), end.double()
    profile = (second[:, None] * first[None]).sum(2)
    size = (profile * profile).sum((0, 1)).sqrt()
    known = size > _TINY**2
    profile = profile / torch.where(known, size, 1.0)
    cofactors = _cofactors(profile)
    volume = (profile[0] * cofactors[0]).sum(0)
    minors = (cofactors * cofactors).sum((0, 1))
    # The sum of the singular values, the smallest with the determinant's sign; their squares sum up to one.
    root = torch.full_like(volume, 3**0.5)
    for _ in range(_NEWTON):
        square = root * root - 1
        slope = 4 * (square * root - 2 * volume)
        root = root - (square * square - 8 * volume * root - 4 * minors) / slope.clamp_min(1e-9)
    shared = (root * root - 1) / 2
    scale = shared * root - volume
    known = known & (scale > 1e-12)
    third = _product(_product(profile, profile.transpose(0, 1)), profile)
    turn = ((shared + 1) * profile + root * cofactors - third) / torch.where(known, scale, 1.0)
    eye = torch.eye(3, dtype=turn.dtype, device=turn.device).reshape(3, 3, *(1,) * known.ndim)
    return torch.where(known, turn, eye).to(start.dtype)


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
    size = _CHUNK if joints.device.type == "cpu" else max(len(joints), 1)
    parts = [
        _inverse(_rows(seen), _rows(still), _rows(turns), naive, slack)
        for seen, still, turns in zip(
            torch.split(joints, size), torch.split(rest, size), torch.split(twists, size), strict=True
        )
    ]
    return torch.cat(parts)


def _inverse(joints: Tensor, rest: Tensor, twists: Tensor, naive: bool, slack: float) -> Tensor:
    """The same for (3, 29, n), (3, 29, n) and (2, 23, n)."""
    parents = _numbers((0, *PARENTS[1:]), joints.device)
    bones, rest_bones = joints - joints.index_select(1, parents), rest - rest.index_select(1, parents)
    aims = joints - joints[:, :1]
    hips = slice(1, 4)
    root = (
        _spine_and_hips(rest_bones, bones, slack) if naive else register(rest_bones[:, hips], bones[:, hips])
    )
    # Levels, not joints, are looped over; joints of one level depend on the level before only.
    chain, reached = root[:, :, None], torch.zeros_like(aims[:, :1])
    turns = [chain]
    for before, level in pairwise(_BRANCHES):
        above = _numbers(tuple(before.index(PARENTS[joint]) for joint in level), joints.device)
        own = _numbers(tuple(level), joints.device)
        child = _numbers(tuple(CHILDREN[joint] for joint in level), joints.device)
        chain, reached = chain.index_select(2, above), reached.index_select(1, above)
        reached = reached + _turned(chain, rest_bones.index_select(1, own))
        bone, seen = rest_bones.index_select(1, child), bones.index_select(1, child)
        length = _length(bone)
        if naive:
            target = seen
        else:
            target = aims.index_select(1, child) - reached
            rescaled = seen * (length / _length(seen).clamp_min(_TINY))
            missed = _length(target - rescaled) > MISSED
            target = torch.where(missed, rescaled, target)
        twist = twists.index_select(1, own - 1)
        cosine, sine = (twist / _length(twist).clamp_min(_TINY)).unbind()
        turn = swing(bone, _turned(chain.transpose(0, 1), target), slack)
        turn = _product(turn, about(bone / length.clamp_min(_TINY), cosine, sine))
        chain = _product(chain, turn)
        turns.append(turn)
    order = _numbers(tuple(_SORTED.index(joint) for joint in range(LEAVES.start)), joints.device)
    return torch.cat(turns, dim=2).index_select(2, order).permute(3, 2, 0, 1).contiguous()


def forward(rotations: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    """Positions of a turned skeleton.

    Args:
        rotations: (n, 24, 3, 3) parent-relative.
        rest: (n, 29, 3) positions at rest.

    Returns:
        (n, 29, 3) positions, the root where it is at rest; (n, 24, 3, 3) rotations relative to the outside.
    """
    size = _CHUNK if rotations.device.type == "cpu" else max(len(rotations), 1)
    parts = [
        _forward(turns.permute(2, 3, 1, 0).contiguous(), _rows(place))
        for turns, place in zip(torch.split(rotations, size), torch.split(rest, size), strict=True)
    ]
    positions, chains = zip(*parts, strict=True)
    return torch.cat(positions), torch.cat(chains)


def _forward(rotations: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    """The same for (3, 3, 24, n) and (3, 29, n)."""
    bones = rest - rest[:, _numbers((0, *PARENTS[1:]), rest.device)]
    chain, place = rotations[:, :, :1], rest[:, :1]
    chains, places, before = [chain], [place], LEVELS[0]
    for level in LEVELS[1:]:
        above = _numbers(tuple(before.index(PARENTS[joint]) for joint in level), rest.device)
        own = _numbers(tuple(level), rest.device)
        turned = chain.index_select(2, above)
        place = place.index_select(1, above) + _turned(turned, bones.index_select(1, own))
        places.append(place)
        before = level
        # The turning joints of a level come first, so those of the next find their parents by number.
        turning = own[: sum(joint < LEAVES.start for joint in level)]
        chain = _product(turned[:, :, : len(turning)], rotations.index_select(2, turning))
        chains.append(chain)
    order = [joint for level in LEVELS for joint in level]
    all_joints = _numbers(tuple(order.index(joint) for joint in range(len(order))), rest.device)
    branches = _numbers(tuple(_SORTED.index(joint) for joint in range(LEAVES.start)), rest.device)
    return (
        torch.cat(places, dim=1).index_select(1, all_joints).permute(2, 1, 0).contiguous(),
        torch.cat(chains, dim=2).index_select(2, branches).permute(3, 2, 0, 1).contiguous(),
    )


def _angle(along: Tensor, across: Tensor) -> tuple[Tensor, Tensor]:
    """(…) cosine and sine of the angle between vectors with this dot and this cross product; of no vectors,
    those of no angle."""
    # Made one again: rounding must not leave a matrix less than orthonormal.
    size = torch.hypot(along, across)
    known = size > _TINY**2
    size = torch.where(known, size, 1.0)
    return torch.where(known, along / size, 1.0), across / size


def _spine_and_hips(rest: Tensor, bones: Tensor, slack: float) -> Tensor:
    """(3, 3, n) rotation of the root that meets the spine's bone, then the mean of the hips as it can."""
    lean = swing(rest[:, 3], bones[:, 3], slack)
    spine = bones[:, 3] / _length(bones[:, 3]).clamp_min(_TINY)

    def beside_spine(vector: Tensor) -> Tensor:
        return vector - _dot(vector, spine) * spine

    before = beside_spine(_turned(lean, rest[:, 1:3].mean(1)))
    after = beside_spine(bones[:, 1:3].mean(1))
    if slack:
        return _product(swing(before, after, slack), lean)
    # Both are perpendicular to the spine, so the axis is known, also where they are opposite.
    cosine, sine = _angle(_dot(before, after), _dot(_cross(before, after), spine))
    return _product(about(spine, cosine, sine), lean)


def _rows(values: Tensor) -> Tensor:
    """(n, k, c) → (c, k, n)"""
    return values.permute(2, 1, 0).contiguous()


@cache
def _numbers(numbers: tuple[int, ...], device: torch.device) -> Tensor:
    """Numbers of joints, made once: a list would be copied to the device at every use."""
    # They outlive the call, which may be one without gradients; later ones may want some.
    with torch.inference_mode(False):
        return torch.tensor(numbers, device=device)


def _product(first: Tensor, second: Tensor) -> Tensor:
    """Matrices (3, 3, …) times matrices (3, 3, …)."""
    result = first[:, 0, None] * second[0]
    result = torch.addcmul(result, first[:, 1, None], second[1])
    return torch.addcmul(result, first[:, 2, None], second[2])


def _turned(matrix: Tensor, vector: Tensor) -> Tensor:
    """Matrices (3, 3, …) times vectors (3, …)."""
    result = matrix[:, 0] * vector[0]
    result = torch.addcmul(result, matrix[:, 1], vector[1])
    return torch.addcmul(result, matrix[:, 2], vector[2])


def _cross(first: Tensor, second: Tensor) -> Tensor:
    (x, y, z), (u, v, w) = first.unbind(), second.unbind()
    return torch.stack((y * w - z * v, z * u - x * w, x * v - y * u))


def _dot(first: Tensor, second: Tensor) -> Tensor:
    return (first * second).sum(0)


def _length(vector: Tensor) -> Tensor:
    return _dot(vector, vector).sqrt()


def _cofactors(matrix: Tensor) -> Tensor:
    """(3, 3, …): each entry's minor with its sign."""
    a, b, c = matrix
    return torch.stack((_cross(b, c), _cross(c, a), _cross(a, b)))


def _across(vector: Tensor) -> Tensor:
    """Some unit vector perpendicular to each (3, …) vector."""
    smallest = torch.nn.functional.one_hot(vector.abs().argmin(0), 3).movedim(-1, 0).to(vector.dtype)
    normal = _cross(vector, smallest)
    return normal / _length(normal).clamp_min(_TINY)
