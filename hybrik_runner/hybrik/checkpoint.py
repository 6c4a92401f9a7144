"""Loads the weights that HybrIK's authors released, unchanged; their names reveal which network they belong
to."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from hybrik_runner.hybrik import smpl_file
from hybrik_runner.hybrik.network import Backbone, HybrIK
from popdanceset.errors import AssetError

log = logging.getLogger(__name__)

WHERE = "HybrIK's weights are linked in the README of https://github.com/Jeff-sjtu/HybrIK"

BODY = ("smpl.", "init_shape", "init_cam")
"""Entries that are not weights but the body model and the means; its own files hold them too."""

SIGMA = ("decsigma.weight", "decsigma.bias")
UNSURE = -2.0
"""Bias of a missing uncertainty head: at σ = 0.12 no joint counts in refining the camera's scale."""


def read(path: Path) -> dict[str, Tensor]:
    """Reads the entries of a checkpoint: `{"model": entries}` or the entries themselves.

    Raises:
        AssetError: the file is missing, damaged or holds anything but tensors.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise AssetError(f"cannot be read: {error.strerror or error}", path, WHERE) from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise AssetError(
            f"not a checkpoint: {str(error).splitlines()[0] if str(error) else error!r}", path, WHERE
        ) from None
    entries = loaded.get("model", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(entries, dict) or not all(isinstance(value, Tensor) for value in entries.values()):
        raise AssetError("contains no weights by name", path, WHERE)
    return entries


def backbone(entries: Mapping[str, Tensor], path: Path) -> Backbone:
    """Returns which backbone the weights belong to, by their names.

    Raises:
        AssetError: neither of the two; `path` is what the message names.
    """
    if any(key.startswith("preact.stage4.") for key in entries):
        return "hrnet_w48"
    if "preact.layer4.0.conv1.weight" in entries and "deconv_layers.0.weight" in entries:
        blocks = sum(key.startswith("preact.layer3.") and key.endswith(".conv1.weight") for key in entries)
        if "preact.layer1.0.conv3.weight" in entries or blocks != 6:
            raise AssetError("is a ResNet of another depth than 34", path, WHERE)
        if "deccam.weight" not in entries:
            raise AssetError(
                "predicts no camera: the release without deccam cannot place a body", path, WHERE
            )
        return "resnet34"
    raise AssetError(
        f"neither HRNet-W48 nor ResNet-34: its weights begin with {_some(list(entries), 3) or 'nothing'}",
        path,
        WHERE,
    )


def network(path: Path, smpl: Path | None = None) -> HybrIK:
    """Builds the network that a checkpoint belongs to, with its weights, in evaluation mode.

    Args:
        path: HybrIK's released file, HRNet-W48 or ResNet-34.
        smpl: folder of the SMPL files, read only if the checkpoint does not contain the body itself.

    Raises:
        AssetError: a file cannot be read, or contains other entries than the network has.
    """
    entries = read(path)
    kind = backbone(entries, path)
    if holds_body(entries):
        body = None
    elif smpl is None:
        raise AssetError("contains no body", path, "name the folder of the SMPL files in pose.smpl_dir")
    else:
        body = smpl_file.read(smpl)
    made = HybrIK(body, backbone=kind)
    if kind == "resnet34" and SIGMA[0] not in entries:
        log.warning("%s: contains no uncertainty outputs; the camera's scale stays as predicted", path)
    _fill(made, _completed(entries, made.state_dict(), kind), path)
    return made


def load(network: nn.Module, path: Path) -> None:
    """Loads the weights of a file into a network and leaves it in evaluation mode.

    Raises:
        AssetError: the file cannot be read, or its entries are not exactly those of the network.
    """
    _fill(network, read(path), path)


def faults(entries: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """Returns how entries differ from a network's own in names and shapes; empty if they do not."""
    wrong = {
        "lacks": [key for key in wanted if key not in entries],
        "has unknown": [key for key in entries if key not in wanted],
        "has other shapes of": [
            key for key in wanted if key in entries and entries[key].shape != wanted[key].shape
        ],
    }
    return "; ".join(f"{fault} {_some(keys)}" for fault, keys in wrong.items() if keys)


@dataclass(frozen=True, slots=True)
class Content:
    """What a checkpoint contains.

    Attributes:
        backbone: which network the weights belong to.
        body: whether it includes the SMPL body.
    """

    backbone: Backbone
    body: bool


def check(path: Path) -> Content:
    """Compares all names and shapes of a checkpoint with those of its network, without building the network.

    Raises:
        AssetError: as `network`.
    """
    entries = read(path)
    kind = backbone(entries, path)
    with torch.device("meta"):
        wanted = HybrIK(backbone=kind).state_dict()
    if wrong := faults(_completed(entries, wanted, kind), wanted):
        raise AssetError(wrong, path, WHERE)
    return Content(kind, holds_body(entries))


def holds_body(entries: Mapping[str, Tensor]) -> bool:
    """Returns whether the entries include the body model."""
    return any(key.startswith("smpl.") for key in entries)


def _completed(entries: Mapping[str, Tensor], own: Mapping[str, Tensor], kind: Backbone) -> dict[str, Tensor]:
    """The entries, with what files may lack: the body, which the network has from its own files, and σ."""
    added = {} if holds_body(entries) else {key: own[key] for key in own if key.startswith(BODY)}
    if kind == "resnet34" and SIGMA[0] not in entries:
        weight, bias = SIGMA
        added |= {weight: torch.zeros_like(own[weight]), bias: torch.full_like(own[bias], UNSURE)}
    return {**added, **entries}


def _fill(network: nn.Module, entries: Mapping[str, Tensor], path: Path) -> None:
    wanted = network.state_dict()
    if wrong := faults(entries, wanted):
        raise AssetError(wrong, path, WHERE)
    network.load_state_dict(entries)
    network.eval()


def _some(keys: list[str], most: int = 5) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more
