"""Dances as files: each is read by independent code, and its joints agree with forward kinematics."""

import json
import pickle
import struct

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from popdanceset.errors import InputError
from popdanceset.skeleton import SMPL_JOINTS, SMPL_PARENTS
from training.export import WRITERS, Dance, write
from training.motion.forward_kinematics import forward_kinematics


@pytest.fixture
def dance():
    draw = np.random.default_rng(3)
    poses = draw.normal(0, 0.7, (20, 24, 3)).cumsum(0) * 0.2
    return poses, draw.normal(0, 1, (20, 3))


def expected(poses, translation):
    turned = torch.from_numpy(Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3))
    joints = forward_kinematics(turned, torch.from_numpy(translation)).numpy()
    return joints, joints[..., [0, 2, 1]] * [1, 1, -1]  # z up, and y up


def test_npz(tmp_path, dance):
    write(tmp_path / "d.npz", Dance(*dance, 30))
    with np.load(tmp_path / "d.npz") as read:
        np.testing.assert_allclose(read["smpl_poses"], dance[0], atol=1e-6)
        np.testing.assert_allclose(read["joints"], expected(*dance)[0], atol=1e-5)
        assert read["fps"] == 30
        assert "seconds_to_generate" not in read
    write(tmp_path / "timed.npz", Dance(*dance, 30, seconds_to_generate=2.5))
    assert np.load(tmp_path / "timed.npz")["seconds_to_generate"] == 2.5


def test_pkl_is_as_the_released_sampler_writes_it(tmp_path, dance):
    write(tmp_path / "d.pkl", Dance(*dance, 30))
    read = pickle.loads((tmp_path / "d.pkl").read_bytes())  # noqa: S301 - written a line above
    assert {name: value.shape for name, value in read.items()} == {
        "smpl_poses": (20, 72),
        "smpl_trans": (20, 3),
        "full_pose": (20, 24, 3),
    }
    np.testing.assert_allclose(read["full_pose"], expected(*dance)[0], atol=1e-5)


def test_bvh(tmp_path, dance):
    """An independent reader: the tree from the brackets, matrices multiplied along it."""
    write(tmp_path / "d.bvh", Dance(*dance, 30))
    head, _, tail = (tmp_path / "d.bvh").read_text().partition("MOTION\n")
    rows = np.array([line.split() for line in tail.splitlines()[2:]], float)
    assert tail.splitlines()[:2] == ["Frames: 20", "Frame Time: 0.03333333"]
    assert rows.shape == (20, 3 + 24 * 3)
    stack, placed, number, name = [], {}, 0, None
    for words in (line.split() for line in head.splitlines()[1:]):
        if words[0] in ("ROOT", "JOINT", "End"):
            name = words[1]
        elif words[0] == "OFFSET":
            offset = np.array(words[1:], float)
            if name == "Site":
                stack.append(stack[-1])
                continue
            above, place = stack[-1] if stack else (np.tile(np.eye(3), (20, 1, 1)), rows[:, :3])
            place = place + np.einsum("nab,b->na", above, offset)
            angles = rows[:, 3 + 3 * number : 6 + 3 * number]
            z, x, y = (
                Rotation.from_euler(a, angles[:, [i]], degrees=True).as_matrix() for i, a in enumerate("zxy")
            )
            stack.append((above @ z @ x @ y, place))
            placed[name] = place
            number += 1
        elif words[0] == "}":
            stack.pop()
    joints = np.stack([placed[joint] for joint in SMPL_JOINTS], axis=1) / 100
    np.testing.assert_allclose(joints, expected(*dance)[1], atol=1e-6)


def glb(path):
    raw = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", raw)
    assert (magic, version, length) == (b"glTF", 2, len(raw))
    size, kind = struct.unpack_from("<I4s", raw, 12)
    assert kind == b"JSON"
    document, data = json.loads(raw[20 : 20 + size]), raw[28 + size :]

    def array(number):
        accessor = document["accessors"][number]
        view = document["bufferViews"][accessor["bufferView"]]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor["type"]]
        dtype = {5126: np.float32, 5121: np.uint8}[accessor["componentType"]]
        assert view["byteOffset"] % 4 == 0
        values = np.frombuffer(data, dtype, accessor["count"] * width, view["byteOffset"])
        return values.reshape(-1, width)

    return document, array


def test_glb(tmp_path, dance):
    write(tmp_path / "d.glb", Dance(*dance, 30))
    document, array = glb(tmp_path / "d.glb")
    animation = document["animations"][0]
    output = {
        (c["target"]["node"], c["target"]["path"]): array(animation["samplers"][c["sampler"]]["output"])
        for c in animation["channels"]
    }
    assert animation["name"] == "d"
    turned, placed = [None] * 24, [None] * 24
    for joint, parent in enumerate(SMPL_PARENTS):
        local = Rotation.from_quat(output[joint, "rotation"]).as_matrix()
        if parent < 0:
            turned[joint], placed[joint] = local, output[0, "translation"]
            continue
        assert joint in document["nodes"][parent]["children"]
        offset = np.array(document["nodes"][joint]["translation"])
        placed[joint] = placed[parent] + turned[parent] @ offset
        turned[joint] = turned[parent] @ local
    np.testing.assert_allclose(np.stack(placed, 1), expected(*dance)[1], atol=1e-5)
    steps = np.diff(output[3, "rotation"], axis=0)
    assert np.abs(steps).max() < 1.2  # neighbours have like signs


def test_the_bones_of_a_glb_hang_on_their_joints_and_face_outwards(tmp_path, dance):
    write(tmp_path / "d.glb", Dance(*dance, 30))
    document, array = glb(tmp_path / "d.glb")
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    places, normals, joints = (array(attributes[name]) for name in ("POSITION", "NORMAL", "JOINTS_0"))
    inverse = array(document["skins"][0]["inverseBindMatrices"]).reshape(24, 4, 4)
    for joint in (0, 18):
        own = places[joints[:, 0] == joint]
        assert np.linalg.norm(own + inverse[joint, 3, :3], axis=1).min() < 1e-6  # a tip lies on the joint
    for bone in range(23):
        part = slice(24 * bone, 24 * bone + 24)
        middle = places[part].mean(0)
        assert ((places[part] - middle) * normals[part]).sum(1).min() > 0


@pytest.mark.parametrize("ending", WRITERS)
def test_an_unwritable_folder(tmp_path, dance, ending):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"not writable: .*name another folder"):
        write(tmp_path / "file" / f"d.{ending}", Dance(*dance, 30))


def test_arrays_that_are_not_a_dance(tmp_path, dance):
    poses, translation = dance
    with pytest.raises(InputError, match="unknown ending"):
        write(tmp_path / "d.fbx", Dance(poses, translation, 30))
    with pytest.raises(InputError, match="are not a dance"):
        Dance(poses, translation[:5], 30)
    with pytest.raises(InputError, match="NaN"):
        Dance(poses * np.nan, translation, 30)
    assert not list(tmp_path.iterdir())
