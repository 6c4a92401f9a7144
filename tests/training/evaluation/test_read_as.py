"""evaluate reads motions by their layout, says how, and asks for a rate that cannot be known."""

from __future__ import annotations

import json
import pickle
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from training.evaluate import main

TO_Y = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])


@pytest.fixture
def run(monkeypatch, capsys):
    """`run("--real", …)` → exit code, standard output, standard error."""

    def go(*arguments):
        monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, arguments), "--bootstrap", "0"])
        with pytest.raises(SystemExit) as exited:
            main()
        out, err = capsys.readouterr()
        return exited.value.code, out, err

    return go


@pytest.fixture
def sets(tmp_path, dance):
    """Two dances of four seconds: `aist` at 60 fps as published, `ours` in the layout of the sampler."""
    (tmp_path / "aist").mkdir()
    (tmp_path / "ours").mkdir()
    for number in range(2):
        made = dance(120, number, fps=60)
        poses = made.poses.copy()
        poses[:, 0] = (Rotation.from_matrix(TO_Y) * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
        values = {
            "smpl_poses": poses.reshape(-1, 72),
            "smpl_trans": made.translation @ TO_Y.T * 90,
            "smpl_scaling": np.array([90.0]),
            "smpl_loss": 1.0,
        }
        (tmp_path / f"aist/gBR_sBM_cAll_d04_mBR{number}_ch01.pkl").write_bytes(pickle.dumps(values))
        values = {"full_pose": made.joints, "fps": 60}
        (tmp_path / f"ours/{number}.pkl").write_bytes(pickle.dumps(values))
    return tmp_path


def numbers(document):
    return document["table"]["ground truth"]


def test_aist_gives_the_numbers_of_its_own_rate_and_axes(sets, run, caplog):
    _, out, _ = run("--real", sets / "aist", "--json")
    found = json.loads(out)
    assert "AIST++: 60 fps (of the layout), y up (of the layout)" in caplog.text
    wanted = json.loads(run("--real", sets / "ours", "--json")[1])
    for metric in ("PFC", "PBC", "jitter"):
        # Positions are float32, and y up; jitter is a third difference at 60 fps.
        assert numbers(found)[metric]["value"] == pytest.approx(numbers(wanted)[metric]["value"], rel=1e-2)
    (read,) = found["protocol"]["rows"]["ground truth"]["read_as"]
    assert (read["motions"], read["layout"], read["fps"], read["up"]) == (2, "AIST++", 60, "y")
    assert (read["fps_origin"], read["up_origin"]) == ("layout", "layout")


def test_the_protocol_of_the_table_says_how_motions_were_read(sets, run):
    _, out, _ = run("--real", sets / "aist", "--motions", f"model={sets / 'ours'}")
    assert "Protocol: ground truth: 2 read as AIST++: 60 fps (of the layout), y up" in out
    assert "Protocol: model: 2 read as POPDG or EDGE sampler: 60 fps (stated in the file), z up" in out


@pytest.mark.parametrize("place", ["real", "model"])
def test_an_unknown_rate_is_asked_for_when_sets_are_compared(sets, run, dance, place):
    (sets / "bare").mkdir()
    for number in range(2):
        np.save(sets / f"bare/{number}.npy", dance(120, number, fps=60).joints)
    code, _, err = run("--real", sets / "bare")
    assert code == 0  # alone, with a warning
    real, model = (sets / "bare", sets / "ours") if place == "real" else (sets / "ours", sets / "bare")
    code, _, err = run("--real", real, "--motions", f"m={model}")
    assert code == 2
    assert "the frame rate of 2 motions is unknown" in err
    assert "DIR,fps=30" in err
    given = ["--real", real, "--motions", f"m={model}"]
    given = [f"{word},fps=60" if str(sets / "bare") in str(word) else word for word in given]
    assert run(*given)[0] == 0
    assert run("--real", real, "--motions", f"m={model}", "--mode", "released")[0] == 0
