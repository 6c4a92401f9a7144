"""Dancing with a trained network: from a release to files, in the ways a user would do it."""

import logging

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from popdanceset import media
from popdanceset.errors import InputError, MediaError
from training.data import DanceWindows
from training.data.music_scaler import MusicScaler
from training.export import WRITERS
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
from training.fitting.validation import validation
from training.popdg.config import PAPER, ModelConfig
from training.popdg.model import POPDG
from training.sample import sample
from training.sampling.audio import read_audio
from training.sampling.choices import FORMATS
from training.sampling.dancing import dance, whole
from training.sampling.given import keep, read_dance
from training.sampling.trained import Trained, load_authors, load_trained
from training.train import train

SMALL = ModelConfig(width=32, feedforward=32, heads=4, layers=1, music_layers=1)


@pytest.fixture
def run_folder(release_dir, tmp_path):
    windows = DanceWindows(release_dir, "train", length=30, stride=10, cache_dir=tmp_path / "cache")
    recipe = Recipe(steps=2, batch_size=4, log="none")
    Trainer(windows, SMALL, PAPER.objective, recipe, tmp_path / "run").run()
    return tmp_path / "run"


@pytest.fixture
def song(tmp_path):
    rate = 22_050
    time = np.arange(int(2.4 * rate)) / rate
    clicks = (time % 0.5 < 0.02) * np.sin(2 * np.pi * 900 * time)
    path = tmp_path / "song.wav"
    soundfile.write(path, clicks.astype(np.float32), rate)
    return path


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


def test_a_seed_decides_the_dance_and_the_blocks_do_not(run_folder, monkeypatch):
    trained = load_trained(run_folder)
    music = torch.randn(100, 35, generator=torch.Generator().manual_seed(0))
    made = whole(dance(trained, music, steps=4, seed=3))
    assert made.poses.shape == (100, 24, 3)
    assert made.translation.shape == (100, 3)
    monkeypatch.setattr("training.sampling.dancing.BLOCK", 2)
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


def test_music_that_is_none(tmp_path, caplog):
    def sound(name, samples, rate):
        soundfile.write(tmp_path / name, samples, rate)
        return tmp_path / name

    with pytest.raises(InputError, match=r"0\.50 s of music .*at least 1 s"):
        read_audio(sound("short.wav", np.ones(4000) * 0.1, 8000))
    with pytest.raises(InputError, match="is silent"):
        read_audio(sound("silent.wav", np.zeros(48_000), 24_000))
    with pytest.raises(InputError, match="no such file"):
        read_audio(tmp_path / "none.mp3")
    (tmp_path / "text.mp3").write_text("la la la")
    with pytest.raises(MediaError, match="is not a readable video or audio file"):
        read_audio(tmp_path / "text.mp3")
    with caplog.at_level(logging.WARNING):
        low = read_audio(sound("low.wav", np.sin(np.arange(16_000) / 5), 8000))
    assert "recorded at 8000 Hz; frequencies above 4000 Hz" in caplog.text
    assert low.samples.shape == pytest.approx((96_000, 2), abs=600)
    assert low.rate == 48_000


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


def test_a_checkpoint_of_the_authors(shared, tmp_path):
    """The golden weights, as the released code would have saved them with its normaliser."""
    golden = torch.load(shared / "golden/popdg/small64_weights.pt", weights_only=False)
    scale = {"data_min_": torch.full((156,), -1.0), "data_max_": torch.ones(156)}
    content = {"ema_state_dict": golden["state_dict"], "config": golden["config"], "normalizer": scale}
    torch.save(content, tmp_path / "train-2000.pt")
    trained = load_authors(tmp_path / "train-2000.pt")
    music = torch.randn(160, trained.model.config.music_dim)
    assert whole(dance(trained, music, steps=2)).poses.shape == (160, 24, 3)


def test_validation_measures_dances_to_unseen_music(release_dir, tmp_path):
    windows = DanceWindows(release_dir, "test", length=30, stride=10, cache_dir=tmp_path)
    measured = validation(windows, count=5)(
        POPDG(ModelConfig(music_dim=35, window=30, width=32, feedforward=32, heads=4, layers=1)).eval(),
        windows.scaler,
        MusicScaler.none(35),
    )
    assert {"validation/FID_k", "validation/Div_g", "validation/PFC"} <= measured.keys()
    assert all(np.isfinite(value) for value in measured.values())


def test_train_and_its_options(release_dir, tmp_path):
    command = ["--release", release_dir, "--out", tmp_path / "run", "--window", "30", "--cache", tmp_path]
    command += ["--model", "width=16", "--model", "layers=1", "--model", "heads=2", "--model", "halving=no"]
    command += ["--epochs", "0.5", "--batch-size", "4", "--validate-every", "2", "--log", "none", "--ablate"]
    result = CliRunner().invoke(train, [*map(str, command), "iddpm"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "steps finished" in result.output
    trained = load_trained(tmp_path / "run")
    assert trained.model.config.width == 16
    assert not trained.model.config.halving
    assert not trained.model.config.learned_variance
    assert isinstance(trained, Trained)
    for wrong, message in (
        (["--steps", "1", "--model", "depth=3"], "'depth' is not a size"),
        (["--steps", "1", "--model", "layers=few"], "'few' is not of type int"),
        ([], "length of the training is missing"),
    ):
        with pytest.raises(InputError, match=message):
            CliRunner().invoke(train, [*map(str, command[:4]), *wrong], catch_exceptions=False)


def test_choices_of_the_command_line_are_those_of_the_library():
    assert (*WRITERS, "mp4") == FORMATS
