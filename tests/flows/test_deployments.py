"""The deployments of flows/prefect.yaml, checked against the flows they name."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

import flows

FILE = Path(flows.__file__).with_name("prefect.yaml")
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"]


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    return load_flow_from_entrypoint(deployment["entrypoint"])


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_every_deployment_names_a_flow_and_parameters_it_has(deployment: dict[str, Any]) -> None:
    flow = flow_of(deployment)
    known = inspect.signature(flow.fn).parameters
    assert set(deployment.get("parameters", {})) <= set(known)


def test_there_is_one_for_the_refresh_and_for_each_of_its_stages() -> None:
    names = {f"{flow_of(d).name}/{d['name']}" for d in DEPLOYMENTS}
    assert names == {
        "refresh/weekly", "crawl/daily", "select/select", "acquire/acquire", "extract/gpu", "publish/publish",
    }  # fmt: skip


def test_only_poses_need_the_gpu_pool() -> None:
    pools = {flow_of(d).name: d["work_pool"]["name"] for d in DEPLOYMENTS}
    assert pools.pop("extract") == "gpu"
    assert set(pools.values()) == {"crawl"}


def test_the_refresh_sends_its_poses_to_a_deployment_that_exists() -> None:
    weekly = next(d for d in DEPLOYMENTS if d["name"] == "weekly")
    assert weekly["parameters"]["extract_on"] in {f"{flow_of(d).name}/{d['name']}" for d in DEPLOYMENTS}
