"""Poses: how accurate and how fast are inverse kinematics, and the estimators from file to parquet?

    python tests/benchmarks/pose.py [--media FOLDER] [--films FOLDER] [--estimators NAME,NAME] [--bounds]
        [--against COMMIT] [--only NAME,NAME] [--frames N] [--out FOLDER]

`--media` holds dance_a.mp4 and dance_b.mp4 with dance_a_truth.npz and dance_b_truth.npz (`J`, the twelve limb
joints at 30 fps), taiji.mp4, and multiview/ with views of a person, their cameras and the truth. `--films`
holds the films on trial (`tests.studio.trial`) in tuning/ and test/; they are rendered if they are missing.
Prints

- inverse kinematics of N random poses within joints' reach: frames per second, batched and in a loop over
  frames, the largest error of the joints, and of orthonormality;
- for each clip, each estimator and the code of an earlier commit, extracted in the same run: PA-MPJPE, frames
  with left and right exchanged, acceleration error, skating feet, distance of standing feet from the floor,
  root translation error and frames per second (`tests.referee.measures` defines them); their means by split
  and kind; and the targets;
- with `--bounds`, what error would remain if the network saw perfectly, in the picture, in depth or in both,
  what its errors in picture and depth add up to, and where standing feet are if the camera is known
  (`tests.referee.bounds`);
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from popdanceset.errors import PopDanceSetError
from tests.referee import clips, verdict
from tests.referee.bounds import bounds
from tests.referee.clips import Clip
from tests.referee.contestants import Contestant, checkout, extract
from tests.referee.measures import Score, score, score_of_truth

FRAMES, LOOPED, ROUNDS = 40_000, 200, 5
TARGET_IK, TARGET_ERROR, TARGET_ORTHONORMAL = 100_000, 1e-3, 1e-4
TARGET_FOUND, TARGET_SPEED = 100 * 410 / 412, 40.0
TARGET_SHARES = {"blazepose": 0.9, "blazepose-auto": 0.5}
"""Share of the earlier code's speed that an estimator has to reach."""
EARLIER = "694b6ad"
"""The code before left and right were tracked, poses fitted over a clip and feet locked."""
NEAR = 1.1
"""Ratio of an error to its bound that counts as near."""
COPIES = 2  # of each film in the store whose extraction is timed


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=FRAMES, help="random poses for inverse kinematics")
    parser.add_argument("--media", type=whole_path, default=Path(__file__).parents[3] / "shared" / "media")
    parser.add_argument(
        "--films", type=whole_path, help="folder of the films on trial; not judged by default"
    )
    parser.add_argument("--estimators", default="blazepose", help="names of pose.estimator")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="setting of pose")
    parser.add_argument("--against", default=EARLIER, help="commit to compare with; empty: none")
    parser.add_argument("--only", default="", help="names of clips; all by default")
    parser.add_argument("--bounds", action="store_true", help="measure what bounds the error instead")
    parser.add_argument("--out", type=Path, help="keep the pose tables in this folder")
    options = parser.parse_args()
    try:
        return bounded(options) if options.bounds else judged(options)
    except PopDanceSetError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def whole_path(text: str) -> Path:
    """A path that holds in the folders of other commits, too."""
    return Path(text).resolve()


def judged(options: argparse.Namespace) -> int:
    """Everything but the bounds."""
    found = chosen(options)
    rate, exact = kinematics(options.frames)
    summary = f"{rate:,.0f} frames/s of kinematics (target: at least {TARGET_IK:,})"
    good = [exact, rate >= TARGET_IK]
    films = [clip.film for clip in found if clip.name in ("dance_a", "dance_b", "taiji")]
    with tempfile.TemporaryDirectory() as folder:
        if found:
            good.append(accuracy(found, options, options.out or Path(folder) / "poses", Path(folder)))
        if films:
            frame_rate = speed(films, Path(folder))
            steps(films, Path(folder))
            summary += f", {frame_rate:.1f} frames/s from file to parquet (target: at least {TARGET_SPEED:g})"
            good.append(frame_rate >= TARGET_SPEED)
        else:
            print("the speed of the runner was not measured: no dance_a, dance_b or taiji among the clips")
    print(f"pose: {summary}")
    return int(not all(good))


def chosen(options: argparse.Namespace) -> list[Clip]:
    """The clips of all folders, as `--only` chooses them; films on trial are rendered if they are missing."""
    found = clips.media(options.media)
    if options.films is not None:
        rendered(options.films)
        found += clips.on_trial(options.films)
    names = set(filter(None, options.only.split(",")))
    if unknown := names - {clip.name for clip in found}:
        raise SystemExit(f"error: --only: there is no clip {', '.join(sorted(unknown))}")
    return [clip for clip in found if not names or clip.name in names]


def rendered(folder: Path) -> None:
    """Renders the films on trial that are missing; says so where the studio's packages are."""
    from popdanceset.errors import AssetError
    from tests.studio import trial

    for what in trial.TRIALS.values():
        if (folder / what.split / f"{what.name}.mp4").exists():
            continue
        try:
            print(f"rendered {trial.make(what, folder)}", flush=True)
        except AssetError as error:
            print(f"films on trial are missing and cannot be rendered: {error}")
            return


def accuracy(found: Sequence[Clip], options: argparse.Namespace, out: Path, scratch: Path) -> bool:
    """Judges the estimators and the earlier code on the clips; returns whether all targets are met."""
    import json

    import pyarrow.parquet as pq

    values = dict(pair.split("=", 1) for pair in options.set)
    contestants = [
        Contestant(name, values={**values, "estimator": name}) for name in options.estimators.split(",")
    ]
    earlier = f"{options.against} blazepose"
    if options.against:
        tree = checkout(options.against, scratch / "earlier")
        contestants.insert(0, Contestant(earlier, tree, {"estimator": "blazepose"}, settled=True))
    scores: dict[str, dict[str, Score]] = {}
    for contestant in contestants:
        place = out / contestant.name.replace(" ", "-")
        extract(contestant, [clip.film for clip in found], place)
        scores[contestant.name] = {}
        for clip in found:
            report = json.loads((place / f"{clip.name}.json").read_text())
            table = pq.read_table(place / f"{clip.name}.parquet") if report["found"] else None
            scores[contestant.name][clip.name] = score(clip, table, report)
    truth = {"the truth itself": {clip.name: score_of_truth(clip) for clip in found if clip.feet is not None}}
    print("\n".join(verdict.table(found, truth | scores)))
    before = scores.pop(earlier, {})
    good = True
    for name, now in scores.items():
        reached = verdict.targets(found, now, before, TARGET_SHARES.get(name, 0.0))
        print(f"\ntargets, {name}:", *reached, sep="\n")
        good &= all(target.good for target in reached if target.reached is not None)
        if "taiji" in now:
            good &= now["taiji"].found >= TARGET_FOUND
    print()
    return good


def bounded(options: argparse.Namespace) -> int:
    """Prints what bounds the error of each clip whose camera is known, and how near it comes to that."""
    from hybrik_runner.estimator import load_estimator
    from popdanceset.settings import Settings

    values = dict(pair.split("=", 1) for pair in options.set)
    print(
        f"{'':18}{'':8}{'':16}   seen  ordered  true 2D  true depth  true 2D+3D  expected   seen/true 2D"
        "   seen/expected   network's 2D error    depth    tilt  found within  focal length"
        "   feet-floor, with true camera"
    )
    within, good = f"{100 * (NEAR - 1):.0f} %", True
    for name in options.estimators.split(","):
        settings = Settings.model_validate({"pose": {**values, "estimator": name}})
        estimator = load_estimator(settings)
        found = []
        for clip in chosen(options):
            if clip.camera is None or clip.joints is None:
                continue
            b = bounds(clip, estimator, settings)
            found.append(b)
            print(
                f"{clip.name:18}{clip.kind:8}{name:16}{b.seen:7.1f}{b.ordered:9.1f}{b.flat:9.1f}{b.deep:12.1f}"
                f"{b.solid:12.1f}{b.expected:10.1f}{b.ratio:10.2f} {near(b.ratio)}"
                f"{b.seen / b.expected:11.2f} {near(b.seen / b.expected)}"
                f"{b.pixels:8.1f} px{b.share:6.1f} %{b.depth:9.1f} mm"
                f"{b.tilt:7.1f}°{b.tilt_off:12.1f}°{100 * b.focal_length:12.0f} %"
                f"{b.feet:13.1f}{b.level_feet:12.1f} mm",
                flush=True,
            )
        flat = sum(b.ratio <= NEAR for b in found)
        expected = sum(b.seen <= NEAR * b.expected for b in found)
        good &= expected == len(found)
        print(
            f"{name}: {flat} of {len(found)} clips are within {within} of the same fit of true points,"
            f" {expected} of what both errors of the network add up to"
        )
    print(f"pose: bounds measured (target: all clips within {within} of what the network's errors add up to)")
    return int(not good)


def near(ratio: float) -> str:
    """Whether a ratio of an error to its bound counts as near, for a table."""
    return "near" if ratio <= NEAR else "FAR "


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
