"""Everything that was measured, down to each motion, under the names of the released code's parts.

For folders as the released code writes them, and `released` mode, the document holds its numbers key by key:
`real` and `generated` with `PFC`, `PBC`, `per_motion` (by file: PFC, PBC, kinetic, manual), `beat_align_300`
and `beat_align_music_truncated_150`, then `FID_k`, `Dist_k`, `GT_FID_k`, `GT_Dist_k`, `real_mean_sum_k`,
`real_std_sum_k`, `Dist_k_unnormalised`, the same for `g`, and numbers of feature files by their name. The
table, with intervals and flags, and the protocol stand beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import InputError
from popdanceset.safe_pickle import read_arrays
from training.evaluation.comparison import undefined
from training.evaluation.scoring import Evaluation, Scored
from training.evaluation.table import document
from training.metrics.clip import Floats
from training.metrics.diversity import diversity
from training.metrics.feature_standardisation import standardise_features
from training.metrics.frechet import frechet_distance
from training.metrics.mode import Mode
from training.metrics.score import UNDEFINED, Interval

FEATURES = {"k": "kinetic", "g": "geometric"}
PUBLISHED = {"kinetic": "kinetic", "geometric": "manual"}
"""Our name of a feature → the released code's."""

REAL_FEATURES, GENERATED_FEATURES = "_real.npy", "_gen.npy"


def full_document(
    evaluation: Evaluation, features: Mapping[str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """The comparison with all its parts as plain data.

    One model's parts stand under `generated` and beside it; several models' under `models`, by name.

    Args:
        evaluation: what was measured.
        features: numbers of feature files, by name.
    """
    real, *models = evaluation.sets
    if len(models) == 1:
        parts = {"generated": _part(models[0])} | _against(real, models[0])
    else:
        parts = {"models": {m.dances.name: _part(m) | _against(real, m) for m in models}}
    return document(evaluation.comparison) | {"real": _part(real)} | parts | dict(features or {})


def _part(scored: Scored) -> dict[str, Any]:
    """A set by itself."""
    dances, numbers = scored.dances, scored.result.numbers
    part: dict[str, Any] = {
        "PFC": numbers["PFC"].value,
        "PBC": numbers["PBC"].value,
        "per_motion": {
            motion.file or motion.name: {
                key: None if score.flag in UNDEFINED else score.value for key, score in clip.scores.items()
            }
            | {"flags": {key: score.flag for key, score in clip.scores.items() if score.flag}}
            | {PUBLISHED[name]: getattr(clip, name).tolist() for name in PUBLISHED}
            for motion, clip in zip(dances.motions, scored.measured.clips, strict=True)
        },
    }
    keys = _beat_keys(scored)
    beats = {key: clip.motion_beats.tolist() for key, clip in zip(keys, scored.measured.clips, strict=True)}
    if scored.measured.mode == "corrected":
        return part | {"motion_beat_frames": beats}
    for name, key in (("beat_align_300", "BAS_equal_length"), ("beat_align_music_truncated_150", "BAS")):
        whole, mean = numbers[key], numbers[f"{key}_clip_mean"]
        part[name] = {
            "printed": f"Beat score on generated data: {whole.value:.3f}" if not undefined(whole) else None,
            "printed_value_unrounded_sum_over_24": _value(whole),
            "mean_over_files": _value(mean),
            "per_file": {
                file: None if clip.scores[key].flag in UNDEFINED else clip.scores[key].value
                for file, clip in zip(keys, scored.measured.clips, strict=True)
            },
            "motion_beat_frames": beats,
        }
    return part


def _value(number: Interval) -> float | None:
    return None if undefined(number) else number.value


def _beat_keys(scored: Scored) -> list[str]:
    """What the released script calls a motion: its video, or, where several share it, the whole name."""
    music = scored.dances.music or [None] * len(scored.dances.motions)
    names = [
        (piece.name if piece else motion.name).partition("_Clip_")[0]
        for motion, piece in zip(scored.dances.motions, music, strict=True)
    ]
    count = Counter(names)
    return [
        name if count[name] == 1 else motion.name
        for name, motion in zip(names, scored.dances.motions, strict=True)
    ]


def _against(real: Scored, model: Scored) -> dict[str, Any]:
    """A model by the measure of the real set."""
    found: dict[str, Any] = {}
    for letter, name in FEATURES.items():
        truth, made = real.result.numbers, model.result.numbers
        standards = model.result.protocol["standardisation"][name]
        scaled = standardise_features(
            getattr(real.measured, name), getattr(model.measured, name), real.measured.mode
        )
        found |= {
            f"FID_{letter}": made[f"FID_{letter}"].value,
            f"Dist_{letter}": made[f"Div_{letter}"].value,
            f"Dist_{letter}_check_direct": diversity(scaled.generated).value,
            f"Dist_{letter}_unnormalised": standards["unstandardised_diversity"],
            f"GT_FID_{letter}": truth[f"FID_{letter}"].value,
            f"GT_Dist_{letter}": truth[f"Div_{letter}"].value,
            f"real_mean_sum_{letter}": standards["real_mean_sum"],
            f"real_std_sum_{letter}": standards["real_std_sum"],
        }
    return found


# -- feature files


def feature_pairs(folder: Path) -> dict[str, tuple[Path, Path]]:
    """`NAME_real.npy` and `NAME_gen.npy` of a folder, by name."""
    pairs = {}
    for real in sorted(folder.glob(f"*{REAL_FEATURES}")):
        name = real.name.removesuffix(REAL_FEATURES)
        generated = real.with_name(name + GENERATED_FEATURES)
        if generated.is_file():
            pairs[name] = (real, generated)
    return pairs


def feature_numbers(real: Path, generated: Path, mode: Mode = "corrected") -> dict[str, Any]:
    """FID and diversity of features that were computed elsewhere.

    Args:
        real: `.npy` file of (clips, channels).
        generated: likewise, of as many channels.
        mode: of standardising and adding up.

    Raises:
        InputError: no such file, no table of numbers, other channels, or NaN.
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
        raise InputError("no table of features", path, "give an .npy file of (clips, channels)")
    if not np.isfinite(array).all():
        raise InputError("features hold NaN or infinity", path, "leave the clips they come from out")
    return array if array.dtype.kind == "f" else array.astype(np.float64)
