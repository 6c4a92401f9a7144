"""Forward kinematics of the SMPL skeleton, and the analytic way back from joint positions to rotations.

Positions and global rotations share one frame, any; the root's rotation leads from the rest pose into it
(in the world of a release, z up, a standing dancer who faces the camera has +90° about x). All functions
work on whole clips.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS, levels

Floats = NDArray[np.float64]

_PARENTS = np.array(SMPL_PARENTS)
_LEVELS = [np.array(level) for level in levels()]

LIMBS = ((16, 18, 20), (17, 19, 21), (1, 4, 7), (2, 5, 8))
"""Left arm, right arm, left leg, right leg: the joint above, the hinge, the joint below."""

_HINGES = np.array([[0.0, -1, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]])
"""Axes of the hinges in the rest pose: elbows bring the forearm forward, knees the shin back."""

_TWISTS = np.radians([100.0, 100.0, 60.0, 60.0])
"""How far each limb's twist may stray from that of the smallest swing.

Hips turn about the thigh by some 40° outwards and 35° inwards (Kouyoumdjian et al., "Clinical
evaluation of hip joint rotation range of motion in adults", 2012: 41.8° and 35.2° lying prone), shoulders
about the upper arm by 90° outwards (norm of the American Academy of Orthopaedic Surgeons). The rest is room
for the smallest swing not being the neutral one.
"""

_BENT = (0.2, 0.45)
"""Sines of the hinge angle between which the bending plane gains trust over the inferred one."""


def forward(rotations: Floats, scale: float | Floats = 1.0) -> Floats:
    """Joint positions of poses.

    Args:
        rotations: (n, 24, 3, 3) parent-relative rotation matrices.
        scale: of the mean SMPL skeleton, one or (n,).

    Returns:
        (n, 24, 3) metres, relative to the root.
    """
    turned = global_rotations(rotations)
    offsets = np.asarray(scale, np.float64).reshape(-1, 1, 1) * SMPL_OFFSETS
    positions = np.zeros((*turned.shape[:2], 3))
    for level in _LEVELS[1:]:
        above = _PARENTS[level]
        bones = np.broadcast_to(offsets[:, level], (len(turned), len(level), 3))
        positions[:, level] = positions[:, above] + np.einsum("njab,njb->nja", turned[:, above], bones)
    return positions


def global_rotations(rotations: Floats) -> Floats:
    """(n, 24, 3, 3) parent-relative → (n, 24, 3, 3) relative to the outer frame."""
    turned = np.array(rotations, np.float64)
    for level in _LEVELS[1:]:
        turned[:, level] = turned[:, _PARENTS[level]] @ turned[:, level]
    return turned


def local_rotations(turned: Floats) -> Floats:
    """(n, 24, 3, 3) relative to the outer frame → (n, 24, 3, 3) parent-relative."""
    rotations = np.array(turned, np.float64)
    rotations[:, 1:] = np.swapaxes(turned[:, _PARENTS[1:]], -1, -2) @ turned[:, 1:]
    return rotations


def inverse(
    joints: Floats, head: Floats | None = None, calm: Callable[[Floats], Floats] | None = None
) -> Floats:
    """Rotations whose forward kinematics meet the joints, if the bones have the skeleton's proportions.

    Root and chest are rigid triples of joints, registered by singular values (Kabsch 1976). Every other
    bone is swung by the smallest rotation from its parent's frame. Twists, which positions do not tell, are
    shared out: the spine's evenly between belly and spine joint, half of the head's to the neck; upper arms
    and thighs are twisted so that elbow and knee are hinges wherever they are bent, thighs otherwise as the
    foot points.

    Args:
        joints: (n, 24, 3) positions, any unit.
        head: (n, 3, 3) the head's orientation in the same frame, if it is known; else it follows the neck.
        calm: filter in time for the twists (n,) of upper arms and thighs, radians; it cannot move a joint.

    Returns:
        (n, 24, 3, 3) parent-relative rotation matrices. Twists about wrists, ankles and collars, and the
        rotations of toes and hands, are those of the parent.
    """
    bones = joints - joints[:, np.maximum(_PARENTS, 0)]
    turned = np.empty((len(joints), 24, 3, 3))

    def swung(joint: int, parent: int, child: int) -> Floats:
        return _swing(turned[:, parent], SMPL_OFFSETS[child], bones[:, child])

    turned[:, 0] = _register(SMPL_OFFSETS[[1, 2, 3]], bones[:, [1, 2, 3]])
    turned[:, 9] = _register(SMPL_OFFSETS[[12, 13, 14]], bones[:, [12, 13, 14]])
    turned[:, 3] = swung(3, 0, 6)
    turned[:, 6] = swung(6, 3, 9)
    twist = twist_angle(_between(turned[:, 6], turned[:, 9]), SMPL_OFFSETS[9])
    turned[:, 3] = turned[:, 3] @ about(SMPL_OFFSETS[6], twist / 3)
    turned[:, 6] = turned[:, 6] @ about(SMPL_OFFSETS[9], twist * 2 / 3)

    turned[:, 12] = swung(12, 9, 15)
    if head is None:
        turned[:, 15] = turned[:, 12]
    else:
        twist = twist_angle(_between(turned[:, 12], head), SMPL_OFFSETS[15])
        turned[:, 12] = turned[:, 12] @ about(SMPL_OFFSETS[15], twist / 2)
        turned[:, 15] = head

    for collar, shoulder in ((13, 16), (14, 17)):
        turned[:, collar] = swung(collar, 9, shoulder)
    for (above, hinge, below), rest_axis, limit in zip(LIMBS, _HINGES, _TWISTS, strict=True):
        parent = SMPL_PARENTS[above]
        base = swung(above, parent, hinge)
        neutral = fallback = base @ rest_axis
        if above in (1, 2):
            toes = SMPL_PARENTS.index(below)
            normal = np.cross(SMPL_OFFSETS[toes], SMPL_OFFSETS[hinge])
            seen_from_foot = _frame(SMPL_OFFSETS[hinge], normal).T @ rest_axis
            fallback = _knee_axis(bones[:, hinge], bones[:, toes], seen_from_foot, fallback)
        axis = _bending_axis(bones[:, hinge], bones[:, below], fallback)
        axis = _within(axis, neutral, bones[:, hinge], limit, calm)
        turned[:, above] = _frame(bones[:, hinge], axis) @ _frame(SMPL_OFFSETS[hinge], rest_axis).T
        turned[:, hinge] = swung(hinge, above, below)
        tip = SMPL_PARENTS.index(below)
        turned[:, below] = swung(below, hinge, tip)
        turned[:, tip] = turned[:, below]
    return local_rotations(turned)


def bending(joints: Floats) -> Floats:
    """How far the bending planes of the limbs can be trusted: 0 for a straight limb, 1 for a bent one.

    Args:
        joints: (n, 24, 3) positions.

    Returns:
        (n, 4) in the order of `LIMBS`.
    """
    above, hinge, below = np.array(LIMBS).T
    normal = np.cross(unit(joints[:, hinge] - joints[:, above]), unit(joints[:, below] - joints[:, hinge]))
    return _trust(np.linalg.norm(normal, axis=-1))


def unit(vectors: Floats) -> Floats:
    """(…, 3) vectors of length 1; a zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Floats = vectors / np.maximum(length, 1e-12)
    return result


def about(axis: Floats, angle: Floats) -> Floats:
    """(n, 3, 3) rotations about one axis (3,) by angles (n,), radians (Rodrigues)."""
    x, y, z = unit(np.asarray(axis, np.float64))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    sin, cos = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    result: Floats = np.eye(3) + sin * cross + (1 - cos) * (cross @ cross)
    return result


def twist_angle(rotations: Floats, axis: Floats) -> Floats:
    """(n,) the part of rotations (n, 3, 3) about an axis (3,), radians: swing–twist decomposition."""
    x, y, z = unit(np.asarray(axis, np.float64))
    skew = np.stack(
        [
            rotations[:, 2, 1] - rotations[:, 1, 2],
            rotations[:, 0, 2] - rotations[:, 2, 0],
            rotations[:, 1, 0] - rotations[:, 0, 1],
        ],
        axis=1,
    )
    # Both numbers are the quaternion's, times 4 w.
    trace = np.trace(rotations, axis1=1, axis2=2)
    angle: Floats = 2 * np.arctan2(skew @ [x, y, z], 1 + trace)
    return angle


def rotation_between(start: Floats, end: Floats) -> Floats:
    """Smallest rotations that turn vectors (n, 3) into the directions of others (n, 3).

    Opposite vectors are turned about some axis across; zero vectors not at all.
    """
    start, end = unit(start), unit(end)
    axis = np.cross(start, end)
    cos = np.einsum("na,na->n", start, end)
    across = np.cross(start, np.eye(3)[np.abs(start).argmin(1)])
    opposite = cos < -1 + 1e-9
    cross = np.zeros((len(start), 3, 3))
    cross[:, [0, 1, 2], [1, 2, 0]] = -axis[:, [2, 0, 1]]
    cross[:, [1, 2, 0], [0, 1, 2]] = axis[:, [2, 0, 1]]
    result: Floats = np.eye(3) + cross + cross @ cross / np.maximum(1 + cos, 1e-9)[:, None, None]
    half_turn = unit(across)
    result[opposite] = 2 * half_turn[opposite, :, None] * half_turn[opposite, None, :] - np.eye(3)
    return result


def _swing(parent: Floats, rest: Floats, bone: Floats) -> Floats:
    """Orientation that brings the rest bone onto the bone by the smallest turn from the parent's."""
    turned: Floats = rotation_between(parent @ rest, bone) @ parent
    return turned


def _register(rest: Floats, found: Floats) -> Floats:
    """(n, 3, 3) rotations that bring rest vectors (k, 3) closest to found ones (n, k, 3)."""
    left, _, right = np.linalg.svd(np.einsum("nka,kb->nab", found, rest))
    left[:, :, 2] *= np.sign(np.linalg.det(left) * np.linalg.det(right))[:, None]
    product: Floats = left @ right
    return product


def _between(start: Floats, end: Floats) -> Floats:
    turn: Floats = np.swapaxes(start, 1, 2) @ end
    return turn


def _frame(bone: Floats, axis: Floats) -> Floats:
    """(…, 3, 3) rotations with columns along the bone, along the axis' part across it, and across both."""
    first = unit(np.asarray(bone, np.float64))
    second = unit(axis - (axis * first).sum(-1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def _trust(sine: Floats) -> Floats:
    low, high = _BENT
    share = np.clip((sine - low) / (high - low), 0, 1)
    trust: Floats = share * share * (3 - 2 * share)
    return trust


def _bending_axis(upper: Floats, lower: Floats, fallback: Floats) -> Floats:
    """(n, 3) hinge axes from the bending plane, going over to the fallback where the limb is straight."""
    normal = np.cross(unit(upper), unit(lower))
    trust = _trust(np.linalg.norm(normal, axis=1))[:, None]
    mixed = trust * unit(normal) + (1 - trust) * unit(_across(fallback, upper))
    # Exactly opposite hints cancel out; the limb is then bent enough to believe what is seen.
    cancelled = np.linalg.norm(mixed, axis=1, keepdims=True) < 1e-6
    return np.where(cancelled, normal, mixed)


def _within(
    axis: Floats, neutral: Floats, bone: Floats, limit: float, calm: Callable[[Floats], Floats] | None
) -> Floats:
    """(n, 3) axes that stay within an angle about the bone from the neutral one, the angle calmed in time.

    Beyond it the angle falls again, to nothing at half a turn: a hinge that seems to bend backwards is a
    straight one badly seen. So the axis never jumps.
    """
    frame = _frame(bone, neutral)
    angle = np.arctan2((axis * frame[..., 2]).sum(1), (axis * frame[..., 1]).sum(1))
    over = limit * (np.pi - np.abs(angle)) / (np.pi - limit)
    angle = np.sign(angle) * np.minimum(np.abs(angle), over)
    if calm is not None:
        angle = calm(angle)
    turned: Floats = np.cos(angle)[:, None] * frame[..., 1] + np.sin(angle)[:, None] * frame[..., 2]
    return turned


def _knee_axis(thigh: Floats, foot: Floats, in_frame: Floats, fallback: Floats) -> Floats:
    """(n, 3) knee axes from where the foot points, for legs too straight to show a bending plane.

    `in_frame` (3,) is the axis in the frame of thigh and foot, for in the rest pose toes point outwards.
    """
    normal = np.cross(unit(foot), unit(thigh))
    trust = _trust(np.linalg.norm(normal, axis=1))[:, None]
    axis = _across(_frame(thigh, normal) @ in_frame, thigh)
    mixed = trust * unit(axis) + (1 - trust) * unit(_across(fallback, thigh))
    cancelled = np.linalg.norm(mixed, axis=1, keepdims=True) < 1e-6
    return np.where(cancelled, axis, mixed)


def _across(vector: Floats, bone: Floats) -> Floats:
    direction = unit(bone)
    result: Floats = vector - (vector * direction).sum(-1, keepdims=True) * direction
    return result
