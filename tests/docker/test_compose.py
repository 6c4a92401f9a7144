"""What docker/compose.yaml promises: nothing open, nothing as root, no secret in it, everything pinned."""

from __future__ import annotations

import re

import pytest

from popdanceset.store import Store
from tests.docker.files import DOCKER, ROOT, compose

OWN = re.compile(r"popdanceset-(crawl|gpu):\d+\.\d+\.\d+")
"""Images that the file builds."""

FILE = compose()
SERVICES = FILE["services"]
named = pytest.mark.parametrize("name", sorted(SERVICES))


def test_the_services() -> None:
    assert set(SERVICES) == {"postgres", "store", "server", "deploy", "crawl", "gpu"}


@named
def test_images_are_pinned_to_a_full_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)?$", image), image
    assert "latest" not in image
    assert ("build" in SERVICES[name]) == bool(OWN.fullmatch(image))


@named
def test_what_is_built_exists(name: str) -> None:
    build = SERVICES[name].get("build")
    if build:
        assert (DOCKER / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()


@named
def test_no_service_is_root_or_writes_to_its_image(name: str) -> None:
    """Images of ours have a USER (test_dockerfiles.py); others are given one here."""
    service = SERVICES[name]
    if "build" not in service:
        assert str(service["user"]).split(":")[0] not in {"", "0", "root"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "network_mode"} & set(service)


@named
def test_ports_are_published_on_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:"), port


@named
def test_every_service_restarts_and_shows_that_it_is_well(name: str) -> None:
    """The image of the workers has its own check; the one-shot service ends."""
    service = SERVICES[name]
    if name == "deploy":
        assert service["restart"].startswith("on-failure")
        return
    assert service["restart"] == "unless-stopped"
    if name in {"crawl", "gpu"}:
        text = (ROOT / service["build"]["dockerfile"]).read_text(encoding="utf-8")
        assert "HEALTHCHECK" in text
        assert "--with-healthcheck" in text
    else:
        assert service["healthcheck"]["test"][0] == "CMD"


@named
def test_what_a_service_waits_for_can_become_true(name: str) -> None:
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        if condition["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert condition["condition"] == "service_completed_successfully"
            assert SERVICES[other]["restart"].startswith("on-failure")


@named
def test_networks_and_volumes_are_declared(name: str) -> None:
    service = SERVICES[name]
    assert set(service["networks"]) <= set(FILE["networks"])
    for volume in service.get("volumes", []):
        assert volume.split(":")[0] in FILE["volumes"], "a folder of the host"


def test_what_needs_no_internet_has_none() -> None:
    assert FILE["networks"]["inside"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if service["networks"] == ["inside"]] == [
        "postgres",
        "deploy",
    ]


@named
def test_secrets_come_from_the_environment(name: str) -> None:
    """And a missing one stops `docker compose up` with a message."""
    for key, value in SERVICES[name].get("environment", {}).items():
        if re.search("PASSWORD|SECRET|AUTH|TOKEN", key):
            assert re.search(r"\$\{\w+:\?[^}]+\}$", value), key
        assert not re.search(r"://[^/@\s]+:[^/@\s]+@", str(value)), key


def test_the_store_is_an_address_that_the_library_reads() -> None:
    address = SERVICES["crawl"]["environment"]["POPDANCESET_STORE"]
    assert str(Store(address)) == "s3://popdanceset/store"
    port = SERVICES["store"]["ports"][0].split(":")[-1]
    assert f"endpoint_override=store:{port}&scheme=http" in address
    keys = SERVICES["store"]["environment"]
    assert keys.items() <= SERVICES["crawl"]["environment"].items()


def test_the_readme_names_every_variable_and_service() -> None:
    text = (DOCKER / "README.md").read_text(encoding="utf-8")
    for name in SERVICES:
        assert f"`{name}`" in text, name
    for variable in re.findall(r"\$\{(\w+)", (DOCKER / "compose.yaml").read_text(encoding="utf-8")):
        assert variable in text, variable
