"""HybrIK: images in, posed bodies out (Li et al. 2021, figure 3)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor, nn

from hybrik_runner.hybrik import heads, hrnet, resnet, twist_swing
from hybrik_runner.hybrik.smpl import Smpl
from hybrik_runner.hybrik.smpl_file import SHAPES, SmplFile

MEAN_SCALE = 0.9

_ABSURD = 1e4
"""No head predicts such a number for an image of a person."""

Backbone = Literal["hrnet_w48", "resnet34"]


@dataclass(frozen=True)
class Result:
    """What HybrIK predicts for n images; float32, metres, the camera's axes: x right, y down, z away.

    Attributes:
        rotations: (n, 24, 3, 3) parent-relative; the root's leads from SMPL's rest pose to the camera's axes.
        betas: (n, 10) shape.
        phi: (n, 23, 2) cosine and sine of the twists, not normalised.
        uvd: (n, 29, 3) joints in the box, as fractions from its centre; depth from the root's, in 2.2 m.
        joints_29: (n, 29, 3) joints as predicted, relative to the root.
        joints_24: (n, 24, 3) joints of the posed body, relative to its root.
        joints_17: (n, 17, 3) Human3.6M joints of the posed body, relative to their root.
        vertices: (n, 6890, 3) of the posed body, relative to the Human3.6M root.
        delta_shape: (n, 10) what the image, without its mirror image, adds to the mean shape.
        scale: (n, 1) weak-perspective scale as predicted.
        cam_scale: (n, 1) the same, refined.
        cam_root: (n, 3) root seen from the camera (also known as transl).
        maxima: (n, 29) maxima of the heat maps.
        sigma: (n, 29) uncertainty 0…1.
        pelvis: (n, 3) Human3.6M's root of the posed body relative to SMPL's.
    """

    rotations: Tensor
    betas: Tensor
    phi: Tensor
    uvd: Tensor
    joints_29: Tensor
    joints_24: Tensor
    joints_17: Tensor
    vertices: Tensor
    delta_shape: Tensor
    scale: Tensor
    cam_scale: Tensor
    cam_root: Tensor
    maxima: Tensor
    sigma: Tensor
    pelvis: Tensor

    def __len__(self) -> int:
        return len(self.rotations)

    @staticmethod
    def cat(parts: list[Result]) -> Result:
        """Concatenates batches."""
        return Result(
            **{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Result)}
        )


@dataclass(frozen=True)
class Prediction:
    """The outputs of the network, before any geometry; shapes and units as in `Result`.

    Attributes:
        uvd: (n, 29, 3).
        maxima: (n, 29).
        betas: (n, 10).
        delta_shape: (n, 10).
        phi: (n, 23, 2).
        scale: (n, 1).
        sigma: (n, 29).
    """

    uvd: Tensor
    maxima: Tensor
    betas: Tensor
    delta_shape: Tensor
    phi: Tensor
    scale: Tensor
    sigma: Tensor

    def usable(self) -> Tensor:
        """Returns whether each row (n,) can belong to a body: all values are finite and of plausible size,
        and the camera is in front of the body and not beyond the horizon."""
        values = torch.cat([getattr(self, f.name).flatten(1) for f in fields(self)], 1)
        plausible: Tensor = (values.abs() < _ABSURD).all(1) & (self.scale[:, 0] > heads.LEAST_SCALE)
        return plausible

    def where(self, usable: Tensor) -> Prediction:
        """Returns the same with harmless values in the rows that are not usable (n,)."""
        kept = {
            f.name: torch.where(usable.view(-1, *(1,) * (value.dim() - 1)), value, float(f.name == "scale"))
            for f in fields(self)
            for value in [getattr(self, f.name)]
        }
        return Prediction(**kept)


class HybrIK(nn.Module):
    """The whole network. Modules have the names of the released weights.

    Args:
        body: the SMPL model; None: the one among the weights that will be loaded.
        published: repeat two slips of the published code, for comparison with its recorded output: the flip
            test's shift (`heads.PUBLISHED_SHIFT`) and the axes of swings (`twist_swing.PUBLISHED_SLACK`).
        backbone: computes heat maps and features; `checkpoint.backbone` returns a file's.
    """

    init_shape: Tensor
    init_cam: Tensor

    def __init__(
        self,
        body: SmplFile | None = None,
        *,
        published: bool = False,
        backbone: Backbone = "hrnet_w48",
    ) -> None:
        super().__init__()
        self.shift = heads.PUBLISHED_SHIFT if published else heads.SHIFTED
        self.slack = twist_swing.PUBLISHED_SLACK if published else 0.0
        mean = torch.zeros(SHAPES) if body is None else torch.from_numpy(body.mean_shape).float()
        self.register_buffer("init_shape", mean)
        self.backbone = backbone
        if backbone == "hrnet_w48":
            self.register_buffer("init_cam", torch.tensor([MEAN_SCALE]))
            self.preact: nn.Module = hrnet.HRNet()
            width = hrnet.FEATURES
        else:
            # Its camera has a shift too, which the box's position in the frame makes superfluous.
            self.register_buffer("init_cam", torch.tensor([MEAN_SCALE, 0.0, 0.0]))
            self.preact = resnet.ResNet34()
            self.deconv_layers = resnet.deconvolutions()
            self.final_layer = resnet.heat_maps()
            width = resnet.FEATURES
            self.fc1 = nn.Linear(resnet.WIDTHS[-1], width)
            self.fc2 = nn.Linear(width, width)
        self.smpl = Smpl(body)
        self.decshape = nn.Linear(width, SHAPES)
        self.decphi = nn.Linear(width, 23 * 2)
        self.deccam = nn.Linear(width, len(self.init_cam))
        self.decsigma = nn.Linear(width, hrnet.JOINTS)

    def forward(
        self, x: Tensor, bboxes: Tensor | None = None, img_center: Tensor | None = None, *, flip: bool = False
    ) -> Result:
        """Estimates the poses in cropped images.

        Args:
            x: (n, 3, 256, 256) as `crop.crop` returns them.
            bboxes: (n, 4) x0 y0 x1 y1 of the crops in their frames, pixels. Without them a crop counts as a
                frame of its own.
            img_center: (n, 2) centres of the frames, pixels; goes with `bboxes`.
            flip: average with the prediction for the mirrored image; doubles the cost.
        """
        if (bboxes is None) != (img_center is None):
            raise ValueError("bboxes and img_center go together")
        offset = None if bboxes is None or img_center is None else heads.box_offset(bboxes, img_center)
        return self.fit(self.predict(x, flip=flip), offset)

    def predict(self, x: Tensor, *, flip: bool = False) -> Prediction:
        """Runs the network; arguments as for `forward`."""
        heat, features = self.see(x)
        volumes, seen = heads.softmax_volumes(heat), [features]
        if flip:
            heat, features = self.see(x.flip(3))
            volumes = (volumes + heads.softmax_volumes(heads.unflip_heat(heat, self.shift))) / 2
            seen.append(features)
        return self.decoded(heads.soft_argmax(volumes), volumes.flatten(2).amax(2), seen)

    def decoded(self, uvd: Tensor, maxima: Tensor, features: list[Tensor]) -> Prediction:
        """Decodes the outputs of the heads.

        Args:
            uvd: (n, 29, 3) joints.
            maxima: (n, 29) maxima of the heat maps.
            features: (n, width) of the images, and of their mirror images if both are averaged.
        """
        betas, phi, scale, sigma = self._decode(features[0])
        delta = betas - self.init_shape
        if len(features) > 1:
            flipped = self._decode(features[1])
            betas = (betas + flipped[0]) / 2
            phi = (phi + heads.unflip_twists(flipped[1])) / 2
            scale = 2 / (1 / scale + 1 / flipped[2])
            sigma = (sigma + flipped[3][:, twist_swing.MIRRORED]) / 2
        return Prediction(uvd, maxima, betas, delta, phi, scale, sigma)

    @property
    def heat_layer(self) -> nn.Conv2d:
        """The last layer before the heat maps."""
        layer = (self.preact if self.backbone == "hrnet_w48" else self).final_layer
        assert isinstance(layer, nn.Conv2d)
        return layer

    def see(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Converts images (n, 3, 256, 256) to heat maps (n, 29 · 64, 64, 64) before softmax and features (n,
        width)."""
        planes, features = self.trunk(x)
        heat: Tensor = self.heat_layer(planes)
        return heat, features

    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Converts images (n, 3, 256, 256) to the planes (n, channels, 64, 64) that heat maps are a linear
        map of, and features (n, width)."""
        if self.backbone == "hrnet_w48":
            assert isinstance(self.preact, hrnet.HRNet)
            return self.preact.trunk(x)
        seen = self.preact(x)
        # No rectifier between the two: in training they are separated by dropout.
        return self.deconv_layers(seen), self.fc2(self.fc1(seen.mean((2, 3))))

    def _decode(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return (
            self.decshape(features) + self.init_shape,
            self.decphi(features).unflatten(1, (23, 2)),
            (self.deccam(features) + self.init_cam)[:, :1],
            self.decsigma(features).sigmoid(),
        )

    def fit(self, seen: Prediction, offset: Tensor | None = None) -> Result:
        """Fits the body to the predicted joints, twists and shape.

        Args:
            seen: the network's outputs; finite, with a positive scale.
            offset: (n, 2) of `heads.box_offset`, or None.
        """
        shaped = self.smpl.shaped(seen.betas)
        rest = self.smpl.rest(shaped)
        scale = seen.scale
        joints = heads.back_project(seen.uvd, scale, offset)
        first = twist_swing.inverse_kinematics(joints, rest, seen.phi, naive=True, slack=self.slack)
        placed = twist_swing.forward_kinematics(first, rest)[0][:, :24]
        placed = placed - placed[:, :1] + joints[:, :1]
        scale = heads.refine_scale(seen.uvd, placed, seen.sigma, scale, offset)

        # At absurd distances numbers overflow; callers see by `cam_scale` that the result is unusable.
        placing = torch.where(scale.abs() > heads.LEAST_SCALE, scale, seen.scale)
        joints = heads.back_project(seen.uvd, placing, offset)
        root = joints[:, 0] + torch.nn.functional.pad(heads.distance(placing), (2, 0))
        rotations = twist_swing.inverse_kinematics(joints, rest, seen.phi, slack=self.slack)
        posed = self.smpl.pose(shaped, rest, rotations)
        return Result(
            rotations=rotations,
            betas=seen.betas,
            phi=seen.phi,
            uvd=seen.uvd,
            joints_29=joints - joints[:, :1],
            joints_24=posed.joints,
            joints_17=posed.joints_h36m,
            vertices=posed.vertices,
            delta_shape=seen.delta_shape,
            scale=seen.scale,
            cam_scale=scale,
            cam_root=root,
            maxima=seen.maxima,
            sigma=seen.sigma,
            pelvis=posed.pelvis,
        )
