"""The files of docker/: the compose file as docker reads it, and the instructions of the Dockerfiles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
_VARIABLE = re.compile(r"\$\{(\w+)(?::\?[^}]*)?\}")


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, continued lines joined, comments left out."""

    name: str
    text: str


def instructions(path: Path) -> list[Instruction]:
    """All instructions of a Dockerfile, in order."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def stages(path: Path) -> list[list[Instruction]]:
    """Instructions of each stage; the last one is the image."""
    found: list[list[Instruction]] = []
    for instruction in instructions(path):
        if instruction.name == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def commands(path: Path, program: str) -> list[str]:
    """All shell commands of a Dockerfile that start with a program, whatever its folder."""
    found = []
    for name, text in instructions(path):
        if name == "RUN":
            parts = [part.strip() for part in text.split("&&")]
            found += [part for part in parts if re.match(rf"(\S*/)?{re.escape(program)}\b", part)]
    return found


def with_variables(value: Any, variables: Mapping[str, str]) -> Any:
    """A part of the compose file with ${VARIABLES} filled in, as docker does."""
    if isinstance(value, dict):
        return {key: with_variables(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [with_variables(each, variables) for each in value]
    return _VARIABLE.sub(lambda m: variables[m[1]], value) if isinstance(value, str) else value


def compose() -> dict[str, Any]:
    """The compose file; merges and anchors resolved, variables not."""
    content = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content
