"""The benchmark of screening runs, on a few videos."""

import subprocess
import sys
from pathlib import Path

import pytest

from popdanceset.errors import AssetError
from popdanceset.settings import Settings
from popdanceset.video.screening.detector import load_detector

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "screening.py"


def test_the_benchmark_runs(tmp_path: Path) -> None:
    try:
        load_detector(Settings())
    except AssetError as error:
        pytest.skip(f"no person detector here: {error}")
    done = subprocess.run(
        [sys.executable, BENCHMARK, "--films", "2", "--folder", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode in (0, 1), done.stderr
    assert lines[-1].startswith("screening: ")
    assert any(line.split() == ["camera_cuts", "1", "1.000", "1.000"] for line in lines)
