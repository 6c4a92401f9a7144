"""A network in LiteRT: image in, arrays out."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import AssetError


class Network:
    """A network for any number of threads. Interpreters keep buffers, so each thread gets its own.

    Args:
        path: the `.tflite` file.
        threads: CPU threads for one inference.

    Raises:
        AssetError: the runtime is not installed, or the file is not a network.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._path, self._threads = path, threads
        self._own = threading.local()
        self._interpreter()

    def __call__(self, image: NDArray[np.float32]) -> dict[int, NDArray[np.float32]]:
        """Returns the outputs by their number of elements, without the batch axis.

        Args:
            image: (height, width, 3) float32, scaled as the network expects it.
        """
        interpreter, input_index, outputs = self._interpreter()
        interpreter.set_tensor(input_index, image[None])
        interpreter.invoke()
        return {size: interpreter.get_tensor(index)[0] for index, size in outputs}

    def _interpreter(self) -> tuple[Any, int, list[tuple[int, int]]]:
        """This thread's interpreter, the index of its input, indices and sizes of its outputs."""
        if not hasattr(self._own, "interpreter"):
            self._own.interpreter = _open(self._path, self._threads)
        own: tuple[Any, int, list[tuple[int, int]]] = self._own.interpreter
        return own


def _open(path: Path, threads: int) -> tuple[Any, int, list[tuple[int, int]]]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise AssetError(
            "the package ai-edge-litert is not installed",
            "pose estimator",
            "pip install 'popdanceset[pose]'",
        ) from error
    try:
        interpreter = Interpreter(str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise AssetError(f"is not a network: {error}", path, "delete it and fetch it again") from error
    outputs = [(d["index"], int(np.prod(d["shape"]))) for d in interpreter.get_output_details()]
    return interpreter, interpreter.get_input_details()[0]["index"], outputs
