"""Sampling with a trained network: any length, any sampler, with and without given parts."""

import numpy as np
import pytest
import torch

from popdanceset.errors import InputError
from training.sampling.dancing import dance, whole
from training.sampling.given import keep, read_dance
from training.sampling.trained import load_trained


def test_a_seed_decides_the_dance_and_the_blocks_do_not(run_folder, monkeypatch):
    trained = load_trained(run_folder)
    music = torch.randn(100, 35, generator=torch.Generator().manual_seed(0))
    made = whole(dance(trained, music, steps=4, seed=3))
    assert made.poses.shape == (100, 24, 3)
    assert made.translation.shape == (100, 3)
    monkeypatch.setattr("training.sampling.diffusion.BLOCK", 2)
    again = whole(dance(trained, music, steps=4, seed=3))
    torch.testing.assert_close(again.translation, made.translation, atol=1e-4, rtol=0)
    assert not torch.equal(whole(dance(trained, music, steps=4, seed=4)).translation, made.translation)


@pytest.mark.parametrize("sampler", ["ddim", "dpm-solver", "ancestral"])
@pytest.mark.parametrize("frames", [7, 30, 31, 95])
def test_any_length_with_any_sampler(run_folder, sampler, frames):
    made = whole(dance(load_trained(run_folder), torch.randn(frames, 35), sampler=sampler, steps=3))
    assert len(made.poses) == frames
    assert torch.isfinite(made.poses).all()


def test_without_guidance_the_music_does_not_matter(run_folder):
    trained = load_trained(run_folder)
    one, other = (
        whole(dance(trained, torch.randn(40, 35), steps=3, guidance=0, seed=1)).translation for _ in range(2)
    )
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("part", "kept"), [("start:0.5", slice(0, 15)), ("ends:0.4", slice(-12, None))])
def test_given_parts_stay(run_folder, song, tmp_path, part, kept):
    trained = load_trained(run_folder)
    music = torch.randn(72, 35)
    old = whole(dance(trained, music, steps=3, seed=9))
    np.savez(tmp_path / "old.npz", smpl_poses=old.poses, smpl_trans=old.translation, fps=30)
    given = keep(read_dance(tmp_path / "old.npz"), part, 72, trained.scaler)
    made = whole(dance(trained, music, steps=3, seed=1, given=given))
    torch.testing.assert_close(made.translation[kept], old.translation[kept], atol=1e-4, rtol=0)
    assert (made.translation - old.translation).abs().max() > 1e-3


def test_the_lower_body_stays(run_folder, tmp_path):
    trained = load_trained(run_folder)
    music = torch.randn(30, 35)
    old = whole(dance(trained, music, steps=3, seed=9))
    np.savez(tmp_path / "old.npz", smpl_poses=old.poses, smpl_trans=old.translation)
    given = keep(read_dance(tmp_path / "old.npz"), "lower-body", 30, trained.scaler)
    made = whole(dance(trained, music, steps=3, seed=1, given=given))
    torch.testing.assert_close(made.poses[:, 4], old.poses[:, 4], atol=2e-3, rtol=0)
    assert (made.poses[:, 16] - old.poses[:, 16]).abs().max() > 1e-2


def test_what_cannot_be_kept(run_folder, tmp_path):
    scaler = load_trained(run_folder).scaler
    for part in ("middle", "start:", "start:-1", "lower-body:3", "ends:nan"):
        with pytest.raises(InputError, match="is not a part of a dance"):
            keep(torch.zeros(50, 156), part, 60, scaler)
    with pytest.raises(InputError, match=r"lasts 1.7 s, 'lower-body' needs 2.0 s"):
        keep(torch.zeros(50, 156), "lower-body", 60, scaler)
    with pytest.raises(InputError, match="not readable"):
        read_dance(tmp_path / "no.npz")
    np.savez(tmp_path / "empty.npz", x=1)
    with pytest.raises(InputError, match="contains no dance"):
        read_dance(tmp_path / "empty.npz")
    np.savez(tmp_path / "fps.npz", smpl_poses=np.zeros((4, 24, 3)), smpl_trans=np.zeros((4, 3)), fps=60)
    with pytest.raises(InputError, match="60 frames a second"):
        read_dance(tmp_path / "fps.npz")
