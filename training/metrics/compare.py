"""Compares a generated set with the real one: all numbers of the set, with confidence intervals."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist, squareform

from popdanceset.errors import InputError
from training.metrics import beats
from training.metrics.bootstrap import (
    REPLICATES,
    bootstrap_confidence_interval,
    centred_interval,
    resampling_counts,
)
from training.metrics.catalogue import PER_CLIP
from training.metrics.clip import Floats
from training.metrics.diversity import diversity, multimodality, music_diversity, resampled_diversity
from training.metrics.feature_standardisation import standardise_features
from training.metrics.frechet import (
    INFINITY_RESAMPLE_DRAWS,
    INFINITY_RESAMPLE_FACTOR,
    bias_note,
    fid_infinity,
    frechet_distance,
)
from training.metrics.measure import ClipResult, MeasuredSet
from training.metrics.protocol import protocol
from training.metrics.score import ITSELF, NO_MUSIC, NO_MUSIC_NAMES, UNDEFINED, Interval, Score, joined


@dataclass(frozen=True, eq=False)
class SetResult:
    """All numbers of a generated set.

    Attributes:
        clips: results of the generated clips.
        numbers: by key of `catalogue.METRICS`.
        protocol: how the numbers were computed; plain values that JSON can hold.
    """

    clips: tuple[ClipResult, ...]
    numbers: dict[str, Interval]
    protocol: dict[str, Any]


def compare(
    real: MeasuredSet, generated: MeasuredSet, seed: int = 0, replicates: int = REPLICATES
) -> SetResult:
    """Computes the numbers of the generated set, with the real set as reference.

    Args:
        real: dances of the test set.
        generated: dances of a model; the same object as `real` for the ground truth's own row.
        seed: seed of the resampling.
        replicates: number of resamplings; 0 for no intervals.

    Raises:
        InputError: the sets were measured in different modes.
    """
    if real.mode != generated.mode:
        raise InputError(f"sets measured as {real.mode} and {generated.mode}", do="measure both in one mode")
    numbers = {key: _clip_mean(generated, key, seed, replicates) for key in PER_CLIP}
    if real.mode == "released":
        numbers |= _released_beats(generated, seed, replicates)
    standards = {}
    for letter, name in (("k", "kinetic"), ("g", "geometric")):
        of_features, standards[name] = _feature_numbers(real, generated, letter, name, seed, replicates)
        numbers |= of_features
    return SetResult(generated.clips, numbers, protocol(real, generated, seed, replicates, standards))


def _seed(seed: int, key: str) -> np.random.SeedSequence:
    """Gives each number its own resamplings, so that none changes when another is added."""
    return np.random.SeedSequence([seed, zlib.crc32(key.encode())])


def _clip_mean(measured: MeasuredSet, key: str, seed: int, replicates: int) -> Interval:
    scores = [clip.scores[key] for clip in measured.clips]
    values = np.array([score.value for score in scores if score.flag not in UNDEFINED])
    flags = [
        f"{flag}: {count} of {len(scores)} clips{' left out' * (flag in UNDEFINED)}"
        for flag, count in sorted(Counter(score.flag for score in scores if score.flag).items())
    ]
    if len(values) == 0:
        return Interval(0.0, 0.0, 0.0, joined(*flags))
    found = bootstrap_confidence_interval(values, _seed(seed, key), replicates)
    return Interval(found.value, found.low, found.high, joined(found.flag, *flags))


def _released_beats(measured: MeasuredSet, seed: int, replicates: int) -> dict[str, Interval]:
    """The script's single-precision sum over clips, divided by its constant and by the number of clips.

    Clips without music do not count; the script does not know such.
    """
    numbers = {}
    for key in ("BAS", "BAS_equal_length"):
        mean = _clip_mean(measured, key, seed, replicates)
        scores = [clip.scores[key] for clip in measured.clips]
        heard = [score.value for score in scores if score.flag != NO_MUSIC]
        values = np.array(heard or [0.0], dtype=np.float32)
        total = np.cumsum(values)[-1]
        for name, divisor in ((key, beats.RELEASED_DIVISOR), (f"{key}_clip_mean", len(values))):
            found = bootstrap_confidence_interval(
                values.astype(float) * len(values) / divisor,
                _seed(seed, key),
                replicates,
                value=float(total / np.float32(divisor)),
            )
            flag = "" if divisor == len(values) else f"sum of {len(values)} clips divided by {divisor}"
            numbers[name] = Interval(found.value, found.low, found.high, joined(mean.flag, flag))
    return numbers


def _feature_numbers(
    real: MeasuredSet, generated: MeasuredSet, letter: str, name: str, seed: int, replicates: int
) -> tuple[dict[str, Interval], dict[str, Any]]:
    """Numbers of one kind of features, and what the protocol says about their standardisation."""
    ours, theirs = getattr(real, name), getattr(generated, name)
    standard = standardise_features(ours, theirs, real.mode)
    constant = f"{standard.constant} channels constant in the real set" if standard.constant else ""
    numbers = _frechet_numbers(
        standard.real, standard.generated, letter, seed, replicates, constant, real is generated
    ) | _diversity_numbers(standard.generated, generated, letter, seed, replicates, constant)
    return numbers, {
        "constant_channels": standard.constant,
        "real_mean_sum": float(ours.mean(axis=0).sum()),
        "real_std_sum": float(ours.std(axis=0).sum()),
        "unstandardised_diversity": diversity(theirs, real.mode).value,
    }


def _frechet_numbers(
    real: Floats, generated: Floats, letter: str, seed: int, replicates: int, constant: str, itself: bool
) -> dict[str, Interval]:
    """FID and FID∞ of standardised features."""
    key = f"FID_{letter}"
    if itself:
        return {name: Interval(0.0, 0.0, 0.0, ITSELF) for name in (key, f"{key}_infinity")}
    note = joined(bias_note(len(real), len(generated), real.shape[1]), constant)

    def resample(rng: np.random.Generator) -> tuple[Floats, Floats]:
        return real[rng.integers(len(real), size=len(real))], generated[
            rng.integers(len(generated), size=len(generated))
        ]

    distance = bootstrap_confidence_interval(
        lambda rng: frechet_distance(*resample(rng)),
        _seed(seed, key),
        replicates,
        value=frechet_distance(real, generated),
        lowest=0.0,
    )
    infinity = fid_infinity(real, generated, np.random.default_rng(_seed(seed, f"{key} subsets")))
    extrapolated = bootstrap_confidence_interval(
        lambda rng: fid_infinity(*resample(rng), rng, INFINITY_RESAMPLE_DRAWS).value,
        _seed(seed, f"{key}_infinity"),
        replicates // INFINITY_RESAMPLE_FACTOR,
        value=infinity.value,
    )
    return {
        key: Interval(distance.value, distance.low, distance.high, joined(distance.flag, note)),
        f"{key}_infinity": Interval(
            infinity.value,
            extrapolated.low,
            extrapolated.high,
            joined(extrapolated.flag, infinity.flag, constant),
        ),
    }


def _diversity_numbers(
    features: Floats, measured: MeasuredSet, letter: str, seed: int, replicates: int, constant: str
) -> dict[str, Interval]:
    """Div, multimodality and diversity between music of standardised features."""
    distances = squareform(pdist(features)) if len(features) > 1 else np.zeros((1, 1))
    key = f"Div_{letter}"
    rng = np.random.default_rng(_seed(seed, key))
    drawn = resampling_counts(len(features), replicates, rng)
    whole = diversity(features, measured.mode)
    numbers = {key: _with_replicates(whole, constant, resampled_diversity(distances, drawn))}
    names = (f"multimodality_{letter}", f"music_diversity_{letter}")
    named = [number for number, name in enumerate(measured.music) if name is not None]
    if not named:
        return numbers | dict.fromkeys(names, Interval(0.0, 0.0, 0.0, NO_MUSIC_NAMES))
    if len(named) < len(features):
        unnamed = f"{NO_MUSIC_NAMES}: {len(features) - len(named)} of {len(features)} clips left out"
        constant = joined(constant, unnamed)
        features, distances = features[named], distances[np.ix_(named, named)]
    titles = [str(measured.music[number]) for number in named]
    music, which = np.unique(titles, return_inverse=True)
    groups = [features[which == number] for number in range(len(music))]
    within = np.array([multimodality([group]).value for group in groups if len(group) > 1])
    whole = multimodality(groups)
    # Dances to the same piece are resampled together, because the piece is what was sampled.
    numbers[names[0]] = Interval(0.0, 0.0, 0.0, whole.flag)
    if len(within):
        found = bootstrap_confidence_interval(within, _seed(seed, names[0]), replicates, value=whole.value)
        numbers[names[0]] = Interval(found.value, found.low, found.high, joined(found.flag, constant))
    drawn = resampling_counts(len(music), replicates, np.random.default_rng(_seed(seed, names[1])))
    numbers[names[1]] = _with_replicates(
        music_diversity(features, titles),
        constant,
        resampled_diversity(distances, drawn[:, which], which),
    )
    return numbers


def _with_replicates(score: Score, flag: str, replicated: Floats) -> Interval:
    """The interval of a score; a score with a flag of its own has none."""
    if score.flag:
        return Interval(score.value, score.value, score.value, score.flag)
    return centred_interval(score.value, replicated, flag=flag, lowest=0.0)
