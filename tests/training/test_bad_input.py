"""Bad input of all four models: one clear line from each command, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

pytest.importorskip("torch", reason="training needs the extra 'train'")

from popdanceset.errors import PopDanceSetError
from popdanceset.release.writer import publish
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.training.bench.tiny import BAILANDO, EDGE, FACT, POPDG
from training.bench.command import bench
from training.evaluate import evaluate
from training.fitting import checkpoint
from training.models import MODELS, load
from training.sample import sample
from training.train import train

pytestmark = pytest.mark.usefixtures("beats_in_releases")

ENTRIES = {"popdg": POPDG, "edge": EDGE, "fact": FACT, "bailando": BAILANDO}
WINDOW = 24


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    """Each of the models."""
    return str(request.param)


@pytest.fixture
def other(model: str) -> str:
    """The model after it."""
    names = list(MODELS)
    return names[(names.index(model) + 1) % len(names)]


def complaint(command, *arguments: object) -> str:
    """What a command says about its arguments: one line."""
    with pytest.raises(PopDanceSetError) as caught:
        CliRunner().invoke(command, [str(word) for word in arguments], catch_exceptions=False)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 400
    return said


def tiny(model: str) -> list[str]:
    """Options of `train` for a tiny network of one step."""
    sizes = [word for name, size in ENTRIES[model]["sizes"].items() for word in ("--model", f"{name}={size}")]
    return [*("--model", model, "--window", str(WINDOW), "--steps", "1", "--batch-size", "2"), *sizes]


def trained(model: str, release: Path, folder: Path) -> Path:
    """A checkpoint that dances: the folder of the last stage."""
    start: list[object] = []
    for number, preset in enumerate(load(model).stages()):
        run = folder / f"{model}-{number}"
        words = ["--release", release, "--out", run, *tiny(model), "--preset", preset, *start]
        words += ["--cache", folder / "cache", "--log", "none", "--device", "cpu"]
        result = CliRunner().invoke(train, [str(word) for word in words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        start = ["--start", run]
    return run


def foreign(folder: Path, name: str) -> Path:
    """A folder with a checkpoint of a model."""
    folder.mkdir()
    checkpoint.save(folder, 2, {"architecture": name, "identity": {"architecture": name}}, keep=1)
    return folder


def test_a_checkpoint_of_another_model(model, other, release_dir, tmp_path):
    wrong, out = foreign(tmp_path / "wrong", other), tmp_path / "out"
    of_training = ["--release", release_dir, *tiny(model), "--cache", tmp_path / "cache", "--device", "cpu"]
    of_other = f"is a checkpoint of the model {other}, not {model}"
    assert of_other in complaint(train, *of_training, "--out", out, "--start", wrong)
    assert f"contains a run of the model {other}, not {model}" in complaint(
        train, *of_training, "--out", wrong
    )
    assert of_other in complaint(
        sample,
        "--checkpoint",
        wrong,
        "--model",
        model,
        "--release",
        release_dir,
        "--out",
        tmp_path / "dances",
    )
    assert not (tmp_path / "dances").exists()
    assert not list(out.glob("*.pt"))


def test_a_release_without_the_music_features(model, release_dir, tmp_path):
    said = complaint(
        train, "--release", release_dir, *tiny(model), "--out", tmp_path / "out", "--extractor", "jukebox"
    )
    assert "has no 'jukebox' music features (it has: baseline)" in said
    assert not (tmp_path / "out").exists()


@pytest.fixture
def publish_alone(synthetic: ModuleType, tmp_path: Path) -> Callable[..., Path]:
    """Publishes clips in a store of their own."""

    def make(name: str, *clips: dict[str, Any]) -> Path:
        store = tmp_path / name
        settings = Settings.load(
            overrides={
                "store": str(store), "manifests": str(tmp_path / "manifests"), "release": {"figures": False},
            }
        )  # fmt: skip
        synthetic.fill_store(Store(settings.store), "weekly", list(clips))
        return Path(settings.store, publish(settings, Store(settings.store), "weekly").path)

    return make


@pytest.fixture
def plan(model: str, tmp_path: Path) -> Path:
    """A bench of the model alone."""
    path = tmp_path / "plan.yaml"
    content = {"budget": {"steps": 1}, "training": {"window": WINDOW}, "models": {"X": ENTRIES[model]}}
    path.write_text(yaml.safe_dump(content))
    return path


def test_music_features_that_the_network_does_not_know(
    model, release_dir, publish_alone, synthetic, plan, tmp_path
):
    run = trained(model, release_dir, tmp_path)
    clips = [synthetic.clip_row(f"BV{n}_Clip_1", 100, f"m{n}", music_path="") for n in (6, 7)]
    silent = publish_alone("silent", *clips)
    out = tmp_path / "out"
    for command, words, said in (
        (sample, ["--checkpoint", run], "has no 'baseline' music features"),
        (train, [*tiny(model), "--cache", tmp_path / "cache"], "has no 'baseline' music features"),
        (bench, [plan], "has no baseline music features"),
    ):
        arguments = [*words, "--release", silent, "--out", out, "--device", "cpu"]
        assert said in complaint(command, *arguments)
        assert not list(tmp_path.glob("out/*"))


def test_one_clip_only(model, publish_alone, synthetic, plan, tmp_path):
    """It can be trained on, but neither tested on nor compared with anything."""
    alone = publish_alone("alone", synthetic.clip_row("BV6_Clip_1", 100, "m6"))
    run = trained(model, alone, tmp_path)
    place = ["--release", alone, "--device", "cpu"]
    said = complaint(bench, plan, *place, "--out", tmp_path / "out")
    assert "its part 'test' has 0 clips with music, not 2" in said
    dances = [*place, "--checkpoint", run, "--out", tmp_path / "dances"]
    assert "no clip of the split 'test'" in complaint(sample, *dances)
    result = CliRunner().invoke(sample, [*map(str, dances), "--split", "train"], catch_exceptions=False)
    assert result.exit_code == 0
    said = complaint(evaluate, "--release", alone, "--motions", tmp_path / "dances")
    assert "no clip" in said
    table = CliRunner().invoke(
        evaluate,
        ["--release", str(alone), "--split", "train", "--motions", str(tmp_path / "dances")],
        catch_exceptions=False,
    )
    assert "one clip" in table.output


def test_a_folder_of_checkpoints_is_no_set_of_dances(model, release_dir, tmp_path):
    said = complaint(evaluate, "--release", release_dir, "--motions", foreign(tmp_path / "run", model))
    assert "run" in said
