"""`popdanceset train` and its options."""

import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError
from training.sampling.trained import Trained, load_trained
from training.train import train


@pytest.fixture
def arguments(release_dir, tmp_path):
    """Of a training of a small network; `--steps` is missing."""
    command = ["--release", release_dir, "--out", tmp_path / "run", "--window", "30", "--cache", tmp_path]
    command += ["--model", "width=16", "--model", "layers=1", "--model", "heads=2", "--batch-size", "4"]
    return [*map(str, command), "--log", "none", "--checkpoint-every", "2"]


@pytest.mark.parametrize("name", ["cuda:77", "banana", "mps:3"])
def test_a_device_that_is_absent_is_one_line(arguments, tmp_path, monkeypatch, name):
    listed = rf"there is no device '{name}' .*this machine has cpu"
    with pytest.raises(InputError, match=f"^--device: {listed}"):
        CliRunner().invoke(train, [*arguments, "--steps", "1", "--device", name], catch_exceptions=False)
    assert not any(tmp_path.glob("*-baseline-*"))  # the windows were not cached first
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", name)
    with pytest.raises(InputError, match=f"^ACCELERATE_TORCH_DEVICE: {listed}"):
        CliRunner().invoke(train, [*arguments, "--steps", "1"], catch_exceptions=False)


def test_several_processes_cannot_share_a_device(arguments, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="2 processes cannot share one device"):
        CliRunner().invoke(train, [*arguments, "--steps", "1", "--device", "cpu"], catch_exceptions=False)


def test_training_goes_on_from_the_newest_undamaged_checkpoint(arguments, tmp_path, caplog):
    def run(steps):
        command = [*arguments, "--steps", str(steps), "--device", "cpu"]
        return CliRunner().invoke(train, command, catch_exceptions=False)

    assert run(4).exit_code == 0
    last = tmp_path / "run/checkpoint-00000004.pt"
    whole = last.read_bytes()
    last.write_bytes(whole[:20_000])
    with caplog.at_level("INFO"):
        result = run(5)
    assert result.output == f"5 steps finished: {tmp_path / 'run/checkpoint-00000005.pt'}\n"
    assert f"{last} is damaged; checkpoint-00000002.pt is used instead" in caplog.text
    assert "continues after step 2" in caplog.text
    assert len(last.read_bytes()) == len(whole)  # written again on the way


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
