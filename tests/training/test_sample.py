"""`popdanceset sample`: from a checkpoint and a song to files."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from popdanceset import media
from popdanceset.errors import InputError
from training.export import WRITERS
from training.popdg.config import ModelConfig
from training.popdg.model import POPDG
from training.sample import sample
from training.sampling.choices import FORMATS
from training.sampling.trained import load_trained


def test_from_a_checkpoint_to_files(run_folder, song, tmp_path):
    formats = [part for name in ("npz", "pkl", "bvh", "glb", "mp4") for part in ("--format", name)]
    arguments = ["--checkpoint", run_folder, "--music", song, "--out", tmp_path / "out", "--variants", 2]
    arguments += ["--sampler", "dpm-solver", "--steps", 3, *formats]
    result = CliRunner().invoke(sample, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"song-{seed}.{end}" for seed in (0, 1) for end in ("npz", "pkl", "bvh", "glb", "mp4")}
    one, other = (np.load(tmp_path / f"out/song-{seed}.npz") for seed in (0, 1))
    assert one["smpl_poses"].shape == (72, 24, 3)
    assert one["seconds_to_generate"] > 0
    assert np.abs(one["smpl_poses"] - other["smpl_poses"]).max() > 0.01
    film = media.probe(tmp_path / "out/song-0.mp4")
    assert (film.frames, film.has_sound) == (72, True)


def test_checkpoints_that_do_not_fit(run_folder, song, tmp_path):
    saved = torch.load(next(run_folder.glob("*.pt")), weights_only=True)
    torch.save(saved | {"config": saved["config"] | {"width": 64}}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="is not a complete checkpoint: Error"):
        load_trained(tmp_path / "other.pt")
    config = saved["config"] | {"music_dim": 40}
    wide = POPDG(ModelConfig(**config)).state_dict()
    torch.save(saved | {"config": config, "average": wide}, tmp_path / "wide.pt")
    command = ["--checkpoint", tmp_path / "wide.pt", "--music", song, "--out", tmp_path / "out"]
    with pytest.raises(InputError, match="trained with baseline features of 40"):
        CliRunner().invoke(sample, [*map(str, command)], catch_exceptions=False)


def test_choices_of_the_command_line_are_those_of_the_library():
    assert (*WRITERS, "mp4") == FORMATS
