"""FID and diversity of feature files that were computed elsewhere: `NAME_real.npy` and `NAME_gen.npy`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import InputError
from popdanceset.safe_pickle import read_arrays
from training.metrics.clip import Floats
from training.metrics.diversity import diversity
from training.metrics.feature_standardisation import standardise_features
from training.metrics.frechet import frechet_distance
from training.metrics.mode import Mode

REAL_FEATURES, GENERATED_FEATURES = "_real.npy", "_gen.npy"


def feature_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Finds the pairs of `NAME_real.npy` and `NAME_gen.npy` in a folder, by name."""
    pairs = {}
    for real in sorted(folder.glob(f"*{REAL_FEATURES}")):
        name = real.name.removesuffix(REAL_FEATURES)
        generated = real.with_name(name + GENERATED_FEATURES)
        if generated.is_file():
            pairs[name] = (real, generated)
    return pairs


def feature_numbers(real: Path, generated: Path, mode: Mode = "corrected") -> dict[str, Any]:
    """Computes FID and diversity of two feature files, under the released code's names.

    Args:
        real: `.npy` file of (clips, channels).
        generated: `.npy` file of (others, channels).
        mode: mode of standardising and adding up.

    Raises:
        InputError: a file is missing, does not hold a table of finite numbers, or has other channels.
    """
    ours, theirs = _table(real), _table(generated)
    if ours.shape[1] != theirs.shape[1]:
        raise InputError(
            f"{theirs.shape[1]} channels where {real.name} has {ours.shape[1]}",
            generated,
            "compare features of one kind",
        )
    standard = standardise_features(ours, theirs, mode)
    return {
        "FID": frechet_distance(standard.real, standard.generated),
        "Dist": diversity(standard.generated, mode).value,
        "real_mean_sum": float(ours.mean(axis=0).sum()),
        "real_std_sum": float(ours.std(axis=0).sum()),
    }


def _table(path: Path) -> Floats:
    array = read_arrays(path).get("")
    if (
        not isinstance(array, np.ndarray)
        or array.ndim != 2
        or array.dtype.kind not in "iuf"
        or not len(array)
    ):
        raise InputError("not a table of features", path, "give an .npy file of (clips, channels)")
    if not np.isfinite(array).all():
        raise InputError("features hold NaN or infinity", path, "leave out the clips they come from")
    return array if array.dtype.kind == "f" else array.astype(np.float64)
