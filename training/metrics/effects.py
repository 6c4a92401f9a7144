"""Shows what each quirk of the released evaluation code does to your motions.

    python -m training.metrics.effects MOTION...

The table in README.md is the output of this program. Each quirk is switched on alone. What other papers do
differently, and what it does to whole sets with their music, is the business of `factors`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import click
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.linalg import LinAlgWarning, sqrtm

from popdanceset.commands import run
from popdanceset.errors import InputError
from training.metrics import beats, geometric, kinetic
from training.metrics.beats import beat_align_score, motion_beats
from training.metrics.clip import Floats, Ints, checked
from training.metrics.diversity import diversity
from training.metrics.feature_blocks import FeatureVariant
from training.metrics.feature_standardisation import StandardisedFeatures, standardise_features
from training.metrics.frechet import fit_gaussian, frechet_distance
from training.metrics.mode import PUBLISHED_FPS, RELEASED_UP, UP, Mode
from training.metrics.pbc import pbc
from training.metrics.pfc import pfc

WINDOW = 60
"""Frames of the pieces that motions are cut into where a quirk needs a set."""

BEAT = 15
"""Frames between the invented beats: 120 a minute."""

CORRECTED = FeatureVariant(UP, 1 / PUBLISHED_FPS)


class Effect(NamedTuple):
    """What differs, and one number computed both ways; `motion` is "" for numbers of sets."""

    difference: str
    number: str
    motion: str
    released: str
    corrected: str


def effects(motions: Mapping[str, Floats]) -> Iterator[Effect]:
    """Yields every difference between the modes and its effect.

    Args:
        motions: by name, each (frames, 24, 3) metres, z up, 30 fps; the longest has more than 60 frames.
    """
    double = {name: joints.astype(np.float64) for name, joints in motions.items()}
    for name, joints in double.items():
        yield from _kinetic(joints, name)
        yield from _geometric(joints, name)
        yield from _beats(joints, name)
        yield from _contact(joints, name)
    yield from _sets(double)


def _kinetic(joints: Floats, name: str) -> Iterator[Effect]:
    def parts(variant: FeatureVariant, joints: Floats = joints) -> Floats:
        """Mean over joints of the horizontal, vertical and acceleration features."""
        mean: Floats = kinetic.features(joints, variant).reshape(24, 3).mean(axis=0)
        return mean

    def effect(difference: str, number: str, released: float, corrected: float) -> Effect:
        return Effect(difference, number, name, _show(released), _show(corrected))

    right = parts(CORRECTED)
    yield effect(
        "kinetic features: y is taken for up",
        "mean vertical feature, m²/s²",
        parts(CORRECTED._replace(up=RELEASED_UP))[1],
        right[1],
    )
    fast = parts(CORRECTED._replace(step=kinetic.RELEASED_STEP))
    yield effect(
        "kinetic features: time step of 1/60 s between frames that are 1/30 s apart",
        "mean horizontal feature, m²/s²",
        fast[0],
        right[0],
    )
    yield effect("", "mean acceleration feature, m/s²", fast[2], right[2])
    formula = CORRECTED._replace(released_formula=True)
    yield effect(
        "kinetic features: misplaced parenthesis in the acceleration",
        "mean acceleration feature, m/s²",
        parts(formula)[2],
        right[2],
    )
    moved = joints + np.array([1.0, 0.0, 0.0])
    yield effect(
        "", "the same, standing 1 m further right", parts(formula, moved)[2], parts(CORRECTED, moved)[2]
    )


def _geometric(joints: Floats, name: str) -> Iterator[Effect]:
    right = geometric.features(joints, CORRECTED)
    for difference, variant in (
        ("y is taken for up", CORRECTED._replace(up=RELEASED_UP)),
        (
            "time step of 1/120 s between frames that are 1/30 s apart",
            CORRECTED._replace(step=geometric.RELEASED_STEP),
        ),
        ("five predicates of approach use the wrong points", CORRECTED._replace(released_formula=True)),
    ):
        off = np.abs(geometric.features(joints, variant) - right)
        yield Effect(
            f"geometric features: {difference}",
            "features that change, of 32 (sum of the changes)",
            name,
            f"{(off > 1e-12).sum()} ({_show(off.sum())})",
            "0",
        )


def _beats(joints: Floats, name: str) -> Iterator[Effect]:
    def count(difference: str, number: str, joints: Floats, fps: float) -> Effect:
        released, corrected = (len(motion_beats(joints, fps, mode)) for mode in ("released", "corrected"))
        return Effect(difference, number, name, str(released), str(corrected))

    yield count(
        "motion beats: the first frame has speed 0, so there are none before frame 11",
        "motion beats",
        joints,
        PUBLISHED_FPS,
    )
    music = np.arange(0, len(joints), BEAT)
    yield Effect(
        "",
        "BAS with 120 beats a minute",
        name,
        _show(_align(motion_beats(joints, PUBLISHED_FPS, "released"), music)),
        _show(_align(motion_beats(joints, PUBLISHED_FPS), music)),
    )
    if len(joints) > beats.RELEASED_MUSIC:
        cut = joints[: beats.RELEASED_MOTION]
        found = motion_beats(cut, PUBLISHED_FPS)
        heard = music[music < len(cut)]
        yield Effect(
            "BAS: motion is cut at 300 frames, music at 150",
            f"BAS with 120 beats a minute, first {beats.RELEASED_MOTION} frames",
            name,
            _show(_align(found, heard[heard < beats.RELEASED_MUSIC])),
            _show(_align(found, heard)),
        )
    yield count(
        "motion beats: 10 frames on each side at any frame rate",
        "motion beats at 60 fps",
        _doubled(joints),
        2 * PUBLISHED_FPS,
    )
    between = np.repeat(joints, 2, axis=0)[:-1]
    between[1::2] = (joints[1:] + joints[:-1]) / 2
    yield count(
        "motion beats: a pause of two equally slow frames is not a beat",
        "motion beats at 60 fps, interpolated linearly",
        between,
        2 * PUBLISHED_FPS,
    )


def _align(motion: Ints, music: Ints) -> float:
    return beat_align_score(motion, music).value


def _contact(joints: Floats, name: str) -> Iterator[Effect]:
    yield Effect(
        "PBC: the code has weights (as both modes), the equation has none",
        "PBC, 10⁻⁴ m: with weights → as printed",
        name,
        _show(pbc(joints, PUBLISHED_FPS, "released").value),
        _show(pbc(joints, PUBLISHED_FPS, weighted=False).value),
    )
    double = _doubled(joints)
    for title, metric in (("PFC", pfc), ("PBC", pbc)):
        corrected = _show(metric(double, 2 * PUBLISHED_FPS).value)
        yield Effect(
            f"{title}: displacements per frame, whatever the frame rate",
            f"{title} at 60 fps (and at 30)",
            name,
            _show(metric(double, 2 * PUBLISHED_FPS, "released").value),
            f"{corrected} ({_show(metric(joints, PUBLISHED_FPS).value)})",
        )
    single = joints.astype(np.float32)
    off = (
        abs(metric(single, PUBLISHED_FPS, "released").value / metric(single, PUBLISHED_FPS).value - 1)
        for metric in (pfc, pbc)
    )
    yield Effect("PFC, PBC: single precision", "largest relative change", name, f"{max(off):.0e}", "0")
    still = joints.copy()
    still[:, 0] = still[0, 0]
    yield Effect(
        "PFC: motionless root",
        "PFC with the root held still",
        name,
        "NaN (here 0, flagged)",
        f"{pfc(still, PUBLISHED_FPS).value:g}, flagged",
    )


def _sets(motions: Mapping[str, Floats]) -> Iterator[Effect]:
    """Differences that only sets show: pieces of the longest motion as real, of the others as generated."""
    longest = max(motions, key=lambda name: len(motions[name]))
    others = {name: joints for name, joints in motions.items() if name != longest}
    real = _pieces({longest: motions[longest]})
    generated = _pieces(others) or real[1::2]
    if not others:
        real = real[::2]
    sets = f"{len(generated)} pieces of 2 s against {len(real)}"

    def of_both(
        features: Callable[[Floats, FeatureVariant], Floats], variant: FeatureVariant
    ) -> tuple[Floats, Floats]:
        ours, theirs = (np.stack([features(piece, variant) for piece in part]) for part in (real, generated))
        return ours, theirs

    shapes = of_both(geometric.features, CORRECTED)
    corrected = standardise_features(*shapes)
    yield from _distances(
        "standardisation: 10⁻¹⁰ as the deviation of a constant channel",
        "g",
        sets,
        standardise_features(*shapes, "released"),
        corrected,
        f", {corrected.constant} channels constant",
        "released",
    )
    speeds = standardise_features(*of_both(kinetic.features, CORRECTED))
    yield Effect(
        "matrix root: taken of the product itself, small imaginary parts dropped",
        f"FID_k of the real pieces against themselves, {len(real)} pieces",
        "",
        f"{_plain_distance(speeds.real):.1e}",
        f"{frechet_distance(speeds.real, speeds.real):.1e}",
    )
    released = FeatureVariant(RELEASED_UP, kinetic.RELEASED_STEP, released_formula=True)
    yield from _distances(
        "kinetic features: all three quirks",
        "k",
        sets,
        standardise_features(*of_both(kinetic.features, released)),
        speeds,
    )
    music = np.arange(0, WINDOW, BEAT)
    scores = [_align(motion_beats(piece, PUBLISHED_FPS), music) for piece in generated]
    yield Effect(
        "BAS: sum over clips divided by 24",
        f"BAS with 120 beats a minute, {len(generated)} pieces of 2 s",
        "",
        _show(sum(scores) / beats.RELEASED_DIVISOR),
        _show(sum(scores) / len(scores)),
    )


def _distances(
    difference: str,
    letter: str,
    sets: str,
    released: StandardisedFeatures,
    corrected: StandardisedFeatures,
    note: str = "",
    mode: Mode = "corrected",
) -> Iterator[Effect]:
    """FID and diversity of features; `mode` is that of adding up the released diversity."""
    yield Effect(
        difference,
        f"FID_{letter}, {sets}{note}",
        "",
        _show(frechet_distance(released.real, released.generated)),
        _show(frechet_distance(corrected.real, corrected.generated)),
    )
    yield Effect(
        "",
        f"Div_{letter}, {sets}",
        "",
        _show(diversity(released.generated, mode).value),
        _show(diversity(corrected.generated).value),
    )


def _pieces(motions: Mapping[str, Floats]) -> list[Floats]:
    return [
        joints[start : start + WINDOW]
        for joints in motions.values()
        for start in range(0, len(joints) - WINDOW + 1, WINDOW)
    ]


def _doubled(joints: Floats) -> Floats:
    """The motion at twice its frame rate, by splines."""
    frames = np.arange(len(joints))
    double: Floats = CubicSpline(frames, joints)(np.arange(0, len(joints) - 0.75, 0.5))
    return double


def _plain_distance(features: Floats) -> float:
    """The Fréchet distance of a set from itself, by a root of the product of both covariances."""
    covariance = fit_gaussian(features).covariance
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LinAlgWarning)  # the product is singular on purpose
        root = np.real(sqrtm(covariance @ covariance))
    return float(2 * np.trace(covariance) - 2 * np.trace(root))


def _show(value: float) -> str:
    return f"{value:.3g}" if abs(value) >= 1e5 or abs(value) < 1e-3 else f"{value:.4g}"


def read_joints(path: Path) -> Floats:
    """Reads (frames, 24, 3) joints from a pose table or from any motion file.

    Raises:
        InputError: the file is not readable, is not at 30 fps, or has no motion of 24 joints.
    """
    if path.suffix != ".parquet":
        from popdanceset.motion.files import read_motion

        motion = read_motion(path)
        if motion.fps != PUBLISHED_FPS:
            raise InputError(f"has {motion.fps:g} frames a second", path, "give a motion at 30 fps")
        return checked(motion.joints, PUBLISHED_FPS, str(path), WINDOW + 1)
    import pyarrow as pa
    import pyarrow.parquet as pq

    from popdanceset.tables import fold

    try:
        table = pq.read_table(path, columns=["joints3d", "smpl_trans"])
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"is not a pose table: {error}", path, "give a table that `popdanceset extract` wrote"
        ) from None
    joints = fold(table["joints3d"], (24, 3)) + fold(table["smpl_trans"], (1, 3))
    return checked(joints, PUBLISHED_FPS, str(path), WINDOW + 1)


def markdown(found: Sequence[Effect]) -> Iterator[str]:
    """Yields lines of a Markdown table: a row per number, a column per motion, released → corrected."""
    motions = list(dict.fromkeys(effect.motion for effect in found if effect.motion))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    difference = ""
    for effect in found:
        difference = effect.difference or difference
        rows.setdefault((difference, effect.number), {})[effect.motion] = (
            f"{effect.released} → {effect.corrected}"
        )
    columns = [*motions, "sets"]
    yield "| difference | number, released → corrected | " + " | ".join(columns) + " |"
    yield "|---" * (len(columns) + 2) + "|"
    shown = ""
    for (difference, number), cells in rows.items():
        filled = [cells.get(motion, "") for motion in [*motions, ""]]
        yield "| " + " | ".join([difference if difference != shown else "", number, *filled]) + " |"
        shown = difference


@click.command()
@click.argument("motions", metavar="MOTION...", nargs=-1, required=True, type=click.Path(path_type=Path))
def show_effects(motions: tuple[Path, ...]) -> None:
    """Show what each quirk of the released evaluation code does to your motions, as a Markdown table.

    MOTION is a pose table of `popdanceset extract` (.parquet) or a motion file, at 30 fps, z up.
    """
    for line in markdown(list(effects({path.stem: read_joints(path) for path in motions}))):
        click.echo(line)


def main() -> NoReturn:
    """Runs the command line."""
    run(show_effects, "python -m training.metrics.effects")


if __name__ == "__main__":
    main()
