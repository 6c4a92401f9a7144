"""Every layout of `popdanceset export`, read back: by our readers, or by code written from the formats."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import pickletools
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from popdanceset.motion.files import read_smpl
from popdanceset.release.reader import Release
from popdanceset.skeleton import SMPL_JOINTS, SMPL_OFFSETS, SMPL_PARENTS
from popdanceset.store import Store
from training.export.kinds import Options
from training.export.release import Exported, Selection, export_release
from training.export.sounds import Sounds

CLIP = "BV1aa411a7qr_Clip_2"
"""A clip of a body that is larger than the mean."""

Array = np.ndarray[Any, Any]


def matrices(vectors: Array) -> Array:
    return (
        Rotation.from_rotvec(np.asarray(vectors, np.float64).reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    )


def frames_of(release: Path, clip_id: str = CLIP) -> dict[str, Array]:
    with Release(release) as opened:
        return {name: np.asarray(value, np.float64) for name, value in opened.frames(clip_id).items()
                if value.dtype.kind == "f"}  # fmt: skip


def exported(release: Path, out: Path, kind: str, **options: Any) -> Exported:
    done = export_release(
        str(release), out, kind, Options(**options), sounds=Sounds(Store(release.parents[1]))
    )
    assert done.failed == {}
    assert len(done.members) == 4
    return done


def z_up(places: Array) -> Array:
    """From y up."""
    return places[..., [0, 2, 1]] * [1, -1, 1]


# -- by our readers


@pytest.mark.parametrize(
    ("kind", "name", "joints", "shift"),
    [
        ("aist++", f"motions/{CLIP}.pkl", 24, (0, 0, 0)),
        ("amass", f"{CLIP}.npz", 22, (0, 0, 0)),
        ("popdanceset", f"motions/{CLIP}.pkl", 24, (0, -5, 1)),
    ],
)
def test_our_readers_find_the_motion_again(
    tmp_path: Path, release: Path, kind: str, name: str, joints: int, shift: tuple[float, ...]
) -> None:
    exported(release, tmp_path / "out", kind)
    read, wanted = read_smpl(tmp_path / "out" / name), frames_of(release)
    assert read.motion.fps == 30
    assert read.poses is not None
    assert read.translation is not None
    root = wanted["smpl_trans"] / wanted["smpl_scaling"]
    np.testing.assert_allclose(read.translation + shift, root, atol=1e-5)
    np.testing.assert_allclose(
        matrices(read.poses)[:, :joints], matrices(wanted["smpl_poses"])[:, :joints], atol=1e-5
    )


def test_aist_states_size_rate_and_lists(tmp_path: Path, release: Path) -> None:
    exported(release, tmp_path / "a", "aist++")
    raw = pickle.loads((tmp_path / f"a/motions/{CLIP}.pkl").read_bytes())  # noqa: S301 - written above
    wanted = frames_of(release)
    assert raw["smpl_scaling"].shape == (1,)
    np.testing.assert_allclose(raw["smpl_scaling"], 108, rtol=1e-6)
    np.testing.assert_allclose(z_up(raw["smpl_trans"]), 100 * wanted["smpl_trans"], atol=1e-3)
    assert raw["fps"] == 30
    points = pickle.loads((tmp_path / f"a/keypoints3d/{CLIP}.pkl").read_bytes())["keypoints3d_optim"]  # noqa: S301
    world = wanted["coco_keypoints3d"] + wanted["smpl_trans"][:, None]
    np.testing.assert_allclose(z_up(points), 100 * world, atol=1e-3)
    with Release(release) as opened:
        for split in ("train", "test"):
            listed = (tmp_path / f"a/splits/crossmodal_{split}.txt").read_text().split()
            assert listed == opened.clip_ids(split)


def test_aist_at_its_own_rate(tmp_path: Path, release: Path) -> None:
    exported(release, tmp_path / "out", "aist++", fps=60)
    path = tmp_path / f"out/motions/{CLIP}.pkl"
    assert "fps" not in pickle.loads(path.read_bytes())  # noqa: S301 - written above
    read, wanted = read_smpl(path), frames_of(release)
    assert (read.motion.fps, len(read.motion.joints)) == (60, 661)
    assert read.translation is not None
    np.testing.assert_allclose(
        read.translation[::2], wanted["smpl_trans"] / wanted["smpl_scaling"], atol=1e-5
    )


@pytest.mark.parametrize("kind", ["popdanceset", "aist++", "hybrik"])
def test_pickles_name_nothing_but_what_every_numpy_has(tmp_path: Path, release: Path, kind: str) -> None:
    exported(release, tmp_path / "out", kind)
    files = [*(tmp_path / "out").rglob("*.pkl"), *(tmp_path / "out").rglob("*.pk")]
    names = {
        argument for path in files for code, argument, _ in pickletools.genops(path.read_bytes())
        if code.name in ("GLOBAL", "STACK_GLOBAL")
    }  # fmt: skip
    assert files
    assert names == {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"}


# -- BVH


def bvh(path: Path) -> tuple[dict[str, Array], dict[str, Array], Array, float]:
    """Offsets (3,) and matrices (frames, 3, 3) of joints, the path of the root, the time of a frame."""
    head, _, tail = path.read_text().partition("MOTION\n")
    lines = tail.splitlines()
    rows = np.array([line.split() for line in lines[2:]], float)
    joints, offsets, turns, place = [], {}, {}, 0
    for words in (line.split() for line in head.splitlines()):
        if words[0] in ("ROOT", "JOINT", "End"):
            joints.append(words[1])
        elif words[0] == "OFFSET":
            offsets[joints[-1]] = np.array(words[1:], float)
        elif words[0] == "CHANNELS":
            axes = [word[0].upper() for word in words[2:] if word.endswith("rotation")]
            place += int(words[1]) - 3
            angles = rows[:, place : place + 3]
            turns[joints[-1]] = Rotation.from_euler("".join(axes), angles, degrees=True).as_matrix()
            place += 3
    assert place == rows.shape[1]
    return offsets, turns, rows[:, :3], float(lines[1].split()[-1])


def test_bvh(tmp_path: Path, release: Path) -> None:
    exported(release, tmp_path / "out", "bvh")
    offsets, turns, root, step = bvh(tmp_path / f"out/{CLIP}.bvh")
    wanted = frames_of(release)
    assert step == pytest.approx(1 / 30, abs=1e-8)
    np.testing.assert_allclose(z_up(root) / 100, wanted["smpl_trans"], atol=1e-5)
    local = np.stack([turns[name] for name in SMPL_JOINTS], axis=1)
    local[:, 0] = Rotation.from_euler("x", 90, degrees=True).as_matrix() @ local[:, 0]
    np.testing.assert_allclose(local, matrices(wanted["smpl_poses"]), atol=1e-3)
    for joint, name in enumerate(SMPL_JOINTS):
        np.testing.assert_allclose(offsets[name] / 100, 1.08 * SMPL_OFFSETS[joint], atol=1e-6)


# -- glTF, by the specification of version 2.0

WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
DTYPES = {5126: np.dtype("<f4"), 5121: np.dtype("u1")}


def valid_glb(path: Path) -> tuple[dict[str, Any], dict[int, Array]]:
    """The document and its arrays, after the checks of a validator that concern what such a file contains."""
    raw = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", raw)
    assert (magic, version, length) == (b"glTF", 2, len(raw))
    size, kind = struct.unpack_from("<I4s", raw, 12)
    assert (kind, size % 4) == (b"JSON", 0)
    document = json.loads(raw[20 : 20 + size])
    rest, kind = struct.unpack_from("<I4s", raw, 20 + size)
    data = raw[28 + size :]
    assert (kind, rest % 4, len(data)) == (b"BIN\0", 0, rest)
    assert document["buffers"] == [{"byteLength": rest}]
    ends = [0]
    for view in document["bufferViews"]:
        assert view["byteOffset"] >= ends[-1]
        ends.append(view["byteOffset"] + view["byteLength"])
    assert ends[-1] <= rest
    arrays = {}
    for number, accessor in enumerate(document["accessors"]):
        view, dtype = document["bufferViews"][accessor["bufferView"]], DTYPES[accessor["componentType"]]
        assert view["byteOffset"] % dtype.itemsize == 0
        width = WIDTHS[accessor["type"]]
        assert view["byteLength"] == accessor["count"] * width * dtype.itemsize
        values = np.frombuffer(data, dtype, accessor["count"] * width, view["byteOffset"])
        arrays[number] = values.reshape(-1, width)
        assert np.isfinite(arrays[number].astype(float)).all()
        for name, bound in (("min", arrays[number].min(0)), ("max", arrays[number].max(0))):
            assert accessor.get(name, bound.tolist()) == bound.tolist()
    parents = [child for node in document["nodes"] for child in node.get("children", ())]
    assert len(parents) == len(set(parents))  # a tree
    assert sorted([*parents, *document["scenes"][0]["nodes"]]) == list(range(len(document["nodes"])))
    for mesh in document["meshes"]:
        for primitive in mesh["primitives"]:
            attributes = {name: arrays[number] for name, number in primitive["attributes"].items()}
            assert len({len(values) for values in attributes.values()}) == 1
            assert "min" in document["accessors"][primitive["attributes"]["POSITION"]]
            np.testing.assert_allclose(np.linalg.norm(attributes["NORMAL"], axis=1), 1, atol=1e-5)
            np.testing.assert_allclose(attributes["WEIGHTS_0"].sum(1), 1)
            for number in primitive["attributes"].values():
                assert document["bufferViews"][document["accessors"][number]["bufferView"]]["target"] == 34962
    skin = document["skins"][0]
    assert len(arrays[skin["inverseBindMatrices"]]) == len(skin["joints"])
    for animation in document["animations"]:
        targets = [tuple(channel["target"].values()) for channel in animation["channels"]]
        assert len(targets) == len(set(targets))
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            times, output = arrays[sampler["input"]][:, 0], arrays[sampler["output"]]
            assert len(times) == len(output)
            assert times[0] >= 0
            assert (np.diff(times) > 0).all()
            assert {"min", "max"} <= set(document["accessors"][sampler["input"]])
            if channel["target"]["path"] == "rotation":
                np.testing.assert_allclose(np.linalg.norm(output, axis=1), 1, atol=1e-6)
    return document, arrays


def test_gltf(tmp_path: Path, release: Path) -> None:
    exported(release, tmp_path / "out", "gltf")
    document, arrays = valid_glb(tmp_path / f"out/{CLIP}.glb")
    wanted = frames_of(release)
    animation = document["animations"][0]
    found = {
        (channel["target"]["node"], channel["target"]["path"]):
        arrays[animation["samplers"][channel["sampler"]]["output"]] for channel in animation["channels"]
    }  # fmt: skip
    np.testing.assert_allclose(z_up(found[0, "translation"]), wanted["smpl_trans"], atol=1e-5)
    local = np.stack([Rotation.from_quat(found[joint, "rotation"]).as_matrix() for joint in range(24)], 1)
    local[:, 0] = Rotation.from_euler("x", 90, degrees=True).as_matrix() @ local[:, 0]
    np.testing.assert_allclose(local, matrices(wanted["smpl_poses"]), atol=1e-5)
    for joint, parent in enumerate(SMPL_PARENTS):
        np.testing.assert_allclose(
            document["nodes"][joint]["translation"], 1.08 * SMPL_OFFSETS[joint], atol=1e-6
        )
        assert parent < 0 or joint in document["nodes"][parent]["children"]


def test_gltf_names_the_sound_beside_it(tmp_path: Path, release: Path, silent: str) -> None:
    done = exported(release, tmp_path / "out", "gltf")
    assert done.silent == [silent]
    for member in done.members:
        extras = valid_glb(tmp_path / f"out/{member.clip_id}.glb")[0]["scenes"][0]["extras"]
        assert extras == {"clip_id": member.clip_id, "sound": f"{member.clip_id}.wav"}
        copy = tmp_path / "out" / extras["sound"]
        assert copy.is_file() is (member.clip_id != silent)
        if copy.is_file():
            source = release.parents[1] / f"media/{member.clip_id}.wav"
            assert copy.read_bytes() == source.read_bytes()


# -- CSV and HybrIK


def test_csv(tmp_path: Path, release: Path) -> None:
    exported(release, tmp_path / "out", "csv")
    head, *lines = (tmp_path / f"out/{CLIP}.csv").read_text().splitlines()
    rows, names = np.array([line.split(",") for line in lines], float), head.split(",")
    wanted = frames_of(release)
    assert names[:5] == ["frame", "time", "root_x", "root_y", "root_z"]
    np.testing.assert_array_equal(rows[:, 0], np.arange(331))
    np.testing.assert_allclose(rows[:, 1], np.arange(331) / 30, atol=1e-6)
    places = wanted["joints3d"] + wanted["smpl_trans"][:, None]
    for joint, name in enumerate(SMPL_JOINTS):
        at = [names.index(f"{name}_{axis}") for axis in "xyz"]
        np.testing.assert_allclose(rows[:, at], places[:, joint], atol=1e-6)


def test_hybrik(tmp_path: Path, release: Path) -> None:
    """The camera looks along y, so its x, y and z are x, -z and y of the world; it sees the whole dance."""
    exported(release, tmp_path / "out", "hybrik")
    content = (tmp_path / f"out/{CLIP}/res.pk").read_bytes()
    res = {name: np.asarray(value) for name, value in pickle.loads(content).items()}  # noqa: S301
    wanted = frames_of(release)
    axes = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    turned = res["pred_thetas"].reshape(-1, 24, 3, 3).astype(float)
    turned[:, 0] = axes.T @ turned[:, 0]
    np.testing.assert_allclose(turned, matrices(wanted["smpl_poses"]), atol=1e-5)
    root = res["transl"].astype(float) @ axes
    moved = root - wanted["smpl_trans"] / wanted["smpl_scaling"]
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-5)
    side = res["bbox"][0, 2] - res["bbox"][0, 0]
    places = res["pred_xyz_24_struct"] * 2.2 + res["transl"][:, None]
    assert places[..., 2].min() > 3.9
    seen = places[..., :2] / places[..., 2:] * 1000 / 256
    np.testing.assert_allclose(res["pred_uvd"][:, :24, :2], seen, atol=1e-5)
    assert np.abs(seen).max() < 0.5
    np.testing.assert_allclose(res["pred_camera"], 1000 / (256 * res["transl"][:, 2:]), rtol=1e-5)
    np.testing.assert_allclose(res["pred_scores"], wanted["pred_scores"], atol=1e-6)
    assert (res["height"] == side).all()
    notes = json.loads((tmp_path / f"out/{CLIP}/res.json").read_text())
    assert {"pred_camera", "bbox", "pred_betas"} <= set(notes["filled"])


# -- FBX

STAND_IN = """
import json, os, sys
print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if "Clip_2" in request["glb"]:
        os._exit(9)
    if "BV1bb" in request["glb"]:
        print("RuntimeError: no such bone", flush=True)
        continue
    with open(request["fbx"], "w") as file:
        file.write(request["digest"])
    print("", flush=True)
"""


def test_a_crash_of_blender_costs_its_clip(tmp_path: Path, release: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\n{STAND_IN}")
    python.chmod(0o755)
    options = Options(blender=str(python))
    done = export_release(str(release), tmp_path / "out", "fbx", options)
    assert set(done.failed) == {CLIP, "BV1bb411b7qs_Clip_1"}
    assert "Blender crashed" in done.failed[CLIP]
    assert "no such bone" in done.failed["BV1bb411b7qs_Clip_1"]
    assert len(list((tmp_path / "out").glob("*.fbx"))) == 2
    again = export_release(str(release), tmp_path / "out", "fbx", options)
    assert (again.written, again.kept) == (0, 2)


READ_FBX = """
import json, sys
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.render.fps = 30
bpy.ops.import_scene.fbx(filepath=sys.argv[1])
body = next(each for each in bpy.data.objects if each.type == "ARMATURE")
first, last = (round(number) for number in body.animation_data.action.frame_range)
frames = []
for frame in range(first, last + 1):
    bpy.context.scene.frame_set(frame)
    frames.append([[list(row) for row in body.matrix_world @ bone.matrix] for bone in body.pose.bones])
with open(sys.argv[2], "w") as file:
    json.dump({"names": [bone.name for bone in body.pose.bones], "frames": frames}, file)
"""


@pytest.fixture
def blender() -> str:
    """A Python that has Blender's module."""
    python = os.environ.get("BLENDER_PYTHON", "")
    if not python and importlib.util.find_spec("bpy") is not None:
        python = sys.executable
    if not python:
        pytest.skip("Blender's module bpy is not installed; BLENDER_PYTHON can name a Python that has it")
    return python


def test_blender_reads_the_fbx_again(tmp_path: Path, release: Path, blender: str) -> None:
    exported(release, tmp_path / "out", "fbx", blender=blender)
    (tmp_path / "read.py").write_text(READ_FBX)
    command = [
        blender,
        str(tmp_path / "read.py"),
        str(tmp_path / f"out/{CLIP}.fbx"),
        str(tmp_path / "read.json"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    read = json.loads((tmp_path / "read.json").read_text())
    places = np.array(read["frames"])[:, [read["names"].index(name) for name in SMPL_JOINTS]]
    wanted = frames_of(release)
    np.testing.assert_allclose(places[:, 0, :3, 3], wanted["smpl_trans"], atol=1e-5)
    world = places[..., :3, :3] / np.linalg.norm(places[..., :3, :3], axis=-2, keepdims=True)
    local = world.copy()
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            local[:, joint] = np.swapaxes(world[:, parent], -1, -2) @ world[:, joint]
    np.testing.assert_allclose(local, matrices(wanted["smpl_poses"]), atol=1e-5)


def test_only_chosen_clips(tmp_path: Path, release: Path) -> None:
    with Release(release) as opened:
        test = opened.clip_ids("test")
    done = export_release(str(release), tmp_path / "a", "bvh", selection=Selection(splits=["test"]))
    assert [member.clip_id for member in done.members] == test
    done = export_release(str(release), tmp_path / "b", "bvh", selection=Selection(clips=[CLIP]))
    assert [path.name for path in (tmp_path / "b").glob("*.bvh")] == [f"{CLIP}.bvh"]
