"""Analytic inverse kinematics: from the positions of SMPL's 24 joints to parent-relative rotations.

Positions fix the swing of every bone but not its twist. Twists are inferred from bending planes, feet, head
and hands, and kept within what people's joints can do (`hybrik_runner.blazepose.joint_limits`). The frame is
that of `popdanceset.motion.forward_kinematics`, whose inverse this is; so is the layout, components first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose import joint_limits
from popdanceset.motion.forward_kinematics import chunks, global_rotations, unchained
from popdanceset.rotations import arrays
from popdanceset.rotations.component_arrays import (
    components_first,
    compose,
    cross,
    dot,
    frame,
    frames_first,
    inverse,
    nearest_rotation,
    norm,
    normalise,
    reject,
    rotate,
    rotation_about,
    swing,
    swing_twist,
    twist_angle,
)
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS

Floats = NDArray[np.float64]

_PARENTS = np.maximum(np.array(SMPL_PARENTS), 0)

LIMBS = ((16, 18, 20), (17, 19, 21), (1, 4, 7), (2, 5, 8))
"""Left arm, right arm, left leg, right leg: the joint above, the hinge, the joint below."""

_UPPER, _HINGE, _LOWER = np.array(LIMBS).T
_TIPS = np.array([22, 23, 10, 11])
_TWISTS = [
    joint_limits.SHOULDER,
    joint_limits.SHOULDER.mirrored(),
    joint_limits.HIP,
    joint_limits.HIP.mirrored(),
]
_FOREARMS = [joint_limits.FOREARM, joint_limits.FOREARM.mirrored()]

_BENT = (0.2, 0.45)
"""Sines of the hinge angle between which trust moves from the inferred plane to the bending plane."""

_HINGED = np.cos(np.radians(25))
"""SMPL's limbs are bent by up to 9° out of the hinges' planes at rest, and the filter of twists blurs."""

_REST = SMPL_OFFSETS.T[..., None]
"""(3, 24, 1) bones at rest."""
_REST_UNIT = normalise(_REST)
_HINGES = np.array([[0.0, -1, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]]).T[..., None]
"""(3, 4, 1) axes of the hinges in the rest pose: elbows bring the forearm forward, knees the shin back."""
_FROM_LIMB = inverse(frame(_REST[:, _HINGE], _HINGES))
_FROM_FOOT = rotate(
    inverse(frame(_REST[:, _HINGE[2:]], cross(_REST[:, _TIPS[2:]], _REST[:, _HINGE[2:]]))),
    _HINGES[:, 2:],
)
"""(3, 2, 1) the knees' axes in the frames of thigh and foot; in the rest pose the toes point outwards."""


def inverse_kinematics(
    joints: Floats,
    head: Floats | None = None,
    hands: Floats | None = None,
    twist_filter: Callable[[Floats], Floats] | None = None,
) -> Floats:
    """Rotations whose forward kinematics meet the joints if the bones have the skeleton's proportions.

    Root and chest are rigid triples of joints, aligned by least squares. Every other bone is swung by the
    smallest rotation from its parent's frame. Twists, which positions do not determine, are distributed and
    kept within the joints' ranges of motion: the spine's twist evenly over belly and spine joint; half of the
    head's to the neck; upper arms and thighs are twisted so that elbow and knee are hinges wherever they are
    bent, and thighs otherwise follow the foot; the hand's twist evenly over elbow and wrist, because the two
    bones of the forearm wind round each other.

    Args:
        joints: (n, 24, 3) positions, any unit.
        head: (n, 3, 3) the head's orientation in the same frame, if it is known; else it follows the neck.
        hands: (n, 2, 3, 3) the hands' orientations, left and right, if they are known: only their twist about
            the forearm counts; else forearms stay in the middle between pronation and supination.
        twist_filter: filters in time the twists (n,) of upper arms, thighs and forearms, radians; it cannot
            move a joint.

    Returns:
        (n, 24, 3, 3) parent-relative rotation matrices. Twists about ankles and collars, and the rotations of
        toes and hands, are those of the parent.
    """
    out = np.empty((len(joints), 24, 3, 3))
    # A filter in time needs all frames at once.
    for part in chunks(len(joints)) if twist_filter is None else [slice(None)]:
        rotations = _inverse_kinematics(
            np.ascontiguousarray(np.asarray(joints[part], np.float64).transpose(2, 1, 0)),
            None if head is None else components_first(head[part]),
            None if hands is None else components_first(hands[part]),
            twist_filter,
        )
        out[part] = frames_first(rotations)
    return out


def _inverse_kinematics(
    joints: Floats,
    head: Floats | None,
    hands: Floats | None,
    twist_filter: Callable[[Floats], Floats] | None,
) -> Floats:
    """The same with components first: (3, 24, n), (3, 3, n) and (3, 3, 2, n) → (3, 3, 24, n)."""
    bones = joints - joints[:, _PARENTS]
    # Relative to the outer frame until the end.
    turns = np.empty((3, 3, *bones.shape[1:]))

    for trunk, corners in ((0, slice(1, 4)), (9, slice(12, 15))):
        seen, rest = bones[:, None, corners], _REST[None, :, corners]
        turns[:, :, trunk] = nearest_rotation((seen * rest).sum(2))
    belly = swing(turns[:, :, 0], _REST[:, 6], bones[:, 6])
    spine = swing(belly, _REST[:, 9], bones[:, 9])
    share = twist_angle(compose(inverse(spine), turns[:, :, 9]), _REST_UNIT[:, 9]) / 3
    turns[:, :, 3] = compose(belly, rotation_about(_REST_UNIT[:, 6], share))
    turns[:, :, 6] = compose(spine, rotation_about(_REST_UNIT[:, 9], 2 * share))

    neck = swing(turns[:, :, 9], _REST[:, 15], bones[:, 15])
    if head is None:
        turns[:, :, 12] = turns[:, :, 15] = neck
    else:
        turns[:, :, 15], twist = _limited_head(neck, head)
        turns[:, :, 12] = compose(neck, rotation_about(_REST_UNIT[:, 15], twist / 2))

    collars, shoulders = np.array([13, 14]), np.array([16, 17])
    turns[:, :, collars] = swing(turns[:, :, [9]], _REST[:, shoulders], bones[:, shoulders])

    upper, hinge = bones[:, _HINGE], bones[:, _LOWER]
    base = swing(turns[:, :, _PARENTS[_UPPER]], _REST[:, _HINGE], upper)
    neutral = rotate(base, _HINGES)
    fallback = neutral.copy()
    fallback[:, 2:] = _knee_axis(upper[:, 2:], bones[:, _TIPS[2:]], neutral[:, 2:])
    axis = _limited_axis(_bending_axis(upper, hinge, fallback), neutral, upper, twist_filter)
    turns[:, :, _UPPER] = compose(frame(upper, axis), _FROM_LIMB)
    lower = swing(turns[:, :, _UPPER], _REST[:, _LOWER], hinge)
    turns[:, :, _HINGE] = lower
    if hands is not None:
        forearm = _REST_UNIT[:, _LOWER[:2]]
        angle = twist_angle(compose(inverse(lower[:, :, :2]), hands), forearm)
        limited = [limit.keep(each) for limit, each in zip(_FOREARMS, angle, strict=True)]
        angle = np.stack(limited if twist_filter is None else [twist_filter(each) for each in limited])
        turns[:, :, _HINGE[:2]] = compose(lower[:, :, :2], rotation_about(forearm, angle / 2))
        lower[:, :, :2] = compose(lower[:, :, :2], rotation_about(forearm, angle))
    turns[:, :, _LOWER] = turns[:, :, _TIPS] = swing(lower, _REST[:, _TIPS], bones[:, _TIPS])
    return unchained(turns)


def bending(joints: Floats) -> Floats:
    """How far the bending planes of the limbs can be trusted: 0 for a straight limb, 1 for a bent one.

    Args:
        joints: (n, 24, 3) positions.

    Returns:
        (n, 4) in the order of `LIMBS`.
    """
    upper = arrays.normalise(joints[:, _HINGE] - joints[:, _UPPER])
    lower = arrays.normalise(joints[:, _LOWER] - joints[:, _HINGE])
    return _trust(np.linalg.norm(np.cross(upper, lower), axis=-1))


def hinged(joints: Floats, rotations: Floats) -> NDArray[np.bool_]:
    """Whether bent limbs bend about their hinges. They do not where the upper joint cannot turn that far, or
    where the limb seems to bend backwards.

    Args:
        joints: (n, 24, 3) positions.
        rotations: (n, 24, 3, 3) parent-relative, of `inverse_kinematics`.

    Returns:
        (n, 4) in the order of `LIMBS`.
    """
    upper, lower = joints[:, _HINGE] - joints[:, _UPPER], joints[:, _LOWER] - joints[:, _HINGE]
    normal = arrays.normalise(np.cross(upper, lower))
    axis = np.einsum("nkab,bk->nka", global_rotations(rotations)[:, _UPPER], _HINGES[..., 0])
    aligned: NDArray[np.bool_] = (normal * axis).sum(-1) > _HINGED
    return aligned


def _limited_head(neck: Floats, head: Floats) -> tuple[Floats, Floats]:
    """(3, 3, n) the head's orientation within the range of motion from the neck's, and (n,) its twist."""
    local = compose(inverse(neck), head)
    along = np.broadcast_to(_REST_UNIT[:, 15], local.shape[1:])
    bend, twist = swing_twist(local, along)
    bent = rotate(bend, along)
    axis = normalise(cross(along, bent))
    angle = np.minimum(np.arctan2(norm(cross(along, bent)), dot(along, bent)), joint_limits.HEAD_BENDING)
    twist = joint_limits.HEAD.keep(twist)
    limited = compose(rotation_about(axis, angle), rotation_about(along, twist))
    return compose(neck, limited), twist


def _trust(sine: Floats) -> Floats:
    low, high = _BENT
    share = np.clip((sine - low) / (high - low), 0, 1)
    trust: Floats = share * share * (3 - 2 * share)
    return trust


def _mixed(normal: Floats, axis: Floats, fallback: Floats, bone: Floats) -> Floats:
    """(3, k, n) an axis, trusted as far as the normal (3, k, n) that it comes from is long, else the
    fallback."""
    trust = _trust(norm(normal))
    mixed = trust * normalise(axis) + (1 - trust) * normalise(reject(fallback, normalise(bone)))
    # Exactly opposite hints cancel out; the limb is then bent enough to believe what is seen.
    return np.where(norm(mixed) < 1e-6, axis, mixed)


def _bending_axis(upper: Floats, lower: Floats, fallback: Floats) -> Floats:
    """(3, 4, n) hinge axes from the bending plane, blending into the fallback where the limb is straight."""
    normal = cross(normalise(upper), normalise(lower))
    return _mixed(normal, normal, fallback, upper)


def _knee_axis(thigh: Floats, foot: Floats, fallback: Floats) -> Floats:
    """(3, 2, n) knee axes from where the foot points, for legs too straight to show a bending plane."""
    normal = cross(normalise(foot), normalise(thigh))
    axis = reject(rotate(frame(thigh, normal), _FROM_FOOT), normalise(thigh))
    return _mixed(normal, axis, fallback, thigh)


def _limited_axis(
    axis: Floats, neutral: Floats, bone: Floats, twist_filter: Callable[[Floats], Floats] | None
) -> Floats:
    """(3, 4, n) axes whose angles about the bone, counted from the neutral ones, are within the limbs' ranges
    and filtered."""
    around = frame(bone, neutral)
    angles = np.arctan2(dot(axis, around[:, 2]), dot(axis, around[:, 1]))
    limited = [limit.keep(angle) for limit, angle in zip(_TWISTS, angles, strict=True)]
    angle = np.stack(limited if twist_filter is None else [twist_filter(each) for each in limited])
    result: Floats = np.cos(angle) * around[:, 1] + np.sin(angle) * around[:, 2]
    return result
