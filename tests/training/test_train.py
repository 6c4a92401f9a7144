"""`popdanceset train` and its options."""

import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError
from training.sampling.trained import Trained, load_trained
from training.train import train


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
