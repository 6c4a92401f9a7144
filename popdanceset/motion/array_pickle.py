"""Writes pickles of arrays that every numpy can load, and that `popdanceset.safe_pickle` reads.

numpy 2 restores arrays by a function of `numpy._core`, a module that numpy 1 does not have; numpy 1 calls it
`numpy.core`, a name that numpy 2 still understands. The code of this field, and the Pythons inside Blender up
to 4.x, run on numpy 1.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PROTOCOL = 3
_NEW, _OLD = b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"


def dumps(entries: Mapping[str, NDArray[Any] | str | float]) -> bytes:
    """Pickles a dictionary of arrays, strings and numbers: equal entries give equal bytes.

    Args:
        entries: by name; arrays of numbers or strings.
    """
    parts = [pickle.PROTO, bytes([_PROTOCOL]), pickle.EMPTY_DICT, pickle.MARK]
    for name, value in entries.items():
        parts += [_piece(name), _piece(value)]
    return b"".join([*parts, pickle.SETITEMS, pickle.STOP])


def _piece(value: NDArray[Any] | str | float) -> bytes:
    """The program that builds one value, without its beginning and end.

    It stores what it uses again under numbers of its own before it reads them, so pieces can follow each
    other.
    """
    whole = pickle.dumps(np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value, _PROTOCOL)
    piece = whole[2:-1]
    return _OLD + piece.removeprefix(_NEW) if piece.startswith(_NEW) else piece
