"""Binary glTF 2.0: an animated SMPL skeleton with an octahedron for each bone; Blender and browsers open it.

Metres, y up. Written from the specification (Khronos, glTF 2.0) with numpy alone: pygltflib would replace
the six lines that write the header and the chunks, not buffers and accessors, and would install six more
packages.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from popdanceset.atomic import atomic_write
from popdanceset.skeleton import SMPL_BONES, SMPL_JOINTS, SMPL_OFFSETS, SMPL_PARENTS
from training.export.axes import y_up
from training.export.dance import Dance

_FLOAT, _BYTE, _ARRAY_BUFFER = 5126, 5121, 34962
_THICKNESS = 0.12
"""Half width of a bone, relative to its length."""


class _Buffer:
    """The binary buffer, with the buffer view and accessor of each array in it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(
        self, values: np.ndarray, kind: str, component: int, *, bounds: bool = False, vertices: bool = False
    ) -> int:
        """Appends an array, and returns the number of its accessor."""
        raw = np.ascontiguousarray(values).tobytes()
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)}
        self.views.append(view | {"target": _ARRAY_BUFFER} if vertices else view)
        self.data += raw + bytes(-len(raw) % 4)
        accessor: dict[str, Any] = {
            "bufferView": len(self.views) - 1,
            "componentType": component,
            "count": len(values),
            "type": kind,
        }
        if bounds:
            rows = values.reshape(len(values), -1)
            accessor |= {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def write_glb(path: Path, dance: Dance, extras: Mapping[str, str] | None = None) -> None:
    """Writes one animation, named like the file: rotations of all joints and the path of the root.

    Args:
        path: the file.
        dance: the motion; the skeleton has its size.
        extras: what the scene states about itself, e.g. the file of its sound; Blender shows it as custom
            properties.
    """
    buffer = _Buffer()
    rotated, root = y_up(dance)
    size = dance.scaling
    scene: dict[str, Any] = {"nodes": [0, len(SMPL_JOINTS)]}
    if extras:
        scene["extras"] = dict(extras)
    document = {
        "asset": {"version": "2.0", "generator": "popdanceset"},
        "scene": 0,
        "scenes": [scene],
        "nodes": [*_joint_nodes(size), {"name": "body", "mesh": 0, "skin": 0}],
        "meshes": [{"name": "body", "primitives": [_bones(buffer, size)]}],
        "materials": [
            {
                "pbrMetallicRoughness": {
                    "baseColorFactor": [0.8, 0.8, 0.85, 1],
                    "metallicFactor": 0,
                    "roughnessFactor": 0.7,
                }
            }
        ],
        "skins": [_skin(buffer, size)],
        "animations": [_animation(buffer, rotated, root * size, dance.fps, path.stem)],
        "buffers": [{"byteLength": len(buffer.data)}],
        "bufferViews": buffer.views,
        "accessors": buffer.accessors,
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    with atomic_write(path) as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(buffer.data)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", len(buffer.data), b"BIN\0") + bytes(buffer.data))


def _rest(size: float) -> np.ndarray:
    """(24, 3) joints of the rest pose, relative to the root."""
    rest = SMPL_OFFSETS * size
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            rest[joint] += rest[parent]
    return rest


def _joint_nodes(size: float) -> list[dict[str, Any]]:
    nodes = []
    for joint, name in enumerate(SMPL_JOINTS):
        node: dict[str, Any] = {"name": name, "translation": (SMPL_OFFSETS[joint] * size).tolist()}
        if children := [c for c, parent in enumerate(SMPL_PARENTS) if parent == joint]:
            node["children"] = children
        nodes.append(node)
    return nodes


def _bones(buffer: _Buffer, size: float) -> dict[str, Any]:
    """Octahedra in the rest pose with flat faces, each attached to the joint where it starts."""
    rest = _rest(size)
    corners, joints = [], []
    for a, b in SMPL_BONES:
        corners.append(_octahedron(rest[a], rest[b]))
        joints.append(np.full(len(corners[-1]), a))
    places = np.concatenate(corners).astype(np.float32)
    faces = places.reshape(-1, 3, 3)
    normals = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    moved_by = np.zeros((len(places), 4), np.uint8)
    moved_by[:, 0] = np.concatenate(joints)
    weights = np.tile(np.array([1, 0, 0, 0], np.float32), (len(places), 1))
    return {
        "attributes": {
            "POSITION": buffer.add(places, "VEC3", _FLOAT, bounds=True, vertices=True),
            "NORMAL": buffer.add(
                np.repeat(normals, 3, axis=0).astype(np.float32), "VEC3", _FLOAT, vertices=True
            ),
            "JOINTS_0": buffer.add(moved_by, "VEC4", _BYTE, vertices=True),
            "WEIGHTS_0": buffer.add(weights, "VEC4", _FLOAT, vertices=True),
        },
        "material": 0,
    }


def _octahedron(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(24, 3) corners of 8 triangles, counter-clockwise when seen from outside."""
    bone = end - start
    side = np.cross(bone, np.eye(3)[np.abs(bone).argmin()])
    side *= _THICKNESS * np.linalg.norm(bone) / np.linalg.norm(side)
    other = np.cross(bone, side) / np.linalg.norm(bone)
    ring = start + 0.2 * bone + np.stack([side, other, -side, -other])
    following = np.roll(ring, -1, axis=0)
    tips = [np.broadcast_to(tip, (4, 3)) for tip in (start, end)]
    near = np.stack([tips[0], following, ring], axis=1)
    far = np.stack([tips[1], ring, following], axis=1)
    return np.concatenate([near, far]).reshape(-1, 3)


def _skin(buffer: _Buffer, size: float) -> dict[str, Any]:
    inverse = np.tile(np.eye(4, dtype=np.float32), (24, 1, 1))
    inverse[:, 3, :3] = -_rest(size)  # glTF stores columns first
    return {
        "inverseBindMatrices": buffer.add(inverse.reshape(24, 16), "MAT4", _FLOAT),
        "skeleton": 0,
        "joints": list(range(24)),
    }


def _animation(buffer: _Buffer, poses: np.ndarray, root: np.ndarray, fps: float, name: str) -> dict[str, Any]:
    times = buffer.add((np.arange(len(poses)) / fps).astype(np.float32), "SCALAR", _FLOAT, bounds=True)
    quaternions = Rotation.from_rotvec(poses.reshape(-1, 3)).as_quat().reshape(-1, 24, 4)
    # Both signs mean the same rotation; linear interpolation needs the same sign in neighbouring frames.
    flips = np.sign((quaternions[1:] * quaternions[:-1]).sum(-1))
    quaternions[1:] *= np.cumprod(np.where(flips < 0, -1, 1), axis=0)[..., None]
    samplers = [{"input": times, "output": buffer.add(root.astype(np.float32), "VEC3", _FLOAT)}]
    channels = [{"sampler": 0, "target": {"node": 0, "path": "translation"}}]
    for joint in range(24):
        values = quaternions[:, joint].astype(np.float32)
        samplers.append({"input": times, "output": buffer.add(values, "VEC4", _FLOAT)})
        channels.append({"sampler": joint + 1, "target": {"node": joint, "path": "rotation"}})
    return {"name": name, "samplers": samplers, "channels": channels}
