"""Runs the commands and the program of the README's section for researchers as they stand there."""

from __future__ import annotations

import pickle
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from popdanceset.cli import popdanceset

README = Path(__file__).parents[1] / "README.md"


def blocks(language: str) -> str:
    """The code of one language in the section."""
    section = README.read_text(encoding="utf-8").partition("## For researchers")[2].partition("\n## ")[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found, f"README.md has no {language} for researchers"
    return "\n".join(found)


def clip_name() -> str:
    """The clip that the program reads."""
    (name,) = re.findall(r'frames\("([^"]+)"\)', blocks("python"))
    return str(name)


def prepare(folder: Path, release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a folder in which the names of the README are the release and a song, and goes there."""
    (name,) = re.findall(r'path = "([^"]+)"', blocks("python"))
    for link in (folder / name, folder / "RELEASE"):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(release)
    rate = 22_050
    time = np.arange(int(2.4 * rate)) / rate
    clicks = (time % 0.5 < 0.02) * np.sin(2 * np.pi * 900 * time)
    soundfile.write(folder / "song.mp3", clicks, rate, format="MP3")
    (name,) = re.findall(r"convert (\S+\.pkl)", blocks("bash"))
    (folder / name).parent.mkdir()
    (folder / name).write_bytes(pickle.dumps(standing_in_aist()))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))


def standing_in_aist() -> dict[str, Any]:
    """Two seconds of a standing body as a file of AIST++ contains it: y up, centimetres, 60 fps."""
    sway = 0.2 * np.sin(np.arange(120) / 10)[:, None]
    return {
        "smpl_poses": np.tile(sway, (1, 72)) * (np.arange(72) >= 3),
        "smpl_trans": np.tile([0.0, 95, 0], (120, 1)),
        "smpl_scaling": np.array([100.0]),
        "smpl_loss": 0.1,
    }


def run_program() -> dict[str, Any]:
    """Runs the Python code; returns its variables."""
    variables: dict[str, Any] = {}
    exec(blocks("python"), variables)
    return variables


def run_commands() -> list[str]:
    """Runs the command lines one after the other; returns their output.

    There is one epoch of training, and the clip is the one that the program reads.
    """
    text = blocks("bash").replace("CLIP_ID", clip_name())
    lines = [shlex.split(line, comments=True) for line in text.splitlines() if line.strip()]
    assert {words[0] for words in lines} == {"popdanceset"}
    outputs = []
    for words in lines:
        if "--epochs" in words:
            words[words.index("--epochs") + 1] = "1"
        result = CliRunner().invoke(popdanceset, words[1:], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        outputs.append(result.output)
    return outputs
