"""The flow `train`: which commands it runs for each model. `test_server.py` runs it with Prefect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import flows.train
from popdanceset.errors import InputError
from training.models import MODELS, load


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The commands of the flow, none of which is run."""
    ran: list[list[str]] = []

    def run(command: click.Command, release: str, *words: str) -> None:
        command.make_context(str(command.name), ["--release", release, *words])  # its options exist
        ran.append([str(command.name), *words])

    monkeypatch.setattr(flows.train, "run_command", run)
    monkeypatch.setattr(flows.train, "written", lambda path: "| table |")
    monkeypatch.setattr(flows.train, "show_text", lambda *_: None)
    return ran


def flow(**parameters: Any) -> Any:
    return flows.train.train.fn({"store": "/nowhere/store"}, "1.0.0", **parameters)


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


@pytest.mark.parametrize("model", MODELS)
def test_each_model_is_trained_stage_by_stage_and_measured(model: str, commands: list[list[str]]) -> None:
    table = flow(model=model, out="out", device="cpu")
    *trainings, sample, evaluate = commands
    stages = load(model).stages()
    assert [option(words, "--preset") for words in trainings] == list(stages)
    assert [float(option(words, "--epochs")) for words in trainings] == [
        each.epochs for each in stages.values()
    ]
    folders = [option(words, "--out") for words in trainings]
    assert folders[0] == f"out/1.0.0/{model}/run"
    assert [option(words, "--start") for words in trainings[1:]] == folders[:-1]
    assert "--start" not in trainings[0]
    assert option(sample, "--checkpoint") == folders[-1]
    assert option(evaluate, "--motions") == f"{load(model).title}=out/1.0.0/{model}/dances"
    assert table == f"out/1.0.0/{model}/table.md"
    for words in (*trainings, sample):
        assert option(words, "--device") == "cpu"


def test_bailando_has_four_stages(commands: list[list[str]]) -> None:
    flow(model="bailando", preset="released", epochs=0.5, batch_size=4, window=48, sizes={"codes": 8})
    assert [option(words, "--preset") for words in commands[:-2]] == [
        "released", "released-2", "released-3", "released-4",
    ]  # fmt: skip
    for words in commands[:-2]:
        assert option(words, "--epochs") == "0.5"
        assert option(words, "--batch-size") == "4"
        assert words.count("--model") == 2
        assert "--stride" not in words


def test_a_preset_that_the_model_lacks(commands: list[list[str]]) -> None:
    with pytest.raises(InputError, match=r"EDGE has no preset 'paper' \(choose from ours, released\)"):
        flow(model="edge", preset="paper")
    assert commands == []
