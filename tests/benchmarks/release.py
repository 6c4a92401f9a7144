"""A release of 1,036 clips: how fast it is written, how large it is, and how fast windows are read from it.

    python tests/benchmarks/release.py [--clips N] [--frames N] [--windows N] [--folder FOLDER]

Fills a store with synthetic motion (smooth, with noise in the last bits, lengths about 371 frames), publishes
it in its own process, adds five videos and publishes again. Then writes the same columns as pickles of the
published layout (a dict of arrays per clip), as npz, as parquet with default options, and as a Lance dataset,
and reads windows of 5 s (poses, position, scale) of random clips from each, and motion and music from the
cache of the training program. Times of windows are medians; files are in the system's cache, as in training.
The last line compares with the targets; the exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from popdanceset.release.reader import Release
from popdanceset.schema import CLIPS, FRAMES, VERDICTS
from popdanceset.store import Store
from popdanceset.tables import fold_column

TARGET_SECONDS, TARGET_SHARE, TARGET_PARQUET, TARGET_CACHE = 60.0, 0.9, 2.0, 0.1
"""Seconds, share of the pickles' bytes, milliseconds, milliseconds."""

WINDOW = 150
MOTION = ["smpl_poses", "smpl_trans", "smpl_scaling"]
PER_VIDEO, NEW_VIDEOS = 3, 5
MANIFEST = "weekly"
CORES = 2

Read = Callable[[int, int], object]
"""Reads the window of a clip (its number) that begins at a frame."""


def load_synthetic() -> ModuleType:
    """The module that makes synthetic motion, which lies with the tests."""
    path = Path(__file__).parents[1] / "popdanceset/release/synthetic.py"
    spec = importlib.util.spec_from_file_location("synthetic", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clip_id(number: int) -> str:
    """Id of a clip."""
    return f"BV{number // PER_VIDEO:010d}_Clip_{number % PER_VIDEO + 1}"


def fill(store: Store, lengths: Sequence[int], first: int = 0) -> None:
    """Writes tables of all clips, and rows of those from the given number on."""
    synthetic = load_synthetic()
    motions = synthetic.Motions()
    ids = [clip_id(number) for number in range(len(lengths))]
    clips = [
        synthetic.clip_row(name, int(n), f"m{number // PER_VIDEO}")
        for number, (name, n) in enumerate(zip(ids, lengths, strict=True))
    ]
    store.write_rows("clips/all.parquet", clips, CLIPS)
    verdicts = [synthetic.verdict_row(name, int(n)) for name, n in zip(ids, lengths, strict=True)]
    store.write_rows("verdicts/all.parquet", verdicts, VERDICTS)
    videos = list(dict.fromkeys(clip["bvid"] for clip in clips))
    selection = [
        {"bvid": v, "pop": 0.9, "beyond_reference": False, "accepted": True, "reason": ""} for v in videos
    ]
    store.write_rows(f"selection/{MANIFEST}.parquet", selection, synthetic.SELECTION)
    for number in range(first, len(lengths)):
        n = int(lengths[number])
        rows = motions.frame_rows(ids[number], number, n)
        store.write_table(f"poses/{ids[number]}.parquet", rows, FRAMES)
        music = motions.music_rows(ids[number], number, n)
        store.write_table(f"music/baseline/{ids[number]}.parquet", music, synthetic.MUSIC)


def published(folder: Path, day: int) -> dict[str, Any]:
    """Publishes in a process of its own, on two cores."""
    command = [sys.executable, __file__, "--publish", str(folder), str(day)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def publish_here(folder: str, day: str) -> None:
    """What that process does."""
    from popdanceset.release.writer import publish
    from popdanceset.settings import Settings

    logging.disable(logging.WARNING)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    settings = Settings.load(overrides={"store": folder, "manifests": f"{folder}/manifests"})
    began, used = time.perf_counter(), time.process_time()
    done = publish(settings, Store(folder), MANIFEST, day=date(2026, 1, int(day)))
    result = {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - used,
        "path": f"{folder}/{done.path}",
        "version": done.semantic_version,
    }
    print(json.dumps(result))


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def arrays(release: Release) -> Iterator[tuple[int, dict[str, np.ndarray[Any, Any]]]]:
    """Yields number and columns of every clip; words, which do not change in a clip, once."""
    for number, (_, columns) in enumerate(release.iterate()):
        words = {"clip_id", "estimator"}
        yield number, {key: value[:1] if key in words else value for key, value in columns.items()}


def write_pickles(release: Release, folder: Path) -> Read:
    """One dict of arrays per clip, as the published set."""
    folder.mkdir()
    for number, columns in arrays(release):
        columns = {
            key: value.astype(str) if value.dtype == object else value for key, value in columns.items()
        }
        (folder / f"{number}.pkl").write_bytes(pickle.dumps(columns))

    def read(number: int, start: int) -> object:
        columns = pickle.loads((folder / f"{number}.pkl").read_bytes())  # noqa: S301 -- written above
        return [columns[name][start : start + WINDOW].copy() for name in MOTION]

    return read


def write_npz(release: Release, folder: Path) -> Read:
    """One npz per clip, not compressed."""
    folder.mkdir()
    for number, columns in arrays(release):
        words = {key: value.astype(str) for key, value in columns.items() if value.dtype == object}
        np.savez(folder / f"{number}.npz", **(columns | words))

    def read(number: int, start: int) -> object:
        with np.load(folder / f"{number}.npz") as file:
            return [file[name][start : start + WINDOW].copy() for name in MOTION]

    return read


def tables(release: Release) -> Iterator[pa.Table]:
    """Yields the frame rows of the release as they are in its files."""
    for name in release.info.data:
        with pq.ParquetFile(Path(release.path, name)) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)


def write_parquet(release: Release, folder: Path) -> Read:
    """One parquet file with pyarrow's default options."""
    folder.mkdir()
    path = folder / "frames.parquet"
    pq.write_table(pa.concat_tables(tables(release)), path)
    dataset = ds.dataset(path)
    ids = release.clip_ids()

    def read(number: int, start: int) -> object:
        index = ds.field("frame_index")
        wanted = (ds.field("clip_id") == ids[number]) & (index >= start) & (index < start + WINDOW)
        found = dataset.to_table(columns=MOTION, filter=wanted)
        return [fold_column(found, name) for name in MOTION]

    return read


def write_lance(release: Release, folder: Path) -> Read | None:
    """A Lance dataset with default options; None without the package."""
    try:
        import lance
    except ImportError:
        print("Lance is left out: install pylance to compare with it")
        return None
    schema = pa.schema(
        [f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in FRAMES]
    ).remove_metadata()
    batches = (batch for table in tables(release) for batch in table.cast(schema).to_batches())
    lance.write_dataset(pa.RecordBatchReader.from_batches(schema, batches), str(folder), schema=schema)
    dataset = lance.dataset(str(folder))
    firsts = release.clips["first_row"].to_pylist()

    def read(number: int, start: int) -> object:
        first = firsts[number] + start
        found = dataset.take(list(range(first, first + WINDOW)), columns=MOTION)
        return [fold_column(found, name) for name in MOTION]

    return read


def read_release(release: Release) -> Read:
    """Windows by the reader of releases."""
    ids = release.clip_ids()

    def read(number: int, start: int) -> object:
        columns = release.frames(ids[number], MOTION)
        return [columns[name][start : start + WINDOW].copy() for name in MOTION]

    return read


def read_cache(release: Release, folder: Path) -> Read:
    """Windows of motion vectors and music by the cache of the training program."""
    from training.data.cache import open_cache

    cache = open_cache(release, folder)
    motion, music = cache.array("motion"), cache.array("music")
    firsts = [span.first for span in cache.spans]

    def read(number: int, start: int) -> object:
        rows = slice(firsts[number] + start, firsts[number] + start + WINDOW)
        return np.array(motion[rows]), np.array(music[rows])

    return read


def milliseconds(read: Read, lengths: Sequence[int], count: int) -> tuple[float, float]:
    """Median and 95th percentile of the times of random windows."""
    random = np.random.default_rng(0)
    times = []
    for _ in range(count + count // 10 + 1):
        number = int(random.integers(len(lengths)))
        start = int(random.integers(max(1, lengths[number] - WINDOW + 1)))
        began = time.perf_counter()
        read(number, start)
        times.append(1e3 * (time.perf_counter() - began))
    times = sorted(times[count // 10 + 1 :])  # the first ones open files
    return statistics.median(times), times[int(0.95 * (len(times) - 1))]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=1036)
    parser.add_argument("--frames", type=int, default=371, help="mean length of a clip")
    parser.add_argument("--windows", type=int, default=500, help="windows that are timed")
    parser.add_argument("--folder", help="folder for temporary files (default: the system's)")
    parser.add_argument("--publish", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.publish:
        publish_here(*options.publish)
        return 0
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        return compare(Path(folder), options.clips, options.frames, options.windows)


def compare(folder: Path, clips: int, frames: int, windows: int) -> int:
    """Measures everything, prints the table, and returns the exit code."""
    synthetic = load_synthetic()
    lengths = synthetic.clip_lengths(clips + NEW_VIDEOS * PER_VIDEO, frames)
    store = Store(folder / "store")
    fill(store, lengths[:clips])
    first = published(folder / "store", 1)
    print(
        f"{clips} clips, {sum(lengths[:clips])} frames published in {first['seconds']:.1f} s, "
        f"{first['processor']:.1f} s of processor time, on {CORES} cores"
    )

    results: dict[str, tuple[int, tuple[float, float]]] = {}
    with Release(first["path"]) as release:
        of_clips = release.clips["frames"].to_pylist()
        data = size(Path(first["path"], "data"))
        results["release"] = data, milliseconds(read_release(release), of_clips, windows)
        writers: dict[str, Callable[[Release, Path], Read | None]] = {
            "pickle, published layout": write_pickles,
            "npz": write_npz,
            "parquet, default options": write_parquet,
            "Lance": write_lance,
        }
        for name, write in writers.items():
            began = time.perf_counter()
            read = write(release, folder / name)
            print(f"{name}: written in {time.perf_counter() - began:.1f} s")
            if read:
                slow = name.startswith("parquet")  # reads a million rows for each window
                count = min(windows, 10) if slow else windows
                results[name] = size(folder / name), milliseconds(read, of_clips, count)
        cache = read_cache(release, folder / "cache")
        results["training cache"] = size(folder / "cache"), milliseconds(cache, of_clips, windows)

    fill(store, lengths, clips)
    second = published(folder / "store", 2)
    kept, new = shared_files(Path(first["path"]), Path(second["path"]))

    print(f"{'frame columns':<28}{'MB':>10}{'of pickles':>12}{'window ms':>12}{'95 %':>10}")
    pickles = results["pickle, published layout"][0]
    for name, (total, (median, late)) in results.items():
        print(f"{name:<28}{total / 1e6:>10.1f}{total / pickles:>12.3f}{median:>12.3f}{late:>10.3f}")
    print(
        f"a refresh with {NEW_VIDEOS} new videos in {second['seconds']:.1f} s, version {second['version']}: "
        f"{kept[0]} files of {kept[1] / 1e6:.1f} MB are those of the release before, "
        f"{new[0]} of {new[1] / 1e6:.1f} MB are new"
    )
    share, parquet, cached = data / pickles, results["release"][1][0], results["training cache"][1][0]
    print(
        f"release: {first['seconds']:.1f} s, {share:.3f} of the pickles, windows in {parquet:.3f} and "
        f"{cached:.4f} ms (target: below {TARGET_SECONDS:.0f} s, {TARGET_SHARE}, {TARGET_PARQUET:.0f} and "
        f"{TARGET_CACHE} ms)"
    )
    return int(
        first["seconds"] >= TARGET_SECONDS
        or share > TARGET_SHARE
        or parquet >= TARGET_PARQUET
        or cached >= TARGET_CACHE
    )


def shared_files(a: Path, b: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    """Counts the data files of the second release, and their bytes: those of the first, and new ones."""
    kept, new = [], []
    for file in (*b.glob("data/*"), *b.glob("music/*")):
        before = a / file.relative_to(b)
        same = before.exists() and (before.samefile(file) or before.read_bytes() == file.read_bytes())
        (kept if same else new).append(file.stat().st_size)
    return (len(kept), sum(kept)), (len(new), sum(new))


if __name__ == "__main__":
    sys.exit(main())
