"""Weights and a body made by rule, so that the network can be compared with recorded values without its
324 MB, and with the official network without licensed files.

Every entry is drawn from a generator seeded with the entry's own name. Batch norms are then set to the
statistics of real images, so that signals keep their size through the depth as in a trained network.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from hybrik_runner.hybrik.network import HybrIK
from hybrik_runner.hybrik.smpl import LEAF_VERTICES
from hybrik_runner.hybrik.smpl_file import SHAPES, VERTICES, SmplFile
from hybrik_runner.hybrik.twist_swing import PARENTS
from popdanceset.skeleton import SMPL_OFFSETS

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


LEAF_LENGTH = 0.1
"""Metres from the last joint of a limb to its tip."""


def body(seed: int = 0) -> SmplFile:
    """A body with SMPL's mean skeleton, and with shapes and skin that are no human's but change every joint.

    Vertex j < 24 lies in joint j; the others are spread along the bones, and the tips end the limbs.
    """
    random = np.random.default_rng(seed)
    joints = np.zeros((29, 3))
    for joint in range(1, 29):
        bone = SMPL_OFFSETS[joint] if joint < 24 else SMPL_OFFSETS[PARENTS[joint]]
        scale = 1.0 if joint < 24 else LEAF_LENGTH / np.linalg.norm(bone)
        joints[joint] = joints[PARENTS[joint]] + scale * np.asarray(bone)
    owners = np.concatenate([np.arange(24), random.integers(0, 24, VERTICES - 24)])
    owners[list(LEAF_VERTICES)] = PARENTS[24:]
    parents = np.maximum(np.asarray(PARENTS), 0)[owners]
    along = np.concatenate([np.zeros(24), random.random(VERTICES - 24)])[:, None]
    vertices = (1 - along) * joints[owners] + along * joints[parents]
    vertices[24:] += 0.03 * random.standard_normal((VERTICES - 24, 3))
    vertices[list(LEAF_VERTICES)] = joints[24:]
    weights = np.zeros((VERTICES, 24))
    np.add.at(weights, (np.arange(VERTICES), owners), 0.8)
    np.add.at(weights, (np.arange(VERTICES), parents), 0.2)
    larger = vertices[:, :, None] * 0.02 * random.standard_normal(SHAPES)
    return SmplFile(
        v_template=vertices,
        shapedirs=larger + 1e-3 * random.standard_normal((VERTICES, 3, SHAPES)),
        posedirs=1e-3 * random.standard_normal((VERTICES, 3, 207)),
        J_regressor=np.eye(24, VERTICES),
        weights=weights,
        faces=random.integers(0, VERTICES, (13776, 3)),
        J_regressor_h36m=np.eye(17, VERTICES),
        mean_shape=0.1 * random.standard_normal(SHAPES),
    )
