"""Motion files of several projects are read as metres, z up."""

from __future__ import annotations

import json
import logging
import pickle

import numpy as np
import pytest

from popdanceset.errors import InputError
from popdanceset.motion.files import Conventions, motions_from_folder, read_motion
from popdanceset.motion.joint_motion import mean_body


def write(path, values):
    if path.suffix == ".npz":
        np.savez(path, **values)
    elif path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".json":
        path.write_text(json.dumps({k: np.asarray(v).tolist() for k, v in values.items()}))
    else:
        path.write_bytes(pickle.dumps(values))
    return path


@pytest.mark.parametrize("ending", ["pkl", "pickle", "npz", "json", "npy", "pkl.npy"])
def test_the_released_format_in_any_container(tmp_path, dance, ending):
    made = dance(20)
    values = {
        "smpl_poses": made.poses.reshape(20, 72),
        "smpl_trans": made.translation,
        "full_pose": made.joints,
        "fps": 60.0,
        "seconds_to_generate": 1.25,
        "music": "BV1_Clip_1",
    }
    motion = read_motion(write(tmp_path / f"test_a.{ending}", values))

    np.testing.assert_allclose(motion.joints, made.joints, atol=1e-6)
    assert (motion.name, motion.fps, motion.seconds) == ("test_a", 60.0, 1 / 3)
    assert (motion.seconds_to_generate, motion.music_name) == (1.25, "BV1_Clip_1")


def test_files_of_the_exporters(tmp_path, dance):
    from training.export import Dance
    from training.export import write as export

    made = dance(20)
    for ending in ("npz", "pkl"):
        written = Dance(made.poses.astype(float), made.translation.astype(float), 30, seconds_to_generate=0.5)
        export(tmp_path / f"a.{ending}", written)
        motion = read_motion(tmp_path / f"a.{ending}")
        np.testing.assert_allclose(motion.joints, made.joints, atol=1e-5)
        assert motion.seconds_to_generate == 0.5


def test_rotations_move_the_mean_body(tmp_path, dance):
    made = dance(20)
    path = write(
        tmp_path / "a.pkl", {"smpl_poses": made.poses.reshape(20, 72), "smpl_trans": made.translation}
    )
    np.testing.assert_allclose(read_motion(path).joints, made.joints, atol=1e-6)


def test_aist_divides_by_the_scaling(tmp_path, dance):
    """AIST++: an upscaled body, y up, 60 fps; divided by the scaling it is the mean body."""
    made = dance(20)
    to_y = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)  # z up → y up
    turned = made.poses.copy()
    from scipy.spatial.transform import Rotation

    turned[:, 0] = (Rotation.from_matrix(to_y) * Rotation.from_rotvec(made.poses[:, 0])).as_rotvec()
    values = {
        "smpl_poses": turned.reshape(20, 72),
        "smpl_trans": made.translation @ to_y.T * 93.5,
        "smpl_scaling": np.array([93.5]),
    }
    motion = read_motion(
        write(tmp_path / "gBR_sBM_cAll_d04_mBR0_ch01.pkl", values), Conventions(fps=60, up="y")
    )

    np.testing.assert_allclose(motion.joints, made.joints, atol=1e-5)
    assert motion.fps == 60


def test_bailando_writes_positions_y_up(tmp_path, dance):
    joints = dance(20).joints
    y_up = np.stack([joints[..., 0], joints[..., 2], -joints[..., 1]], -1)
    path = write(
        tmp_path / "gBR_sBM_cAll_d04_mBR0_ch01.pkl.npy", {"pred_position": y_up.reshape(20, 72) * 100}
    )

    motion = read_motion(path, Conventions(fps=60, up="y", unit="cm"))

    np.testing.assert_allclose(motion.joints, joints, atol=1e-5)
    assert motion.name == "gBR_sBM_cAll_d04_mBR0_ch01"


def test_bailando_writes_folders_of_frames(tmp_path, dance):
    joints = dance(12).joints
    folder = tmp_path / "dances" / "gBR_mBR0"
    folder.mkdir(parents=True)
    for number, frame in enumerate(joints):
        path = folder / f"ep10_frame{number}_kps.json"  # not padded: 10 comes after 9
        path.write_text(json.dumps({"3d_pose": frame.tolist()}))

    (motion,) = motions_from_folder(tmp_path / "dances")

    assert motion.name == "gBR_mBR0"
    np.testing.assert_allclose(motion.joints, joints, atol=1e-7)


@pytest.mark.parametrize("shape", [(20, 24, 3), (20, 72), (1, 20, 24, 3)])
def test_arrays_without_a_name_are_positions(tmp_path, dance, shape):
    np.save(tmp_path / "a.npy", dance(20).joints.reshape(shape))
    np.testing.assert_array_equal(read_motion(tmp_path / "a.npy").joints, dance(20).joints)


def test_arrays_without_a_name_are_rotations_if_the_conventions_say_so(tmp_path, dance, caplog):
    made = dance(20)
    np.save(tmp_path / "a.npy", made.poses.reshape(20, 72))
    joints = read_motion(tmp_path / "a.npy", Conventions(content="poses")).joints
    np.testing.assert_allclose(joints, made.joints - made.joints[:, :1], atol=1e-6)
    assert "without a translation" in caplog.text


def test_root_relative_joints_of_a_release_are_placed(tmp_path, dance):
    made = dance(20)
    values = {"joints3d": made.joints - made.joints[:, :1], "smpl_trans": made.translation}
    np.testing.assert_allclose(read_motion(write(tmp_path / "a.npz", values)).joints, made.joints, atol=1e-6)


def test_a_given_rate_wins_with_a_warning(tmp_path, dance, caplog):
    path = write(tmp_path / "a.npz", {"joints": dance(20).joints, "fps": 30})
    assert read_motion(path, Conventions(fps=60)).fps == 60
    assert "states 30 fps; read with 60 fps" in caplog.text


def test_a_folder_is_read_in_order_and_duplicates_are_reported(tmp_path, dance, caplog):
    for name in ("b.npz", "a.pkl", "b.pkl", ".hidden.pkl"):
        write(tmp_path / name, {"joints": dance(5).joints})
    (tmp_path / "notes.txt").write_text("about these")
    with caplog.at_level(logging.WARNING):
        assert [m.file for m in motions_from_folder(tmp_path)] == ["a.pkl", "b.npz"]
    assert "contains b twice; b.pkl is ignored" in caplog.text


POSES = np.ones((5, 72))


class Hostile:
    def __reduce__(self):
        return eval, ("1 + 1",)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.pkl", b"\x80", "not a pickle of arrays"),
        ("a.pkl", pickle.dumps({"smpl_poses": Hostile()}), "names builtins.eval"),
        ("a.pkl", pickle.dumps({"other": np.ones(3)}), "contains no motion; its arrays: 'other'"),
        ("a.pkl", pickle.dumps({"full_pose": np.ones((5, 17, 3))}), r"\(5, 17, 3\) instead of frames × 24"),
        ("a.pkl", pickle.dumps({"full_pose": np.ones((0, 24, 3))}), "shape"),
        ("a.pkl", pickle.dumps({"smpl_poses": POSES, "smpl_trans": np.ones((4, 3))}), "5 × 3"),
        ("a.pkl", pickle.dumps({"poses": POSES, "trans": np.ones((5, 3)), "scale": 0.0}), "scaling"),
        ("a.npz", b"PK no archive", "not an archive of arrays"),
        ("a.npy", b"\x93NUMPY\x01\x00\x09", "not a numpy array"),
        ("a.json", b"{", "not JSON"),
        ("a.json", b'{"joints": [[1, 2], [3]]}', "unequal length"),
        ("a.json", b"[" * 100_000, "not JSON"),
        ("frames/x_frame1.json", b'{"3d_pose": [[0, 0, 0]]}', "not a pose of 24 joints"),
        ("a.txt", b"1 2 3", "contains no motion"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(tmp_path, name, content, words):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        motions_from_folder(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_folders_and_unknown_formats(tmp_path):
    with pytest.raises(InputError, match="not readable"):
        motions_from_folder(tmp_path / "none")
    with pytest.raises(InputError, match="not a file format"):
        read_motion(tmp_path / "a.bvh")


@pytest.mark.parametrize(
    "wrong", [{"fps": 0.0}, {"fps": float("nan")}, {"up": "x"}, {"unit": "ft"}, {"content": "?"}]
)
def test_conventions_are_checked(wrong):
    with pytest.raises(InputError):
        Conventions(**wrong)


def test_golden_motions_are_what_their_rotations_say(shared):
    for motion in motions_from_folder(shared / "golden/metrics/real"):
        file = shared / "golden/metrics/real" / motion.file
        with file.open("rb") as stream:
            values = pickle.load(stream)  # noqa: S301 -- ours
        assert motion.joints.dtype == np.float32
        np.testing.assert_array_equal(motion.joints, values["full_pose"])
        joints = mean_body(values["smpl_poses"].reshape(-1, 24, 3), values["smpl_trans"])
        np.testing.assert_allclose(joints, motion.joints, atol=1e-6)
