"""Poses in HybrIK's own layout, and back again by formulas written independently here."""

from __future__ import annotations

import json
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from scipy.spatial.transform import Rotation

from hybrik_runner.commands.export_res import export_res
from hybrik_runner.estimator import Poses
from hybrik_runner.output import res_file
from popdanceset.errors import InputError, PopDanceSetError, SchemaError
from popdanceset.motion import hybrik_res
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.schema import CLIPS, FRAMES, shape_of
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS
from popdanceset.store import Store
from popdanceset.tables import conform, from_rows

WIDTH, HEIGHT = 640, 480
KEYS = [
    "pred_uvd", "pred_xyz_17", "pred_xyz_29", "pred_xyz_24_struct", "pred_scores", "pred_camera",
    "pred_betas", "pred_thetas", "pred_phi", "pred_cam_root", "transl", "transl_camsys", "bbox", "height",
    "width", "img_path",
]  # fmt: skip


def column(table: pa.Table, name: str) -> np.ndarray:
    values = np.asarray(table[name].combine_chunks().values, np.float64)
    return values.reshape(len(table), *shape_of(FRAMES.field(name)))


TURN = Rotation.from_euler("xy", [8, -3], degrees=True).as_matrix()
"""By which a table's world may be turned, so that its floor is level."""


def made(poses: Poses, turn: np.ndarray, lift: np.ndarray) -> pa.Table:
    """A pose table: turned, with its origin below the root's first place, and the root lifted."""
    count = len(poses.cam_root)
    rotations = poses.rotations.copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    root = poses.cam_root[:, [0, 2, 1]] * [1, 1, -1] @ turn.T  # x right, y away, z up
    columns = {
        "smpl_poses": Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec(),
        "smpl_trans": root - root[0] + [0, 0, 0.9] + lift[:, None] * [0, 0, 1],
        "smpl_scaling": np.full(count, poses.scaling),
        "joints3d": forward_kinematics(rotations, poses.scaling),
        "coco_keypoints3d": poses.keypoints3d @ turn.T,
        "coco_keypoints2d": poses.keypoints2d,
        "pred_scores": poses.scores,
        "pred_camera": poses.camera,
        "cam_root": poses.cam_root,
        "bbox": poses.bbox,
        "observed": poses.observed,
    }
    arrays = {
        name: pa.FixedSizeListArray.from_arrays(
            pa.array(values.ravel(), FRAMES.field(name).type.value_type), type=FRAMES.field(name).type
        )
        for name, values in columns.items()
    }
    names = {"clip_id": ["BV1_Clip_1"] * count, "frame_index": range(count), "timestamp": poses.times}
    table = conform(pa.table({**names, **arrays, "estimator": ["fake-1"] * count}), FRAMES)
    notes = json.dumps({"floor": {"camera_to_world": turn.tolist()}})
    return table.replace_schema_metadata({**FRAMES.metadata, b"extraction": notes.encode()})


@pytest.fixture
def poses(sway: Callable[..., Poses]) -> Poses:
    """A second of the dancer who sways, steps sideways, and bends."""
    return sway(np.arange(30) / 30, np.ones(30, bool))


@pytest.fixture
def table(poses: Poses) -> pa.Table:
    """Their table, as a level camera gives it."""
    return made(poses, np.eye(3), np.zeros(30))


@pytest.fixture
def tilted(poses: Poses) -> pa.Table:
    """The same of a camera that looks down, with feet brought to the floor."""
    return made(poses, TURN, 0.02 * np.sin(np.arange(30)))


@pytest.fixture
def res(table: pa.Table) -> dict[str, np.ndarray]:
    return res_file.from_table(table, (WIDTH, HEIGHT), "BV1_Clip_1")


def test_every_key_of_the_layout(res: dict[str, np.ndarray]) -> None:
    assert set(res) == set(KEYS)
    shapes = {key: value.shape for key, value in res.items()}
    assert shapes["pred_uvd"] == shapes["pred_xyz_29"] == (30, 29, 3)
    assert shapes["pred_xyz_17"] == (30, 17, 3)
    assert shapes["pred_xyz_24_struct"] == (30, 24, 3)
    assert shapes["pred_thetas"] == (30, 216)
    assert shapes["pred_phi"] == (30, 23, 2)
    assert (shapes["pred_scores"], shapes["pred_camera"], shapes["pred_betas"]) == (
        (30, 29),
        (30, 1),
        (30, 10),
    )
    assert shapes["pred_cam_root"] == shapes["transl"] == shapes["transl_camsys"] == (30, 3)
    assert shapes["bbox"] == (30, 4)
    assert res["height"].tolist() == [480] * 30
    assert res["width"].tolist() == [640] * 30
    assert res["img_path"][[0, 29]].tolist() == ["BV1_Clip_1-000001.png", "BV1_Clip_1-000030.png"]
    assert all(res[key].dtype == np.float32 for key in KEYS[:12])


def nearer(res: dict[str, np.ndarray], root: str) -> np.ndarray:
    """Roots of the file, for the focal length of tables in place of HybrIK's."""
    side = res["bbox"][:, 2] - res["bbox"][:, 0]
    depth = res[root][:, 2] * np.hypot(WIDTH, HEIGHT) / (1000 * side / 256)
    return np.column_stack([res[root][:, :2], depth])


@pytest.mark.parametrize(("name", "turn"), [("table", np.eye(3)), ("tilted", TURN)])
def test_there_and_back_again(name: str, turn: np.ndarray, request: pytest.FixtureRequest) -> None:
    """Rotations and roots of the file, led back into the world, are those of the table."""
    table = request.getfixturevalue(name)
    res = res_file.from_table(table, (WIDTH, HEIGHT), "c")
    # x right, y away, z up of x right, y down, z away
    to_world = turn @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    matrices = res["pred_thetas"].reshape(-1, 24, 3, 3).astype(float)
    matrices[:, 0] = to_world @ matrices[:, 0]
    wanted = Rotation.from_rotvec(column(table, "smpl_poses").reshape(-1, 3)).as_matrix()
    assert np.abs(matrices - wanted.reshape(-1, 24, 3, 3)).max() < 1e-5

    assert np.abs(nearer(res, "pred_cam_root") - column(table, "cam_root")).max() < 1e-5
    world, wanted = nearer(res, "transl") @ to_world.T, column(table, "smpl_trans")
    assert np.abs((world - world[0]) - (wanted - wanted[0])).max() < 1e-5
    joints = res["pred_xyz_24_struct"].astype(float) * 2.2 @ to_world.T
    assert np.abs(joints - column(table, "joints3d")).max() < 1e-5


def test_a_turned_world_is_seen_by_the_same_camera(res: dict[str, np.ndarray], tilted: pa.Table) -> None:
    """But for the feet that were brought to the floor, the camera's axes know nothing of the world's."""
    other = res_file.from_table(tilted, (WIDTH, HEIGHT), "BV1_Clip_1")
    for key in ("pred_thetas", "pred_cam_root", "pred_uvd", "pred_xyz_29", "pred_phi"):
        np.testing.assert_allclose(other[key], res[key], atol=1e-5, err_msg=key)
    moved = other["transl"] - res["transl"]
    assert 0.01 < np.abs(moved).max() < 0.06


def test_the_skeleton_is_where_the_table_puts_it(table: pa.Table, res: dict[str, np.ndarray]) -> None:
    """As the Blender add-on does it: chain the matrices, then turn by 180° about x, so that y is up."""
    matrices = res["pred_thetas"].reshape(-1, 24, 3, 3).astype(float)
    scaling = column(table, "smpl_scaling")[:, 0]
    flip = np.diag([1.0, -1, -1])
    chain, joints = [flip @ matrices[:, 0]], [np.zeros((30, 3))]
    for joint in range(1, 24):
        above = SMPL_PARENTS[joint]
        joints.append(joints[above] + chain[above] @ SMPL_OFFSETS[joint] * scaling[:, None])
        chain.append(chain[above] @ matrices[:, joint])
    in_blender = np.stack(joints, 1)
    world = column(table, "joints3d")  # z up, y away from the camera
    wanted = np.stack([world[..., 0], world[..., 2], -world[..., 1]], -1)
    assert np.abs(in_blender - wanted).max() < 1e-5
    assert (in_blender[:, 15, 1] > in_blender[:, 7, 1] + 1).all()  # the head is above the feet


def test_the_parts_agree_by_the_networks_own_equations(res: dict[str, np.ndarray]) -> None:
    """x = (u + box's place) · 256 / 1000 · (d · 2.2 + distance), with the distance of the scale."""
    side = (res["bbox"][:, 2] - res["bbox"][:, 0])[:, None]
    place = ((res["bbox"][:, :2] + res["bbox"][:, 2:]) / 2 - [WIDTH / 2, HEIGHT / 2]) / side
    distance = 1000 / (256 * res["pred_camera"])
    depth = res["pred_uvd"][..., 2] * 2.2
    across = (res["pred_uvd"][..., :2] + place[:, None]) * 0.256 * (depth + distance)[..., None]
    joints = np.concatenate([across, depth[..., None]], -1)
    np.testing.assert_allclose(joints - joints[:, :1], res["pred_xyz_29"] * 2.2, atol=1e-5)
    root = joints[:, 0] + np.column_stack([np.zeros((30, 2)), distance])
    np.testing.assert_allclose(root, res["transl"], atol=1e-5)
    np.testing.assert_allclose(res["transl"], res["pred_cam_root"], atol=1e-5)
    np.testing.assert_allclose(res["transl_camsys"], res["transl"] * 256 / side, rtol=1e-6)


def test_boxes_are_squares_of_one_size_round_the_dancer(table: pa.Table, res: dict[str, np.ndarray]) -> None:
    box, own = res["bbox"], column(table, "bbox")
    sides = box[:, 2:] - box[:, :2]
    np.testing.assert_allclose(sides, 1.25 * (own[:, 2:] - own[:, :2]).max())
    np.testing.assert_allclose(box[:, :2] + box[:, 2:], own[:, :2] + own[:, 2:])
    inside = np.abs(res["pred_uvd"][:, :24, :2])
    assert inside.max() < 0.55


def test_what_is_not_known_is_neutral_and_named(table: pa.Table, res: dict[str, np.ndarray]) -> None:
    assert set(res_file.NEUTRAL) == {
        "pred_betas", "pred_phi", "pred_xyz_29", "pred_uvd", "pred_xyz_17", "img_path",
    }  # fmt: skip
    assert not res["pred_betas"].any()
    np.testing.assert_array_equal(res["pred_xyz_29"][:, 24:], res["pred_xyz_29"][:, [15, 22, 23, 10, 11]])
    np.testing.assert_array_equal(res["pred_xyz_29"][:, :24], res["pred_xyz_24_struct"])
    for joint in (10, 11, 15, 22, 23):
        np.testing.assert_array_equal(res["pred_phi"][:, joint - 1], [[1, 0]] * 30)
    np.testing.assert_array_equal(res["pred_scores"], column(table, "pred_scores").astype(np.float32))


def test_twists_are_turns_about_the_bones() -> None:
    """A swing across the bone after a twist about it returns the twist; so does half a turn."""
    random = np.random.default_rng(3)
    joint, child = 18, 20
    axis = SMPL_OFFSETS[child] / np.linalg.norm(SMPL_OFFSETS[child])
    angles = np.array([0.0, 0.5, -2.5, 3.1, np.pi])
    swings = np.cross(axis, random.normal(size=(5, 3)))
    matrices = np.tile(np.eye(3), (5, 24, 1, 1))
    matrices[:, joint] = (
        Rotation.from_rotvec(swings) * Rotation.from_rotvec(angles[:, None] * axis)
    ).as_matrix()
    phi = hybrik_res.twists(matrices)
    np.testing.assert_allclose(
        phi[:, joint - 1], np.column_stack([np.cos(angles), np.sin(angles)]), atol=1e-6
    )
    phi[:, joint - 1] = [1, 0]
    np.testing.assert_allclose(phi, np.tile([1.0, 0.0], (5, 23, 1)), atol=1e-9)


def test_any_numpy_reads_the_file(res: dict[str, np.ndarray], tmp_path: Path) -> None:
    """The pickle names nothing but what numpy 1 and 2 both have, and needs no other package."""
    res_file.write(res, tmp_path / "made", res_file.NEUTRAL)
    raw = (tmp_path / "made" / "res.pk").read_bytes()
    assert max(op.proto for op, _, _ in pickletools.genops(raw)) <= 3
    assert {arg for op, arg, _ in pickletools.genops(raw) if op.name == "GLOBAL"} == {
        "numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype",
    }  # fmt: skip
    script = (
        "import pickle, sys; d = pickle.load(open(sys.argv[1], 'rb')); d['transl'] += 1;"
        "print(len(d), d['transl'].shape, d['img_path'][0],"
        " {m.split('.')[0] for m in sys.modules} & {'pyarrow', 'scipy', 'torch', 'hybrik_runner'})"
    )
    done = subprocess.check_output(
        [sys.executable, "-c", script, str(tmp_path / "made" / "res.pk")], text=True
    )
    assert done.strip() == "16 (30, 3) BV1_Clip_1-000001.png set()"
    notes = json.loads((tmp_path / "made" / "res.json").read_text())
    assert notes["frames"] == 30
    assert notes["filled"] == res_file.NEUTRAL
    read = pickle.loads(raw)  # noqa: S301 - written here
    for key, value in res.items():
        np.testing.assert_array_equal(read[key], value)
        assert read[key].dtype == value.dtype


def test_tables_that_cannot_be_exported(table: pa.Table) -> None:
    with pytest.raises(InputError, match="no frames"):
        res_file.from_table(table.slice(0, 0), (WIDTH, HEIGHT), "c")
    other = table.set_column(0, table.schema.field(0), pa.array(["other"] * 30))
    with pytest.raises(InputError, match="several clips"):
        res_file.from_table(pa.concat_tables([table, other]), (WIDTH, HEIGHT), "c")
    with pytest.raises(SchemaError):
        res_file.from_table(table.drop_columns(["smpl_poses"]), (WIDTH, HEIGHT), "c")
    with pytest.raises(InputError, match="no area"):
        res_file.from_table(table.drop_columns(["bbox"]), (WIDTH, HEIGHT), "c")
    hollow = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(120, np.float32)), 4)
    place = table.schema.get_field_index("bbox")
    with pytest.raises(InputError, match="no area"):
        res_file.from_table(table.set_column(place, "bbox", hollow), (WIDTH, HEIGHT), "c")


@pytest.fixture
def clip(store: Store, table: pa.Table, film: Callable[..., Path]) -> Store:
    """A store that holds the clip's poses and its film, 64 x 48."""
    store.write_table("poses/BV1_Clip_1.parquet", table, FRAMES)
    store.put(film(3), "media/c.mp4")
    row = dict.fromkeys([field.name for field in CLIPS if not field.nullable], 0) | {
        "clip_id": "BV1_Clip_1", "bvid": "BV1", "path": "media/c.mp4", "music_path": "", "music_id": "",
        "genre": "unknown", "dancer_id": "1", "accepted": True, "reason": "", "note": "",
    }  # fmt: skip
    row = {name: value for name, value in row.items() if not CLIPS.field(name).nullable or name == "clip_id"}
    store.write_table("clips/c.parquet", from_rows([row], CLIPS), CLIPS)
    return store


def test_the_turn_of_a_stored_table_is_read(
    store: Store, tilted: pa.Table, res: dict[str, np.ndarray], film: Callable[..., Path], tmp_path: Path
) -> None:
    with store.open_write("poses/BV1_Clip_1.parquet") as file:
        pq.write_table(tilted, file)
    options = ["BV1_Clip_1", "--out", str(tmp_path), "--film", str(film(3)), "--store", store.address]
    assert CliRunner().invoke(export_res, options).exit_code == 0
    written = pickle.loads((tmp_path / "res.pk").read_bytes())  # noqa: S301 - written here
    np.testing.assert_allclose(written["pred_thetas"], res["pred_thetas"], atol=1e-5)


def test_a_clip_of_the_store(clip: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = CliRunner().invoke(export_res, ["BV1_Clip_1", "--out", str(out), "--store", clip.address])
    assert ended.exit_code == 0, ended.output
    assert ended.output.splitlines()[0] == f"{out / 'res.pk'}: 30 frames"
    assert "zeros, the mean shape" in ended.output
    res = pickle.loads((out / "res.pk").read_bytes())  # noqa: S301 - written here
    assert (res["width"][0], res["height"][0]) == (64, 48)


def test_a_table_of_ones_own(clip: Store, film: Callable[..., Path], tmp_path: Path) -> None:
    table = Path(clip.address) / "poses" / "BV1_Clip_1.parquet"
    options = [str(table), "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(export_res, options).exit_code == 2
    ended = CliRunner().invoke(export_res, [*options, "--film", str(film(3))])
    assert ended.exit_code == 0, ended.output
    assert (tmp_path / "out" / "res.pk").is_file()


@pytest.mark.parametrize(
    ("source", "message"),
    [("BV9_Clip_1", "missing"), ("../c", "not a name inside"), ("none.parquet", "no such file")],
)
def test_sources_that_are_not_there(
    clip: Store, film: Callable[..., Path], tmp_path: Path, source: str, message: str
) -> None:
    options = [source, "--out", str(tmp_path / "out"), "--film", str(film(3)), "--store", clip.address]
    ended = CliRunner().invoke(export_res, options)
    assert isinstance(ended.exception, PopDanceSetError)
    assert ended.exception.exit_code == 2
    assert message in str(ended.exception)


def test_a_clip_without_its_row_needs_the_film(store: Store, table: pa.Table, tmp_path: Path) -> None:
    store.write_table("poses/BV1_Clip_1.parquet", table, FRAMES)
    ended = CliRunner().invoke(export_res, ["BV1_Clip_1", "--out", str(tmp_path), "--store", store.address])
    assert "--film" in str(ended.exception)


def test_importing_the_command_is_light() -> None:
    script = (
        "import sys, hybrik_runner.commands.export_res\n"
        "print(sys.modules.keys() & {'numpy', 'pyarrow', 'av'})"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "set()"
