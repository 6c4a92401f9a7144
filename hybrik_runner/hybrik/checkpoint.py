"""Loads the weights HybrIK's authors released, as they are."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor

from hybrik_runner.hybrik.network import HybrIK
from popdanceset.errors import AssetError

WHERE = "hybrik_hrnet.pth is linked in the README of https://github.com/Jeff-sjtu/HybrIK"


def read(path: Path) -> dict[str, Tensor]:
    """The entries of a checkpoint: `{"model": entries}` or the entries themselves.

    Raises:
        AssetError: the file is missing, damaged or holds anything but tensors.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise AssetError(f"cannot be read: {error.strerror or error}", path, WHERE) from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise AssetError(
            f"no checkpoint: {str(error).splitlines()[0] if str(error) else error!r}", path, WHERE
        ) from None
    entries = loaded.get("model", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(entries, dict) or not all(isinstance(value, Tensor) for value in entries.values()):
        raise AssetError("holds no weights by name", path, WHERE)
    return entries


def load(network: HybrIK, path: Path) -> None:
    """Give the network the weights of a file and leave it in evaluation mode.

    Raises:
        AssetError: the file cannot be read, or its entries are not exactly those of the network.
    """
    entries, wanted = read(path), network.state_dict()
    wrong = {
        "lacks": [key for key in wanted if key not in entries],
        "has unknown": [key for key in entries if key not in wanted],
        "has other shapes of": [
            key for key in wanted if key in entries and entries[key].shape != wanted[key].shape
        ],
    }
    faults = [f"{fault} {_some(keys)}" for fault, keys in wrong.items() if keys]
    if faults:
        raise AssetError("; ".join(faults), path, WHERE)
    network.load_state_dict(entries)
    network.eval()


def _some(keys: list[str], most: int = 5) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more
