"""Every layout of motion files, written from one known motion, gives that motion in metres, z up.

The files are written with scipy's rotations and plain loops, apart from the readers.
"""

from __future__ import annotations

import gzip
import io
import json
import logging
import pickle
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from popdanceset.errors import InputError
from popdanceset.motion.conventions import Conventions, Origin
from popdanceset.motion.files import motions_from_folder, read_motion, read_smpl
from popdanceset.motion.layouts import LAYOUTS
from popdanceset.motion.layouts.named import with_hands
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS

FRAMES = 12
TO = {  # the axes of a file from those of a release (z up)
    "z": np.eye(3),
    "y": np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "-y": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "-z": np.diag([1, -1, -1]),
}
AIST = "gBR_sBM_cAll_d04_mBR0_ch01"


def placed(poses, root):
    """Joints of the mean body, joint after joint."""
    joints = np.empty((len(poses), 24, 3))
    for frame, (pose, place) in enumerate(zip(poses, root, strict=True)):
        turned = []
        for joint, parent in enumerate(SMPL_PARENTS):
            own = Rotation.from_rotvec(pose[joint]).as_matrix()
            above = np.eye(3) if parent < 0 else turned[parent]
            start = place if parent < 0 else joints[frame, parent] + above @ SMPL_OFFSETS[joint]
            joints[frame, joint] = start
            turned.append(above @ own)
    return joints


class Known:
    """The motion, and its arrays in the axes of a file."""

    def __init__(self, dance):
        made = dance(FRAMES, seed=3)
        self.poses = made.poses.astype(float)
        self.root = made.translation.astype(float) + np.array([0.3, -0.2, 0.1])
        self.joints = placed(self.poses, self.root)

    def straight(self):
        """Its joints where hands follow their forearms."""
        poses = self.poses.copy()
        poses[:, 22:] = 0
        return placed(poses, self.root)

    def turned(self, up):
        matrices = Rotation.from_matrix(TO[up]) * Rotation.from_rotvec(self.poses[:, 0])
        poses = self.poses.copy()
        poses[:, 0] = matrices.as_rotvec()
        return poses, self.root @ TO[up].T

    def places(self, up):
        return self.joints @ TO[up].T


@pytest.fixture(scope="module")
def known(dance):
    return Known(dance)


def matrices(poses):
    return Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(*poses.shape[:-1], 3, 3)


def wide(poses, joints):
    """SMPL-H or SMPL-X: 22 body joints, then hands and faces that are no joints of SMPL."""
    rest = np.random.default_rng(0).normal(0, 0.3, (len(poses), joints - 22, 3))
    return np.concatenate([poses[:, :22], rest], axis=1)


def aist(known):
    poses, root = known.turned("y")
    return {"smpl_poses": poses.reshape(FRAMES, 72), "smpl_trans": root * 93.5,
            "smpl_scaling": np.array([93.5]), "smpl_loss": 1.5}  # fmt: skip


def edge(known, scale=93.5):
    poses, root = known.turned("y")
    values = {"pos": root * (scale or 1), "q": poses.reshape(FRAMES, 72)}
    return values | ({"scale": np.array([scale])} if scale else {})


def popdanceset_raw(known, shape=(FRAMES, 1)):
    poses, root = known.turned("-y")
    camera = np.linspace(0.8, 1.2, FRAMES)[:, None]
    return {"transl": root / camera, "pred_thetas": poses, "pred_camera": camera.reshape(shape)}


def popdanceset_prepared(known):
    raw = popdanceset_raw(known)
    return {"pos": raw["transl"], "q": raw["pred_thetas"].reshape(FRAMES, 72), "scale": raw["pred_camera"]}


def amass(known, joints=52, up="z", **more):
    poses, root = known.turned(up)
    return {"poses": wide(poses, joints).reshape(FRAMES, -1), "trans": root, "betas": np.zeros(16),
            "gender": "neutral", "mocap_framerate": 120.0, **more}  # fmt: skip


def amass_split(known):
    poses, root = known.turned("z")
    return {"root_orient": poses[:, 0], "pose_body": poses[:, 1:22].reshape(FRAMES, 63), "trans": root,
            "pose_hand": np.ones((FRAMES, 90)), "mocap_frame_rate": 120.0}  # fmt: skip


def six(poses):
    return matrices(poses)[..., :2, :].reshape(*poses.shape[:-1], 6)


def flat6d(known, contacts, joints, up="y"):
    poses, root = known.turned(up)
    chosen = poses if joints == 24 else wide(poses, joints) if joints > 22 else poses[:, :22]
    return np.concatenate([np.ones((FRAMES, contacts)), root, six(chosen).reshape(FRAMES, -1)], axis=1)


def fact(known, zeros=6):
    poses, root = known.turned("y")
    return np.concatenate([np.zeros((FRAMES, zeros)), root, matrices(poses).reshape(FRAMES, 216)], axis=1)


def hmr2(known, up="-y"):
    poses, root = known.turned(up)
    turned = matrices(poses)
    return {
        "global_orient": turned[:, :1],
        "body_pose": turned[:, 1:],
        "transl": root,
        "betas": np.zeros((FRAMES, 10)),
    }


def gvhmr(known):
    poses, root = known.turned("y")
    body = poses[:, 1:22].reshape(FRAMES, 63)
    camera = {"global_orient": np.ones((FRAMES, 3)), "body_pose": body, "transl": np.ones((FRAMES, 3))}
    world = {"global_orient": poses[:, 0], "body_pose": body, "transl": root}
    return {"smpl_params_incam": camera, "smpl_params_global": world, "K_fullimg": np.ones((FRAMES, 3, 3))}


def wham(known):
    poses, root = known.turned("y")
    short = {"pose_world": poses[:5].reshape(5, 72) * 0.5, "trans_world": root[:5]}
    return {
        0: short,
        1: {"pose_world": poses.reshape(FRAMES, 72), "trans_world": root, "verts": np.ones((2, 3))},
    }


SIX, RAW = "6D rotations (FineDance, LODGE, EDGE)", "PopDanceSet ground truth"
PREPARED = f"{RAW} (prepared)"

CASES = [  # file name, content, layout, rate and how it is known, up, joints that are known
    (f"{AIST}.pkl", aist, "AIST++", 60, "layout", "y", "all"),
    (f"{AIST}.pkl", edge, "EDGE ground truth", 60, "layout", "y", "all"),
    ("renamed.pkl", edge, "EDGE ground truth", 60, "layout", "y", "all"),
    ("sliced_0.pkl", lambda k: edge(k, None), "EDGE ground truth", 60, "layout", "y", "all"),
    ("BV1_Clip_1.pkl", popdanceset_raw, RAW, 30, "layout", "-y", "all"),
    ("BV1_Clip_1.pkl", lambda k: popdanceset_raw(k, (FRAMES,)), RAW, 30, "layout", "-y", "all"),
    ("BV1_Clip_1.pkl", popdanceset_prepared, PREPARED, 30, "layout", "-y", "all"),
    ("a.npz", amass, "AMASS", 120, "file", "z", "straight"),
    ("a.npz", lambda k: amass(k, 55), "AMASS", 120, "file", "z", "straight"),
    ("a.npz", lambda k: amass(k, 52, "y"), "AMASS", 120, "file", "y", "straight"),
    ("a.npz", amass_split, "AMASS", 120, "file", "z", "straight"),
    ("a.npy", lambda k: k.places("y")[:, :22], "22 joints (HumanML3D)", 30, "assumed", "y", "22"),
    ("a.npz", lambda k: {"joints": k.places("y")[:, :22], "fps": 20.0},
     "22 joints (HumanML3D)", 20, "file", "y", "22"),
    ("a.npy", lambda k: k.places("z")[:, :22], "22 joints (HumanML3D)", 30, "assumed", "z", "22"),
    ("a.npy", lambda k: {"motion": np.moveaxis(k.places("y")[None, :, :22], 1, -1), "text": "dance"},
     "22 joints (HumanML3D)", 30, "assumed", "y", "22"),
    ("a.npy", lambda k: flat6d(k, 0, 52), SIX, 30, "layout", "y", "straight"),
    ("a.npy", lambda k: flat6d(k, 4, 52), SIX, 30, "layout", "y", "straight"),
    ("a.npy", lambda k: flat6d(k, 4, 22), SIX, 30, "layout", "y", "straight"),
    ("a.npy", lambda k: flat6d(k, 4, 24, "z"), SIX, 30, "layout", "z", "all"),
    ("a.npy", fact, "FACT", 60, "layout", "y", "all"),
    ("a.npy", lambda k: fact(k, 0), "FACT", 60, "layout", "y", "all"),
    ("a.npz", hmr2, "SMPL parameters (HMR2)", 30, "assumed", "-y", "all"),
    ("a.npz", lambda k: hmr2(k, "y"), "SMPL parameters (HMR2)", 30, "assumed", "y", "all"),
    ("a.npz", lambda k: {key: value[None] for key, value in hmr2(k).items()},
     "SMPL parameters (HMR2)", 30, "assumed", "-y", "all"),
    ("a.npz", lambda k: hmr2(k) | {"body_pose": hmr2(k)["body_pose"].reshape(FRAMES, 207)},
     "SMPL parameters (HMR2)", 30, "assumed", "-y", "all"),
    ("a.pkl", lambda k: {"smpl": hmr2(k), "camera": np.ones((FRAMES, 3))},
     "SMPL parameters (HMR2)", 30, "assumed", "-y", "all"),
    ("BV1_Clip_1.pkl", lambda k: popdanceset_raw(k) | {
        "pred_camera": np.c_[popdanceset_raw(k)["pred_camera"], np.zeros((FRAMES, 2))]},
     RAW, 30, "layout", "-y", "all"),
    ("a.pkl", gvhmr, "GVHMR", 30, "layout", "y", "straight"),
    ("a.pt", gvhmr, "GVHMR", 30, "layout", "y", "straight"),
    ("a.pkl", wham, "WHAM", 30, "assumed", "y", "all"),
    ("a.joblib", wham, "WHAM", 30, "assumed", "y", "all"),
]  # fmt: skip


def tensors(value):
    import torch

    if isinstance(value, dict):
        return {key: tensors(inner) for key, inner in value.items()}
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def single(value):
    if isinstance(value, dict):
        return {key: single(inner) for key, inner in value.items()}
    return value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def write(path, content):
    ending = path.suffix
    if ending == ".npz":
        np.savez(path, **content)
    elif ending == ".npy":
        np.save(path, content, allow_pickle=True)
    elif ending == ".pt":
        import torch

        torch.save(tensors(content), path)
    elif ending == ".joblib":
        path.write_bytes(joblib_bytes(content))
    else:
        path.write_bytes(pickle.dumps(content))
    return path


def expected(known, kind):
    if kind == "all":
        return known.joints
    return known.straight() if kind == "straight" else known.joints[:, :22]


@pytest.mark.parametrize(("name", "content", "layout", "fps", "origin", "up", "kind"), CASES)
def test_a_layout_gives_the_motion(tmp_path, known, name, content, layout, fps, origin, up, kind):
    path = write(tmp_path / name, single(content(known)))
    read = read_smpl(path)
    source = read.motion.source

    assert (source.layout, read.motion.fps, source.fps_origin, source.up) == (layout, fps, origin, up)
    wanted = expected(known, kind)
    np.testing.assert_allclose(read.motion.joints[:, : wanted.shape[1]], wanted, atol=2e-5)
    if read.poses is not None:
        compared = 24 if kind == "all" else 22
        theirs, ours = (matrices(np.asarray(p)[:, :compared]) for p in (read.poses, known.poses))
        np.testing.assert_allclose(theirs, ours, atol=2e-5)
        np.testing.assert_allclose(read.translation, known.root, atol=2e-5)


def test_all_layouts_are_covered():
    elsewhere = {"pose table", "Bailando", "POPDG or EDGE sampler", "joints and rotations by name",
                 "array without a name"}  # fmt: skip
    assert {layout.name for layout in LAYOUTS} == {case[2] for case in CASES} | elsewhere


def test_what_was_assumed_is_said_once_for_a_folder(tmp_path, known, caplog):
    for number in range(3):
        write(tmp_path / f"{AIST}{number}.pkl", aist(known))
    with caplog.at_level(logging.WARNING):
        motions_from_folder(tmp_path)
    assert len(caplog.messages) == 1
    assert "AIST++: 60 fps (of the layout), y up (of the layout)" in caplog.text
    assert "3 motions" in caplog.text


def test_a_user_knows_better(tmp_path, known):
    path = write(tmp_path / "a.pkl", popdanceset_raw(known) | {"fps": 25.0})
    assert read_motion(path).fps == 25
    given_ = read_smpl(path, Conventions(fps=50, up="z", unit="cm"))
    assert given_.motion.source.fps_origin is Origin.GIVEN
    poses, root = known.turned("-y")
    np.testing.assert_allclose(given_.motion.joints, placed(poses, root * 0.01), atol=1e-5)


def test_a_unit_scales_the_path_of_a_body_and_not_the_body(tmp_path, known):
    values = {"smpl_poses": known.poses, "smpl_trans": known.root * 1000}
    joints = read_motion(write(tmp_path / "a.pkl", values), Conventions(unit="mm")).joints
    np.testing.assert_allclose(joints, known.joints, atol=1e-5)


@pytest.mark.parametrize("name", [f"{AIST}.pkl", "renamed.pkl"])
@pytest.mark.parametrize("without", ["smpl_loss", "smpl_scaling", None])
def test_marks_of_aist_are_enough_one_by_one(tmp_path, known, name, without):
    values = aist(known)
    values.pop(without, None)
    if without == "smpl_scaling":
        values["smpl_trans"] = values["smpl_trans"] / 93.5
    motion = read_motion(write(tmp_path / name, values))
    assert (motion.fps, motion.source.layout) == (60, "AIST++")
    np.testing.assert_allclose(motion.joints, known.joints, atol=1e-5)


@given(
    dtype=st.sampled_from(["<f4", ">f4", "<f8", ">f8"]),
    shape=st.sampled_from([(-1, 72), (-1, 24, 3), (1, -1, 72), (1, -1, 24, 3), (-1, 24, 3, 1), (-1, 1, 72)]),
    container=st.sampled_from(["pkl", "npy", "npz", "pt", "tensor", "json", "joblib", "joblib.gz"]),
    frames=st.integers(1, FRAMES),
)
def test_dtypes_shapes_batches_and_containers(tmp_path_factory, known, dtype, shape, container, frames):
    poses, root = known.poses[:frames], known.root[:frames]
    values = {"smpl_poses": poses.reshape(shape).astype(dtype), "smpl_trans": root.astype(dtype)}
    path = (
        tmp_path_factory.mktemp("any")
        / f"a.{'pkl' if '.' in container or container == 'tensor' else container}"
    )
    if container == "tensor":  # tensors in an ordinary pickle
        native = {key: value.astype(value.dtype.newbyteorder("=")) for key, value in values.items()}
        path.write_bytes(pickle.dumps(tensors(native)))
    elif container == "pt":
        write(path, {key: value.astype(value.dtype.newbyteorder("=")) for key, value in values.items()})
    elif container == "json":
        path.write_text(json.dumps({key: value.tolist() for key, value in values.items()}))
    elif container == "joblib.gz":
        path.write_bytes(gzip.compress(joblib_bytes(values)))
    else:
        write(path, values)
    np.testing.assert_allclose(read_motion(path).joints, known.joints[:frames], atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "int64"])
def test_coarse_numbers(tmp_path, known, dtype):
    np.save(tmp_path / "a.npy", (known.joints * 1000).round().astype(dtype))
    joints = read_motion(tmp_path / "a.npy", Conventions(unit="mm")).joints
    np.testing.assert_allclose(joints, known.joints, atol=2e-3)


@pytest.mark.parametrize("count", [45, 52, 55, 127])
def test_larger_models_have_the_joints_of_smpl_first(tmp_path, known, count):
    more = np.concatenate([known.joints, np.zeros((FRAMES, 200, 3))], axis=1)[:, :count]
    motion = read_motion(write(tmp_path / "a.npz", {"joints": more}))
    kept = 24 if count == 45 else 22
    np.testing.assert_allclose(motion.joints[:, :kept], known.joints[:, :kept], atol=1e-6)
    assert f"of {count} joints" in str(motion.source)


def test_hands_follow_forearms(known):
    hands = with_hands(known.joints[:, :22])
    for elbow, wrist, hand in ((18, 20, 22), (19, 21, 23)):
        forearm, palm = hands[:, wrist] - hands[:, elbow], hands[:, hand] - hands[:, wrist]
        np.testing.assert_allclose(np.cross(forearm, palm), 0, atol=1e-9)
        length = np.linalg.norm(SMPL_OFFSETS[hand])
        np.testing.assert_allclose(np.linalg.norm(palm, axis=1), length, rtol=1e-5)


def test_of_several_people_the_one_seen_longest_is_read(tmp_path, known):
    source = read_smpl(write(tmp_path / "a.pkl", wham(known))).motion.source
    assert source.notes == ("2 people; '1', who is seen longest, is read",)


def test_frames_that_are_not_finite_stay_so(tmp_path, known):
    values = fact(known)
    values[3] = np.nan
    joints = read_motion(write(tmp_path / "a.npy", values)).joints
    assert np.isnan(joints[3]).all()
    np.testing.assert_allclose(np.delete(joints, 3, 0), np.delete(known.joints, 3, 0), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.npy", np.ones((9, 263)), r"\(9, 263\) instead of frames × 24 × 3"),
        ("a.npy", np.full((9, 315), 7.0), "no 6D rotations"),
        ("a.npy", np.random.default_rng(0).uniform(-1, 1, (9, 139)), "no 6D rotations"),
        ("a.npy", np.random.default_rng(0).uniform(-1, 1, (9, 219)), "no rotation matrices"),
        ("a.npy", np.full((9, 225), 7.0), "no rotation matrices"),
        ("a.npy", np.ones((9, 156)), "content=poses"),
        ("a.npy", np.ones((3, 22, 3, 9)), "holds 3 motions"),
        ("a.npz", {"poses": np.ones((9, 24, 4)), "trans": np.ones((9, 3))}, "quaternions"),
        ("a.npz", {"pos": np.ones((9, 3)), "q": np.ones((9, 70))}, r"\(9, 70\)"),
        ("a.npz", {"pos": np.ones((9, 3)), "q": np.ones((9, 72)), "scale": np.ones(4)}, "a scaling of shape"),
        ("a.npz", {"global_orient": np.ones((9, 3)), "body_pose": np.ones((8, 69))}, "and body_pose 8"),
        ("a.npz", {"smpl_poses": np.full((9, 72), 1e30), "smpl_trans": np.ones((9, 3))}, "radians"),
        ("a.npz", {"vertices": np.ones((9, 6890, 3)), "faces": np.ones((5, 3), int)},
         r"its arrays: 'vertices' \(9, 6890, 3\) float64, 'faces' \(5, 3\) int64"),
        ("a.pkl", {"person": {"bbox": np.ones((9, 4))}, "video": "a.mp4"},
         r"'person/bbox' \(9, 4\) float64, 'video' text"),
    ],
)  # fmt: skip
def test_what_is_not_a_motion_is_one_line(tmp_path, name, content, words):
    with pytest.raises(InputError, match=words) as caught:
        read_motion(write(tmp_path / name, content))
    assert "\n" not in str(caught.value)


# -- joblib


def joblib_bytes(value):
    """What joblib.dump writes: a pickle in which the bytes of an array follow its wrapper."""
    joblib = pytest.importorskip("joblib")
    file = io.BytesIO()
    joblib.dump(value, file)
    return file.getvalue()


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_compressed_files_of_joblib(tmp_path, known, compress):
    joblib = pytest.importorskip("joblib")
    joblib.dump(wham(known), tmp_path / "wham_output.pkl", compress=compress)
    np.testing.assert_allclose(read_motion(tmp_path / "wham_output.pkl").joints, known.joints, atol=1e-5)


class Hostile:
    def __reduce__(self):
        return eval, ("1 + 1",)


def test_files_of_joblib_run_no_code(tmp_path, known):
    path = tmp_path / "a.pkl"
    path.write_bytes(joblib_bytes(wham(known) | {"more": Hostile()}))
    with pytest.raises(InputError, match=r"names builtins\.eval"):
        read_motion(path)
    path.write_bytes(joblib_bytes({"pose_world": np.array([Hostile()], object)}))
    with pytest.raises(InputError, match="an array of objects"):
        read_motion(path)


@given(cut=st.integers(1, 6000), flip=st.integers(0, 6000), bit=st.integers(0, 7))
def test_damaged_files_of_joblib_are_one_line(tmp_path_factory, known, cut, flip, bit):
    content = bytearray(joblib_bytes({0: {"pose_world": np.ones((5, 72)), "trans_world": np.ones((5, 3))}}))
    content[flip % len(content)] ^= 1 << bit
    path = tmp_path_factory.mktemp("damaged") / "a.pkl"
    path.write_bytes(content[: max(1, len(content) - cut % len(content))])
    try:
        read_motion(path)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 -- a mutation may also leave a motion


def test_a_bomb_does_not_unpack(tmp_path, monkeypatch):
    monkeypatch.setattr("popdanceset.motion.joblib_pickle._LARGEST", 1 << 16)
    for name, packed in (("a", zlib.compress(bytes(1 << 18))), ("b", gzip.compress(bytes(1 << 18)))):
        (tmp_path / f"{name}.pkl").write_bytes(packed)
        with pytest.raises(InputError, match="more bytes than a motion can have"):
            read_motion(tmp_path / f"{name}.pkl")


def test_tensors_beyond_their_memory_are_refused(tmp_path):
    import torch

    content = pickle.dumps({"joints": torch.zeros(4, 24, 3)}, protocol=2)
    assert content.count(b"K\x04K\x18K\x03\x87") == 1
    forged = content.replace(b"K\x04K\x18K\x03\x87", b"K\xffK\x18K\x03\x87")
    (tmp_path / "a.pkl").write_bytes(forged)
    with pytest.raises(InputError, match="not a pickle of arrays"):
        read_motion(tmp_path / "a.pkl")


def test_a_pt_file_runs_no_code(tmp_path):
    import torch

    torch.save({"joints": torch.zeros(4, 24, 3), "more": Hostile()}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="not a file of tensors") as caught:
        read_motion(tmp_path / "a.pt")
    assert "\n" not in str(caught.value)


def test_headers_that_announce_too_much(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000, 72), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    (tmp_path / "a.npy").write_bytes(
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)
    )
    with pytest.raises(InputError, match="not a numpy array"):
        read_motion(tmp_path / "a.npy")


# -- shared cases


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("edge_gt/motions/gBR_sBM_cAll_d04_mBR0_ch01.pkl", 1),
        ("edge_gt/motions_sliced/gBR_sBM_cAll_d04_mBR0_ch01_slice0.pkl", 1),
        ("popdanceset_original/raw/BV1_Clip_1.pkl", 2),
        ("popdanceset_original/motions/BV1_Clip_1.pkl", 2),
        ("amass_156.npz", 2),
        ("joints22_yup.npy", 2),
        ("hmr2_like.npz", 2),
        ("wham_output.pkl", 2),
    ],
)
def test_shared_cases_hold_one_motion(shared, name, rate):
    folder = shared / "cases/research"
    truth = read_motion(folder / "aist_raw/gBR_sBM_cAll_d04_mBR0_ch01.pkl")
    motion = read_motion(folder / name)
    assert (truth.fps, motion.fps) == (60, 60 / rate)
    ours, theirs = motion.joints[:, :22], truth.joints[::rate, :22]
    np.testing.assert_allclose(ours - ours[:, :1], theirs - theirs[:, :1], atol=1e-5)
