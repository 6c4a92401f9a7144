"""Compares metrics with plain loops over frames and pairs: the same numbers, and how much faster.

    python tests/benchmarks/metrics.py [--clips N] [--frames N] [--motions N] [--repeats N] [--seed N]
    python tests/benchmarks/metrics.py --effects MOTION ...

The first form prints the median times of both sides, timed in turn in one run, their ratio, and the largest
difference between their numbers. Then it times a whole table of N motions of 300 frames: every metric of a
generated and a real set, with 1,000 bootstrap replicates (`--no-table` skips it). The last line shows the
figures and their targets; the exit code is 1 if a target is missed. The second form is the same as
`python -m training.metrics.effects MOTION ...`.

The loops follow the definitions, as one would write them without thinking of speed.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from popdanceset.skeleton import SMPL_JOINTS, SMPL_OFFSETS, SMPL_PARENTS
from training.metrics import effects, geometric, kinetic
from training.metrics.clip import Clip
from training.metrics.diversity import diversity
from training.metrics.mode import Mode
from training.metrics.suite import evaluate_set

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]

FAST_CALLS = 20

TARGET_FEATURES = 50.0
TARGET_PAIRS = 20.0
TARGET_TABLE = 60.0
"""Seconds."""

MODES: tuple[Mode, ...] = ("corrected", "released")


# The plain side ----------------------------------------------------------------------------------


def plain_kinetic(joints: Floats, fps: float, mode: Mode) -> Floats:
    """(72,) kinetic features of (frames, 24, 3) joints, joint by joint and frame by frame."""
    up, step = (1, 1 / 60) if mode == "released" else (2, 1 / fps)
    flat = [axis for axis in range(3) if axis != up]
    last = len(joints) - 1
    features = []
    for joint in range(24):
        p = joints[:, joint].astype(float)
        horizontal = vertical = expenditure = 0.0
        for i in range(1, last + 1):
            velocity, acceleration = np.zeros(3), np.zeros(3)
            velocities = accelerations = 0
            for d in range(-2, 3):
                if i + d - 1 < 0 or i + d > last:
                    continue
                velocity += p[i + d] - p[i + d - 1]
                velocities += 1
                if i + d + 1 > last:
                    continue
                after = (p[i + d + 1] - p[i + d]) / step
                if mode == "released":
                    before = p[i + d] - p[i + d - 1] / step
                else:
                    before = (p[i + d] - p[i + d - 1]) / step
                acceleration += (after - before) / step
                accelerations += 1
            velocity /= velocities * step
            horizontal += np.linalg.norm(velocity[flat]) ** 2
            vertical += velocity[up] ** 2
            expenditure += np.linalg.norm(acceleration / accelerations)
        features += [horizontal / last, vertical / last, expenditure / last]
    return np.array(features)


def plain_geometric(joints: Floats, fps: float, mode: Mode) -> Floats:
    """(32,) geometric features of (frames, 24, 3) joints, predicate by predicate and frame by frame."""
    up, step = (1, 1 / 120) if mode == "released" else (2, 1 / fps)
    shoulder = np.array([0.199113488, 0.236807942, -0.0180702247])
    hl = np.linalg.norm(shoulder - [0.454445392, 0.221158922, -0.0410167128])
    sw = np.linalg.norm(shoulder - [-0.191692337, 0.236928746, -0.0123055102])
    hw = np.linalg.norm(
        np.array([0.0564076714, -0.323069185, 0.0109197125]) - [-0.0624834076, -0.331302464, 0.0150412619]
    )
    counts = np.zeros(32)
    for i in range(1, len(joints)):
        now = {name: joints[i, j].astype(float) for j, name in enumerate(SMPL_JOINTS)}
        was = {name: joints[i - 1, j].astype(float) for j, name in enumerate(SMPL_JOINTS)}
        for place in (now, was):
            lowest = min(place[name][up] for name in SMPL_JOINTS)
            axis = np.eye(3)[up]
            place |= {"zero": np.zeros(3), "up": axis, "down": -axis, "low": lowest * axis}
        counts += _predicates(now, was, step, mode == "released", float(hl), float(sw), float(hw))
    return counts / (len(joints) - 1)


def _predicates(
    now: dict[str, Floats], was: dict[str, Floats], dt: float, released: bool, hl: float, sw: float, hw: float
) -> Floats:
    def unit(vector: Floats) -> Floats:
        return vector / np.linalg.norm(vector)

    def turn(a: str, b: str, c: str, p: str, limit: float) -> bool:
        velocity = ((now[p] - now[a]) - (was[p] - was[a])) / dt
        return bool(velocity @ unit(np.cross(now[c] - now[a], now[b] - now[a])) > limit)

    def approach(a: str, b: str, c: str, p: str, limit: float) -> bool:
        velocity = ((now[p] - now[c]) - (was[p] - was[c])) / dt
        return bool(velocity @ unit(now[b] - now[a]) > limit)

    def plane(a: str, b: str, c: str, p: str, limit: float) -> bool:
        return bool((now[p] - now[a]) @ unit(np.cross(now[c] - now[a], now[b] - now[a])) > limit)

    def normal(n1: str, n2: str, a: str, p: str, limit: float) -> bool:
        return bool((now[p] - now[a]) @ unit(now[n2] - now[n1]) > limit)

    def angle(a: str, b: str, c: str, d: str, low: float, high: float) -> bool:
        cosine = unit(now[b] - now[a]) @ unit(now[d] - now[c])
        return low < math.degrees(math.acos(min(1.0, max(-1.0, cosine)))) < high

    def fast(p: str, limit: float) -> bool:
        return bool(np.linalg.norm(now[p] - was[p]) / dt > limit)

    # Line, reference point, moving point: the released code differs from the predicates' definitions.
    if released:
        hands = ("lwrist rwrist lwrist rwrist", "rwrist root rwrist lwrist", "lwrist root lwrist rwrist")
        spoken = ("belly chest belly chest", "belly chest belly chest", *hands)
    else:
        hands = ("lwrist rwrist rwrist lwrist", "rwrist root rwrist root", "lwrist root lwrist root")
        spoken = ("belly chest belly rwrist", "belly chest belly lwrist", *hands)
    approaches = [words.split() for words in spoken]

    return np.array(
        [
            turn("neck", "rhip", "lhip", "rwrist", 1.8 * hl),
            turn("neck", "lhip", "rhip", "lwrist", 1.8 * hl),
            normal("chest", "neck", "neck", "rwrist", 0.2 * hl),
            normal("chest", "neck", "neck", "lwrist", 0.2 * hl),
            approach(*approaches[0], 1.8 * hl),
            approach(*approaches[1], 1.8 * hl),
            angle("relbow", "rshoulder", "relbow", "rwrist", 0, 110),
            angle("lelbow", "lshoulder", "lelbow", "lwrist", 0, 110),
            normal("lshoulder", "rshoulder", "lwrist", "rwrist", 2.5 * sw),
            approach(*approaches[2], 1.4 * hl),
            approach(*approaches[3], 1.4 * hl),
            approach(*approaches[4], 1.4 * hl),
            fast("rwrist", 2.5 * hl),
            fast("lwrist", 2.5 * hl),
            plane("root", "lhip", "ltoes", "rankle", 0.38 * hl),
            plane("root", "rhip", "rtoes", "lankle", 0.38 * hl),
            normal("zero", "up", "low", "rankle", 1.2 * hl),
            normal("zero", "up", "low", "lankle", 1.2 * hl),
            normal("lhip", "rhip", "lankle", "rankle", 2.1 * hw),
            angle("rknee", "rhip", "rknee", "rankle", 0, 110),
            angle("lknee", "lhip", "lknee", "lankle", 0, 110),
            fast("rankle", 2.5 * hl),
            fast("lankle", 2.5 * hl),
            angle("neck", "root", "rshoulder", "relbow", 25, 180),
            angle("neck", "root", "lshoulder", "lelbow", 25, 180),
            angle("neck", "root", "rhip", "rknee", 50, 180),
            angle("neck", "root", "lhip", "lknee", 50, 180),
            plane("rankle", "neck", "lankle", "root", 0.5 * hl),
            angle("neck", "root", "zero", "up", 70, 110),
            normal("zero", "down", "low", "rwrist", -1.2 * hl),
            normal("zero", "down", "low", "lwrist", -1.2 * hl),
            fast("root", 2.3 * hl),
        ],
        dtype=float,
    )


def plain_pairs(features: Floats) -> float:
    """Mean distance over all pairs of (clips, channels) features, one pair after the other."""
    total = 0.0
    for i in range(len(features)):
        for j in range(i + 1, len(features)):
            total += float(np.linalg.norm(features[i] - features[j]))
    return total / (len(features) * (len(features) - 1) / 2)


# Both sides --------------------------------------------------------------------------------------


def dances(clips: int, frames: int, seed: int) -> Floats:
    """(clips, frames, 24, 3) float32: joints that swing around those of a standing body, z up."""
    from scipy.ndimage import gaussian_filter1d

    rng = np.random.default_rng(seed)
    swing = gaussian_filter1d(rng.normal(size=(clips, frames, 24, 3)), 5, axis=1)
    size = rng.uniform(0.2, 0.6, size=(clips, 1, 1, 1))
    return (standing() + swing * size).astype(np.float32)


def standing() -> Floats:
    """(24, 3) joints of the mean body in its rest pose, z up, its feet on the ground."""
    places = np.zeros((24, 3))
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        places[joint] = places[parent] + SMPL_OFFSETS[joint]
    upright = places[:, [0, 2, 1]] * [1, -1, 1]
    return upright - [0, 0, upright[:, 2].min()]


def in_turns(slow: Callable[[], Any], fast: Callable[[], Any], repeats: int) -> Floats:
    """Median seconds per call of the slow and the fast side, after an untimed call.

    A turn of the fast side is `FAST_CALLS` calls, so that a hiccup of the machine affects both sides alike.
    """
    fast()
    seconds = np.empty((repeats, 2))
    for turn in seconds:
        start = time.perf_counter()
        slow()
        turn[0] = time.perf_counter() - start
        start = time.perf_counter()
        for _ in range(FAST_CALLS):
            fast()
        turn[1] = (time.perf_counter() - start) / FAST_CALLS
    return np.median(seconds, axis=0)


def compare_features(clips: int, frames: int, repeats: int, seed: int) -> float:
    """Prints times, ratio and largest difference of both kinds of features; returns the smaller ratio."""
    joints = dances(clips, frames, seed)
    ratios = []
    for mode in MODES:
        both = (
            ("kinetic", plain_kinetic, kinetic.kinetic_features),
            ("geometric", plain_geometric, geometric.geometric_features),
        )
        totals = np.zeros(2)
        for name, plain, fast in both:
            slow = np.stack([plain(dance, 30.0, mode) for dance in joints])
            found = fast(joints, 30.0, mode)
            off = np.max(np.abs(found - slow) / np.maximum(np.abs(slow), 1.0))
            seconds = in_turns(
                lambda plain=plain, mode=mode: [plain(dance, 30.0, mode) for dance in joints],
                lambda fast=fast, mode=mode: fast(joints, 30.0, mode),
                repeats,
            )
            totals += seconds
            show(f"{name}, {mode}", seconds / clips, off)
        show(f"kinetic + geometric, {mode}", totals / clips)
        ratios.append(totals[0] / totals[1])
    return float(min(ratios))


def compare_pairs(motions: int, repeats: int, seed: int) -> float:
    """Prints times and ratio of the mean pairwise distance of (motions, 72) features; returns the ratio."""
    features = np.random.default_rng(seed).normal(size=(motions, 72))
    slow, fast = plain_pairs(features), diversity(features).value
    seconds = in_turns(lambda: plain_pairs(features), lambda: diversity(features), repeats)
    show(f"distances of all pairs of {motions}", seconds, abs(fast / slow - 1))
    return float(seconds[0] / seconds[1])


def show(name: str, seconds: Floats, off: float | None = None) -> None:
    difference = "" if off is None else f"   largest difference {off:.1e}"
    print(
        f"{name:34s} loop {seconds[0] * 1e3:9.2f} ms   here {seconds[1] * 1e3:8.3f} ms   "
        f"{seconds[0] / seconds[1]:6.0f} times{difference}",
        flush=True,
    )


def table(motions: int, seed: int) -> float:
    """Prints all numbers of two sets, with 1,000 bootstrap replicates; returns the seconds it took."""
    real, generated = (
        [
            Clip(f"motion {number}", joints, 30.0, np.arange(7, 300, 15), music_id=f"music {number % 200}")
            for number, joints in enumerate(dances(motions, 300, seed + side))
        ]
        for side in range(2)
    )
    start = time.perf_counter()
    result = evaluate_set(real, generated)
    seconds = time.perf_counter() - start
    for key, number in result.numbers.items():
        print(f"{key:22s} {number.value:10.4g}  [{number.low:.4g}, {number.high:.4g}]  {number.flag}")
    return seconds


def main() -> int:
    description, _, _ = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--clips", type=int, default=4, help="number of motions whose features are computed")
    parser.add_argument("--frames", type=int, default=300, help="length of these motions")
    parser.add_argument("--motions", type=int, default=1036, help="motions in the table and in the pairs")
    parser.add_argument("--repeats", type=int, default=5, help="timed turns")
    parser.add_argument("--seed", type=int, default=0, help="seed of the motions")
    parser.add_argument(
        "--table", action=argparse.BooleanOptionalAction, default=True, help="also time a whole table"
    )
    parser.add_argument(
        "--effects",
        nargs="+",
        metavar="MOTION",
        help="show the effects of the released code's quirks",
    )
    options = parser.parse_args()
    if options.effects:
        effects.show_effects.main(options.effects, standalone_mode=False)
        return 0
    features = compare_features(options.clips, options.frames, options.repeats, options.seed)
    pairs = compare_pairs(options.motions, options.repeats, options.seed)
    seconds = table(options.motions, options.seed) if options.table else 0.0
    if options.table:
        print(f"table of {options.motions} motions: {seconds:.1f} s on {os.cpu_count()} cores")
    print(
        f"metrics: features {features:.0f} times, pairs {pairs:.0f} times as fast as a loop, "
        f"table {seconds:.1f} s "
        f"(target: at least {TARGET_FEATURES:g} and {TARGET_PAIRS:g} times, below {TARGET_TABLE:g} s)"
    )
    return int(features < TARGET_FEATURES or pairs < TARGET_PAIRS or seconds >= TARGET_TABLE)


if __name__ == "__main__":
    sys.exit(main())
