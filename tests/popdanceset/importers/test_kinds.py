"""AIST++, HybrIK, AMASS and other SMPL files, against independent calculations."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from popdanceset import layout
from popdanceset.errors import FailedError, InputError
from popdanceset.importers.ids import id_of_aist, id_of_name, is_clip_id, parse_clip_id
from popdanceset.importers.items import Options
from popdanceset.motion.conventions import Conventions
from popdanceset.motion.joint_motion import mean_body
from popdanceset.schema import CLIPS, FRAMES, VERDICTS
from popdanceset.store import Store
from popdanceset.tables import fold_column
from tests.popdanceset.importers.conftest import tone, write_list, write_pickle

NAME = "gBR_sBM_cAll_d04_mBR0_ch01"
ID = "BV0BRBM04001_Clip_1"
UPRIGHT = Rotation.from_euler("x", 90, degrees=True)  # y up to z up


def columns_of(store: Store, clip_id: str) -> dict[str, np.ndarray]:
    table = store.read_table(layout.poses(clip_id), FRAMES)
    return {field.name: fold_column(table, field.name) for field in FRAMES}


def rows_of(store: Store) -> list[dict[str, Any]]:
    return store.read_table(layout.CLIPS, CLIPS).to_pylist()


def turned(poses: np.ndarray, by: Rotation) -> np.ndarray:
    """Axis-angle with the root turned."""
    result = poses.astype(np.float64)
    result[:, 0] = (by * Rotation.from_rotvec(result[:, 0])).as_rotvec()
    return result


def assert_same_rotations(found: np.ndarray, expected: np.ndarray) -> None:
    one, other = (Rotation.from_rotvec(np.asarray(p, np.float64).reshape(-1, 3)) for p in (found, expected))
    assert (one * other.inv()).magnitude().max() < 1e-5


# -- ids


def test_ids_of_sequences() -> None:
    assert str(id_of_aist(NAME)) == ID
    assert str(id_of_aist("gJS_sFM_cAll_d03_mJS5_ch14")) == "BV0JSFM03514_Clip_1"
    assert str(id_of_aist("BV1aaaaaaaaa_Clip_3")) == "BV1aaaaaaaaa_Clip_3"
    names = [NAME, "gBR_sBM_cAll_d04_mLO0_ch01", "gBR_sBM_cAll_d04_mBR0_ch01_x", "a/b", "a b", "Ä"]
    ids = [id_of_aist(name) for name in names] + [id_of_name("amass", "a/b"), id_of_name("smpl", "a/b")]
    assert len(set(ids)) == len(ids)
    for clip in ids:
        assert clip.bvid.startswith("BV0")
        assert parse_clip_id(str(clip)) == clip


@pytest.mark.parametrize(
    "text",
    ["", "BV1aaaaaaaaa", "BV1aaaaaaaaa_Clip_0", "BV1aaaaaaaaa_Clip_01", "BV1aaaaaaaaa_p1_Clip_1",
     "../BV1aaaaaaaaa_Clip_1", "BV1aaaaaaaa/_Clip_1", "BV1aaaaaaaaa_Clip_1\n", "BV1aaaaaaaaa_Clip_١",
     "BV1aaaaaaaaa_Clip_1234567", "av1_Clip_1"],
)  # fmt: skip
def test_what_is_no_clip_id(text: str) -> None:
    assert not is_clip_id(text)
    with pytest.raises(InputError, match="is not a clip id"):
        parse_clip_id(text)


@pytest.mark.parametrize("name", ["", "a\nb", "a/../b", "/a", "x" * 300, "a//b", "\x00"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a sequence"):
        id_of_name("smpl", name)


# -- AIST++


@pytest.fixture
def aist(tmp_path: Path, dance: Callable[..., Any]) -> Path:
    """Two sequences at 60 fps, with keypoints of one, lists of both tasks, and one to ignore."""
    folder = tmp_path / "aist"
    scale = 93.5
    for seed, name in enumerate((NAME, "gPO_sFM_cAll_d11_mPO2_ch09", "gPO_sFM_cAll_d11_mPO2_ch10")):
        motion = dance(241, seed, 60)
        place = UPRIGHT.inv().apply(motion.translation.astype(np.float64)) + np.array([1.0, 0.4, 2.0])
        poses = turned(motion.poses, UPRIGHT.inv())
        write_pickle(
            folder / f"motions/{name}.pkl",
            {
                "smpl_poses": poses.reshape(-1, 72).astype(np.float32),
                "smpl_scaling": np.array([scale], np.float32),
                "smpl_trans": (place * scale).astype(np.float32),
                "smpl_loss": 0.1,
            },
        )
    joints = mean_body(poses, place) * scale + np.array([1.0, -22.0, 3.0])  # of the last one, and an offset
    keypoints = np.zeros((241, 17, 3))
    keypoints[:, 5:] = joints[:, [16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8]]
    keypoints[10] = np.nan
    write_pickle(folder / f"keypoints3d/{name}.pkl", {"keypoints3d": keypoints})
    tone(folder / "wavs/mBR0.wav", 220, 4)
    write_list(folder / "splits/crossmodal_train.txt", [NAME])
    write_list(
        folder / "splits/crossmodal_test.txt", ["gPO_sFM_cAll_d11_mPO2_ch10", "gHO_sBM_cAll_d20_mHO0_ch01"]
    )
    write_list(folder / "splits/pose_test.txt", [NAME])
    write_list(folder / "ignore_list.txt", ["gPO_sFM_cAll_d11_mPO2_ch09"])
    return folder


def test_aist_becomes_metres_z_up_at_30_fps(aist: Path, run: Any, store: Store) -> None:
    summary = run("aist++", aist, axes="kept")
    assert summary.imported == 2
    assert summary.left_out == {
        "ignored": ["gPO_sFM_cAll_d11_mPO2_ch09"],
        "missing": ["gHO_sBM_cAll_d20_mHO0_ch01"],
    }
    summary.check()
    row = next(row for row in rows_of(store) if row["clip_id"] == ID)
    assert (row["source"], row["source_name"], row["published_split"]) == ("imported: aist++", NAME, "train")
    assert (row["genre"], row["dancer_id"], row["music_id"]) == ("breaking", "aist:d04", "aist:mBR0")
    assert row["music_path"].endswith(".wav")
    found = columns_of(store, ID)
    given = pickle.loads((aist / f"motions/{NAME}.pkl").read_bytes())  # noqa: S301
    assert len(found["smpl_trans"]) == 121
    np.testing.assert_allclose(found["smpl_scaling"], 0.935, atol=1e-6)
    expected = UPRIGHT.apply(given["smpl_trans"][::2].astype(np.float64) / 100)
    np.testing.assert_allclose(found["smpl_trans"], expected, atol=1e-5)
    poses = turned(given["smpl_poses"].reshape(-1, 24, 3)[::2], UPRIGHT)
    assert_same_rotations(found["smpl_poses"], poses)
    np.testing.assert_allclose(found["joints3d"], 0.935 * mean_body(poses, 0 * expected), atol=1e-5)


def test_aist_keypoints_are_relative_to_the_root(aist: Path, run: Any, store: Store) -> None:
    run("aist++", aist)
    clip_id = str(id_of_aist("gPO_sFM_cAll_d11_mPO2_ch10"))
    table = store.read_table(layout.poses(clip_id), FRAMES)
    assert table["coco_keypoints3d"].null_count == 1
    assert table["coco_keypoints3d"][5].as_py() is None
    found = columns_of(store, clip_id)
    limbs = found["joints3d"][:, [16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8]]
    # No more than the frame-independent offset was taken out.
    np.testing.assert_allclose(np.delete(found["coco_keypoints3d"][:, 5:] - limbs, 5, 0), 0, atol=1e-4)


def test_aist_as_the_released_loader_reads_it(aist: Path, run: Any, store: Store) -> None:
    run("aist++", aist, axes="released")
    found = columns_of(store, ID)
    given = pickle.loads((aist / f"motions/{NAME}.pkl").read_bytes())  # noqa: S301
    place = UPRIGHT.apply((given["smpl_trans"] / given["smpl_scaling"])[::2].astype(np.float64))
    np.testing.assert_allclose(found["smpl_trans"], place, atol=1e-5)
    np.testing.assert_allclose(found["smpl_scaling"], 1)


def test_lists_of_several_kinds_need_a_choice(aist: Path, run: Any, store: Store) -> None:
    for path in (aist / "splits").glob("crossmodal_*"):
        path.rename(path.with_name(path.name.replace("crossmodal", "other")))
    with pytest.raises(InputError, match=r"lists of 2 kinds: other, pose \(name a folder"):
        run("aist++", aist)
    assert rows_of(store) == []
    (aist / "chosen").mkdir()
    (aist / "splits/pose_test.txt").rename(aist / "chosen/pose_test.txt")
    run("aist++", aist, options=Options(lists=aist / "chosen"))
    assert {row["published_split"] for row in rows_of(store) if row["clip_id"] == ID} == {"test"}


# -- HybrIK


def result(dance: Any, sides: np.ndarray, **more: Any) -> dict[str, Any]:
    """What HybrIK's demo pickles, with the dancer at rest at (0.2, 0.5, 4) m plus its path."""
    down = Rotation.from_euler("x", 90, degrees=True)  # z up to y down
    place = down.apply(dance.translation.astype(np.float64)) + np.array([0.2, 0.5, 4.0])
    matrices = Rotation.from_rotvec(turned(dance.poses, down).reshape(-1, 3)).as_matrix()
    seen = place * np.stack([np.ones(len(sides)), np.ones(len(sides)), sides / np.median(sides)], 1)
    box = np.stack([0 * sides, 0 * sides, sides, sides], 1)
    return {
        "pred_thetas": matrices.reshape(-1, 216).astype(np.float32),
        "transl": seen.astype(np.float32),
        "pred_cam_root": seen.astype(np.float32),
        "pred_scores": np.full((len(sides), 29), 0.75, np.float32),
        "pred_betas": np.zeros((len(sides), 10), np.float32),
        "bbox": box,
        "img_path": np.array([f"{n}.png" for n in range(len(sides))]),
        **more,
    }


def test_hybrik_with_one_focal_length(
    tmp_path: Path, run: Any, store: Store, dance: Callable[..., Any]
) -> None:
    motion = dance(100, 3, 25)
    sides = np.linspace(300, 500, 100)
    write_pickle(tmp_path / "res/solo/res.pk", result(motion, sides))
    tone(tmp_path / "res/solo.wav", 300, 4)
    with pytest.raises(FailedError, match="1 of 1 sequences could not be imported"):
        run("hybrik", tmp_path / "res").check()
    assert rows_of(store)[0]["note"] == "states no frame rate"
    fps = Options(Conventions(fps=25))
    assert run("hybrik", tmp_path / "res", options=fps, axes="kept").imported == 1
    clip_id = str(id_of_name("hybrik", "solo"))
    found = columns_of(store, clip_id)
    assert len(found["smpl_trans"]) == 119  # the last frame is at 99/25 s
    times = np.arange(100) / 25
    even = np.arange(119) / 30
    place = motion.translation + np.array([0.2, 4.0, -0.5])
    linear = np.stack([np.interp(even, times, place[:, axis]) for axis in range(3)], 1)
    np.testing.assert_allclose(found["smpl_trans"], linear, atol=1e-5)
    elbow = Slerp(times, Rotation.from_rotvec(motion.poses[:, 18]))(even).as_rotvec()
    np.testing.assert_allclose(found["smpl_poses"][:, 18], elbow, atol=1e-5)
    np.testing.assert_allclose(found["pred_scores"], 0.75)
    verdict = store.read_table(layout.verdict(clip_id), VERDICTS).to_pylist()[0]
    assert verdict["mean_score"] == pytest.approx(0.75)
    assert rows_of(store)[0]["music_path"]


class Hostile:
    def __reduce__(self) -> Any:
        return eval, ("open('/tmp/never', 'w')",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (Hostile(), "builtins.eval"),
        ({"pred_thetas": [Hostile()]}, "builtins.eval"),
        ({"transl": np.zeros((3, 3))}, "lacks pred_thetas"),
        ({"pred_thetas": np.zeros((3, 70)), "transl": np.zeros((3, 3))}, "has the shape"),
        ({"pred_thetas": np.ones((9, 216)), "transl": np.zeros((9, 3))}, "no rotation matrices"),
        ({"pred_thetas": np.array([Hostile()], object), "transl": 1}, "not a pickle of arrays"),
        ([1], "not a dictionary"),
    ],
)
def test_bad_results_of_hybrik(tmp_path: Path, run: Any, store: Store, content: Any, words: str) -> None:
    write_pickle(tmp_path / "res/solo/res.pk", content)
    run("hybrik", tmp_path / "res", options=Options(Conventions(fps=30)))
    (row,) = rows_of(store)
    assert (row["accepted"], row["reason"]) == (False, "damaged")
    assert words in row["note"]


# -- AMASS and others


def test_amass_at_its_own_rate(tmp_path: Path, run: Any, store: Store, dance: Callable[..., Any]) -> None:
    motion = dance(481, 4, 120)
    wide = np.zeros((481, 156))
    wide[:, :66] = motion.poses[:, :22].reshape(-1, 66)
    folder = tmp_path / "AMASS/CMU/01"
    folder.mkdir(parents=True)
    np.savez(folder / "01_01_poses.npz", poses=wide, trans=motion.translation, mocap_framerate=120.0,
             gender="male", betas=np.ones(16), dmpls=np.zeros((481, 8)))  # fmt: skip
    np.savez(folder / "shape.npz", betas=np.ones(16), gender="male")
    np.savez(folder / "unknown_rate.npz", poses=wide, trans=motion.translation, betas=np.ones(16))
    summary = run("amass", tmp_path / "AMASS", axes="kept")
    assert summary.imported == 1
    assert {name: sorted(names) for name, names in summary.left_out.items()} == {
        "damaged": ["CMU/01/shape", "CMU/01/unknown_rate"]
    }
    row = next(row for row in rows_of(store) if row["accepted"])
    assert (row["source_name"], row["dancer_id"], row["genre"]) == (
        "CMU/01/01_01_poses",
        "amass:CMU/01",
        "unknown",
    )
    found = columns_of(store, row["clip_id"])
    np.testing.assert_allclose(found["smpl_trans"], motion.translation[::4], atol=1e-6)
    assert_same_rotations(found["smpl_poses"][:, :22], motion.poses[::4, :22])
    assert set(found["estimator"]) == {"AMASS (MoSh++)"}


def test_results_of_other_estimators(
    tmp_path: Path, run: Any, store: Store, dance: Callable[..., Any]
) -> None:
    motion = dance(90, 5)
    folder = tmp_path / "results"
    folder.mkdir()
    poses, place = (
        turned(motion.poses, UPRIGHT.inv()),
        UPRIGHT.inv().apply(motion.translation.astype(np.float64)),
    )
    write_pickle(
        folder / "BV1xx411c7mD_Clip_2.pkl",
        {"smpl_params_global": {"global_orient": poses[:, 0], "body_pose": poses[:, 1:].reshape(90, 69),
                                "transl": place, "betas": np.zeros((90, 10))}},
    )  # fmt: skip
    write_pickle(folder / "wham_output.pkl", {"pose_world": poses.reshape(90, 72), "trans_world": place})
    np.save(folder / "joints.npy", motion.joints)
    summary = run("smpl", folder, axes="kept", options=Options(genre="jazz", dancer="me"))
    assert summary.imported == 1
    notes = {row["source_name"]: row["note"] for row in rows_of(store) if not row["accepted"]}
    assert notes["wham_output"] == "states no frame rate (layout WHAM)"
    assert "no rotations" in notes["joints"] or "no frame rate" in notes["joints"]
    found = columns_of(store, "BV1xx411c7mD_Clip_2")
    np.testing.assert_allclose(found["smpl_trans"], motion.translation, atol=1e-6)
    assert_same_rotations(found["smpl_poses"], motion.poses)
    row = next(row for row in rows_of(store) if row["accepted"])
    assert (row["genre"], row["dancer_id"]) == ("jazz", "me")
    with_rate = Options(Conventions(fps=30), genre="jazz", dancer="me")
    assert run("smpl", folder, axes="kept", options=with_rate).imported == 1
    assert run("smpl", folder / "wham_output.pkl", axes="kept", options=with_rate).kept == 1


@pytest.mark.parametrize("kind", ["hybrik", "amass", "smpl"])
def test_there_is_no_released_loader_of_these(
    tmp_path: Path, run: Any, store: Store, dance: Any, kind: str
) -> None:
    motion = dance(60, 5)
    write_pickle(tmp_path / "x/solo/res.pk", result(motion, np.full(60, 400.0)))
    np.savez(tmp_path / "x/a.npz", root_orient=motion.poses[:, 0],
             pose_body=motion.poses[:, 1:22].reshape(60, 63), trans=motion.translation, fps=30)  # fmt: skip
    with pytest.raises(InputError, match="there is no released loader of this kind of set"):
        run(kind, tmp_path / "x", axes="released", options=Options(Conventions(fps=30)))
    assert rows_of(store) == []


@pytest.mark.parametrize("kind", ["popdanceset", "aist++", "hybrik", "amass", "smpl"])
def test_what_is_no_set_is_one_line(tmp_path: Path, run: Any, store: Store, kind: str) -> None:
    (tmp_path / "empty").mkdir()
    for path, words in ((tmp_path / "empty", "contains no"), (tmp_path / "none", "does not exist")):
        with pytest.raises(InputError, match=words):
            run(kind, path)
    assert rows_of(store) == []
