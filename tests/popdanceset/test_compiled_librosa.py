"""Only one process at a time compiles librosa."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from popdanceset.compiled_librosa import COMPILED, load_librosa, lock_file

PROGRAM = """
from popdanceset.compiled_librosa import load_librosa
print("begun", flush=True)
load_librosa()
print("loaded", flush=True)
"""

BOTH_AT_ONCE = """
import sys, time
import numpy as np
from popdanceset.compiled_librosa import load_librosa
time.sleep(max(0, float(sys.argv[1]) - time.time()))
librosa = load_librosa()
strength = np.random.default_rng(0).random(100, dtype=np.float32)
assert len(librosa.onset.onset_detect(onset_envelope=strength, sr=15360, hop_length=512))
"""


def test_all_compiled_parts_are_loaded() -> None:
    librosa = load_librosa()
    assert all(f"librosa.{name}" in sys.modules for name in COMPILED)
    assert librosa.onset.onset_detect is not None


def test_a_process_waits_for_another() -> None:
    with lock_file().open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        assert other.stdout.readline() == "begun\n"
        # Loading takes a second or two; nothing is printed while the lock is held.
        assert select.select([other.stdout], [], [], 5)[0] == []
    assert other.stdout.read() == "loaded\n"
    assert other.wait() == 0


def test_two_processes_that_start_together_leave_a_usable_cache(tmp_path: Path) -> None:
    """Numba's cache folder is empty when they start."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", BOTH_AT_ONCE, str(time.time() + 3)]
    both = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert list(tmp_path.rglob("*.nbi"))
    assert subprocess.run(command, env=environment, check=False).returncode == 0
