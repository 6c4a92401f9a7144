"""Parts of a given dance that a new dance keeps: `--given FILE --keep PART`."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from popdanceset.errors import InputError
from popdanceset.schema import FPS
from training.data.representation import MinMaxScaler, encode
from training.popdg.editing import LOWER_BODY, UPPER_BODY, Given, ends_given, joints_given, start_given
from training.sampling.choices import PARTS


def read_dance(path: Path) -> torch.Tensor:
    """Reads an NPZ dance that `training.export` wrote, as motion vectors (frames, 156), unscaled.

    Raises:
        InputError: the file is missing, is not a dance, or has another frame rate.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            poses = torch.from_numpy(file["smpl_poses"].astype(np.float32))
            translation = torch.from_numpy(file["smpl_trans"].astype(np.float32))
            fps = float(file["fps"]) if "fps" in file else FPS
        vectors = encode(poses.reshape(len(poses), 24, 3), translation)
    except OSError as error:
        raise InputError(f"not readable: {error.strerror or error}", path, "check the path") from error
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            "contains no dance",
            path,
            "give an NPZ file with smpl_poses and smpl_trans, as `sample` writes it",
        ) from error
    if fps != FPS:
        raise InputError(f"has {fps:g} frames a second", path, f"give a dance with {FPS}")
    if not torch.isfinite(vectors).all():
        raise InputError("contains NaN or infinity", path, "repair the dance")
    return vectors


def keep(vectors: torch.Tensor, part: str, frames: int, scaler: MinMaxScaler) -> Given:
    """Selects the part of a given dance that a new dance keeps.

    Args:
        vectors: (any, 156), unscaled.
        part: one of `PARTS`.
        frames: length of the new dance.
        scaler: of the motion of the network.

    Raises:
        InputError: the part is unknown, or the given dance is too short for it.
    """
    kind, _, number = part.partition(":")
    scaled = scaler.to("cpu").scale(vectors)
    if kind in ("lower-body", "upper-body") and not number:
        _long_enough(scaled, frames, part)
        return joints_given(scaled[:frames], LOWER_BODY if kind == "lower-body" else UPPER_BODY)
    try:
        seconds = float(number)
    except ValueError:
        seconds = math.nan
    if kind not in ("start", "ends") or not seconds > 0:
        raise InputError(f"{part!r} is not a part of a dance", "--keep", f"write {PARTS}")
    count = min(round(seconds * FPS), frames)
    if kind == "start":
        _long_enough(scaled, count, part)
        return start_given(scaled[:count], frames)
    # The end of the given dance becomes the end of the new one, whatever their lengths.
    _long_enough(scaled, 2 * count, part)
    values = scaled.new_zeros(frames, scaled.shape[1])
    values[:count] = scaled[:count]
    values[-count:] = scaled[-count:]
    return ends_given(values, count, count)


def _long_enough(vectors: torch.Tensor, frames: int, part: str) -> None:
    if len(vectors) < frames:
        raise InputError(
            f"the given dance lasts {len(vectors) / FPS:.1f} s, {part!r} needs {frames / FPS:.1f} s",
            "--given",
        )
