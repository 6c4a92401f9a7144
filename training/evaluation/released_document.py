"""Everything that was measured, down to each motion, as one document with the released code's key names.

For folders as the released code writes them, and `released` mode, the document holds the released numbers key
by key: `real` and `generated` with `PFC`, `PBC`, `per_motion` (by file: PFC, PBC, kinetic, manual),
`beat_align_300` and `beat_align_music_truncated_150`, then `FID_k`, `Dist_k`, `GT_FID_k`, `GT_Dist_k`,
`real_mean_sum_k`, `real_std_sum_k`, `Dist_k_unnormalised`, the same for `g`, and the numbers of feature files
by their name. The table, with intervals and flags, and the protocol are in the document too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from training.evaluation.comparison import undefined
from training.evaluation.scoring import Evaluation, ScoredSet
from training.evaluation.table import comparison_document
from training.metrics.diversity import diversity
from training.metrics.feature_standardisation import standardise_features
from training.metrics.score import UNDEFINED, Interval

FEATURES = {"k": "kinetic", "g": "geometric"}
PUBLISHED = {"kinetic": "kinetic", "geometric": "manual"}
"""Our name of a kind of features → the released code's."""


def released_document(
    evaluation: Evaluation, features: Mapping[str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Returns the evaluation with all its parts as plain data.

    The parts of one model are under `generated` and at the top level, those of several under `models`.

    Args:
        evaluation: the scored sets and their comparison.
        features: numbers of feature files, by name.
    """
    real, *models = evaluation.sets
    if len(models) == 1:
        parts = {"generated": _part(models[0])} | _against(real, models[0])
    else:
        parts = {"models": {m.dances.name: _part(m) | _against(real, m) for m in models}}
    whole = comparison_document(evaluation.comparison)
    return whole | {"real": _part(real)} | parts | dict(features or {})


def _part(scored: ScoredSet) -> dict[str, Any]:
    """The numbers of a set that need no other set."""
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


def _beat_keys(scored: ScoredSet) -> list[str]:
    """The released script's name of each motion: its video, or the whole name if several share the video."""
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


def _against(real: ScoredSet, model: ScoredSet) -> dict[str, Any]:
    """The numbers of a model that need the real set."""
    found: dict[str, Any] = {}
    for letter, name in FEATURES.items():
        truth, made = real.result.numbers, model.result.numbers
        standards = model.result.protocol["standardisation"][name]
        standard = standardise_features(
            getattr(real.measured, name), getattr(model.measured, name), real.measured.mode
        )
        found |= {
            f"FID_{letter}": made[f"FID_{letter}"].value,
            f"Dist_{letter}": made[f"Div_{letter}"].value,
            f"Dist_{letter}_check_direct": diversity(standard.generated).value,
            f"Dist_{letter}_unnormalised": standards["unstandardised_diversity"],
            f"GT_FID_{letter}": truth[f"FID_{letter}"].value,
            f"GT_Dist_{letter}": truth[f"Div_{letter}"].value,
            f"real_mean_sum_{letter}": standards["real_mean_sum"],
            f"real_std_sum_{letter}": standards["real_std_sum"],
        }
    return found
