"""`python -m training.bench` is `popdanceset bench`."""

from __future__ import annotations

from popdanceset.commands import run
from training.bench.command import bench

if __name__ == "__main__":
    run(bench, "python -m training.bench")
