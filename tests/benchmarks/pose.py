"""Poses: how accurate and how fast are inverse kinematics, and the embedded estimator from file to parquet?

    python tests/benchmarks/pose.py [--frames N] [--media FOLDER]

FOLDER holds dance_a.mp4 and dance_b.mp4 with dance_a_truth.npz and dance_b_truth.npz (`J`, the twelve limb
joints at 30 fps), and may also hold taiji.mp4. Prints

- inverse kinematics of N random poses within joints' reach: frames per second, batched and in a loop over
  frames, the largest error of the joints, and of orthonormality;
- for each video the frames in which the dancer was found, the error against the truth, and the acceleration
  error with and without filters;
- frames per second from file to parquet, two clips at a time as in the runner, and the share of each step
  on one thread.

The last line compares the figures with their targets; the exit code is 1 if one of them, or another target
printed on the way, is missed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

FRAMES, LOOPED, ROUNDS = 40_000, 200, 5
TARGET_IK, TARGET_ERROR, TARGET_ORTHONORMAL = 100_000, 1e-3, 1e-4
TARGET_MPJPE, TARGET_CALM, TARGET_FOUND, TARGET_SPEED = 0.085, 0.3, 410 / 412, 40.0
COPIES = 2  # of each film in the store whose extraction is timed


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--media", type=Path, default=Path(__file__).parents[3] / "shared" / "media")
    options = parser.parse_args()
    films = [options.media / f"{name}.mp4" for name in ("dance_a", "dance_b", "taiji")]
    films = [film for film in films if film.exists()]
    rate, exact = kinematics(options.frames)
    summary = f"{rate:,.0f} frames/s of kinematics (target: at least {TARGET_IK:,})"
    good = [exact, rate >= TARGET_IK]
    if films:
        with tempfile.TemporaryDirectory() as folder:
            good += [accuracy(film) for film in films]
            frame_rate = speed(films, Path(folder))
            steps(films, Path(folder))
        summary += f", {frame_rate:.1f} frames/s from file to parquet (target: at least {TARGET_SPEED:g})"
        good.append(frame_rate >= TARGET_SPEED)
    else:
        print(f"no videos in {options.media}: only inverse kinematics was measured")
    print(f"pose: {summary}")
    return int(not all(good))


def random_poses(count: int, seed: int = 0) -> np.ndarray:
    """Returns (count, 24, 3, 3) rotations within joints' reach: any for the root, up to 140° for hinges about
    their axes, up to 60° for ball joints."""
    from scipy.spatial.transform import Rotation

    random = np.random.default_rng(seed)
    turns = random.normal(size=(count, 24, 3))
    turns *= random.uniform(0, np.radians(60), (count, 24, 1)) / np.linalg.norm(turns, axis=2, keepdims=True)
    bent = random.uniform(0, np.radians(140), (4, count))
    turns[:, [4, 5, 18, 19]] = 0
    turns[:, 4, 0], turns[:, 5, 0], turns[:, 18, 1], turns[:, 19, 1] = bent[0], bent[1], -bent[2], bent[3]
    matrices = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(count, 24, 3, 3)
    matrices[:, 0] = Rotation.random(count, random_state=seed).as_matrix()
    return matrices


def best(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Returns the seconds of the fastest round, after one that does not count."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def kinematics(count: int) -> tuple[float, bool]:
    """Both solvers, batched and in a loop: returns the frames per second of HybrIK's, and whether both are
    exact."""
    import torch

    from hybrik_runner.blazepose.inverse_kinematics import inverse_kinematics
    from hybrik_runner.hybrik import twist_swing
    from popdanceset.motion.forward_kinematics import forward_kinematics
    from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS

    matrices = random_poses(count)
    rest = np.zeros((29, 3))
    tips = {24: (15, 0, 0.2, 0), 25: (22, 0.1, 0, 0), 26: (23, -0.1, 0, 0), 27: (10, 0, 0, 0.1)}
    for joint in range(1, 24):
        rest[joint] = rest[SMPL_PARENTS[joint]] + SMPL_OFFSETS[joint]
    for leaf, (parent, *offset) in (tips | {28: (11, 0, 0, 0.1)}).items():
        rest[leaf] = rest[parent] + offset
    skeleton = torch.from_numpy(rest).float().expand(count, 29, 3)
    turns = torch.from_numpy(matrices).float()
    joints = twist_swing.forward_kinematics(turns, skeleton)[0]
    twists = _twists(matrices, rest, twist_swing.CHILDREN)
    ours = forward_kinematics(matrices)

    solved = {
        "HybrIK's, batched": (lambda: twist_swing.inverse_kinematics(joints, skeleton, twists), count),
        "HybrIK's, frame by frame": (
            lambda: [
                twist_swing.inverse_kinematics(joints[i : i + 1], skeleton[:1], twists[i : i + 1])
                for i in range(LOOPED)
            ],
            LOOPED,
        ),
        "joints only, batched": (lambda: inverse_kinematics(ours), count),
        "joints only, frame by frame": (
            lambda: [inverse_kinematics(ours[i : i + 1]) for i in range(LOOPED)],
            LOOPED,
        ),
    }
    # One core does it; threads of torch would only wait for each other where the machine is shared.
    torch.set_num_threads(1)
    print(f"inverse kinematics, {count} random poses, one thread")
    rates = {}
    for name, (work, frames) in solved.items():
        rates[name] = frames / best(work, ROUNDS if frames > LOOPED else 1)
        print(f"  {name:<30}{rates[name]:>12,.0f} frames per second")
    found = twist_swing.inverse_kinematics(joints, skeleton, twists)
    errors = {
        "HybrIK's": (
            (twist_swing.forward_kinematics(found, skeleton)[0] - joints).norm(dim=-1).max().item(),
            (found.mT @ found - torch.eye(3)).abs().max().item(),
        )
    }
    again = inverse_kinematics(ours)
    errors["joints only"] = (
        float(np.linalg.norm(forward_kinematics(again) - ours, axis=2).max()),
        float(np.abs(np.swapaxes(again, -1, -2) @ again - np.eye(3)).max()),
    )
    for name, (miss, skew) in errors.items():
        print(f"  {name:<30}joints {1000 * miss:.4f} mm off at most, RᵀR from 1 by {skew:.1e}")
    exact = all(miss < TARGET_ERROR and skew < TARGET_ORTHONORMAL for miss, skew in errors.values())
    return rates["HybrIK's, batched"], exact


def _twists(matrices: np.ndarray, rest: np.ndarray, children: tuple[int, ...]) -> Any:
    """(n, 23, 2) cosine and sine of each joint's twist about its bone."""
    import torch

    from popdanceset.rotations.arrays import twist_angle

    angles = np.stack(
        [twist_angle(matrices[:, joint], rest[children[joint]] - rest[joint]) for joint in range(1, 24)], 1
    )
    return torch.from_numpy(np.stack([np.cos(angles), np.sin(angles)], 2)).float()


def accuracy(film: Path) -> bool:
    """Measures the embedded estimator on a video; returns whether its targets are met."""
    from hybrik_runner.estimator import load_estimator
    from hybrik_runner.poses.table import build
    from popdanceset import media
    from popdanceset.motion.accuracy import acceleration_error, pa_mpjpe
    from popdanceset.schema import FPS
    from popdanceset.settings import Settings
    from popdanceset.skeleton import LIMB_JOINTS

    settings = Settings()
    estimator = load_estimator(settings)
    poses = estimator.estimate(media.frames(film))
    quality = build(film.stem, poses, estimator.name, settings)
    print(f"{film.name}: dancer found in {quality.found} of {quality.source_frames} frames")
    print(
        f"  jitter {quality.jitter_before:.1f} → {quality.jitter_after:.1f} m/s²; feet on the floor move by"
        f" {quality.before.skate:.2f} → {quality.after.skate:.2f} m/s,"
        f" {1000 * quality.after.penetration:.0f} mm below and"
        f" {1000 * quality.after.floating:.0f} mm above it"
    )
    good = quality.found >= TARGET_FOUND * quality.source_frames
    truth = film.with_name(f"{film.stem}_truth.npz")
    if truth.exists() and quality.table is not None:
        known = np.asarray(np.load(truth)["J"], float)
        limbs = list(LIMB_JOINTS)
        joints = np.asarray(quality.table["joints3d"].combine_chunks().values).reshape(-1, 24, 3)[:, limbs]
        error = pa_mpjpe(joints, known)

        def about_hips(points: np.ndarray) -> np.ndarray:
            return points - points[:, 6:8].mean(1, keepdims=True)

        rough, calm = (
            acceleration_error(about_hips(points), about_hips(known), FPS)
            for points in (poses.unfiltered_joints3d[:, limbs], joints)
        )
        print(
            f"  PA-MPJPE {1000 * error:.1f} mm; acceleration error {rough:.1f} → {calm:.1f} m/s²"
            f" ({1 - calm / rough:.0%} less)"
        )
        good &= error <= TARGET_MPJPE and calm <= (1 - TARGET_CALM) * rough
    return good


def speed(films: Iterable[Path], folder: Path) -> float:
    """Returns the frames per second of the runner on a store with copies of the videos."""
    from hybrik_runner.running.runner import extract
    from popdanceset.schema import CLIPS, VERDICTS
    from popdanceset.settings import Settings
    from popdanceset.store import Store
    from popdanceset.tables import from_rows

    settings = Settings(store=str(folder / "store"))
    store = Store(settings.store)
    rows = []
    for copy in range(COPIES):
        for film in films:
            clip_id = f"{film.stem}_Clip_{copy + 1}"
            name = f"media/{film.stem}/{clip_id}.mp4"
            shutil.copy(film, folder / "moved.mp4")
            store.put(folder / "moved.mp4", name)
            row: dict[str, Any] = {field.name: _default(field) for field in CLIPS}
            rows.append(row | {"clip_id": clip_id, "bvid": film.stem, "path": name, "accepted": True})
    store.write_table("clips/all.parquet", from_rows(rows, CLIPS), CLIPS)
    start = time.perf_counter()
    made = extract(settings, store)
    seconds = time.perf_counter() - start
    frames = COPIES * sum(_frames(film) for film in films)
    verdicts = store.read_table("verdicts", VERDICTS)
    rate = frames / seconds
    print(
        f"file to parquet: {len(made)} clips, {frames} frames, {rate:.1f} per second, models loaded;"
        f" {sum(verdicts['accepted'].to_pylist())} accepted"
    )
    return rate


def _default(field: Any) -> Any:
    if field.nullable:
        return None
    return {"string": "", "bool": False}.get(str(field.type), 0)


def _frames(film: Path) -> int:
    from popdanceset import media

    return media.probe(film).frames


def steps(films: Iterable[Path], folder: Path) -> None:
    """Prints the share of each step when one thread does them one after the other."""
    from hybrik_runner import blazepose
    from hybrik_runner.blazepose import estimator as module
    from hybrik_runner.estimator import load_estimator
    from hybrik_runner.poses.table import build
    from popdanceset import media
    from popdanceset.settings import Settings
    from popdanceset.store import Store

    settings, store = Settings(), Store(folder / "steps")
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **more: Any) -> Any:
            start = time.perf_counter()
            try:
                return work(*args, **more)
            finally:
                spent[name] += time.perf_counter() - start

        return wrapped

    def decoded(film: Path) -> Iterator[Any]:
        stream = media.frames(film)
        while (frame := timed("decode", lambda: next(stream, None))()) is not None:
            yield frame

    estimator: Any = load_estimator(settings)
    assert isinstance(estimator, module.BlazePose), blazepose
    for name in ("detector", "landmarker", "people"):
        label = {"detector": "detect", "landmarker": "landmarks", "people": "count dancers"}[name]
        setattr(estimator, f"_{name}", timed(label, getattr(estimator, f"_{name}")))
    solve = module.inverse_kinematics
    module.inverse_kinematics = timed("inverse kinematics", solve)
    start, frames = time.perf_counter(), 0
    for film in films:
        poses = estimator.estimate(decoded(film))
        frames += len(poses.times)
        quality = timed("table", build)(film.stem, poses, estimator.name, settings)
        if quality.table is not None:
            timed("write", store.write_table)(f"{film.stem}.parquet", quality.table, quality.table.schema)
    total = time.perf_counter() - start
    module.inverse_kinematics = solve
    spent["filters, skeleton, the rest"] = total - sum(spent.values())
    print(f"one thread: {frames / total:.1f} frames per second")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"  {name:<30}{seconds / total:>7.1%}{1000 * seconds / frames:>9.2f} ms per frame")


if __name__ == "__main__":
    sys.exit(main())
