"""Imports librosa, one process at a time.

Numba compiles parts of librosa when they are first imported and caches them on disk. Processes that compile
at the same time can leave cache files that do not fit together, and from then on every call crashes its
process (numba issue 10128). So the second process waits and finds the compiled parts.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from popdanceset.locks import locked

COMPILED = ("util", "core", "beat", "onset", "feature")
"""Submodules that contain or import compiled parts; by default librosa imports them on first use."""


HARMLESS = ("n_fft=.* is too large for input signal", "Trying to estimate tuning from empty frequency set")
"""Warnings of librosa about music of a second and about silence. It fills up what is missing with zeros, as
it does at both ends of every piece, so they need no action."""


def load_librosa() -> Any:
    """Imports librosa with all its compiled parts, hides its harmless warnings, and returns the module."""
    for message in HARMLESS:
        warnings.filterwarnings("ignore", message, UserWarning, r"librosa\.")
    return _import_librosa()


@cache
def _import_librosa() -> Any:
    with locked(lock_file()):
        librosa = importlib.import_module("librosa")
        for name in COMPILED:
            importlib.import_module(f"librosa.{name}")
    return librosa


def lock_file() -> Path:
    """Returns the lock file of this user and this librosa installation."""
    spec = importlib.util.find_spec("librosa")
    where = hashlib.sha256(str(spec and spec.origin).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir(), f"popdanceset-librosa-{os.getuid()}-{where}.lock")
