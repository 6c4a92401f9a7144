"""What each choice of protocol does to the numbers of the same dances: axes, rate, length, beats, contact.

`effects` shows the quirks of the released POPDG code one by one. Here the choices that papers make
differently are applied to two whole sets, one at a time, with everything else as in `corrected` mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import uniform_filter1d

from popdanceset.errors import InputError
from training.metrics import beats, geometric, kinetic, lodge_skating
from training.metrics.clip import Clip, Floats, Ints
from training.metrics.diversity import diversity
from training.metrics.feature_blocks import FeatureVariant
from training.metrics.feature_standardisation import StandardisedFeatures, standardise_features
from training.metrics.floor import floor_height
from training.metrics.foot_skating import CONTACT_HEIGHT, TOES, foot_skate_ratio
from training.metrics.frechet import frechet_distance
from training.metrics.jitter import jitter
from training.metrics.mode import PUBLISHED_FPS, RELEASED_UP, UP, Mode
from training.metrics.pfc import pfc
from training.metrics.score import UNDEFINED

Standardisation = Literal["real set", "both sets", "real set, guard of 10⁻¹⁰", "none"]
Skating = Literal["GMD", "Lodge", "Lodge, released"]
Ground = Literal["median of the lowest joint", "lowest joint of the clip", "toes of the first frame", "zero"]

LENGTHS = (2.5, 5.0, 10.0, 20.0)
"""Seconds that dances are cut to, as far as they are longer."""


@dataclass(frozen=True)
class Setup:
    """A protocol. The defaults are those of `corrected` mode.

    Attributes:
        up: axis that all metrics take for vertical; the dances have z up.
        feature_up: axis that the features take for vertical.
        feature_steps: seconds between frames that kinetic and geometric features assume; None is 1/fps.
        released_formula: the released code's formulas of the features.
        standardisation: whose mean and deviation features are standardised by.
        fps: rate to which dances are resampled, by splines; None leaves theirs.
        assumed_fps: rate that metrics assume; None is the true one.
        per_frame: PFC takes displacements per frame, not in 1/30 s.
        pfc_scale: factor of PFC.
        seconds: length to which dances are cut; None leaves them whole.
        share: share of the generated dances that counts: every second one for 1/2.
        direction: whose beats the mean of BAS is over.
        beat_frames: frames of motion and of music in which beats count; None is their common length.
        released_beats: motion beats as in `released` mode: the first frame has the speed 0.
        divisor: number that the sum of BAS over clips is divided by; None is the number of clips.
        skating: definition of foot skating.
        contact_height: metres above the floor below which a toe stands (GMD's definition).
        ground: where the floor is (GMD's definition).
        jitter_unit: m/s³ in the unit of jitter.
        smoothing: frames over which joints are averaged first.
    """

    up: Literal["y", "z"] = "z"
    feature_up: int = UP
    feature_steps: tuple[float, float] | None = None
    released_formula: bool = False
    standardisation: Standardisation = "real set"
    fps: float | None = None
    assumed_fps: float | None = None
    per_frame: bool = False
    pfc_scale: float = 1.0
    seconds: float | None = None
    share: float = 1.0
    direction: beats.Direction = "motion"
    beat_frames: tuple[int, int] | None = None
    released_beats: bool = False
    divisor: int | None = None
    skating: Skating = "GMD"
    contact_height: float = CONTACT_HEIGHT
    ground: Ground = "median of the lowest joint"
    jitter_unit: float = 1.0
    smoothing: int = 1


OURS = Setup()


class Variant(NamedTuple):
    """A protocol that differs from ours.

    Attributes:
        factor: what kind of choice it is.
        title: what differs.
        known: where the choice is known from; "" if it is only plausible.
        setup: the protocol.
        only_generated: whether it holds for the generated dances only, and ours for the real ones.
    """

    factor: str
    title: str
    known: str
    setup: Setup
    only_generated: bool = False


RELEASED = "released POPDG code"

WHOLE = "all choices of one code"
"""Factor of the variant that combines the others of the released code."""

RELEASED_SETUP = Setup(
    feature_up=RELEASED_UP,
    feature_steps=(kinetic.RELEASED_STEP, geometric.RELEASED_STEP),
    released_formula=True,
    standardisation="real set, guard of 10⁻¹⁰",
    per_frame=True,
    beat_frames=(beats.RELEASED_MOTION, beats.RELEASED_MUSIC),
    released_beats=True,
    divisor=beats.RELEASED_DIVISOR,
)
"""The choices of the released POPDG code, except for single precision."""

NUMBERS = ("FID_k", "FID_g", "Div_k", "Div_g", "BAS", "PFC", "foot_skate_ratio", "jitter")
"""Keys of `catalogue.METRICS`: the first four of the generated dances, the others of the real ones."""

OF_GENERATED = NUMBERS[:4]


def variants(seconds: float, fps: float) -> list[Variant]:
    """Returns the protocols to try, ours left out.

    Args:
        seconds: median length of the dances; only shorter cuts are tried.
        fps: rate of the dances.
    """
    axis, rate, length = "vertical axis", "frame rate", "clip length"
    beat, contact, floor = "beat alignment", "contact", "floor"
    code, size, poses = "feature code", "number of dances", "poses"
    double, third = Setup(fps=2 * fps), Setup(fps=fps * 2 / 3)
    y_up = Setup(up="y")
    slow = replace(double, assumed_fps=fps)
    found = [
        Variant(axis, "features take y for up", RELEASED, Setup(feature_up=RELEASED_UP)),
        Variant(axis, "all metrics take y for up", "AIST++, EDGE, Lodge store y up", y_up),
        Variant(axis, "all metrics take y for up, generated dances only", "", y_up, True),
        Variant(
            rate,
            "features assume 1/60 s and 1/120 s",
            RELEASED,
            Setup(feature_steps=RELEASED_SETUP.feature_steps),
        ),
        Variant(rate, f"{2 * fps:g} fps", "AIST++, Bailando, FACT", double),
        Variant(rate, f"{2 * fps:g} fps, PFC per frame", RELEASED, replace(double, per_frame=True)),
        Variant(rate, f"{fps * 2 / 3:g} fps, PFC per frame", "", replace(third, per_frame=True)),
        Variant(rate, f"{2 * fps:g} fps taken for {fps:g}", "", slow),
        Variant(rate, f"{2 * fps:g} fps taken for {fps:g}, generated dances only", "", slow, True),
        Variant(rate, f"{fps:g} fps taken for {2 * fps:g}", "", Setup(assumed_fps=2 * fps)),
        *(Variant(length, f"first {cut:g} s", "", Setup(seconds=cut)) for cut in LENGTHS if cut < seconds),
        *(
            Variant(length, f"first {cut:g} s, generated dances only", "", Setup(seconds=cut), True)
            for cut in LENGTHS[1:2]
            if cut < seconds
        ),
        Variant(beat, "mean over music beats", "Bailando", Setup(direction="music")),
        Variant(
            beat,
            "motion cut at 300 frames, music at 150",
            RELEASED,
            Setup(beat_frames=RELEASED_SETUP.beat_frames),
        ),
        Variant(beat, "no motion beat before frame 11", RELEASED, Setup(released_beats=True)),
        Variant(beat, "sum over clips divided by 24", RELEASED, Setup(divisor=beats.RELEASED_DIVISOR)),
        Variant(contact, "toe below 2.5 cm", "", Setup(contact_height=0.025)),
        Variant(contact, "toe below 10 cm", "", Setup(contact_height=0.1)),
        Variant(contact, "ankle and toe over 1 cm in 1/30 s", "Lodge, corrected", Setup(skating="Lodge")),
        Variant(
            contact,
            "mean of both components over 1 cm in 1/30 s",
            "Lodge's public code",
            Setup(skating="Lodge, released"),
        ),
        Variant(
            contact,
            "PFC of velocities in m/s",
            "equation of EDGE as printed",
            Setup(pfc_scale=PUBLISHED_FPS**2),
        ),
        Variant(floor, "at the lowest joint of the clip", "", Setup(ground="lowest joint of the clip")),
        Variant(floor, "at the toes of the first frame", "Lodge", Setup(ground="toes of the first frame")),
        Variant(floor, "at height 0", "motions that stand on the floor", Setup(ground="zero")),
        Variant(
            code,
            "misplaced parenthesis, wrong points of five predicates",
            RELEASED,
            Setup(released_formula=True),
        ),
        Variant(
            code,
            "constant channels divided by 10⁻¹⁰",
            RELEASED,
            Setup(standardisation="real set, guard of 10⁻¹⁰"),
        ),
        Variant(code, "standardised by both sets", "", Setup(standardisation="both sets")),
        Variant(code, "not standardised", "", Setup(standardisation="none")),
        Variant(code, "jitter in 10 m/s³", "WHAM, GVHMR", Setup(jitter_unit=10.0)),
        Variant(size, "half of the generated dances", "", Setup(share=1 / 2)),
        Variant(size, "a quarter of the generated dances", "", Setup(share=1 / 4)),
        Variant(poses, "joints averaged over 3 frames", "", Setup(smoothing=3)),
    ]
    return [*found, Variant(WHOLE, "features, standardisation, beats, PFC", RELEASED, RELEASED_SETUP)]


def together(setups: Iterable[Setup]) -> Setup:
    """Combines protocols: each contributes the choices in which it differs from ours; the last one wins."""
    combined: dict[str, Any] = {}
    for setup in setups:
        combined |= {
            field.name: getattr(setup, field.name)
            for field in fields(Setup)
            if getattr(setup, field.name) != getattr(OURS, field.name)
        }
    return replace(OURS, **combined)


def without(setup: Setup, choices: Setup) -> Setup:
    """Returns a protocol with ours in place of the choices in which another one differs from ours."""
    undone = {
        field.name: getattr(OURS, field.name)
        for field in fields(Setup)
        if getattr(choices, field.name) != getattr(OURS, field.name)
    }
    return replace(setup, **undone)


def numbers(
    real: Sequence[Clip],
    generated: Sequence[Clip],
    setup: Setup = OURS,
    real_setup: Setup | None = None,
    keys: Sequence[str] = NUMBERS,
) -> dict[str, float | None]:
    """Computes `NUMBERS` under a protocol.

    Args:
        real: the ground truth, whose BAS, PFC, foot skating and jitter are computed.
        generated: dances whose distance to the ground truth and diversity are computed. The same object as
            `real` if there are none: then every second real dance takes their place.
        setup: the protocol.
        real_setup: the protocol of the real dances; None is the same.
        keys: the numbers to compute.

    Returns:
        By key; None where nothing can be computed, as BAS without music.

    Raises:
        InputError: fewer than two dances are left in a set.
    """
    of_real = setup if real_setup is None else real_setup
    truth = [_prepared(clip, of_real) for clip in real]
    found: dict[str, float | None] = {}
    for letter in ("k", "g"):
        if {f"FID_{letter}", f"Div_{letter}"} & set(keys):
            made = real[1::2] if generated is real else generated
            made = made[:: round(1 / setup.share)]
            theirs = [_prepared(clip, setup) for clip in made]
            ours = truth[::2] if generated is real else truth
            found |= _feature_numbers(letter, ours, theirs, of_real, setup)
    if "BAS" in keys:
        found["BAS"] = _bas(truth, of_real)
    for key, score in _BODY.items():
        if key in keys:
            found[key] = float(np.mean([score(dance, of_real) for dance in truth]))
    return {key: found[key] for key in keys}


class Moved(NamedTuple):
    """A protocol and the numbers under it."""

    variant: Variant
    numbers: Mapping[str, float | None]


def moved(real: Sequence[Clip], generated: Sequence[Clip]) -> list[Moved]:
    """Computes the numbers under every protocol of `variants`; those that leave too few dances are left out.

    Args:
        real: the ground truth.
        generated: dances of a model; the same object as `real` if there are none.
    """
    seconds = float(np.median([len(clip.joints) / clip.fps for clip in (*real, *generated)]))
    half = len(real) // 2 if generated is real else len(generated)
    return [
        Moved(v, numbers(real, generated, v.setup, OURS if v.only_generated else None))
        for v in variants(seconds, real[0].fps)
        if -(-half // round(1 / v.setup.share)) >= 2
    ]


class _Prepared(NamedTuple):
    """A dance as a protocol sees it: float64 joints, assumed rate, music beats, frames of music."""

    joints: Floats
    fps: float
    music: Ints | None
    music_frames: int


def _prepared(clip: Clip, setup: Setup) -> _Prepared:
    joints = clip.joints.astype(np.float64)
    music = clip.music_beats
    music_frames = len(joints) if clip.music_frames is None else clip.music_frames
    rate = clip.fps
    if setup.up == "y":
        joints = joints[..., [0, 2, 1]] * [1, -1, 1]
    if setup.smoothing > 1:
        joints = uniform_filter1d(joints, setup.smoothing, axis=0, mode="nearest")
    if setup.fps is not None:
        ratio = setup.fps / rate
        places = np.arange(0, len(joints) - 1 + 1e-9, 1 / ratio)
        joints = CubicSpline(np.arange(len(joints)), joints)(places)
        music = None if music is None else np.round(music * ratio).astype(np.int64)
        music_frames, rate = round(music_frames * ratio), setup.fps
    if setup.seconds is not None:
        joints = joints[: round(setup.seconds * rate)]
    return _Prepared(joints, setup.assumed_fps or rate, music, music_frames)


def _feature_numbers(
    letter: str, real: Sequence[_Prepared], generated: Sequence[_Prepared], real_setup: Setup, setup: Setup
) -> dict[str, float | None]:
    if min(len(real), len(generated)) < 2:
        raise InputError(
            f"{len(real)} real and {len(generated)} generated dances have no distance",
            do="give at least two of each, or four real ones",
        )
    place, features = {"k": (0, kinetic.features), "g": (1, geometric.features)}[letter]
    ours = _features(features, place, real, real_setup)
    theirs = _features(features, place, generated, setup)
    standard = _standardised(ours, theirs, setup.standardisation)
    return {
        f"FID_{letter}": frechet_distance(standard.real, standard.generated),
        f"Div_{letter}": diversity(standard.generated).value,
    }


def _features(
    features: Callable[[Floats, FeatureVariant], Floats],
    place: int,
    dances: Sequence[_Prepared],
    setup: Setup,
) -> Floats:
    return np.stack(
        [
            features(
                dance.joints,
                FeatureVariant(
                    setup.feature_up,
                    1 / dance.fps if setup.feature_steps is None else setup.feature_steps[place],
                    setup.released_formula,
                ),
            )
            for dance in dances
        ]
    )


def _standardised(real: Floats, generated: Floats, by: Standardisation) -> StandardisedFeatures:
    if by == "none":
        return StandardisedFeatures(real, generated, 0)
    if by == "both sets":
        pool = np.concatenate([real, generated])
        ours = standardise_features(pool, real)
        return StandardisedFeatures(
            ours.generated, standardise_features(pool, generated).generated, ours.constant
        )
    return standardise_features(real, generated, "corrected" if by == "real set" else "released")


def _bas(dances: Sequence[_Prepared], setup: Setup) -> float | None:
    scores = []
    for dance in dances:
        if dance.music is None:
            continue
        common = min(len(dance.joints), dance.music_frames)
        motion_end, music_end = setup.beat_frames or (common, common)
        joints = dance.joints[:motion_end]
        mode: Mode = "released" if setup.released_beats else "corrected"
        empty = np.empty(0, dtype=np.int64)
        motion = beats.motion_beats(joints, dance.fps, mode) if len(joints) > 2 else empty
        heard = dance.music[dance.music < music_end]
        score = beats.beat_align_score(motion, heard, dance.fps, direction=setup.direction)
        if score.flag not in UNDEFINED:
            scores.append(score.value)
    return sum(scores) / (setup.divisor or len(scores)) if scores else None


def _pfc(dance: _Prepared, setup: Setup) -> float:
    score = pfc(dance.joints, dance.fps, "released" if setup.per_frame else "corrected")
    return score.value * setup.pfc_scale


def _skating(dance: _Prepared, setup: Setup) -> float:
    if setup.skating != "GMD":
        mode: Mode = "released" if setup.skating == "Lodge, released" else "corrected"
        return lodge_skating.foot_skate_ratio(dance.joints, dance.fps, mode).value
    # A toe stands below the floor plus 5 cm, so a higher threshold is a higher floor.
    floor = _floor(dance.joints, setup.ground) + setup.contact_height - CONTACT_HEIGHT
    return foot_skate_ratio(dance.joints, dance.fps, floor).value


def _floor(joints: Floats, ground: Ground) -> float:
    if ground == "zero":
        return 0.0
    if ground == "toes of the first frame":
        return float(joints[0, TOES, UP].min())
    if ground == "lowest joint of the clip":
        return float(joints[..., UP].min())
    return floor_height(joints)


def _jitter(dance: _Prepared, setup: Setup) -> float:
    return jitter(dance.joints, dance.fps).value / setup.jitter_unit


_BODY: dict[str, Callable[[_Prepared, Setup], float]] = {
    "PFC": _pfc,
    "foot_skate_ratio": _skating,
    "jitter": _jitter,
}
