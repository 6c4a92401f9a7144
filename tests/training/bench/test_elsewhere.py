"""`runs_on`: runs that others do, in the same folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from popdanceset.errors import FailedError, InputError
from tests.training.bench.tiny import POPDG
from training.bench import elsewhere
from training.bench.command import bench
from training.bench.plan import Plan
from training.bench.runs import Run


class Point:
    """An entry point that loads a function."""

    def __init__(self, start: elsewhere.Start) -> None:
        self.load = lambda: start


def test_others_do_what_is_not_finished(publish_clips, plan_file, tmp_path, monkeypatch):
    release, out = publish_clips(7), tmp_path / "out"
    plan = plan_file(runs_on="bench/gpu", models={"POPDG": POPDG, "other": POPDG})
    command = [str(plan), "--release", str(release), "--out", str(out)]
    given: list[list[str]] = []

    def start(
        deployment: str, plan: Plan, out: Path, runs: Sequence[Run], device: str
    ) -> Iterator[tuple[Run, str]]:
        assert (deployment, device) == ("bench/gpu", "")
        assert out.is_absolute()
        assert Plan.model_validate(plan.model_dump(mode="json")) == plan
        given.append([run.title for run in runs])
        for run in runs:
            yield run, "Crashed: the machine is gone"

    monkeypatch.setattr(elsewhere, "entry_points", lambda group, name: [Point(start)])
    for more in ([], [], ["--retry-failed"]):
        result = CliRunner().invoke(bench, [*command, *more])
        assert isinstance(result.exception, FailedError)
        assert "4 of 4 runs failed" in str(result.exception)
        assert "the machine is gone" in (out / "runs.md").read_text()
    assert [len(titles) for titles in given] == [4, 0, 4]


def test_flows_that_are_not_installed(publish_clips, plan_file, tmp_path, monkeypatch):
    monkeypatch.setattr(elsewhere, "entry_points", lambda group, name: [])
    command = [str(plan_file(runs_on="bench/gpu")), "--release", str(publish_clips(7))]
    with pytest.raises(InputError, match="the flows that reach 'bench/gpu' are not installed"):
        CliRunner().invoke(bench, [*command, "--out", str(tmp_path / "out")], catch_exceptions=False)


def test_runs_on_names_a_flow_and_a_deployment(publish_clips, plan_file, tmp_path):
    command = [str(plan_file(runs_on="gpu")), "--release", str(publish_clips(7))]
    with pytest.raises(InputError, match="runs_on: String should match"):
        CliRunner().invoke(bench, [*command, "--out", str(tmp_path / "out")], catch_exceptions=False)
