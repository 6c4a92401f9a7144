"""The flow `bench` and the command's way to it; the runs themselves are those of `tests/training/bench`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from prefect.states import Completed, Crashed, Failed, Running, State

import flows.bench
from popdanceset.errors import InputError
from training.bench.plan import Plan
from training.bench.runs import Run, runs_of

PLAN = Plan.model_validate(
    {
        "releases": {"dances": "/nowhere/1.0.0"},
        "seeds": [0, 1],
        "budget": {"steps": 3},
        "models": {"POPDG": {"model": "popdg"}, "EDGE": {"model": "edge"}},
        "runs_on": "bench/gpu",
    }
)


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    return runs_of(PLAN, {"dances": "content"}, tmp_path)


class Server:
    """A Prefect server whose runs go on for one look and then end as they should."""

    def __init__(self, ends: list[State[Any]]) -> None:
        self.ends, self.started, self.looks = ends, [], {}
        self.given: list[dict[str, Any]] = []
        self.names: list[UUID] = []

    def run_deployment(self, name: str, parameters: dict[str, Any], timeout: float) -> SimpleNamespace:
        assert (name, timeout) == ("bench/gpu", 0)
        self.given.append(parameters)
        self.names.append(uuid4())
        return SimpleNamespace(id=self.names[-1], name=f"run-{len(self.given)}")

    def read_flow_run(self, name: UUID) -> SimpleNamespace:
        self.looks[name] = self.looks.get(name, 0) + 1
        state = Running() if self.looks[name] == 1 else self.ends[self.names.index(name)]
        return SimpleNamespace(state=state)


def test_runs_are_sent_at_once_and_come_back_when_they_end(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server([Completed(), Failed(message="EDGE: too small"), Crashed(), Completed()])

    @contextlib.contextmanager
    def client(sync_client: bool) -> Iterator[Server]:
        yield server

    checked: list[tuple[str, str, str]] = []
    monkeypatch.setattr(flows.bench, "get_client", client)
    monkeypatch.setattr(flows.bench, "run_deployment", server.run_deployment)
    monkeypatch.setattr(flows.bench, "check_deployment", lambda _, *words: checked.append(words[:3]))
    monkeypatch.setattr(flows.bench, "SECONDS", 0.0)
    ended = dict(flows.bench.start("bench/gpu", PLAN, tmp_path, runs, "cuda:1"))
    assert checked == [("bench", "bench/gpu", "runs_on")]
    assert list(ended.values()) == [
        "", "Failed: EDGE: too small", "Crashed: no message", "",
    ]  # fmt: skip
    assert list(ended) == runs
    for parameters, run in zip(server.given, runs, strict=True):
        assert Plan.model_validate(parameters["plan"]) == PLAN
        assert (parameters["model"], parameters["seed"]) == (run.model, run.seed)
        flows.bench.bench.validate_parameters(parameters)


def test_a_worker_does_the_run_that_it_is_told(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[Run, str]] = []
    monkeypatch.setattr(flows.bench, "check", lambda plan, out: runs)
    monkeypatch.setattr(flows.bench, "work", lambda run, device, cache: done.append((run, device)))
    flow = flows.bench.bench.fn
    plan = PLAN.model_dump(mode="json")
    flow(plan, str(tmp_path), "dances", "EDGE", 1, "cpu")
    assert done == [(runs[3], "cpu")]
    runs[3].begin()
    runs[3].finish(7)
    flow(plan, str(tmp_path), "dances", "EDGE", 1, "cpu")
    assert len(done) == 1
    with pytest.raises(InputError, match="has no run of 'EDGE' with seed 2 on 'dances'"):
        flow(plan, str(tmp_path), "dances", "EDGE", 2, "cpu")
