"""`popdanceset sample`: from a checkpoint and a song to files."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from popdanceset import media
from popdanceset.errors import InputError
from popdanceset.release.reader import Release
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


def test_dances_to_the_stored_features_of_a_release(run_folder, release_dir, tmp_path, caplog):
    with Release(release_dir) as release:
        split = "train" if "BV4_Clip_1" in release.clip_ids("train") else "test"
        frames = dict(zip(*release.clips.select(["clip_id", "frames"]).to_pydict().values(), strict=True))
        clips = [clip for clip in release.clip_ids(split) if clip in release.clips_with_music()]
    command = ["--checkpoint", run_folder, "--release", release_dir, "--split", split, "--variants", 2]
    command += ["--out", tmp_path / "out", "--steps", 2, "--format", "npz", "--seconds", 5]
    result = CliRunner().invoke(sample, [*map(str, command)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    made = {path.stem: len(np.load(path)["smpl_poses"]) for path in (tmp_path / "out").iterdir()}
    assert made == {f"{clip}-{seed}": min(150, frames[clip]) for clip in clips for seed in (0, 1)}
    assert "1 of" in caplog.text
    assert "have no baseline features and get no dance" in caplog.text


def test_physical_guidance(run_folder, song, tmp_path):
    command = ["--checkpoint", run_folder, "--music", song, "--steps", 4, "--format", "npz"]
    made = {}
    for name, more in (("free", []), ("held", ["--guide", "feet,floor"]), ("weak", ["--guide", "feet,floor",
                       "--guide-strength", 0.01])):  # fmt: skip
        arguments = [*command, "--out", tmp_path / name, *more]
        result = CliRunner().invoke(sample, [*map(str, arguments)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        made[name] = np.load(tmp_path / name / "song-0.npz")["smpl_poses"]
    assert made["held"].shape == made["free"].shape
    moved, hardly = (np.abs(made[name] - made["free"]).max() for name in ("held", "weak"))
    assert moved > 2 * hardly > 0


def test_unknown_physics_is_one_line(run_folder, song, tmp_path):
    command = ["--checkpoint", run_folder, "--music", song, "--out", tmp_path / "out", "--guide", "hands"]
    with pytest.raises(InputError, match=r"^--guide: 'hands' is not physics .*feet, floor, body"):
        CliRunner().invoke(sample, [*map(str, command)], catch_exceptions=False)


def test_music_is_named_once(run_folder, song, release_dir, tmp_path):
    command = ["--checkpoint", run_folder, "--out", tmp_path / "out"]
    for more in ([], ["--music", song, "--release", release_dir]):
        with pytest.raises(InputError, match="give either --music or --release"):
            CliRunner().invoke(sample, [*map(str, [*command, *more])], catch_exceptions=False)


@pytest.mark.parametrize("name", ["cuda:77", "mps:3", "banana", "meta"])
def test_a_device_that_is_absent_is_one_line(run_folder, song, tmp_path, name):
    command = ["--checkpoint", run_folder, "--music", song, "--out", tmp_path / "out", "--device", name]
    with pytest.raises(InputError, match=rf"^--device: there is no device '{name}' .*this machine has cpu"):
        CliRunner().invoke(sample, [*map(str, command)], catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_the_newest_checkpoint_is_damaged(run_folder, song, tmp_path, caplog):
    (run_folder / "checkpoint-00000009.pt").write_bytes(
        (run_folder / "checkpoint-00000002.pt").read_bytes()[:20_000]
    )
    command = ["--checkpoint", run_folder, "--music", song, "--out", tmp_path / "out", "--format", "npz"]
    result = CliRunner().invoke(sample, [*map(str, command), "--steps", "2"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "checkpoint-00000009.pt is damaged; checkpoint-00000002.pt is used instead" in caplog.text


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
