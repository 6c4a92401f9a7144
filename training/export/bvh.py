"""BVH, an old motion format that most programs read: centimetres, y up, Euler angles in degrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from popdanceset.atomic import atomic_write
from popdanceset.skeleton import SMPL_JOINTS, SMPL_OFFSETS, SMPL_PARENTS
from training.export.axes import y_up
from training.export.dance import Dance

_CM = 100.0
_ORDER = "ZXY"
_ROTATIONS = "Zrotation Xrotation Yrotation"


def write_bvh(path: Path, dance: Dance) -> None:
    """Writes the SMPL skeleton in the dancer's size with the names of its joints; leaves end 8 cm beyond
    their joint."""
    order = list(_depth_first(0))
    rotated, root = y_up(dance)
    angles = Rotation.from_rotvec(rotated.reshape(-1, 3)).as_euler(_ORDER, degrees=True)
    rows = np.concatenate(
        [root * dance.scaling * _CM, angles.reshape(-1, 24, 3)[:, order].reshape(len(root), -1)], axis=1
    )
    with atomic_write(path, "w") as file:
        file.write("HIERARCHY\n" + "\n".join(_hierarchy(0, 0, dance.scaling)))
        file.write(f"\nMOTION\nFrames: {len(rows)}\nFrame Time: {1 / dance.fps:.8f}\n")
        np.savetxt(file, rows, fmt="%.6f")


def _children(joint: int) -> list[int]:
    return [child for child, parent in enumerate(SMPL_PARENTS) if parent == joint]


def _depth_first(joint: int) -> list[int]:
    return [joint, *(found for child in _children(joint) for found in _depth_first(child))]


def _hierarchy(joint: int, depth: int, scaling: float) -> list[str]:
    outer, inner = "\t" * depth, "\t" * (depth + 1)
    root = SMPL_PARENTS[joint] < 0
    channels = f"6 Xposition Yposition Zposition {_ROTATIONS}" if root else f"3 {_ROTATIONS}"
    lines = [
        f"{outer}{'ROOT' if root else 'JOINT'} {SMPL_JOINTS[joint]}",
        f"{outer}{{",
        f"{inner}OFFSET {_numbers(SMPL_OFFSETS[joint] * scaling)}",
        f"{inner}CHANNELS {channels}",
    ]
    for child in _children(joint):
        lines += _hierarchy(child, depth + 1, scaling)
    if not _children(joint):
        bone = SMPL_OFFSETS[joint]
        end = bone / np.linalg.norm(bone) * 0.08
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {_numbers(end)}", f"{inner}}}"]
    return [*lines, f"{outer}}}"]


def _numbers(offset: np.ndarray) -> str:
    return " ".join(f"{value * _CM:.6f}" for value in offset)
