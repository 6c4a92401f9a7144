"""What each quirk of the released evaluation code does to motions of yours.

    python -m training.metrics.effects MOTION ...

Each quirk is switched on alone. MOTION is a pose table of `popdanceset extract` (`.parquet`) or a file that
`training.motions` reads, at 30 fps, z up. Prints a Markdown table. The table of README.md was made so.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.linalg import LinAlgWarning, sqrtm

from popdanceset.errors import InputError, PopDanceSetError
from training.metrics import beats, geometric, kinetic
from training.metrics.beats import beat_align_score, motion_beats
from training.metrics.clip import Floats, Ints, checked
from training.metrics.diversity import diversity
from training.metrics.feature_standardisation import standardise_features
from training.metrics.frechet import frechet_distance, gaussian
from training.metrics.mode import PUBLISHED_FPS, RELEASED_UP, UP
from training.metrics.pbc import pbc
from training.metrics.pfc import pfc

WINDOW = 60
"""Frames of the pieces that motions are cut into where a quirk needs a set."""

BEAT = 15
"""Frames between the invented beats: 120 a minute."""

STEP = 1 / PUBLISHED_FPS


class Effect(NamedTuple):
    """What differs, and a number counted either way; `motion` is "" for numbers of sets."""

    difference: str
    number: str
    motion: str
    released: str
    corrected: str


def effects(motions: Mapping[str, Floats]) -> Iterator[Effect]:
    """Every difference and what it does.

    Args:
        motions: by name, each (frames, 24, 3) metres, z up, 30 fps; more than 60 frames in the longest.
    """
    for name, joints in motions.items():
        joints = joints.astype(np.float64)
        yield from _kinetic(joints, name)
        yield from _geometric(joints, name)
        yield from _beats(joints, name)
        yield from _contact(joints, name)
    yield from _sets({name: joints.astype(np.float64) for name, joints in motions.items()})


def _kinetic(joints: Floats, name: str) -> Iterator[Effect]:
    def parts(up: int = UP, step: float = STEP, misplaced: bool = False) -> Floats:
        """Mean over joints of the horizontal, vertical and acceleration features."""
        mean: Floats = kinetic.features(joints, up, step, misplaced).reshape(24, 3).mean(axis=0)
        return mean

    right = parts()
    yield Effect(
        "kinetic features: y taken for up",
        "mean vertical feature, m²/s²",
        name,
        _show(parts(up=RELEASED_UP)[1]),
        _show(right[1]),
    )
    fast = parts(step=kinetic.RELEASED_STEP)
    yield Effect(
        "kinetic features: 1/60 s between frames that are 1/30 s apart",
        "mean horizontal feature, m²/s²",
        name,
        _show(fast[0]),
        _show(right[0]),
    )
    yield Effect("", "mean acceleration feature, m/s²", name, _show(fast[2]), _show(right[2]))
    yield Effect(
        "kinetic features: parenthesis in the acceleration",
        "mean acceleration feature, m/s²",
        name,
        _show(parts(misplaced=True)[2]),
        _show(right[2]),
    )
    moved = joints + np.array([1.0, 0.0, 0.0])
    yield Effect(
        "",
        "the same, standing 1 m further right",
        name,
        _show(kinetic.features(moved, UP, STEP, misplaced=True).reshape(24, 3).mean(axis=0)[2]),
        _show(kinetic.features(moved, UP, STEP, misplaced=False).reshape(24, 3).mean(axis=0)[2]),
    )


def _geometric(joints: Floats, name: str) -> Iterator[Effect]:
    right = geometric.features(joints, UP, STEP, misplaced=False)
    for difference, wrong in (
        (
            "geometric features: y taken for up",
            geometric.features(joints, RELEASED_UP, STEP, misplaced=False),
        ),
        (
            "geometric features: 1/120 s between frames that are 1/30 s apart",
            geometric.features(joints, UP, geometric.RELEASED_STEP, misplaced=False),
        ),
        (
            "geometric features: five predicates of approach watch the wrong points",
            geometric.features(joints, UP, STEP, misplaced=True),
        ),
    ):
        off = np.abs(wrong - right)
        yield Effect(
            difference,
            "features that change, of 32 (sum of the changes)",
            name,
            f"{(off > 1e-12).sum()} ({_show(off.sum())})",
            "0",
        )


def _beats(joints: Floats, name: str) -> Iterator[Effect]:
    theirs, ours = motion_beats(joints, PUBLISHED_FPS, "released"), motion_beats(joints, PUBLISHED_FPS)
    music = np.arange(0, len(joints), BEAT)
    yield Effect(
        "motion beats: the first frame has speed 0, so none before frame 11",
        "motion beats",
        name,
        str(len(theirs)),
        str(len(ours)),
    )
    yield Effect(
        "", "BAS with 120 beats a minute", name, _show(_align(theirs, music)), _show(_align(ours, music))
    )
    if len(joints) > beats.RELEASED_MUSIC:
        cut = joints[: beats.RELEASED_MOTION]
        found = motion_beats(cut, PUBLISHED_FPS)
        heard = music[music < len(cut)]
        yield Effect(
            "BAS: motion cut at 300 frames, music at 150",
            f"BAS with 120 beats a minute, first {beats.RELEASED_MOTION} frames",
            name,
            _show(_align(found, heard[heard < beats.RELEASED_MUSIC])),
            _show(_align(found, heard)),
        )
    double = _doubled(joints)
    yield Effect(
        "motion beats: 10 frames on each side at any frame rate",
        "motion beats at 60 fps",
        name,
        str(len(motion_beats(double, 2 * PUBLISHED_FPS, "released"))),
        str(len(motion_beats(double, 2 * PUBLISHED_FPS))),
    )
    between = np.repeat(joints, 2, axis=0)[:-1]
    between[1::2] = (joints[1:] + joints[:-1]) / 2
    yield Effect(
        "motion beats: a pause of two equally slow frames is none",
        "motion beats at 60 fps, interpolated linearly",
        name,
        str(len(motion_beats(between, 2 * PUBLISHED_FPS, "released"))),
        str(len(motion_beats(between, 2 * PUBLISHED_FPS))),
    )


def _align(motion: Ints, music: Ints) -> float:
    return beat_align_score(motion, music).value


def _contact(joints: Floats, name: str) -> Iterator[Effect]:
    yield Effect(
        "PBC: weights of the code (both modes have them), none in the equation",
        "PBC, 10⁻⁴ m: with weights → as printed",
        name,
        _show(pbc(joints, PUBLISHED_FPS, "released").value),
        _show(pbc(joints, PUBLISHED_FPS, weighted=False).value),
    )
    double = _doubled(joints)
    for title, score in (("PFC", pfc), ("PBC", pbc)):
        yield Effect(
            f"{title}: displacements of a frame, whatever its length",
            f"{title} at 60 fps (and at 30)",
            name,
            _show(score(double, 2 * PUBLISHED_FPS, "released").value),
            f"{_show(score(double, 2 * PUBLISHED_FPS).value)} ({_show(score(joints, PUBLISHED_FPS).value)})",
        )
    single = joints.astype(np.float32)
    off = (
        abs(score(single, PUBLISHED_FPS, "released").value / score(single, PUBLISHED_FPS).value - 1)
        for score in (pfc, pbc)
    )
    yield Effect(
        "PFC, PBC: single precision",
        "largest relative change",
        name,
        f"{max(off):.0e}",
        "0",
    )
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

    def of(features: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        return np.stack([features(p) for p in real]), np.stack([features(p) for p in generated])

    shapes = of(lambda piece: geometric.features(piece, UP, STEP, misplaced=False))
    guarded, ours = standardise_features(*shapes, "released"), standardise_features(*shapes)
    yield Effect(
        "standardisation: 10⁻¹⁰ for the deviation of a constant channel",
        f"FID_g, {sets}, {ours.constant} channels constant",
        "",
        _show(frechet_distance(guarded.real, guarded.generated)),
        _show(frechet_distance(ours.real, ours.generated)),
    )
    yield Effect(
        "",
        f"Div_g, {sets}",
        "",
        _show(diversity(guarded.generated, "released").value),
        _show(diversity(ours.generated).value),
    )
    speeds = standardise_features(*of(lambda piece: kinetic.features(piece, UP, STEP, misplaced=False)))
    yield Effect(
        "matrix root: of the product itself, small imaginary parts dropped",
        f"FID_k of the real pieces against themselves, {len(real)} pieces",
        "",
        f"{_plain_distance(speeds.real):.1e}",
        f"{frechet_distance(speeds.real, speeds.real):.1e}",
    )
    all_wrong = standardise_features(
        *of(lambda piece: kinetic.features(piece, RELEASED_UP, kinetic.RELEASED_STEP, misplaced=True))
    )
    yield Effect(
        "kinetic features: all three quirks",
        f"FID_k, {sets}",
        "",
        _show(frechet_distance(all_wrong.real, all_wrong.generated)),
        _show(frechet_distance(speeds.real, speeds.generated)),
    )
    yield Effect(
        "",
        f"Div_k, {sets}",
        "",
        _show(diversity(all_wrong.generated).value),
        _show(diversity(speeds.generated).value),
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
    """A set's Fréchet distance from itself by a root of the product of both covariances."""
    covariance = gaussian(features).covariance
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LinAlgWarning)  # that it is singular is the point
        root = np.real(sqrtm(covariance @ covariance))
    return float(2 * np.trace(covariance) - 2 * np.trace(root))


def _show(value: float) -> str:
    return f"{value:.3g}" if abs(value) >= 1e5 or abs(value) < 1e-3 else f"{value:.4g}"


def read(path: Path) -> Floats:
    """(frames, 24, 3) joints of a pose table or of any motion file.

    Raises:
        InputError: not readable, not at 30 fps, or no motion of 24 joints.
    """
    if path.suffix != ".parquet":
        from training.motions import read_motion

        motion = read_motion(path)
        if motion.fps != PUBLISHED_FPS:
            raise InputError(f"has {motion.fps:g} frames a second", path, "give a motion at 30 fps")
        return checked(motion.joints, PUBLISHED_FPS, str(path), WINDOW + 1)
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["joints3d", "smpl_trans"])
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"is no pose table: {error}", path, "give what `popdanceset extract` wrote"
        ) from None
    relative, root = (table[name].combine_chunks().flatten().to_numpy() for name in table.column_names)
    return checked(relative.reshape(-1, 24, 3) + root.reshape(-1, 1, 3), PUBLISHED_FPS, str(path), WINDOW + 1)


def table(found: Sequence[Effect]) -> Iterator[str]:
    """Lines of Markdown: a row a number, a column a motion, released → corrected in each cell."""
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


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    try:
        found = list(effects({Path(name).stem: read(Path(name)) for name in arguments}))
    except PopDanceSetError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for line in table(found):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
