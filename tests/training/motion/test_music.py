"""Beats of music files and of releases, and which music belongs to which motion."""

from __future__ import annotations

import numpy as np
import pytest

from popdanceset.errors import InputError
from popdanceset.motion.files import motions_from_folder
from popdanceset.motion.joint_motion import JointMotion
from popdanceset.release.reader import Release
from training.motion.music import KnownMusic, Music, music_from_folder, music_from_release, paired


def music_folder(tmp_path, names, frames=60, last=None):
    for name in names:
        features = np.random.default_rng(0).normal(size=(frames, 35)).astype(np.float32)
        features[:, -1] = (np.arange(frames) % 15 == 3) if last is None else last
        np.save(tmp_path / f"{name}.npy", features)
    return tmp_path


def test_music_beats_are_the_last_column(tmp_path):
    (music,) = music_from_folder(music_folder(tmp_path, ["m"]))
    assert (music.name, music.beats.tolist(), music.frames) == ("m", [3, 18, 33, 48], 60)


def test_music_without_beats_is_music(tmp_path):
    assert len(music_from_folder(music_folder(tmp_path, ["m"], last=0))[0].beats) == 0


def test_files_that_are_not_music(tmp_path):
    with pytest.raises(InputError, match="contains no music"):
        music_from_folder(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        music_from_folder(tmp_path / "none")
    with pytest.raises(InputError, match="not a beat track"):
        music_from_folder(music_folder(tmp_path, ["jukebox"], last=0.3))
    np.save(tmp_path / "jukebox.npy", np.ones((3, 4, 5)))
    with pytest.raises(InputError, match="not music features"):
        music_from_folder(tmp_path)


def partners(motions, music):
    pieces = [Music(name, np.array([1]), 10) for name in music]
    given = [JointMotion(name, np.zeros((3, 24, 3)), music_name=said) for name, said in motions]
    return [piece and piece.name for piece in paired(given, KnownMusic(pieces, where="the folder"))]


def test_names_are_paired_as_in_the_released_script_and_elsewhere():
    names = ["BV1_Clip_1", "BV1_Clip_12", "BV1_Clip_1_slice0", "mBR0"]
    assert partners(
        [
            ("test_BV1_Clip_1", ""),  # POPDG
            ("2000_0_BV1_Clip_1_slice0", ""),  # EDGE
            ("BV1_Clip_12_seed3", ""),  # several dances to one piece
            ("BV1_Clip_12-4", ""),  # as our sampler calls them
            ("gBR_sBM_cAll_d04_mBR0_ch01", ""),  # Bailando, AIST++
            ("dance 7", "BV1_Clip_12"),
        ],
        names,
    ) == ["BV1_Clip_1", "BV1_Clip_1_slice0", "BV1_Clip_12", "BV1_Clip_12", "mBR0", "BV1_Clip_12"]


def test_golden_names_are_paired(shared):
    folder = shared / "golden/metrics"
    motions = motions_from_folder(folder / "real")
    music = paired(motions, KnownMusic(music_from_folder(folder / "music_beats")))
    assert [f"test_{piece.name}" for piece in music] == [motion.name for motion in motions]


def test_unknown_music_is_none():
    assert partners([("other", ""), ("b-1", ""), ("x", "other")], ["a", "b", "c"]) == [None, "b", None]


def test_other_music_counts_where_none_of_the_first_fits():
    first, others = (
        [Music(n, np.array([1]), 10) for n in names] for names in (["BV1"], ["BV1_Clip_1", "BV2"])
    )
    given = [JointMotion(n, np.zeros((3, 24, 3))) for n in ("BV1_Clip_1", "BV2-0", "BV3")]
    found = paired(given, KnownMusic(first, others))
    assert [piece and piece.name for piece in found] == ["BV1", "BV2", None]


def test_two_pieces_of_music_are_one_line():
    with pytest.raises(InputError, match="x_y fits x and y"):
        partners([("x_y", "")], ["x", "y"])
    with pytest.raises(InputError, match="two pieces of music are named like a-b"):
        partners([("a_b", "")], ["a_b", "a-b"])


def test_a_release_without_a_beat_track(release_dir):
    with Release(release_dir) as release:
        with pytest.raises(InputError, match="not a beat track"):  # these features are noise
            music_from_release(release, "train")
        unknown = music_from_release(release, "train", "jukebox")
        assert [(m.name, m.beats) for m in unknown] == [(c, None) for c in release.clip_ids("train")]
