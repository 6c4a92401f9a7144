"""HybrIK from video to pose table: the runner compared with the same network driven frame by frame.

    python tests/benchmarks/hybrik.py [--frames N] [--rounds N] [--no-compile] [--shared FOLDER]

Both sides run in this process, alternately, with the flip test, the same weights (made by rule,
`hybrik_runner.hybrik.recipe`) and float32, on all cores. The demo's way writes every frame to PNG, reads it
again, and runs the network on one frame at a time; it gets its boxes for free. The runner's way is
`Pipeline` from file to table with the usual settings: decoding, BlazePose's boxes, a batch for each core,
folded batch norms, kinematics, smoothing. Medians over the rounds.

Then follows what bounds the speed-up. First the arithmetic of the network at the speed of the fastest matrix
product measured on this machine. Then its convolutions one by one, each repeated on data that is ready, in
the better of two memory layouts, by all cores together or by each on its own; the fastest time counts.
Nothing that calls the same convolutions can be faster, even if all the rest were free. Last the runner with
bfloat16, which is another precision and therefore not a comparison.

The last line compares the figures with their targets; the exit code is 1 if neither twice the speed nor 80 %
of what that bound allows is reached.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch

from hybrik_runner.blazepose.estimator import load_estimator as load_blazepose
from hybrik_runner.hybrik import crop, recipe, smpl_file
from hybrik_runner.hybrik.engine import Engine, folded
from hybrik_runner.hybrik.estimator import HybrIKEstimator
from hybrik_runner.hybrik.memory import batch_size, lanes
from hybrik_runner.hybrik.network import HybrIK
from hybrik_runner.running.pipeline import Job, Pipeline
from hybrik_runner.running.runner import decide
from popdanceset import media
from popdanceset.settings import Settings

TARGET, SHARE = 2.0, 0.8


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="compile the graph first, which takes half a minute",
    )
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[3] / "shared")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    film, settings = options.shared / "media" / "taiji.mp4", Settings.load()
    network = network_of(options.shared / "golden" / "hybrik")
    cpu = torch.device("cpu")

    def estimator_with(kind: torch.dtype, *, compiled: bool = False) -> HybrIKEstimator:
        engine = Engine(network, cpu, kind, compiled=compiled, lanes=lanes(cpu))
        return HybrIKEstimator(
            network,
            engine,
            load_blazepose(settings),
            box_every=settings.pose.box_every,
            batch=batch_size(engine, cpu, flip=True),
            padded=compiled,
        )

    estimator = estimator_with(torch.float32, compiled=options.compile)

    def frames() -> Generator[media.Frame]:
        yield from islice(media.frames(film), options.frames)

    boxes = [crop.bbox for crop in estimator.track(frames()) if crop is not None]
    assert len(boxes) == options.frames
    estimator.estimate(islice(frames(), 4))  # compiles, and fills caches
    sides: dict[str, Callable[[], object]] = {
        "demo's way": lambda: frame_by_frame(network, frames(), boxes),
        "runner": lambda: runner(estimator, frames, settings),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    peak = 0.0
    for _ in range(options.rounds):
        peak = max(peak, fastest_product())
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            times[name].append((time.perf_counter() - start) / options.frames)
            print(f"  {name}: {times[name][-1]:.3f} s per frame", flush=True)
    median = {name: statistics.median(values) for name, values in times.items()}
    before = median["demo's way"]
    gain = before / median["runner"]
    threads = torch.get_num_threads()
    print(f"{options.frames} frames, {options.rounds} rounds, {threads} threads, flip test, float32")
    for name, seconds in median.items():
        print(
            f"{name:<11}{1 / seconds:6.2f} frames/s  {seconds:.3f} s per frame, best {min(times[name]):.3f} s"
        )
    best = min(times["demo's way"]) / min(times["runner"])
    print(f"gain       {gain:6.2f} × (target {TARGET:g} ×); of the best rounds {best:.2f} ×")

    work = 2 * operations(network)
    least = work / peak
    print(
        f"bounds: {work / 1e9:.1f} GFLOP per frame at {peak / 1e9:.0f} GFLOP/s, the fastest matrix product,"
    )
    print(f"        are {least:.3f} s: at most {before / least:.2f} ×")
    alone = 2 * convolutions(network, min(8, options.frames), options.rounds)
    most = before / alone
    print(
        f"        its convolutions alone take {alone:.3f} s: at most {most:.2f} ×, of which {gain / most:.0%}"
    )

    quick = estimator_with(torch.bfloat16)
    quick.estimate(islice(frames(), 4))
    start = time.perf_counter()
    runner(quick, frames, settings)
    seconds = (time.perf_counter() - start) / options.frames
    print(f"bfloat16   {1 / seconds:6.2f} frames/s  {before / seconds:.2f} × (other precision)")
    print(
        f"hybrik: {gain:.2f} times the demo's speed, {gain / most:.0%} of what its convolutions allow "
        f"(target: at least {TARGET:g} times, or {SHARE:.0%})"
    )
    return int(gain < TARGET and gain < SHARE * most)


def network_of(golden: Path) -> HybrIK:
    """Builds the network with weights made by rule and a body of SMPL's layout."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(golden / "synthetic_smpl.py"), folder], check=True)
        body = smpl_file.read(Path(folder))
    known = torch.load(golden / "hrnet_w48_cam_a.pt", weights_only=True)
    network = HybrIK(body)
    recipe.apply(network, known["salt"], known["x"])
    return network


@torch.inference_mode()
def frame_by_frame(
    network: HybrIK, frames: Generator[media.Frame], boxes: list[np.ndarray]
) -> list[dict[str, np.ndarray]]:
    """Writes all frames to PNG files, then runs them one after the other through the network."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number:06d}.png") for number, _ in enumerate(boxes)]
        for path, frame in zip(paths, frames, strict=True):
            cv2.imwrite(str(path), cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
        for path, box in zip(paths, boxes, strict=True):
            read = cv2.imread(str(path))
            assert read is not None
            image = np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)
            x, squares, centres = crop.crop(image[None], box[None])
            seen = network(*(torch.from_numpy(values) for values in (x, squares, centres)), flip=True)
            results.append({"rotations": seen.rotations.numpy(), "transl": seen.cam_root.numpy()})
    return results


def runner(
    estimator: HybrIKEstimator, frames: Callable[[], Generator[media.Frame]], settings: Settings
) -> None:
    """Runs the pipeline from file to pose table."""
    for done in Pipeline(estimator).run([Job("taiji", frames)]):
        quality, _ = decide(done.name, done.poses, estimator.name, settings)
        assert quality.table is not None


def operations(network: HybrIK) -> int:
    """Returns the multiplications and additions for one image."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.see(torch.zeros(1, 3, 256, 256))
    return int(counter.get_total_flops())


@torch.inference_mode()
def convolutions(network: HybrIK, batch: int, rounds: int) -> float:
    """Returns the seconds of all convolutions of an image, in batches, without anything else."""
    calls: dict[tuple[object, ...], tuple[int, torch.nn.Conv2d]] = {}

    def note(layer: torch.nn.Module, arguments: tuple[torch.Tensor, ...], _: object) -> None:
        assert isinstance(layer, torch.nn.Conv2d)
        key = (arguments[0].shape[1:], layer.weight.shape, layer.stride)
        calls[key] = (calls.get(key, (0, layer))[0] + 1, layer)

    graph = folded(network)
    hooks = [m.register_forward_hook(note) for m in graph.modules() if isinstance(m, torch.nn.Conv2d)]
    graph(torch.zeros(1, 3, crop.SIDE, crop.SIDE))
    for hook in hooks:
        hook.remove()
    cores = torch.get_num_threads()
    total = 0.0

    def alone(layer: torch.nn.Conv2d, x: torch.Tensor) -> None:
        with torch.inference_mode():  # it holds for one thread
            layer(x)

    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as threads:
        for (shape, *_), (count, layer) in calls.items():
            x = torch.randn(batch, *shape)  # type: ignore[misc]
            best = float("inf")
            for layout in (torch.contiguous_format, torch.channels_last):
                layer.to(memory_format=layout)  # type: ignore[call-overload]
                laid = [x.contiguous(memory_format=layout).clone() for _ in range(cores)]
                for _ in range(rounds):
                    start = time.perf_counter()
                    layer(laid[0])
                    best = min(best, time.perf_counter() - start)
                    start = time.perf_counter()
                    list(threads.map(partial(alone, layer), laid))
                    best = min(best, (time.perf_counter() - start) / cores)
            total += count * best / batch
    return total


def fastest_product(size: int = 2048, rounds: int = 20) -> float:
    """Returns the operations per second of the fastest of several matrix products in float32."""
    first, second = torch.randn(size, size), torch.randn(size, size)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        first @ second
        times.append(time.perf_counter() - start)
    return float(2 * size**3 / min(times))


if __name__ == "__main__":
    sys.exit(main())
