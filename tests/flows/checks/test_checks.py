"""Checks of the doctor: the Prefect server with its work pools, and the engine."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import yaml
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.checks import engine, server
from popdanceset.errors import SettingsError
from popdanceset.settings import Settings

ROOT = Path(__file__).parents[3]


class Client:
    """A server with some work pools, of which some have a worker."""

    def __init__(self, pools: dict[str, str] | None) -> None:
        self.pools = pools

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read_work_pool(self, name: str) -> Any:
        if self.pools is None:
            raise httpx.ConnectError("refused")
        if name not in self.pools:
            raise ObjectNotFound(http_exc=Exception())
        return SimpleNamespace(status=self.pools[name])


@pytest.mark.parametrize(
    ("pools", "verdict", "said"),
    [
        (dict.fromkeys(server.pools(), "READY"), "ok", "http://server:4200/api"),
        (dict.fromkeys(server.pools(), "NOT_READY"), "warning", "no worker polls crawl"),
        ({"crawl": "READY"}, "failed", "no work pool is called"),
        (None, "failed", "does not answer (ConnectError)"),
    ],
)
def test_the_server(
    pools: dict[str, str] | None,
    verdict: str,
    said: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("prefect.client.orchestration.get_client", lambda **_: Client(pools))
    with temporary_settings({PREFECT_API_URL: "http://user:T0PS3CRET@server:4200/api"}):
        finding = server.prefect(settings)
    assert (finding.verdict, said in finding.what + finding.where) == (verdict, True)
    assert "T0PS3CRET" not in repr(finding)


def test_no_server(settings: Settings) -> None:
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert server.prefect(settings).verdict == "warning"


def test_the_pools_are_those_of_the_deployments() -> None:
    document = yaml.safe_load((ROOT / "flows/prefect.yaml").read_text(encoding="utf-8"))
    assert set(server.pools()) == {each["work_pool"]["name"] for each in document["deployments"]}


def test_ray_is_needed_by_its_engine_only(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    assert engine.engine(settings).verdict == "ok"
    with pytest.raises(SettingsError, match=r"pip install 'popdanceset\[ray\]'"):
        engine.engine(settings.model_copy(update={"engine": "ray"}))
