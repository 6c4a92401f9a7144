"""The deployments of flows/prefect.yaml, checked against the flows they name."""

from __future__ import annotations

import inspect
import zoneinfo
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

import flows

FILE = Path(flows.__file__).with_name("prefect.yaml")
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["deployments"]


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    return load_flow_from_entrypoint(deployment["entrypoint"])


def schema_of(deployment: dict[str, Any]) -> dict[str, Any]:
    """What Prefect's server checks parameters with, and its page shows."""
    return flow_of(deployment).parameters.model_dump_for_openapi()


def by_name(name: str) -> dict[str, Any]:
    return next(d for d in DEPLOYMENTS if f"{flow_of(d).name}/{d['name']}" == name)


each = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])


@each
def test_every_deployment_names_a_flow_and_parameters_it_has(deployment: dict[str, Any]) -> None:
    flow = flow_of(deployment)
    known = inspect.signature(flow.fn).parameters
    assert set(deployment.get("parameters", {})) <= set(known)


def test_there_is_one_for_the_refresh_and_for_each_of_its_stages() -> None:
    names = {f"{flow_of(d).name}/{d['name']}" for d in DEPLOYMENTS}
    assert names == {
        "refresh/weekly", "crawl/daily", "select/select", "acquire/acquire", "extract/gpu",
        "features/features", "publish/release", "train/refreshed", "bench/gpu",
        "withdraw/withdraw",
    }  # fmt: skip


def test_only_poses_and_training_need_the_gpu_pool() -> None:
    pools = {flow_of(d).name: d["work_pool"]["name"] for d in DEPLOYMENTS}
    assert {flow for flow, pool in pools.items() if pool == "gpu"} == {"extract", "train", "bench"}
    assert set(pools.values()) == {"crawl", "gpu"}


def test_the_refresh_sends_its_poses_to_a_deployment_that_exists() -> None:
    assert by_name(by_name("refresh/weekly")["parameters"]["run_on"]["extract"])


@each
def test_every_deployment_has_tags_a_limit_and_what_becomes_of_a_run_above_it(
    deployment: dict[str, Any],
) -> None:
    assert "popdanceset" in deployment["tags"]
    limit = deployment["concurrency_limit"]
    assert limit["limit"] >= 1
    # A second scheduled run must not wait behind the first, and one that a person or a flow starts must.
    scheduled = bool(deployment.get("schedules")) or deployment["name"] == "refreshed"
    assert limit["collision_strategy"] == ("CANCEL_NEW" if scheduled else "ENQUEUE")


@each
def test_schedules_name_their_time_zone(deployment: dict[str, Any]) -> None:
    for schedule in deployment.get("schedules", ()):
        assert zoneinfo.ZoneInfo(schedule["timezone"])
        assert len(schedule["cron"].split()) == 5
        assert "late_hours" in inspect.signature(flow_of(deployment).fn).parameters


@each
def test_the_page_shows_what_each_parameter_means(deployment: dict[str, Any]) -> None:
    for name, parameter in schema_of(deployment)["properties"].items():
        assert len(parameter.get("description", "")) > 10, name


def test_the_page_shows_what_each_setting_means() -> None:
    settings = schema_of(by_name("crawl/daily"))["properties"]["settings"]["anyOf"][0]["properties"]
    assert settings["network"]["properties"]["contact"]["description"].startswith("address in the User-Agent")
    definitions = schema_of(by_name("crawl/daily"))["definitions"]
    assert definitions["CrawlSettings"]["properties"]["requests_per_second"] == {
        "default": 0.5, "description": "maximum request rate", "exclusiveMinimum": 0,
        "title": "Requests Per Second", "type": "number",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "parameters", "accepted"),
    [
        ("refresh/weekly", {"run_on": {"acquire": "acquire/acquire"}, "manifest": "store:weekly"}, True),
        ("refresh/weekly", {"run_on": {"acquire": "acquire"}}, False),
        ("refresh/weekly", {"run_on": {"aquire": "acquire/acquire"}}, False),
        ("refresh/weekly", {"late_hours": -1}, False),
        ("refresh/weekly", {"day": "tomorrow"}, True),  # the server knows no dates; the flow refuses it
        ("crawl/daily", {"settings": {"crawl": {"max_videos": 5}}}, True),
        ("crawl/daily", {"settings": {"crawl": {"max_vidoes": 5}}}, False),
        ("crawl/daily", {"settings": {"network": {"proxy": "http://proxy:8080"}}}, True),
        ("crawl/daily", {"settings": {"network": {"proxy": "http://me:secret@proxy:8080"}}}, False),
        ("crawl/daily", {"settings": {"alerts": {"webhook": "https://hooks.example/T0/secret"}}}, False),
        ("crawl/daily", {"settings": {"store": "s3://KEY:SECRET@bucket/prefix"}}, False),
        (
            "crawl/daily",
            {"settings": {"store": "s3://bucket/prefix?endpoint_override=h:1&scheme=http"}},
            True,
        ),
        ("withdraw/withdraw", {"bvids": ["BV1xx411c7mD"], "reason": "uploader"}, True),
        ("withdraw/withdraw", {"bvids": [], "reason": "uploader"}, False),
        ("withdraw/withdraw", {"bvids": ["BV1xx411c7mD"], "reason": "because"}, False),
        ("train/refreshed", {"epochs": 0}, False),
        ("train/refreshed", {"preset": "mine"}, False),
        ("train/refreshed", {"sizes": {"width": 64}}, True),
        ("train/refreshed", {"model": "bailando", "preset": "ours", "epochs": 0.5}, True),
        ("train/refreshed", {"model": "lodge"}, False),
    ],
)
def test_wrong_parameters_are_refused_before_a_run_exists(
    name: str, parameters: dict[str, Any], accepted: bool
) -> None:
    """As Prefect's server does it, and again by the flow itself."""
    deployment = by_name(name)
    assert jsonschema.Draft202012Validator(schema_of(deployment)).is_valid(parameters) is accepted
    if not accepted:
        with pytest.raises(Exception, match=r"invalid parameters"):
            flow_of(deployment).validate_parameters(parameters)


def test_a_withdrawal_only_shows_what_it_would_do_unless_told_otherwise() -> None:
    assert schema_of(by_name("withdraw/withdraw"))["properties"]["dry_run"]["default"] is True
