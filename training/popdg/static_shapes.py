"""Sampling with tensors whose shapes never change, so that a GPU can replay what it recorded once.

A step of sampling is many short kernels, whose launches may take a GPU longer than their work. A CUDA graph
launches all of them at once, but always reads and writes the same memory. So windows are copied into tensors
that have room for a fixed number of them; encoding music and predicting a dance are a graph each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from popdanceset.errors import InputError
from training.popdg.model import Condition, DanceTransformer, Prediction
from training.popdg.sampler import Denoiser

Record = Callable[[Callable[[], Any]], Callable[[], Any]]
"""Prepares a function without arguments, which always reads and writes the same tensors, to run again."""

WARM_UP = 3
"""Runs before the recording, in which libraries choose kernels and allocate memory (PyTorch's manual)."""


def cuda_graph(function: Callable[[], Any]) -> Callable[[], Any]:
    """Records a function as a CUDA graph, and returns one that replays it and returns the same tensors."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = function()

    def replay() -> Any:
        graph.replay()
        return output

    return replay


class StaticNetwork:
    """Makes the denoisers of a dance, block after block, for a network that always hears the music.

    Only the newest denoiser may be used: they share their memory.

    Args:
        model: the network, in evaluation mode.
        windows: the largest number of windows in a block.
        record: `cuda_graph`, or another way to run the same function on the same tensors again.

    Raises:
        InputError: the network is not on a GPU, which graphs need.
    """

    def __init__(self, model: DanceTransformer, windows: int, record: Record = cuda_graph) -> None:
        weight = model.start_projection.weight
        if record is cuda_graph and weight.device.type != "cuda":
            raise InputError(
                f"CUDA graphs do not exist on {weight.device.type}", "--graphs", "leave it out, or use a GPU"
            )
        self.model, frames = model, model.parts.window
        self.music = weight.new_zeros(windows, frames, model.parts.music_dim)
        self.dance = weight.new_zeros(windows, frames, weight.shape[0])
        self.timestep = torch.zeros(1, dtype=torch.int64, device=weight.device)
        with torch.no_grad():
            self.encode: Callable[[], Condition] = record(self._encode)
            self.condition = self.encode()
            self.predict: Callable[[], Prediction] = record(self._predict)

    def __call__(self, music: torch.Tensor) -> Denoiser:
        """The denoiser of a block, (windows, window, music_dim), for which there must be room."""
        self.music[: len(music)].copy_(music)
        self.condition = self.encode()
        return self._denoise

    def _denoise(self, x_t: torch.Tensor, t: int) -> Prediction:
        self.dance[: len(x_t)].copy_(x_t)
        self.timestep.fill_(t)
        x_start, _ = self.predict()
        return Prediction(x_start[: len(x_t)].clone(), None)  # the next replay overwrites it

    def _encode(self) -> Condition:
        return self.model.condition(self.music)

    def _predict(self) -> Prediction:
        return self.model.denoise(self.dance, self.timestep, self.condition)


def static_network(model: DanceTransformer, windows: int, record: Record = cuda_graph) -> StaticNetwork:
    """A static network with room for `windows`, kept with the model: later dances record nothing.

    The room is a power of two, so that few are needed for dances of all lengths.
    """
    room = 1 << (windows - 1).bit_length()
    kept: dict[int, StaticNetwork] = model.__dict__.setdefault("static_networks", {})
    if room not in kept:
        kept[room] = StaticNetwork(model, room, record)
    return kept[room]
