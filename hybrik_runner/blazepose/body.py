"""From BlazePose's landmarks to the joints of an SMPL skeleton with constant bones.

BlazePose locates shoulders, elbows, hips and so on in metres whose scale varies from frame to frame. Here
they become directions, and the SMPL skeleton, scaled once for the clip, is fitted along them. World axes
throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.poses.camera import Calibration, locate
from hybrik_runner.poses.sides import Pairs
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.rotations.arrays import normalise, slerp
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS

Floats = NDArray[np.float64]

# BlazePose's indices, left and right
NOSE, EARS, SHOULDERS, ELBOWS, WRISTS = 0, (7, 8), (11, 12), (13, 14), (15, 16)
LITTLE_FINGERS, FOREFINGERS = (17, 18), (19, 20)
HIPS, KNEES, ANKLES, TOES = (23, 24), (25, 26), (27, 28), (31, 32)

LIMB_LANDMARKS = np.array([*SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES])
"""The landmarks of `popdanceset.skeleton.LIMB_JOINTS`, in that order."""

SIDES: dict[str, Pairs] = {
    "trunk": ((11, 12), (23, 24)),
    "arms": ((13, 14), (15, 16), (17, 18), (19, 20), (21, 22)),
    "legs": ((25, 26), (27, 28), (29, 30), (31, 32)),
}
"""Left and right landmarks that decide whether they were exchanged."""
ALL_SIDES = {**SIDES, "trunk": (*SIDES["trunk"], (1, 4), (2, 5), (3, 6), (7, 8), (9, 10))}
"""The face goes with the trunk."""

_MEASURED = (
    (SHOULDERS, ELBOWS, (18, 19)), (ELBOWS, WRISTS, (20, 21)), (HIPS, KNEES, (4, 5)), (KNEES, ANKLES, (7, 8)),
)  # fmt: skip
_REST = forward_kinematics(np.eye(3)[None, None].repeat(24, 1))[0]
_REST_UP = _REST[[16, 17]].mean(0) - _REST[[1, 2]].mean(0)
_REST_HIPS = _REST[1] - _REST[2]
_REST_SHOULDERS = _REST[16] - _REST[17]
_REST_THUMBS = np.array([0.0, 0, 1])
_LENGTHS = np.linalg.norm(SMPL_OFFSETS, axis=1)


@dataclass(frozen=True, slots=True)
class Body:
    """A skeleton fitted along landmarks.

    Attributes:
        joints: (n, 24, 3) relative to the root, metres; every bone keeps its length.
        head: (n, 3, 3) orientation of the head, world axes.
        hands: (n, 2, 3, 3) orientations of left and right hand.
    """

    joints: Floats
    head: Floats
    hands: Floats


def sharpen(metric: Floats, image: Floats, calibration: Calibration) -> Floats:
    """Moves metric landmarks sideways to where the image shows them.

    The image points come from heat maps and are more accurate across the line of sight; the metric points
    know depth and size. A pinhole camera (`hybrik_runner.poses.camera`) finds the place of each
    frame's body by least squares over shoulders, elbows, wrists, hips, knees and ankles; then every landmark
    is put on the ray through its point in the picture, at the depth it has. Limbs that reach for the camera
    thus lose the length that perspective lends them.

    Args:
        metric: (n, 33, 3) camera axes, metres.
        image: (n, 33, 2) pixels.
        calibration: of the frames.

    Returns:
        (n, 33, 3) camera axes, metres from the middle of the hips.
    """
    weights = np.ones((len(metric), len(LIMB_LANDMARKS)))
    place = locate(metric[:, LIMB_LANDMARKS], image[:, LIMB_LANDMARKS], weights, calibration)
    across = calibration.across(image)
    result = np.array(metric)
    result[..., :2] = across * (metric[..., 2] + place[:, 2:])[..., None] - place[:, None, :2]
    # If all points lie in one spot of the image, they determine no place: only the metric points remain.
    lost = ~np.isfinite(result).all((1, 2)) | (place[:, 2] <= 0)
    result[lost] = metric[lost]
    centred: Floats = result - result[:, HIPS].mean(1, keepdims=True)
    return centred


def skeleton_scale(landmarks: Floats) -> float:
    """Returns the scale of the mean SMPL skeleton that fits a clip: median over the limb bones of their
    median lengths.

    Args:
        landmarks: (n, 33, 3) metres, n ≥ 1.
    """
    joints = [joint for _, _, children in _MEASURED for joint in children]
    ratios = np.median(limb_lengths(landmarks), axis=0) / _LENGTHS[joints]
    return float(np.clip(np.median(ratios), 0.3, 3.0))


def limb_lengths(landmarks: Floats) -> Floats:
    """Returns the lengths (n, 8) of upper arms, forearms, thighs and shanks, left before right.

    Args:
        landmarks: (n, 33, 3) metres.
    """
    bones = [landmarks[:, ends] - landmarks[:, starts] for starts, ends, _ in _MEASURED]
    lengths: Floats = np.linalg.norm(np.concatenate(bones, axis=1), axis=2)
    return lengths


def fit_skeleton(landmarks: Floats, scale: float) -> Body:
    """Fits the SMPL skeleton along landmarks.

    Pelvis and chest are oriented by the line of hips or shoulders together with the trunk's direction; the
    spine turns evenly from one to the other, and the neck lies half-way between chest and head. Collars rest
    in the chest, because landmarks do not distinguish a shrug from a longer trunk. Arms follow the directions
    of their landmarks. Legs reach for where knees and ankles are seen from the middle of the hips, because
    SMPL's hip joints lie much closer together than BlazePose's.

    Args:
        landmarks: (n, 33, 3) world axes, metres.
        scale: scale of the mean SMPL skeleton.
    """
    offsets, lengths = SMPL_OFFSETS * scale, _LENGTHS * scale
    shoulders, hips = landmarks[:, SHOULDERS], landmarks[:, HIPS]
    up = shoulders.mean(1) - hips.mean(1)
    pelvis = _orient(up, hips[:, 0] - hips[:, 1], _REST_UP, _REST_HIPS, 0.5)
    chest = _orient(up, shoulders[:, 0] - shoulders[:, 1], _REST_UP, _REST_SHOULDERS, 1.0)
    ears = landmarks[:, EARS]
    face = landmarks[:, NOSE] - ears.mean(1)
    head = _orient(face, ears[:, 0] - ears[:, 1], np.array([0.0, 0, 1]), np.array([1.0, 0, 0]), 1.0)

    trunk = {
        0: pelvis, 3: slerp(pelvis, chest, 1 / 3), 6: slerp(pelvis, chest, 2 / 3), 9: chest,
        12: slerp(chest, head, 0.5), 13: chest, 14: chest,
    }  # fmt: skip
    joints = np.zeros((len(landmarks), 24, 3))
    for child in range(1, 24):
        parent = SMPL_PARENTS[child]
        if parent in trunk:
            joints[:, child] = joints[:, parent] + trunk[parent] @ offsets[child]

    def reach(child: int, direction: Floats) -> None:
        joints[:, child] = joints[:, SMPL_PARENTS[child]] + normalise(direction) * lengths[child]

    hands = []
    from_hips = landmarks - hips.mean(1, keepdims=True) + joints[:, None, [1, 2]].mean(2)
    for side in (0, 1):
        elbow, wrist = landmarks[:, ELBOWS[side]], landmarks[:, WRISTS[side]]
        fingers = landmarks[:, [LITTLE_FINGERS[side], FOREFINGERS[side]]].mean(1)
        reach(18 + side, elbow - shoulders[:, side])
        reach(20 + side, wrist - elbow)
        reach(22 + side, fingers - wrist)
        thumbwards = landmarks[:, FOREFINGERS[side]] - landmarks[:, LITTLE_FINGERS[side]]
        hands.append(_orient(fingers - wrist, thumbwards, SMPL_OFFSETS[22 + side], _REST_THUMBS, 0.0))
        reach(4 + side, from_hips[:, KNEES[side]] - joints[:, 1 + side])
        reach(7 + side, from_hips[:, ANKLES[side]] - joints[:, 4 + side])
        reach(10 + side, landmarks[:, TOES[side]] - landmarks[:, ANKLES[side]])
    return Body(joints, head, np.stack(hands, axis=1))


def _orient(up: Floats, line: Floats, rest_up: Floats, rest_line: Floats, share: float) -> Floats:
    """(n, 3, 3) orientations from two directions: share 0 keeps `up` exactly, 1 keeps `line`."""
    by_up = _axes(up, line) @ _axes(rest_up, rest_line).T
    by_line = _axes(line, up) @ _axes(rest_line, rest_up).T
    if share in (0.0, 1.0):
        return by_line if share else by_up
    return slerp(by_up, by_line, share)


def _axes(first: Floats, second: Floats) -> Floats:
    x = normalise(first)
    y = normalise(second - (second * x).sum(-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)
