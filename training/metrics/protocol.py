"""The protocol that accompanies every result: how its numbers were computed."""

from __future__ import annotations

import logging
import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from training.metrics import beats, geometric, kinetic
from training.metrics.bootstrap import LEVEL
from training.metrics.frechet import DRAWS, INFINITY_RESAMPLE_FACTOR, SHARES, bias_note
from training.metrics.measure import MeasuredSet

_log = logging.getLogger(__name__)


def protocol(
    real: MeasuredSet, generated: MeasuredSet, seed: int, replicates: int, standards: dict[str, Any]
) -> dict[str, Any]:
    """Describes how two sets were measured and compared, in plain values that JSON can hold.

    Args:
        real: the reference set.
        generated: the set compared with it.
        seed: seed of the resampling.
        replicates: number of resamplings.
        standards: what standardisation found, by kind of features.
    """
    released = real.mode == "released"
    rates = {"real": sorted(set(real.fps)), "generated": sorted(set(generated.fps))}
    if not released and rates["real"] != rates["generated"]:
        _log.warning(
            "real motions have %s frames a second, generated ones %s: their accelerations do not compare",
            *rates.values(),
        )
    return {
        "mode": real.mode,
        "axes": "metres, z up" + (", features take y for up" if released else ""),
        "fps": rates,
        "time_step_seconds": {"kinetic": kinetic.RELEASED_STEP, "geometric": geometric.RELEASED_STEP}
        if released
        else "1/fps",
        "frames": {"real": _lengths(real.frames), "generated": _lengths(generated.frames)},
        "motions": {"real": len(real.clips), "generated": len(generated.clips)},
        "beats": {
            "direction": "motion",
            "neighbours_frames_at_30_fps": beats.NEIGHBOURS,
            "sigma_frames_at_30_fps": beats.SIGMA,
            "hit_tolerance_seconds": beats.TOLERANCE,
            "motion_cut_at": beats.RELEASED_MOTION if released else "common length",
            "music_cut_at": beats.RELEASED_MUSIC if released else "common length",
            "divisor": beats.RELEASED_DIVISOR if released else "clips with music",
        },
        "floor": "median over frames of the lowest joint",
        "frechet": {
            "covariance": "over N - 1",
            "infinity_shares": list(SHARES),
            "infinity_draws": DRAWS,
            "bias": {
                name: bias_note(len(real.clips), len(generated.clips), width)
                for name, width in (("kinetic", kinetic.WIDTH), ("geometric", geometric.WIDTH))
            },
        },
        "standardisation": standards,
        "bootstrap": {
            "replicates": replicates,
            "replicates_of_infinity": replicates // INFINITY_RESAMPLE_FACTOR,
            "level": LEVEL,
            "resampled": "clips; pieces of music for multimodality and diversity between music",
        },
        "seed": seed,
        "versions": {
            "popdanceset": version("popdanceset"),
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "scipy": version("scipy"),
        },
    }


def _lengths(frames: Sequence[int]) -> dict[str, float]:
    return {"least": min(frames), "median": float(np.median(frames)), "most": max(frames)}
