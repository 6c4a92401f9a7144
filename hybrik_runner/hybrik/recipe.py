"""Weights made by rule, so that the network can be compared with recorded values without its 324 MB.

Every entry is drawn from a generator seeded with the entry's own name. Batch norms are then set to the
statistics of real images, so that signals keep their size through the depth as in a trained network.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hybrik_runner.hybrik.network import HybrIK

UNTOUCHED = ("smpl.", "init_shape", "init_cam")
HEAT_SPREAD = 5.0
SIGMA_BIAS = -4.0


def draw(state: Mapping[str, Tensor], salt: str) -> dict[str, Tensor]:
    """Draws every floating-point entry of the state that is learnt."""
    drawn = {}
    for key, value in state.items():
        if key.startswith(UNTOUCHED) or not value.is_floating_point():
            continue
        if key.endswith("running_mean"):
            drawn[key] = torch.zeros(value.shape)
        elif key.endswith("running_var"):
            drawn[key] = torch.ones(value.shape)
        else:
            noise = torch.randn(
                value.shape, generator=torch.Generator().manual_seed(zlib.crc32((salt + key).encode()))
            )
            if value.dim() >= 2:
                drawn[key] = noise * math.sqrt(2 / value[0].numel())
            elif key.endswith("weight"):
                drawn[key] = 1 + 0.1 * noise
            else:
                drawn[key] = 0.1 * noise
    return drawn


@torch.no_grad()
def apply(network: HybrIK, salt: str, x: Tensor) -> float:
    """Gives the network the weights of the rule, and leaves it in evaluation mode.

    Args:
        network: receives the weights.
        salt: a different salt gives different weights.
        x: (n, 3, 256, 256) images that determine the statistics of the batch norms.

    Returns:
        The factor by which the heat-map layer was scaled.
    """
    network.load_state_dict({**network.state_dict(), **draw(network.state_dict(), salt)})
    momenta = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            momenta[name], module.momentum = module.momentum, None
            module.reset_running_stats()
    network.train()
    network.see(x)
    network.eval()
    for name, momentum in momenta.items():
        norm = network.get_submodule(name)
        assert isinstance(norm, nn.BatchNorm2d)
        norm.momentum = momentum
    scale = HEAT_SPREAD / float(network.see(x)[0].std())
    network.heat_layer.weight.mul_(scale)
    network.decsigma.bias.fill_(SIGMA_BIAS)
    return scale
