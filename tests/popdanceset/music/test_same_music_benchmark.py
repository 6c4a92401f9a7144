"""The benchmark of same-music detection runs on a few pieces; whether it meets its targets is not tested."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks/same_music.py"


def test_it_prints_a_table_and_its_figure_last() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--pieces", "2", "--methods", "pitch"], capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("speed ±5 %") for line in lines)
    assert lines[-1].startswith("same_music: ")
    assert "(target: " in lines[-1]
