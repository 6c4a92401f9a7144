"""HRNet-W48: high-resolution features, heat maps of the joints, and one feature vector of the whole image.

Wang et al., "Deep High-Resolution Representation Learning for Visual Recognition" (TPAMI 2020): figure 2 for
the body, section 3.3 for the classification head that computes the features. Modules have the names of the
released weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

JOINTS = 29
DEPTH = 64
"""Depth bins of a heat map; its rows and columns are 64 as well, a quarter of the image's."""

WIDTHS = (48, 96, 192, 384)
FEATURES = 2048


def _convolution(
    inward: int, outward: int, kernel: int, stride: int = 1, *, relu: bool = True
) -> nn.Sequential:
    """Convolution without bias, batch norm, and optionally a rectifier."""
    layers: list[nn.Module] = [
        nn.Conv2d(inward, outward, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outward),
    ]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out: Tensor = self.relu(inner + x)
        return out


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1 convolutions to four times the width, around a shortcut (He et al. 2016)."""

    def __init__(self, inward: int, width: int) -> None:
        super().__init__()
        outward = 4 * width
        self.conv1 = nn.Conv2d(inward, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outward, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outward)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None if inward == outward else _convolution(inward, outward, 1, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.relu(self.bn1(self.conv1(x)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        inner = self.bn3(self.conv3(inner))
        out: Tensor = self.relu(inner + (x if self.downsample is None else self.downsample(x)))
        return out


def _fusion(source: int, target: int, widths: Sequence[int]) -> nn.Module:
    """Brings one branch to the resolution of another; 0 is the finest."""
    if source == target:
        return nn.Identity()
    if source > target:
        up = nn.Upsample(scale_factor=2.0 ** (source - target), mode="nearest")
        return nn.Sequential(*_convolution(widths[source], widths[target], 1, relu=False), up)
    steps = target - source
    return nn.Sequential(
        *(
            _convolution(widths[source], widths[target if last else source], 3, 2, relu=not last)
            for last in (step == steps - 1 for step in range(steps))
        )
    )


class HighResolutionModule(nn.Module):
    """Four basic blocks on every branch, then every branch receives the sum of all."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width) for _ in range(4))) for width in widths
        )
        count = len(widths)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_fusion(source, target, widths) for source in range(count))
            for target in range(count)
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        xs = [branch(x) for branch, x in zip(self.branches, xs, strict=True)]
        fused = []
        for layers in self.fuse_layers:
            assert isinstance(layers, nn.ModuleList)
            total = layers[0](xs[0])
            for layer, x in zip(layers[1:], xs[1:], strict=True):
                total = total + layer(x)
            fused.append(self.relu(total))
        return fused


class Stage(nn.Sequential):
    """Modules one after the other on the same branches."""

    def __init__(self, modules: int, branches: int) -> None:
        super().__init__(*(HighResolutionModule(WIDTHS[:branches]) for _ in range(modules)))


class HRNet(nn.Module):
    """The backbone.

    `forward` takes images (n, 3, 256, 256) as `crop.normalise` returns them and returns heat maps (n, 29 ·
    64, 64, 64), depth bins of a joint together, before softmax, and features (n, 2048).
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(3)))
        # A new branch starts from the lowest one before it; the others pass unchanged.
        self.transition1 = nn.ModuleList(
            [_convolution(256, WIDTHS[0], 3), nn.Sequential(_convolution(256, WIDTHS[1], 3, 2))]
        )
        self.stage2 = Stage(1, 2)
        self.transition2 = self._transition(2)
        self.stage3 = Stage(4, 3)
        self.transition3 = self._transition(3)
        self.stage4 = Stage(3, 4)
        self.incre_modules = nn.ModuleList(
            nn.Sequential(Bottleneck(width, 32 * 2**level)) for level, width in enumerate(WIDTHS)
        )
        wide = [128 * 2**level for level in range(4)]
        self.downsamp_modules = nn.ModuleList(
            nn.Sequential(nn.Conv2d(fine, coarse, 3, 2, 1), nn.BatchNorm2d(coarse), nn.ReLU(inplace=True))
            for fine, coarse in pairwise(wide)
        )
        self.final_feat_layer = nn.Sequential(
            nn.Conv2d(wide[-1], FEATURES, 1), nn.BatchNorm2d(FEATURES), nn.ReLU(inplace=True)
        )
        self.final_layer = nn.Conv2d(WIDTHS[0], JOINTS * DEPTH, 1)

    @staticmethod
    def _transition(branches: int) -> nn.ModuleList:
        new = nn.Sequential(_convolution(WIDTHS[branches - 1], WIDTHS[branches], 3, 2))
        return nn.ModuleList([*(nn.Identity() for _ in range(branches)), new])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        finest, features = self.trunk(x)
        return self.final_layer(finest), features

    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Runs all but the last layer. Returns the finest branch (n, 48, 64, 64), of which heat maps are a
        linear map, and features (n, 2048)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.layer1(x)
        xs = self.stage2([layer(x) for layer in self.transition1])
        xs = self.stage3([layer(x) for layer, x in zip(self.transition2, [*xs, xs[-1]], strict=True)])
        xs = self.stage4([layer(x) for layer, x in zip(self.transition3, [*xs, xs[-1]], strict=True)])
        wide = [module(x) for module, x in zip(self.incre_modules, xs, strict=True)]
        pooled = wide[0]
        for down, finer in zip(self.downsamp_modules, wide[1:], strict=True):
            pooled = finer + down(pooled)
        return xs[0], self.final_feat_layer(pooled).mean((2, 3))
