"""How threads wait for each other is set before torch is loaded, unless the user has set it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SHOWN = "import sys, training, os; print('torch' in sys.modules, os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "False 1000"),
        ({"GOMP_SPINCOUNT": "7"}, "False 7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "False None"),
    ],
)
def test_threads_do_not_spin_for_long(given: dict[str, str], expected: str) -> None:
    outside = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    command = [sys.executable, "-c", SHOWN]
    shown = subprocess.run(command, env=outside | given, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == expected
