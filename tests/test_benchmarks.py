"""Every benchmark runs at a tiny size and ends with its figure and target; the figure is its own business."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from popdanceset.review.vendoring import vendor
from tests import browsing

FOLDER = Path(__file__).parent / "benchmarks"
SHARED = FOLDER.parents[1].parent / "shared"

TINY = {
    "distilled": [
        *("--part", "quality", "--clips", "12", "--teacher-steps", "2", "--student-steps", "2"),
        *("--variants", "1", "--threads", "1"),
    ],
    "engine": ["--clips", "80", "--seconds", "0.005", "--nodes", "2"],
    "guidance": ["--steps", "2", "--clips", "6", "--seeds", "1", "--rounds", "1", "--sampling-steps", "2"],
    "learning": ["--steps", "4", "--clips", "20", "--seeds", "1", "--models", "edge"],
    "long_release": ["--hours", "0.02"],
    "metrics": ["--clips", "1", "--frames", "20", "--motions", "20", "--repeats", "1"],
    "odd_media": ["--mutations", "2", "--media"],
    "pose": ["--frames", "200", "--media", "nowhere"],
    "release": ["--clips", "6", "--windows", "3"],
    "sampling": ["--rounds", "1", "--steps", "2", "--fast-steps", "2", "--threads", "1"],
    "training_step": [
        "--rounds",
        "1",
        "--batch",
        "1",
        "--music-dim",
        "35",
        "--layers",
        "1",
        "--threads",
        "1",
    ],
}
NEED_SHARED = {"hybrik": ["--frames", "2", "--rounds", "1", "--no-compile"]}
NEED_BROWSER = {"review": ["--clips", "20", "--seconds", "1", "--repeats", "1"]}
ELSEWHERE = {"same_music", "screening", "selection"}
"""Tested beside what they measure."""
ALL = TINY | NEED_SHARED | NEED_BROWSER


def test_no_benchmark_is_forgotten() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == ALL.keys() | ELSEWHERE


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ALL])
def test_it_prints_its_figure_last(name: str) -> None:
    if name in NEED_SHARED and not SHARED.is_dir():
        pytest.skip("the reference network's weights and a film, in ../shared, are not here")
    if name == "engine":
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'popdanceset[ray]'")
    if name in NEED_BROWSER and (browsing.program() is None or vendor.missing()):
        pytest.skip("there is no chromium, or the page lacks three.js")
    command = [sys.executable, FOLDER / f"{name}.py", *ALL[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"{name}: ")
    assert "(target: " in last
