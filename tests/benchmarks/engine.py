"""Engines at scale: what Prefect adds to an extraction of 10,000 clips, and how Ray divides it.

    python tests/benchmarks/engine.py [--clips N] [--seconds S] [--nodes 1,2,4]

The work is simulated: a clip sleeps and leaves a file. So every second beyond the sleep is the engine's,
whatever else the machine computes. The flow `extract` runs its tasks against a Prefect server of its own; its
overhead is all time outside the simulated work, and its memory is that of the process with the flow. Then
clusters of Ray with machines of one core each do the same clips. Efficiency is the rate from the moment when
all machines work to the last clip, over that of one machine; the start of a cluster and of its actors is
printed, and not part of it. In a last run a machine is killed in the middle. The exit code is 1 if a target
is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_OVERHEAD = 0.05
MAX_MEMORY_MB = 500.0
MAX_GROWTH = 0.1
MIN_EFFICIENCY = 0.9
FULL_SIZE = 2000
"""Fewer clips are over before efficiency means anything."""

CLIPS_OF_A_VIDEO = 20


@dataclass(frozen=True)
class Simulated:
    """Sleeps once for each clip, and leaves a file that says that it is done.

    Attributes:
        folder: of the files, and of the diaries: one line a clip for its begin, one for its end.
        seconds: that a clip takes.
    """

    folder: str
    seconds: float
    stage: str = "extract"
    on_gpu: bool = False

    def __call__(self, settings: Any, ids: list[str]) -> None:
        done = Path(self.folder, "done")
        with Path(self.folder, f"diary-{os.getpid()}").open("a", buffering=1) as diary:
            for clip_id in ids:
                if (done / clip_id).exists():
                    continue
                diary.write(f"begin {clip_id} {time.time()}\n")
                time.sleep(self.seconds)
                try:
                    (done / clip_id).touch(exist_ok=False)
                    diary.write(f"end {clip_id} {time.time()}\n")
                except FileExistsError:
                    diary.write(f"doubled {clip_id} {time.time()}\n")


def clip_ids(number: int) -> list[str]:
    """Ids of clips, some of each video."""
    return [f"BV{n // CLIPS_OF_A_VIDEO:010d}_Clip_{n % CLIPS_OF_A_VIDEO + 1}" for n in range(number)]


# -- Prefect


def fill(address: str, number: int) -> None:
    """Writes the clip table of a store."""
    from popdanceset.clip_id import video_of
    from popdanceset.schema import CLIPS
    from popdanceset.store import Store

    store, rows = Store(address), {}
    blank: dict[str, Any] = dict.fromkeys([field.name for field in CLIPS if not field.nullable], 0)
    blank |= {
        "path": "",
        "music_path": "",
        "music_id": "",
        "genre": "unknown",
        "dancer_id": "1",
        "reason": "",
    }
    for clip_id in clip_ids(number):
        bvid = video_of(clip_id)
        rows.setdefault(bvid, []).append(blank | {"clip_id": clip_id, "bvid": bvid, "accepted": True})
    for bvid, some in rows.items():
        store.write_rows(f"clips/{bvid}.parquet", some, CLIPS)


def with_prefect(folder: Path, number: int, seconds: float) -> dict[str, float]:
    """Runs the flow in this process; returns seconds and MB."""
    import psutil
    from prefect.testing.utilities import prefect_test_harness

    import flows.extract as module

    (folder / "done").mkdir()
    fill(str(folder / "store"), number)
    work, spent = Simulated(str(folder), seconds), [0.0]

    def simulated(settings: Any, store: Any, ids: list[str], retry_failed: bool = False) -> None:
        begun = time.perf_counter()
        work(settings, ids)
        spent[0] += time.perf_counter() - begun

    module.extract_waiting = simulated  # type: ignore[assignment]
    module.begin = lambda *_: None  # type: ignore[assignment]  # no model files are needed
    process, memory, ended = psutil.Process(), [], threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            memory.append((len(os.listdir(folder / "done")), process.memory_info().rss / 1e6))

    with prefect_test_harness(server_startup_timeout=120):
        module.extract({"store": str(folder / "empty")})  # the first flow of a process starts what all share
        watcher = threading.Thread(target=watch)
        watcher.start()
        begun = time.perf_counter()
        module.extract({"store": str(folder / "store")})
        wall = time.perf_counter() - begun
        ended.set()
        watcher.join()
    done = len(os.listdir(folder / "done"))
    early = [mb for finished, mb in memory if 0.1 * number <= finished <= 0.3 * number] or [memory[0][1]]
    late = [mb for finished, mb in memory if finished >= 0.8 * number] or [memory[-1][1]]
    return {
        "wall": wall,
        "work": spent[0],
        "done": done,
        "peak": max(mb for _, mb in memory),
        "growth": max(late) / max(early) - 1,
    }


# -- Ray


@dataclass(frozen=True)
class Run:
    """A run on a cluster.

    Attributes:
        nodes: machines at the beginning.
        wall: seconds from the call to its return.
        start: seconds until all machines worked.
        rate: clips a second from then on.
        done: clips that are done.
        lost: clips that are not.
        doubled: clips that were done twice.
        repeated: clips that were begun again.
        memory: of the coordinating process, MB.
    """

    nodes: int
    wall: float
    start: float
    rate: float
    done: int
    lost: int
    doubled: int
    repeated: int
    memory: float


@contextlib.contextmanager
def cluster(nodes: int) -> Iterator[Any]:
    """A cluster of machines with one core each, to which this process is connected."""
    import ray
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80_000_000}
    found = Cluster(True, head_node_args={"num_cpus": 0, "include_dashboard": False, **small})
    found.machines = [found.add_node(num_cpus=1, **small) for _ in range(nodes)]
    found.wait_for_nodes()
    ray.init(found.address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield found
    finally:
        ray.shutdown()
        found.shutdown()


def with_ray(folder: Path, number: int, seconds: float, nodes: int, kill: bool) -> Run:
    """Does the clips on a cluster; kills a machine after a third of them if asked to."""
    import psutil

    from flows.engine.ray_data import load
    from popdanceset.engine import spread
    from popdanceset.progress import ignore
    from popdanceset.settings import Settings

    done = folder / "done"
    done.mkdir(parents=True)
    ids = clip_ids(number)
    settings = Settings.load(overrides={"engine": "ray", "ray": {"batch": max(1, min(25, number // 40))}})

    def unfinished(first: bool) -> list[str]:
        return sorted(set(ids) - set(os.listdir(done)))

    with cluster(nodes) as found:
        if kill:
            threading.Thread(target=kill_later, args=(found, done, number // 3), daemon=True).start()
        begun = time.time()
        spread(load(settings), Simulated(str(folder), seconds), unfinished, settings, ignore)
        wall = time.time() - begun
        memory = psutil.Process().memory_info().rss / 1e6
    diaries = [[line.split() for line in path.read_text().splitlines()] for path in folder.glob("diary-*")]
    lines = [line for diary in diaries for line in diary if len(line) == 3]
    first = sorted(float(diary[0][2]) for diary in diaries)
    working = first[min(nodes, len(first)) - 1]
    ends = [float(moment) for what, _, moment in lines if what == "end"]
    inside = sum(moment > working for moment in ends)
    begins = Counter(clip_id for what, clip_id, _ in lines if what == "begin")
    return Run(
        nodes,
        wall,
        working - begun,
        inside / max(max(ends) - working, 1e-9),
        len(os.listdir(done)),
        len(unfinished(False)),
        sum(what == "doubled" for what, _, _ in lines),
        sum(begins.values()) - len(begins),
        memory,
    )


def kill_later(found: Any, done: Path, number: int) -> None:
    """Kills a machine of a cluster when some clips are done."""
    while len(os.listdir(done)) < number:
        time.sleep(0.05)
    found.remove_node(found.machines.pop(), allow_graceful=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=0.01, help="duration of a clip")
    parser.add_argument("--nodes", default="1,2,4", help="machines of the clusters")
    parser.add_argument("--prefect", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prefect:
        print(json.dumps(with_prefect(Path(options.prefect), options.clips, options.seconds)))
        return 0
    root = str(Path(__file__).parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
    sys.path.insert(0, root)
    with tempfile.TemporaryDirectory() as folder:
        missed = prefect_part(Path(folder, "prefect"), options.clips, options.seconds)
        nodes = [int(each) for each in options.nodes.split(",")]
        return int(ray_part(Path(folder), options.clips, options.seconds, nodes) or missed)


def prefect_part(folder: Path, clips: int, seconds: float) -> bool:
    """Measures the flow, prints what was found, and returns whether a target was missed."""
    folder.mkdir()
    quiet = {
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [
        sys.executable,
        __file__,
        "--prefect",
        folder,
        "--clips",
        str(clips),
        "--seconds",
        str(seconds),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | quiet)
    found = json.loads(done.stdout.splitlines()[-1])
    if found["done"] != clips:
        sys.exit(f"engine: the flow did {found['done']} of {clips} clips")
    overhead = found["wall"] / found["work"] - 1
    print(
        f"Prefect: {clips:,} clips of {1000 * seconds:g} ms in {found['wall']:.1f} s, "
        f"of which {found['work']:.1f} s are work; memory {found['peak']:.0f} MB"
    )
    missed = overhead > MAX_OVERHEAD or found["peak"] > MAX_MEMORY_MB or found["growth"] > MAX_GROWTH
    print(f"engine: {overhead:.1%} of Prefect (target: below {MAX_OVERHEAD:.0%})")
    print(f"engine: {found['peak']:.0f} MB of memory of the flow (target: below {MAX_MEMORY_MB:.0f} MB)")
    print(
        f"engine: {found['growth']:+.1%} memory from the first fifth of the clips to the last "
        f"(target: below {MAX_GROWTH:+.0%})"
    )
    return missed


def ray_part(folder: Path, clips: int, seconds: float, nodes: list[int]) -> bool:
    """Measures the clusters, prints what was found, and returns whether a target was missed."""
    runs = [with_ray(folder / f"ray-{each}", clips, seconds, each, False) for each in nodes]
    killed = with_ray(folder / "killed", clips, seconds, nodes[-1], True)
    print(
        f"{'Ray':<24}{'seconds':>9}{'start':>8}{'clips/s':>10}{'of linear':>11}"
        f"{'begun again':>13}{'memory':>10}"
    )
    for run in [*runs, killed]:
        name = f"{run.nodes} of one core" + (", one killed" if run is killed else "")
        linear = f"{run.rate / runs[0].rate / run.nodes:.1%}" if run is not killed else ""
        print(
            f"{name:<24}{run.wall:>9.1f}{run.start:>8.1f}{run.rate:>10.1f}{linear:>11}{run.repeated:>13}"
            f"{run.memory:>7.0f} MB"
        )
    missed = False
    for run in runs[1:]:
        efficiency = run.rate / runs[0].rate / run.nodes
        missed |= efficiency < MIN_EFFICIENCY
        print(
            f"engine: {efficiency:.1%} of linear with {run.nodes} machines "
            f"(target: at least {MIN_EFFICIENCY:.0%})"
        )
    lost, doubled = (sum(getattr(run, what) for run in [*runs, killed]) for what in ("lost", "doubled"))
    missed |= bool(lost or doubled) or killed.repeated > 1 or any(run.repeated for run in runs)
    print(
        f"engine: {lost} clips lost, {doubled} doubled, {killed.repeated} begun again after a machine was "
        "killed (target: 0, 0, at most the 1 that it had in hand)"
    )
    return missed and clips >= FULL_SIZE


if __name__ == "__main__":
    sys.exit(main())
