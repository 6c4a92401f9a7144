"""Makes the network fast without changing its outputs: batch norms folded into the convolutions, channels
last, fewer bits, a compiled graph.

Only the convolutions run with fewer bits; softmax over heat maps, heads and kinematics stay in float32.
What fewer bits cost with trained weights could not be measured here. With weights made by rule
(`hybrik_runner.hybrik.recipe`), whose heat maps are mostly noise and exaggerate every difference, float16
moved joints by 13 mm on average and bfloat16 by 103 mm; hence float16 on a GPU and float32 on a processor.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Generator, Sequence
from typing import Literal

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hybrik_runner.hybrik.crop import MEAN, SPREAD
from hybrik_runner.hybrik.heads import mirrored, soft_argmax
from hybrik_runner.hybrik.hrnet import DEPTH, JOINTS
from hybrik_runner.hybrik.network import HybrIK, Prediction
from hybrik_runner.hybrik.twist_swing import MIRRORED
from popdanceset.errors import SettingsError

Precision = Literal["auto", "float32", "float16", "bfloat16"]


def number_type(precision: Precision, where: torch.device) -> torch.dtype:
    """Returns the type of numbers that convolutions calculate with."""
    if precision == "auto":
        return torch.float16 if where.type == "cuda" else torch.float32
    dtype: torch.dtype = getattr(torch, precision)
    return dtype


class _Trunk(nn.Module):
    """The network before the layer of the heat maps, as a module that can be traced."""

    def __init__(self, network: HybrIK) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.trunk(x)


def folded(network: HybrIK) -> fx.GraphModule:
    """Returns `HybrIK.trunk` as a graph of its own, with each batch norm folded into the convolution before
    it. The network stays as it is.

    Raises:
        ValueError: the network is in training mode, in which batch norms depend on the batch.
    """
    if network.training:
        raise ValueError("batch norms of a network in training mode cannot be folded")
    graph = fx.symbolic_trace(_Trunk(network))
    modules = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        if node.op != "call_module" or not isinstance(modules[node.target], nn.BatchNorm2d):
            continue
        before = node.args[0]
        layer = modules[before.target] if before.op == "call_module" else None
        if len(before.users) > 1 or not isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            continue
        fused = fuse_conv_bn_eval(layer, modules[node.target], isinstance(layer, nn.ConvTranspose2d))
        parent, _, name = before.target.rpartition(".")
        setattr(graph.get_submodule(parent), name, fused)
        node.replace_all_uses_with(before)
        graph.graph.erase_node(node)
    graph.delete_all_unused_submodules()
    graph.recompile()
    return copy.deepcopy(graph)  # what was not folded is still shared with the network


class Engine:
    """Does what `HybrIK.predict` does, on images as bytes, faster and in less memory.

    An image and its mirror image share a batch. Heat maps are calculated joint by joint from the features
    that they are
    a linear map of, and are read while they are in the cache: 30 MB per image are never written. The features
        are
    mirrored back, not the heat maps: mirroring commutes with the linear map.

    Many of the convolutions are too small to be divided among the cores of a processor. One batch for each
    core, in a thread of its own, is faster than one batch after the other on all of them.

    Args:
        network: in evaluation mode. The engine holds copies of its convolutions.
        where: the device; the network's heads are moved there.
        dtype: type of the numbers that convolutions calculate with.
        compiled: compile the graph, once for each batch size. Needs a C++ compiler, or Triton on a GPU.
        lanes: how many threads will call it at once; on a processor they divide the cores.
    """

    def __init__(
        self,
        network: HybrIK,
        where: torch.device,
        dtype: torch.dtype,
        *,
        compiled: bool = False,
        lanes: int = 1,
    ) -> None:
        self._network, self.where, self._dtype, self.lanes = network.to(where), where, dtype, lanes
        self._threads = torch.get_num_threads()
        self._compiled, self._compiling = compiled, threading.Lock()
        self._known: set[torch.Size] = set()
        self._trunk: Callable[[Tensor], tuple[Tensor, Tensor]]
        self._trunk = folded(network).to(where, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if compiled:
            import torch._inductor.config as inductor

            inductor.freezing = True
            # A graph for any batch size would be slower than none.
            self._trunk = torch.compile(self._trunk, dynamic=False)
        layer = network.heat_layer
        assert layer.bias is not None
        self._maps = [(layer.weight.detach()[:, :, 0, 0], layer.bias.detach()[:, None])]
        rows = torch.arange(JOINTS * DEPTH, device=where).view(JOINTS, DEPTH)[MIRRORED].flatten()
        self._maps.append((self._maps[0][0][rows], self._maps[0][1][rows]))
        # One volume of 1 MB stays in a processor's cache; a GPU needs more work at once.
        self._images, self._joints = (1, 1) if where.type == "cpu" else (16, 8)
        self._mean = torch.from_numpy(MEAN).to(where).view(1, 3, 1, 1)

    @contextlib.contextmanager
    def lane(self) -> Generator[None]:
        """Limits calculations in the block to this lane's share of a processor's cores."""
        if self.where.type != "cpu":
            yield
            return
        torch.set_num_threads(max(1, self._threads // self.lanes))
        try:
            yield
        finally:
            torch.set_num_threads(self._threads)

    @torch.no_grad()
    def predict(self, crops: Tensor, *, flip: bool = False) -> Prediction:
        """Does `HybrIK.predict` on crops (n, 256, 256, 3) uint8 RGB in main memory.

        Raises:
            SettingsError: the graph cannot be compiled.
        """
        if self.where.type == "cuda":
            crops = crops.pin_memory().to(self.where, non_blocking=True)
        # The bytes of images are channels last already.
        x = (crops.permute(0, 3, 1, 2).to(torch.float32) / 255 - self._mean) / float(SPREAD)
        together = torch.cat([x, x.flip(3)]) if flip else x
        planes, features = self._run_trunk(together.to(self._dtype, memory_format=torch.channels_last))
        seen = torch.split(planes.float(), len(x))
        if flip:
            seen = (seen[0], seen[1][..., mirrored(self._network.shift)])
        uvd, maxima = self._joints_of([part.flatten(2).contiguous() for part in seen])
        return self._network.decoded(uvd, maxima, list(torch.split(features.float(), len(x))))

    def _run_trunk(self, images: Tensor) -> tuple[Tensor, Tensor]:
        if not self._compiled or images.shape in self._known:
            return self._trunk(images)
        from torch._dynamo.exc import TorchDynamoException

        with self._compiling:  # by one lane, while the others wait for it
            try:
                seen = self._trunk(images)
            except TorchDynamoException as error:
                reason = str(error).splitlines()[0]
                raise SettingsError(
                    f"the network cannot be compiled: {reason}",
                    "pose.compile",
                    "install a C++ compiler (for a GPU, Triton), or switch it off",
                ) from error
            self._known.add(images.shape)
            return seen

    def _joints_of(self, seen: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(n, 29, 3) joints and (n, 29) maxima from features (n, width, 4096) of images, and of their mirror
        images mirrored back."""
        count, pixels = len(seen[0]), seen[0].shape[2]
        uvd = torch.empty(count, JOINTS, 3, device=self.where)
        maxima = torch.empty(count, JOINTS, device=self.where)
        for first in range(0, count, self._images):
            images = slice(first, first + self._images)
            parts = [part[images] for part in seen]
            # Reused from joint to joint: new memory costs more than the product that fills it.
            buffer = torch.empty(3, len(parts[0]), self._joints * DEPTH, pixels, device=self.where)
            for joint in range(0, JOINTS, self._joints):
                joints = slice(joint, min(joint + self._joints, JOINTS))
                rows = slice(joints.start * DEPTH, joints.stop * DEPTH)
                heat, volume, other = buffer[:, :, : rows.stop - rows.start]
                for part, (weight, bias), into in zip(parts, self._maps, (volume, other), strict=False):
                    torch.baddbmm(bias[rows], weight[rows].expand(len(part), -1, -1), part, out=heat)
                    torch.softmax(_by_joint(heat), 2, out=_by_joint(into))
                if len(parts) > 1:
                    torch.lerp(volume, other, 0.5, out=volume)
                uvd[images, joints] = soft_argmax(volume.view(len(volume), -1, DEPTH, DEPTH, DEPTH))
                maxima[images, joints] = _by_joint(volume).amax(2)
        return uvd, maxima


def _by_joint(planes: Tensor) -> Tensor:
    """(n, k · 64, 4096) → (n, k, 64 · 4096), a view."""
    return planes.view(len(planes), -1, DEPTH * planes.shape[2])
