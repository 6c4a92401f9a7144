"""Imports librosa, one process at a time.

Numba compiles parts of librosa when they are first imported, and keeps them on disk. Processes that do so at
once can leave parts that do not belong together, and from then on every call ends its process (numba's issue
10128). So whoever comes second waits, and finds them compiled.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import importlib.util
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

COMPILED = ("util", "core", "beat", "onset", "feature")
"""Submodules with compiled parts, or that import such; left to itself, librosa imports them when used."""


@cache
def load_librosa() -> Any:
    """The module, with all that is compiled of it loaded."""
    with lock_file().open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, also by a process that dies
        librosa = importlib.import_module("librosa")
        for name in COMPILED:
            importlib.import_module(f"librosa.{name}")
    return librosa


def lock_file() -> Path:
    """One for each user and installation."""
    spec = importlib.util.find_spec("librosa")
    where = hashlib.sha256(str(spec and spec.origin).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir(), f"popdanceset-librosa-{os.getuid()}-{where}.lock")
