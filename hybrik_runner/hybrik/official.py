"""Runs the network of HybrIK's authors, if their package is installed beside ours, with our weights.

Their package (https://github.com/Jeff-sjtu/HybrIK) is a checkout on the import path: `docker/gpu.Dockerfile`
has one. It reads the body and its own configuration from folders relative to the current one, and the body
with an unrestricted unpickler. So it is built in a temporary folder which holds links to the checkout and a
body that we wrote: only our restricted reader reads the user's files (`hybrik_runner.hybrik.smpl_file`).
"""

from __future__ import annotations

import contextlib
import importlib
import pickle
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from hybrik_runner.hybrik import smpl_file
from hybrik_runner.hybrik.heads import DEPTH_RANGE
from hybrik_runner.hybrik.network import HybrIK, Prediction, Result
from hybrik_runner.hybrik.twist_swing import PARENTS
from popdanceset.errors import AssetError

CONFIGURATION = "configs/256x192_adam_lr1e-3-hrw48_cam_2x_w_pw3d_3dhp.yaml"
"""The one that its demos use with `hybrik_hrnet.pth`."""

WHERE = "the official HybrIK package"
HOW = "docker/gpu.Dockerfile shows how it is installed; pose.estimator=hybrik does not need it"

_elsewhere = threading.Lock()
"""The current folder is the process's, so one network is built at a time."""


def build(ours: HybrIK) -> nn.Module:
    """Builds the official network with the weights and the body of ours, in evaluation mode, on the CPU.

    The current folder changes for a moment: call it before threads open files by relative names.

    Raises:
        AssetError: the package or one that it imports is not installed, it is another version, or the weights
            are not those of HRNet-W48.
    """
    if ours.backbone != "hrnet_w48":
        raise AssetError(
            f"runs HRNet-W48 only, not {ours.backbone}", WHERE, "name other weights in pose.hybrik_checkpoint"
        )
    builder, config = _module("hybrik.models.builder"), _module("hybrik.utils.config")
    checkout = Path(str(builder.__file__)).resolve().parents[2]
    with tempfile.TemporaryDirectory(prefix="hybrik-") as name, _elsewhere:
        folder = Path(name)
        for part in ("configs", "hybrik"):
            (folder / part).symlink_to(checkout / part)
        _write_body(ours, folder / "model_files")
        try:
            with contextlib.chdir(folder):
                network = cast("nn.Module", builder.build_sppe(config.update_config(CONFIGURATION).MODEL))
        except (OSError, KeyError, AttributeError) as error:
            raise AssetError(f"cannot be built, is it another version? {error!r}", checkout, HOW) from error
    try:
        network.load_state_dict(ours.state_dict())
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise AssetError(f"takes other weights, is it another version? {reason}", checkout, HOW) from error
    return network.eval()


def run(
    network: nn.Module, x: Tensor, squares: Tensor | None, centres: Tensor | None, *, flip: bool
) -> Mapping[str, Tensor]:
    """Runs the official network; returns its outputs under its own names.

    Args:
        network: of `build`.
        x: (n, 3, 256, 256) normalised images.
        squares: (n, 4) x0 y0 x1 y1 that the images show, pixels of their frames; None: unknown.
        centres: (n, 2) of the frames, pixels; None: unknown.
        flip: whether to average with the mirrored images.
    """
    boxes = {} if squares is None else {"bboxes": squares, "img_center": centres}
    with torch.inference_mode():
        return cast("Mapping[str, Tensor]", network(x, flip_test=flip, **boxes))


def prediction(seen: Mapping[str, Tensor]) -> Prediction:
    """Returns what the official network says before any geometry."""
    count = len(seen["pred_phi"])
    return Prediction(
        uvd=seen["pred_uvd_jts"].view(count, 29, 3),
        maxima=seen["maxvals"].view(count, 29),
        betas=seen["pred_shape"],
        delta_shape=seen["pred_delta_shape"],
        phi=seen["pred_phi"].view(count, 23, 2),
        scale=seen["pred_camera"][:, :1],
        sigma=seen["pred_sigma"].view(count, 29),
    )


def result(seen: Mapping[str, Tensor], ours: HybrIK) -> Result:
    """Converts the official outputs to ours: metres, rotations as matrices.

    The official network does not say where the Human3.6M root lies relative to SMPL's. That one vector is
    computed by our body, from the official rotations and shape.
    """
    raw, count = prediction(seen), len(seen["pred_phi"])
    rotations = seen["pred_theta_mats"].view(count, 24, 3, 3)
    shaped = ours.smpl.shaped(raw.betas)
    return Result(
        rotations=rotations,
        betas=raw.betas,
        phi=raw.phi,
        uvd=raw.uvd,
        joints_29=seen["pred_xyz_jts_29"].view(count, 29, 3) * DEPTH_RANGE,
        joints_24=seen["pred_xyz_jts_24_struct"].view(count, 24, 3) * DEPTH_RANGE,
        joints_17=seen["pred_xyz_jts_17"].view(count, 17, 3) * DEPTH_RANGE,
        vertices=seen["pred_vertices"],
        delta_shape=raw.delta_shape,
        scale=raw.scale,
        cam_scale=seen["cam_scale"].view(count, 1),
        cam_root=seen["cam_root"].view(count, 3),
        maxima=raw.maxima,
        sigma=raw.sigma,
        pelvis=ours.smpl.pose(shaped, ours.smpl.rest(shaped), rotations).pelvis,
    )


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        needed = "" if str(error.name).split(".")[0] == "hybrik" else f" imports {error.name}, which"
        raise AssetError(f"{needed} is not installed".strip(), WHERE, HOW) from error


def _write_body(ours: HybrIK, folder: Path) -> None:
    """Writes our network's body as the files that the official constructor reads."""
    smpl = ours.smpl
    count = len(smpl.v_template)
    parents = np.array([2**32 - 1, *PARENTS[1:24]])
    entries = {
        "v_template": smpl.v_template.numpy(),
        "shapedirs": smpl.shapedirs.numpy(),
        "posedirs": smpl.posedirs.numpy().T.reshape(count, 3, -1),
        "J_regressor": smpl.J_regressor.numpy(),
        "weights": smpl.lbs_weights.numpy(),
        "kintree_table": np.stack([parents, np.arange(24)]).astype(np.uint32),
        "f": smpl.faces_tensor.numpy().astype(np.uint32),
    }
    folder.mkdir()
    (folder / smpl_file.BODY_FILE).write_bytes(pickle.dumps(entries))
    np.save(folder / smpl_file.REGRESSOR_FILE, smpl.J_regressor_h36m.numpy())
    np.save(folder / smpl_file.MEAN_SHAPE_FILE, ours.init_shape.numpy())
