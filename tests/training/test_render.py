"""`popdanceset render`: films of motions, side by side, with music."""

from __future__ import annotations

import sys

import av
import numpy as np
import pytest

from popdanceset.cli import main as popdanceset_main
from popdanceset.motion.files import read_motion
from popdanceset.skeleton import LEFT_COLOUR, RIGHT_COLOUR
from training.export.film import grounded

SMALL = ("--size", "128", "160")


@pytest.fixture
def run(monkeypatch, capsys):
    """`run("MOTION", …)` → exit code, standard output, standard error."""

    def go(*words):
        monkeypatch.setattr(sys, "argv", ["popdanceset", "render", *map(str, words)])
        with pytest.raises(SystemExit) as exited:
            popdanceset_main()
        out, err = capsys.readouterr()
        return exited.value.code, out, err

    return go


@pytest.fixture
def motions(tmp_path, dance):
    """Ten frames at 30 a second, z up; forty at 60, y up and 3 m above the floor."""
    np.savez(tmp_path / "short.npz", joints=dance(10).joints, fps=30)
    joints = dance(40).joints + np.array([0, 0, 3])
    x, y, z = np.moveaxis(joints, -1, 0)
    np.savez(tmp_path / "long.npz", joints=np.stack([x, z, -y], -1), fps=60, up="y")
    return tmp_path / "short.npz", tmp_path / "long.npz"


def pictures(path):
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def amount(picture, colour):
    """Pixels that have the hue of a colour, whatever the light."""
    colour = np.array(colour, float) / np.linalg.norm(colour)
    length = np.linalg.norm(picture.astype(float), axis=-1)
    return int((((picture @ colour) > 0.97 * length) & (length > 90)).sum())


def test_two_motions_side_by_side(tmp_path, run, motions):
    short, long = motions
    code, out, _ = run(short, "--beside", long, "--out", tmp_path / "a.mp4", *SMALL)
    assert code == 0
    assert "20 frames at 30 fps" in out
    film = pictures(tmp_path / "a.mp4")
    assert (len(film), film[0].shape) == (20, (160, 256, 3))
    for picture in (film[0], film[-1]):  # both bodies, upright on their floors, in all pictures
        for half in (picture[:, :128], picture[:, 128:]):
            left, right = amount(half, LEFT_COLOUR), amount(half, RIGHT_COLOUR)
            assert min(left, right) > 60
    still = np.abs(film[-1][:, :128].astype(int) - film[-2][:, :128]).mean()
    assert still < 1  # the shorter one waits


def test_with_music(tmp_path, run, motions, song):
    assert run(motions[1], "--out", tmp_path / "a.mp4", "--music", song, *SMALL)[0] == 0
    with av.open(str(tmp_path / "a.mp4")) as film:
        assert film.streams.audio
        seconds = float(film.streams.video[0].duration * film.streams.video[0].time_base)
    assert seconds == pytest.approx(20 / 30, abs=0.04)


def test_motions_stand_on_the_floor(motions):
    motion = grounded(read_motion(motions[1]))
    assert np.percentile(motion.joints[..., 2].min(1), 5) == pytest.approx(0, abs=1e-6)


def test_bad_input_is_one_line(tmp_path, run, motions):
    code, _, err = run(motions[0], "--out", tmp_path / "a.avi")
    assert (code, "ends in .mp4" in err) == (2, True)
    code, _, err = run(tmp_path / "none.npz", "--out", tmp_path / "a.mp4")
    assert (code, "none.npz" in err, err.count("\n")) == (2, True, 1)
