"""`popdanceset convert`: round trips between layouts, clips of a release, pose tables, and bad input."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from popdanceset.cli import main as popdanceset_main
from popdanceset.motion.conventions import UNITS, UPS, Origin
from training.export.convert import LAYOUTS
from training.export.dance import Dance
from training.export.reading import at_rate, read_dance


@pytest.fixture
def run(monkeypatch, capsys):
    """`run("IN", "OUT", …)` → exit code, standard output, standard error."""

    def go(*words):
        monkeypatch.setattr(sys, "argv", ["popdanceset", "convert", *map(str, words)])
        with pytest.raises(SystemExit) as exited:
            popdanceset_main()
        out, err = capsys.readouterr()
        return exited.value.code, out, err

    return go


@pytest.fixture
def source(tmp_path, dance):
    made = dance(20, seed=4)
    values = {"smpl_poses": made.poses, "smpl_trans": made.translation, "fps": 60.0}
    np.savez(tmp_path / "source.npz", **values)
    return tmp_path / "source.npz"


def matrices(poses):
    return Rotation.from_rotvec(np.asarray(poses).reshape(-1, 3)).as_matrix()


@pytest.mark.parametrize("up", UPS)
@pytest.mark.parametrize("unit", list(UNITS))
@pytest.mark.parametrize(("layout", "compared"), [("popdanceset", 24), ("released", 24), ("amass", 22)])
def test_round_trips(tmp_path, run, source, layout, compared, up, unit):
    """To 1e-5 m and 1e-5 in matrices: files hold float32."""
    out = tmp_path / f"out.{LAYOUTS[layout].ending}"
    code, printed, _ = run(source, out, "--layout", layout, "--up", up, "--unit", unit)
    assert code == 0
    assert "20 frames read as joints and rotations by name: 60 fps (stated in the file)" in printed
    before, after = read_dance(str(source)), read_dance(str(out))
    assert after.dance.fps == 60
    np.testing.assert_allclose(after.dance.translation, before.dance.translation, atol=1e-5)
    theirs, ours = (matrices(read.dance.poses[:, :compared]) for read in (before, after))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(after.motion.joints[:, :22], before.motion.joints[:, :22], atol=1e-5)


def test_a_file_has_the_axes_and_unit_that_were_asked_for(tmp_path, run, source):
    run(source, tmp_path / "out.npz", "--up", "y", "--unit", "cm")
    before, after = np.load(source), np.load(tmp_path / "out.npz")
    x, y, z = before["smpl_trans"].T
    np.testing.assert_allclose(after["smpl_trans"], 100 * np.stack([x, z, -y], -1), atol=1e-3)
    assert (str(after["up"]), str(after["unit"])) == ("y", "cm")


def test_positions_become_rotations_and_positions_again(tmp_path, run, dance):
    joints = dance(20).joints
    np.save(tmp_path / "a.npy", joints)
    assert run(f"{tmp_path / 'a.npy'},fps=30", tmp_path / "b.npz")[0] == 0
    assert run(tmp_path / "b.npz", tmp_path / "c.npy")[0] == 0
    np.testing.assert_allclose(np.load(tmp_path / "c.npy"), joints, atol=2e-5)


@pytest.mark.parametrize("ending", ["bvh", "glb"])
def test_animation_formats(tmp_path, run, source, ending):
    """What these files hold is tested in `export/test_export.py`."""
    assert run(source, tmp_path / f"out.{ending}")[0] == 0
    content = (tmp_path / f"out.{ending}").read_bytes()
    assert content.startswith(b"HIERARCHY" if ending == "bvh" else b"glTF")
    if ending == "bvh":
        assert b"Frames: 20\nFrame Time: 0.01666667" in content


def test_another_rate(tmp_path, run, source):
    run(source, tmp_path / "out.npz", "--fps", "30")
    before, after = read_dance(str(source)).dance, read_dance(str(tmp_path / "out.npz")).dance
    assert (after.fps, len(after.poses)) == (30, 10)
    np.testing.assert_allclose(matrices(after.poses), matrices(before.poses[::2]), atol=1e-5)
    np.testing.assert_allclose(after.translation, before.translation[::2], atol=1e-5)


def test_a_constant_turn_stays_constant_at_another_rate():
    poses = np.zeros((11, 24, 3))
    poses[:, 5, 1] = np.linspace(2.5, 3.5, 11)  # beyond π the shorter vector has the other sign
    path = np.linspace(0, 1, 11)[:, None] * [1.0, 2, 3]
    found = at_rate(Dance(poses, path, 20.0), 50.0)
    assert len(found.poses) == 26
    wanted = np.zeros((26, 3))
    wanted[:, 1] = np.linspace(2.5, 3.5, 26)
    np.testing.assert_allclose(matrices(found.poses[:, 5]), matrices(wanted), atol=1e-9)
    np.testing.assert_allclose(found.translation, np.linspace(0, 1, 26)[:, None] * [1.0, 2, 3], atol=1e-9)


def test_a_clip_of_a_release_and_a_pose_table(tmp_path, run, release_dir, store):
    from popdanceset.release.reader import Release

    with Release(release_dir) as release:
        frames = release.frames("BV1_Clip_1")
    assert run(f"{release_dir}:BV1_Clip_1", tmp_path / "clip.npz")[0] == 0
    table = next((tmp_path / "store/poses").glob("BV1_Clip_1*"))
    assert run(table, tmp_path / "table.npz")[0] == 0
    for name in ("clip", "table"):
        read = np.load(tmp_path / f"{name}.npz")
        assert read["fps"] == 30
        np.testing.assert_allclose(
            read["smpl_trans"], frames["smpl_trans"] / frames["smpl_scaling"], atol=1e-5
        )
        np.testing.assert_allclose(matrices(read["smpl_poses"]), matrices(frames["smpl_poses"]), atol=1e-4)
    code, _, err = run(f"{release_dir}:BV1_Clip_1,up=y", tmp_path / "none.npz")
    assert (code, "give RELEASE:CLIP_ID alone" in err) == (2, True)
    code, _, err = run(f"{release_dir}:BV8_Clip_1", tmp_path / "none.npz")
    assert code == 2
    assert "BV8_Clip_1" in err


def test_a_folder_goes_on_past_what_cannot_be_read(tmp_path, run, dance):
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        np.save(tmp_path / f"in/{name}.npy", dance(5).joints)
    (tmp_path / "in/broken.pkl").write_bytes(b"\x80")
    code, out, err = run(f"{tmp_path / 'in'},fps=30", tmp_path / "out", "--layout", "amass")
    assert code == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.npz", "b.npz"]
    assert out.count("5 frames read as array without a name: 30 fps (given)") == 2
    assert "broken.pkl: not converted" in err
    assert run(f"{tmp_path / 'in'}", tmp_path / "out")[0] == 2


def test_an_unknown_rate_stays_unknown(tmp_path, run, dance):
    np.save(tmp_path / "a.npy", dance(5).joints)
    for name in ("a.npz", "a.pkl"):
        assert run(tmp_path / "a.npy", tmp_path / name)[0] == 0
        assert read_dance(str(tmp_path / name)).source.fps_origin is Origin.ASSUMED
    code, _, err = run(tmp_path / "a.npy", tmp_path / "b.npz", "--fps", "60")
    assert code == 2
    assert "frame rate is unknown" in err


@pytest.mark.parametrize(
    ("out", "options", "words"),
    [
        ("a.txt", [], "unknown ending"),
        ("a.npz", ["--layout", "bvh"], "not written to .npz"),
        ("a.bvh", ["--up", "y"], "leave out --up and --unit"),
    ],
)
def test_what_cannot_be_written_is_one_line(tmp_path, run, source, out, options, words):
    code, _, err = run(source, tmp_path / out, *options)
    assert code == 2
    assert words in err
    assert not (tmp_path / out).exists()


def test_frames_that_are_not_finite_are_counted(tmp_path, run, dance):
    joints = dance(5).joints.copy()
    joints[2] = np.nan
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"full_pose": joints}))
    code, _, err = run(tmp_path / "a.pkl", tmp_path / "a.npz")
    assert code == 2
    assert "1 of 5 frames contain NaN" in err


def test_choices_of_the_command_line_are_those_of_the_library():
    from training import convert

    assert (tuple(LAYOUTS), UPS, tuple(UNITS)) == (convert.LAYOUTS, convert.UPS, convert.UNITS)
