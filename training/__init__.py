"""POPDG and the metrics: training, sampling, export, evaluation. Reads releases and nothing else."""

import os

if "OMP_WAIT_POLICY" not in os.environ:
    # GNU's OpenMP reads this when torch is loaded. Its threads would spin for milliseconds while they wait
    # for each other. Beside other programs that takes the processor from the very thread that they wait for,
    # and a step takes several times as long. On a machine of one's own it is faster: README.md, "Speed".
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
