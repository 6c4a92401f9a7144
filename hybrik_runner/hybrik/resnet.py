"""ResNet-34, the backbone of HybrIK's first publication, with the layers that turn its features into heat
maps.

He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016), table 1, without the pooling and the
classifier at its end; the head of three transposed convolutions is that of Xiao et al., "Simple Baselines
for Human Pose Estimation and Tracking" (ECCV 2018), as section 4.1 of Li et al. 2021 uses it.

No name or width in this module could be checked against a released file. The layers of the backbone have
torchvision's names, from whose ImageNet weights the published network starts. The others (`deconv_layers`,
`final_layer`, `fc1` and `fc2` of 1024, `decsigma`, a camera of three numbers of which the first is the scale)
are those of the model definition and its configuration in the authors' public repository; files from before
the loss with uncertainties have no `decsigma`. The HRNet variant, in contrast, was compared with recorded
outputs (`hybrik_runner.check`).
"""

from __future__ import annotations

from torch import Tensor, nn

from hybrik_runner.hybrik.hrnet import DEPTH, JOINTS

BLOCKS = (3, 4, 6, 3)
WIDTHS = (64, 128, 256, 512)
DECONVOLVED = 256
FEATURES = 1024
"""Width of the two fully connected layers after the average of the last 512 channels."""


class BasicBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut; the first may halve the resolution and change the width."""

    def __init__(self, inward: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inward, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = (
            None
            if stride == 1 and inward == width
            else nn.Sequential(nn.Conv2d(inward, width, 1, stride, bias=False), nn.BatchNorm2d(width))
        )

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out: Tensor = self.relu(inner + (x if self.downsample is None else self.downsample(x)))
        return out


class ResNet34(nn.Module):
    """The backbone: images (n, 3, 256, 256) as `crop.normalise` returns them → (n, 512, 8, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._layer(0)
        self.layer2 = self._layer(1)
        self.layer3 = self._layer(2)
        self.layer4 = self._layer(3)

    @staticmethod
    def _layer(level: int) -> nn.Sequential:
        width = WIDTHS[level]
        first = BasicBlock(WIDTHS[level - 1], width, 2) if level else BasicBlock(width, width)
        return nn.Sequential(first, *(BasicBlock(width, width) for _ in range(BLOCKS[level] - 1)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        out: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return out


def deconvolutions() -> nn.Sequential:
    """Returns the layers (n, 512, 8, 8) → (n, 256, 64, 64), which double the resolution three times."""
    layers: list[nn.Module] = []
    for inward in (WIDTHS[-1], DECONVOLVED, DECONVOLVED):
        layers += [
            nn.ConvTranspose2d(inward, DECONVOLVED, 4, 2, 1, bias=False),
            nn.BatchNorm2d(DECONVOLVED),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def heat_maps() -> nn.Conv2d:
    """Returns the layer (n, 256, 64, 64) → (n, 29 · 64, 64, 64), depth bins of a joint together, before
    softmax."""
    return nn.Conv2d(DECONVOLVED, JOINTS * DEPTH, 1)
