"""Mistakes are found before anything starts, and each is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from popdanceset.errors import InputError
from tests.training.bench.tiny import FACT, POPDG
from training.bench import plan
from training.bench.checks import check
from training.bench.command import bench
from training.bench.plan import read_plan
from training.bench.runs import Run
from training.fitting import checkpoint

EXAMPLES = sorted(Path(bench.callback.__code__.co_filename).parent.glob("*.yaml"))

MISTAKES = [
    ({"models": {"X": {"model": "popgd"}}}, "there is no model 'popgd'"),
    ({"models": {"X": {**POPDG, "preset": "best"}}}, "X: POPDG has no preset 'best' (choose from paper"),
    ({"models": {"X": {**POPDG, "ablate": ["music"]}}}, "X: POPDG has no part 'music' to remove"),
    ({"models": {"X": {**FACT, "ablate": ["music"]}}}, "X: FACT has no part 'music' to remove (leave"),
    ({"models": {"X": {**POPDG, "sizes": {"depth": 3}}}}, "X: 'depth' is not a size of the network"),
    ({"models": {"X": {**POPDG, "training": {"wndow": 3}}}}, "--wndow"),
    ({"models": {"X": {**POPDG, "training": {"batch-size": "few"}}}}, "'few' is not a valid integer"),
    ({"models": {"X": {**POPDG, "training": {"seed": 1}}}}, "'seed' does not belong under training"),
    ({"models": {"X": {**FACT, "sampling": {"steps": 3}}}}, "X: FACT has no steps to choose"),
    ({"models": {"X": {**POPDG, "speed": 3}}}, "models.X.speed: Extra inputs are not permitted"),
    ({"models": {"A b": POPDG, "a-B": POPDG}}, "models need names that differ in letters or digits"),
    ({"models": {"ground truth": POPDG}}, "'ground truth' is the name of the real dances"),
    ({"protocol": {"against": ["Nature"]}}, "no source is called 'nature'"),
    ({"budget": None}, "'POPDG' has no budget: give steps or epochs"),
    ({"budget": {"steps": 1, "epochs": 1}}, "budget: give either steps or epochs"),
    ({"seeds": [1, 1]}, "a seed is named twice"),
    ({"training": {"window": 120}}, "windows of 120 frames are longer than all training clips"),
    ({"protocol": {"columns": ["FIDk"]}}, "protocol: no column is called 'FIDk' (choose from PFC"),
    ({"protocol": {"split": "dev"}}, "has no split 'dev' (choose from train, test)"),
    ({"protocol": {"extractor": "jukebox"}}, "has no jukebox music features (it has baseline)"),
    ({"tables": {"t": {"rows": ["EDGE"]}}}, "the table 't' names 'EDGE', which is not among the models"),
]
"""Lines of a plan, and what is said about them."""


def complaint(path: Path, release: Path, out: Path) -> str:
    """What is said about a plan; nothing was written."""
    with pytest.raises(InputError) as caught:
        check(read_plan(path, (str(release),)), out)
    assert not out.exists()
    return str(caught.value)


@pytest.fixture
def release(publish_clips):
    return publish_clips(7)


def test_mistakes_in_the_file(release, plan_file, tmp_path):
    for lines, message in MISTAKES:
        said = complaint(plan_file(**lines), release, tmp_path / "out")
        assert message in said
        assert "\n" not in said


def test_files_that_are_no_plan(tmp_path):
    path = tmp_path / "plan.yaml"
    for text, message in (
        ("models: [", "is not YAML"),
        ("- 1", "does not name models"),
        ("models: {}", "names no release"),
        ("releases: [a/r, b/r]\nmodels: {X: {model: popdg}}", "two releases have the same name"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_plan(path)
    with pytest.raises(InputError, match="not readable"):
        read_plan(tmp_path / "absent.yaml")


def test_the_example_in_the_docstring_is_a_plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(str(plan.__doc__).split("```")[1].removeprefix("yaml"))
    assert list(read_plan(path).models) == ["POPDG", "without DS-attention", "Bailando"]


def test_a_folder_that_is_no_release(plan_file, tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        check(read_plan(plan_file(), (str(tmp_path / "nowhere"),)), tmp_path / "out")


def test_a_release_with_one_clip_to_dance_to(publish_clips, plan_file, tmp_path):
    said = complaint(plan_file(), publish_clips(2), tmp_path / "out")
    assert "clip with music, not 2" in said or "no clip with music to train on" in said


def test_folders_that_contain_something_else(release, plan_file, tmp_path):
    path = plan_file()
    runs = check(read_plan(path, (str(release),)), tmp_path / "out")
    fact = next(run for run in runs if run.model == "FACT")
    fact.stage_folder(0).mkdir(parents=True)
    checkpoint.save(fact.stage_folder(0), 2, {"architecture": "popdg"}, keep=1)
    with pytest.raises(InputError, match="is a checkpoint of the model popdg, not fact"):
        check(read_plan(path, (str(release),)), tmp_path / "out")

    runs[0].begin()
    path = plan_file(budget={"steps": 5})
    with pytest.raises(InputError, match="contains a run of the model with other training settings"):
        check(read_plan(path, (str(release),)), tmp_path / "out")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_sound(publish_clips, path, tmp_path):
    wanted = read_plan(path, (str(publish_clips(7, 150)),))
    runs = check(wanted, tmp_path / "out")
    assert len(runs) == len(wanted.models) * len(wanted.seeds)
    assert all(isinstance(run, Run) and run.state == "waiting" for run in runs)
    assert json.dumps([run.settings for run in runs])
