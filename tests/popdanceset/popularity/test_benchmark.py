import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "selection.py"


def test_the_benchmark_runs_at_a_tiny_size(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT, "--rows", "2000", "--rounds", "1", "--folder", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1].startswith("selection: ")
    assert "(target: below 1,000 MB)" in done.stdout.splitlines()[-1]
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []
