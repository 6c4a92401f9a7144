"""A network in LiteRT: picture in, arrays out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import AssetError


class Network:
    """One interpreter. It keeps buffers, so each thread needs its own.

    Args:
        path: the `.tflite` file.
        threads: CPU threads of one inference.

    Raises:
        AssetError: the runtime is not installed, or the file is no network.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise AssetError(
                "the package ai-edge-litert is not installed",
                "pose estimator",
                "pip install 'popdanceset[pose]'",
            ) from error
        try:
            self._interpreter = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise AssetError(f"is no network: {error}", path, "delete it and fetch it again") from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [
            (d["index"], int(np.prod(d["shape"]))) for d in self._interpreter.get_output_details()
        ]

    def __call__(self, picture: NDArray[np.float32]) -> dict[int, NDArray[np.float32]]:
        """Outputs by their number of elements, without the batch axis.

        Args:
            picture: (height, width, 3) float32 as the network wants it scaled.
        """
        self._interpreter.set_tensor(self._input, picture[None])
        self._interpreter.invoke()
        return {size: self._interpreter.get_tensor(index)[0] for index, size in self._outputs}
