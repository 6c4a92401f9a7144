"""Motions under the names that several projects use, without conventions of their own.

Joints as `full_pose`, `joints`, `pred_position`, `3d_pose`, or `joints3d` (relative to the root if there is a
translation); otherwise rotations as `smpl_poses` or `poses` with `smpl_trans`, `trans` or `transl`, which is
divided by `smpl_scaling`, `scaling` or `scale`.
"""

from __future__ import annotations

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.content import Content
from popdanceset.motion.joint_motion import Array
from popdanceset.motion.layouts.base import FPS_NAMES, Published, Recording, per_frame, shaped
from popdanceset.motion.rotations import from_matrices, smpl_poses

JOINTS = ("full_pose", "joints", "pred_position", "3d_pose")
POSES = ("smpl_poses", "poses")
TRANSLATIONS = ("smpl_trans", "trans", "transl")
SCALINGS = ("smpl_scaling", "scaling", "scale")

MORE_JOINTS = {45: 24, 22: 22, 52: 22, 55: 22, 127: 22, 144: 22}
"""Joints in a file → how many of them, from the first, are joints of SMPL (models of the package smplx)."""

WIDTHS = {66: 22, 72: 24, 156: 52, 165: 55}
"""Numbers in a frame of axis-angle vectors → joints: body, SMPL, SMPL-H, SMPL-X."""

NO_TRANSLATION = "rotations without a translation: the root is assumed not to move"


def joints_of(array: Array, content: Content) -> tuple[Array, tuple[str, ...]]:
    """Positions (frames, 24, 3) from those of SMPL or of a larger model, and what was done to them.

    Raises:
        InputError: the shape is that of no such model.
    """
    count = _joint_count(array)
    kept = MORE_JOINTS.get(count, 24)
    found = shaped(array, (count if count in MORE_JOINTS else 24, 3), content)[:, :kept]
    if kept == 24:
        return found, (f"the first 24 of {count} joints are read",) if count in MORE_JOINTS else ()
    first = f"the first 22 of {count} joints are read; " if count > kept else ""
    return with_hands(found), (f"{first}hands are placed in line with the forearms",)


def _joint_count(array: Array) -> int:
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 3 and array.shape[0] * array.shape[1] > 0:
        return int(array.shape[1]) if array.shape[1] != 1 else 0
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    return array.shape[1] // 3 if array.ndim == 2 and array.shape[1] % 3 == 0 else 0


def with_hands(joints: Array) -> Array:
    """Adds the two hands of SMPL to its first 22 joints, in line with the forearms.

    Args:
        joints: (frames, 22, 3).

    Returns:
        (frames, 24, 3).
    """
    from popdanceset.skeleton import SMPL_OFFSETS

    lengths = np.linalg.norm(SMPL_OFFSETS, axis=1)
    forearms = joints[:, 20:22] - joints[:, 18:20]
    hands = joints[:, 20:22] + forearms * (lengths[22:24] / lengths[20:22])[:, None].astype(joints.dtype)
    return np.concatenate([joints, hands], axis=1)


def vectors_of(array: Array, content: Content) -> Array:
    """Axis-angle (frames, 24, 3) from axis-angle vectors or matrices of SMPL, SMPL-H or SMPL-X.

    Raises:
        InputError: the shape is that of no such model.
    """
    found = array
    while found.ndim > 2 and found.shape[0] == 1 and found[0].size not in (*WIDTHS, 216):
        found = found[0]
    width = found[0].size if found.ndim > 1 and len(found) else 0
    if found.ndim > 2 and found.shape[-2:] == (3, 3) and width % 9 == 0 and width // 9 in WIDTHS.values():
        return smpl_poses(from_matrices(shaped(found, (width // 9, 3, 3), content), content.path))
    if found.ndim > 2 and found.shape[-1] in (4, 6):
        kind = "quaternions" if found.shape[-1] == 4 else "6D rotations"
        raise InputError(
            f"an array of shape {array.shape}: {kind}, whose order the file does not state",
            content.path,
            "write axis-angle vectors (frames, 24, 3) or matrices (frames, 24, 3, 3)",
        )
    return smpl_poses(shaped(found, (WIDTHS.get(width, 24), 3), content))


def rotations(
    content: Content, poses: str, translation: str | None, scaling: str | None, *, multiply: bool = False
) -> Recording:
    """Reads named rotations with their translation, which is divided (or multiplied) by a scaling.

    Args:
        content: of the file.
        poses: name of the rotations.
        translation: name of the translation; None if there is none.
        scaling: name of the scaling, if there is one.
        multiply: whether the translation is multiplied.

    Raises:
        InputError: an array has a wrong shape.
    """
    vectors = vectors_of(content.arrays[poses], content)
    if translation is None:
        return Recording(poses=vectors, translation=np.zeros((len(vectors), 3)), notes=(NO_TRANSLATION,))
    root = shaped(content.arrays[translation], (3,), content, len(vectors)).astype(np.float64)
    if scaling in content.arrays:
        factor = per_frame(content.arrays[str(scaling)].astype(np.float64), "scaling", len(root), content)
        root = root * factor if multiply else root / factor
    return Recording(poses=vectors, translation=root)


class Named(Published):
    """Joints or rotations under usual names; rate and axes are whatever the file or the user states."""

    name = "joints and rotations by name"
    keys = frozenset({*JOINTS, *POSES, *TRANSLATIONS, *SCALINGS, *FPS_NAMES, "joints3d"})

    def fits(self, content: Content) -> bool:
        """Whether one of the names is there."""
        return content.first((*JOINTS, *POSES, "joints3d")) is not None

    def read(self, content: Content) -> Recording:
        """Reads joints, and rotations if there are any."""
        translation = next((name for name in TRANSLATIONS if content.has(name)), None)
        named = content.first(JOINTS)
        pose = next((name for name in POSES if content.has(name)), None)
        if named is not None:
            joints, notes = joints_of(named, content)
            if pose is None or translation is None:
                return Recording(joints, notes=notes)
            scaling = next((name for name in SCALINGS if content.has(name)), None)
            turned = rotations(content, pose, translation, scaling)
            return Recording(joints, turned.poses, turned.translation, notes)
        if pose is not None:
            scaling = next((name for name in SCALINGS if content.has(name)), None)
            return rotations(content, pose, translation, scaling)
        joints = shaped(content.arrays["joints3d"], (24, 3), content)
        if translation is not None:
            root = shaped(content.arrays[translation], (3,), content, len(joints))
            joints = joints - joints[:, :1] + root[:, None]
        return Recording(joints)


class Sampler(Named):
    """What samplers of POPDG and EDGE write: `full_pose`, or `seconds_to_generate`; 30 fps, z up, metres."""

    name = "POPDG or EDGE sampler"
    keys = frozenset({"full_pose", "smpl_poses", "smpl_trans"})
    fps = 30.0

    def fits(self, content: Content) -> bool:
        """Whether there is a `full_pose`, or the time that this project's sampler took."""
        return content.has("full_pose") or (content.has("seconds_to_generate") and super().fits(content))
