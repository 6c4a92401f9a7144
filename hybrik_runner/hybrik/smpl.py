"""The SMPL body with leaf joints (Loper et al. 2015), driven by joints and twists instead of angles."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hybrik_runner.hybrik import twist_swing
from hybrik_runner.hybrik.smpl_file import SHAPES, VERTICES, SmplFile

LEAF_VERTICES = (411, 2445, 5905, 3216, 6617)
"""Top of the head, left and right finger tips, left and right toe tips."""


class Posed(NamedTuple):
    """A posed body; metres, camera's axes.

    Attributes:
        vertices: (n, 6890, 3) relative to the Human3.6M root.
        joints: (n, 24, 3) SMPL's joints relative to SMPL's root.
        joints_h36m: (n, 17, 3) Human3.6M's joints relative to Human3.6M's root.
        pelvis: (n, 3) Human3.6M's root relative to SMPL's.
    """

    vertices: Tensor
    joints: Tensor
    joints_h36m: Tensor
    pelvis: Tensor


class Smpl(nn.Module):
    """The body. Its buffers have the names of the released weights, which contain a body as well.

    Without a file the buffers are zero, to be filled by `load_state_dict`.
    """

    faces_tensor: Tensor
    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor
    J_regressor: Tensor
    J_regressor_h36m: Tensor
    lbs_weights: Tensor

    def __init__(self, file: SmplFile | None = None) -> None:
        super().__init__()
        self.register_buffer("faces_tensor", torch.zeros(13776, 3, dtype=torch.int64))
        self.register_buffer("v_template", torch.zeros(VERTICES, 3))
        self.register_buffer("shapedirs", torch.zeros(VERTICES, 3, SHAPES))
        self.register_buffer("posedirs", torch.zeros(207, VERTICES * 3))
        self.register_buffer("J_regressor", torch.zeros(24, VERTICES))
        self.register_buffer("J_regressor_h36m", torch.zeros(17, VERTICES))
        self.register_buffer("children_map", torch.tensor(twist_swing.CHILDREN))
        self.register_buffer("parents", torch.tensor(twist_swing.PARENTS))
        self.register_buffer("lbs_weights", torch.zeros(VERTICES, 24))
        if file is not None:
            self.faces_tensor.copy_(torch.from_numpy(file.faces))
            self.v_template.copy_(torch.from_numpy(file.v_template))
            self.shapedirs.copy_(torch.from_numpy(file.shapedirs))
            self.posedirs.copy_(torch.from_numpy(file.posedirs.reshape(-1, 207).T.copy()))
            self.J_regressor.copy_(torch.from_numpy(file.J_regressor))
            self.J_regressor_h36m.copy_(torch.from_numpy(file.J_regressor_h36m))
            self.lbs_weights.copy_(torch.from_numpy(file.weights))

    def shaped(self, betas: Tensor) -> Tensor:
        """Returns the resting vertices (n, 6890, 3) of shapes (n, 10)."""
        return self.v_template + torch.einsum("nk,vck->nvc", betas, self.shapedirs)

    def rest(self, shaped: Tensor) -> Tensor:
        """Returns the resting joints (n, 29, 3) of resting vertices (n, 6890, 3)."""
        return torch.cat([self.J_regressor @ shaped, shaped[:, list(LEAF_VERTICES)]], 1)

    def pose(self, shaped: Tensor, rest: Tensor, rotations: Tensor) -> Posed:
        """Poses the body by pose blend shapes and linear skinning.

        Args:
            shaped: (n, 6890, 3) resting vertices.
            rest: (n, 29, 3) resting joints.
            rotations: (n, 24, 3, 3) parent-relative.
        """
        positions, chain = twist_swing.forward_kinematics(rotations, rest)
        bent = rotations[:, 1:] - torch.eye(3, dtype=rotations.dtype, device=rotations.device)
        blended = shaped + (bent.flatten(1) @ self.posedirs).view_as(shaped)
        # Each joint carries a vertex v to R (v - its rest) + its position.
        joints = positions[:, :24]
        moved = joints - (chain @ rest[:, :24, :, None])[..., 0]
        turn = torch.einsum("vj,njab->nvab", self.lbs_weights, chain)
        vertices = (turn @ blended[..., None])[..., 0] + self.lbs_weights @ moved
        h36m = self.J_regressor_h36m @ vertices
        pelvis = h36m[:, :1]
        return Posed(vertices - pelvis, joints - joints[:, :1], h36m - pelvis, (pelvis - joints[:, :1])[:, 0])
