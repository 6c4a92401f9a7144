"""A release of 100 hours (10.8 million frames): published, validated and opened in less than 2 GB of memory.

    python tests/benchmarks/long_release.py [--hours H] [--folder FOLDER] [--keep]

The rows of clips are not stored first: the store makes the synthetic motion and music of a clip whenever
`publish` asks for it, so that what is measured is the release. Each step runs in its own process on two
cores, and its memory is the peak resident size of that process:

- publish: writes the release;
- validate: as `popdanceset release validate`: checksums of files, hashes of rows, counts, splits, statistics;
- open: opens the release, reads windows of 5 s of random clips, and one window from each of its ends.

The last line compares with the target; the exit code is 1 if it is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from popdanceset.schema import CLIPS, FPS, SELECTION, VERDICTS
from popdanceset.store import Store

TARGET_BYTES = 2_000_000_000
CORES = 2
FRAMES = 371
PER_VIDEO = 3
WINDOW = 150
MANIFEST = "weekly"


def load_synthetic() -> ModuleType:
    """The module that makes synthetic motion, which lies with the tests."""
    path = Path(__file__).parents[1] / "popdanceset/release/synthetic.py"
    spec = importlib.util.spec_from_file_location("synthetic", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class StreamedStore(Store):
    """A store that makes the rows of a clip when they are read.

    Args:
        address: folder of everything else.
        lengths: frames of each clip.
    """

    def __init__(self, address: Path, lengths: Sequence[int]) -> None:
        super().__init__(address)
        self._synthetic = load_synthetic()
        self._motions = self._synthetic.Motions()
        self._lengths = {clip_id(number): (number, int(n)) for number, n in enumerate(lengths)}

    def sizes(self, folder: str) -> dict[str, int]:
        """The clips' music too."""
        if folder == "music":
            return {f"music/baseline/{name}.parquet": 0 for name in self._lengths}
        return super().sizes(folder)

    def read_table(
        self,
        name: str,
        schema: pa.Schema,
        columns: Sequence[str] | None = None,
        filter: ds.Expression | None = None,
    ) -> pa.Table:
        """Rows of a clip are made; everything else is read."""
        path = PurePosixPath(name)
        if path.stem in self._lengths and path.parts[0] in ("poses", "music"):
            number, frames = self._lengths[path.stem]
            make = self._motions.frame_rows if path.parts[0] == "poses" else self._motions.music_rows
            table: pa.Table = make(path.stem, number, frames)
            return table
        return super().read_table(name, schema, columns, filter)

    @contextlib.contextmanager
    def open_read(self, name: str) -> Iterator[pa.NativeFile]:
        """The schema of a clip's music, in a file without rows."""
        path = PurePosixPath(name)
        if path.stem in self._lengths and path.parts[0] == "music":
            sink = pa.BufferOutputStream()
            pq.write_table(self._synthetic.MUSIC.empty_table(), sink)
            yield pa.BufferReader(sink.getvalue())
            return
        with super().open_read(name) as file:
            yield file


def clip_id(number: int) -> str:
    """Id of a clip."""
    return f"BV{number // PER_VIDEO:010d}_Clip_{number % PER_VIDEO + 1}"


def lengths_of(hours: float) -> list[int]:
    """Frames of the clips that are this long together."""
    clips = max(2, round(hours * 3600 * FPS / FRAMES))
    lengths: list[int] = load_synthetic().clip_lengths(clips, FRAMES).tolist()
    return lengths


def fill(store: Store, lengths: Sequence[int]) -> None:
    """Writes the tables of clips, verdicts and videos."""
    synthetic = load_synthetic()
    ids = [clip_id(number) for number in range(len(lengths))]
    rows = [
        synthetic.clip_row(name, n, f"m{i // PER_VIDEO}")
        for i, (name, n) in enumerate(zip(ids, lengths, strict=True))
    ]
    store.write_rows("clips/all.parquet", rows, CLIPS)
    verdicts = [synthetic.verdict_row(name, n) for name, n in zip(ids, lengths, strict=True)]
    store.write_rows("verdicts/all.parquet", verdicts, VERDICTS)
    chosen = {"pop": 0.9, "beyond_reference": False, "accepted": True, "reason": ""}
    videos = [{"bvid": bvid, **chosen} for bvid in dict.fromkeys(row["bvid"] for row in rows)]
    store.write_rows(f"selection/{MANIFEST}.parquet", videos, SELECTION)


def publish_all(folder: Path, hours: float) -> dict[str, Any]:
    """Publishes the release."""
    from popdanceset.release.writer import publish
    from popdanceset.settings import Settings

    lengths = lengths_of(hours)
    store = StreamedStore(folder, lengths)
    fill(store, lengths)
    settings = Settings.load(overrides={"store": str(folder), "manifests": str(folder / "manifests")})
    done = publish(settings, store, MANIFEST, day=date(2026, 1, 2))
    files = [file for file in (folder / done.path).rglob("*") if file.is_file()]
    return {
        "frames": done.frames, "clips": done.clips, "files": len(files),
        "bytes": sum(file.stat().st_size for file in files),
    }  # fmt: skip


def validate(folder: Path, hours: float) -> dict[str, Any]:
    """Compares files, rows, counts, splits and statistics with what the release states."""
    from popdanceset.release.validation import validate as validate_release

    (release,) = (folder / "releases").iterdir()
    found = validate_release(release)
    if found.faults:
        sys.exit(f"long_release: {len(found.faults)} faults: {found.faults[:3]}")
    return {"clips": found.clips}


def open_lazily(folder: Path, hours: float) -> dict[str, Any]:
    """Opens the release and reads a few windows."""
    from popdanceset.release.reader import Release

    (path,) = (folder / "releases").iterdir()
    began = time.perf_counter()
    with Release(path) as release:
        ids = release.clip_ids()
        opened = time.perf_counter() - began
        times = []
        for number in (0, len(ids) - 1, *np.random.default_rng(0).integers(len(ids), size=200).tolist()):
            start = time.perf_counter()
            rows = release.frames(ids[number], ["smpl_poses", "smpl_trans", "smpl_scaling"])
            window = {name: values[:WINDOW].copy() for name, values in rows.items()}
            times.append(time.perf_counter() - start)
            if not np.isfinite(window["smpl_poses"]).all():
                sys.exit(f"long_release: clip {ids[number]} is damaged")
    return {"opened": opened, "window": 1e3 * statistics.median(times)}


STEPS: dict[str, Callable[[Path, float], dict[str, Any]]] = {
    "publish": publish_all,
    "validate": validate,
    "open": open_lazily,
}


def measure(step: str, folder: Path, hours: float) -> dict[str, Any]:
    """Runs a step in its own process; returns its result with seconds and peak resident size in bytes."""
    command = [sys.executable, __file__, "--step", step, str(folder), "--hours", str(hours)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run_step(step: str, folder: Path, hours: float) -> None:
    """What that process does."""
    logging.disable(logging.WARNING)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    began = time.perf_counter()
    result = STEPS[step](folder, hours)
    # ru_maxrss is in kilobytes, on macOS in bytes
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    used = {"seconds": time.perf_counter() - began, "processor": time.process_time(), "memory": memory}
    print(json.dumps({**result, **used}))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=float, default=100.0)
    parser.add_argument("--folder", help="folder for temporary files (default: the system's)")
    parser.add_argument("--keep", action="store_true", help="keep the release")
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        run_step(options.step[0], Path(options.step[1]), options.hours)
        return 0
    if options.keep:
        return compare(Path(tempfile.mkdtemp(dir=options.folder)), options.hours)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        return compare(Path(folder), options.hours)


def compare(folder: Path, hours: float) -> int:
    """Measures all steps, prints the table, and returns the exit code."""
    print(f"{'step':<12}{'minutes':>10}{'processor':>12}{'memory MB':>12}")
    found = {}
    for step in STEPS:
        found[step] = measure(step, folder, hours)
        minutes, processor = (found[step][key] / 60 for key in ("seconds", "processor"))
        memory = found[step]["memory"] / 1e6
        print(f"{step:<12}{minutes:>10.2f}{processor:>12.2f}{memory:>12,.0f}", flush=True)
    made, opened = found["publish"], found["open"]
    print(
        f"{made['frames']:,} frames, {made['clips']:,} clips, {made['files']} files of {made['bytes']:,} "
        f"bytes in {folder}; opened in {opened['opened']:.2f} s, a window of 5 s in {opened['window']:.2f} ms"
    )
    peak = max(step["memory"] for step in found.values())
    minutes = sum(step["seconds"] for step in found.values()) / 60
    print(
        f"long_release: {minutes:.1f} minutes, {made['bytes']:,} bytes, {peak / 1e6:,.0f} MB of memory "
        f"(target: below {TARGET_BYTES / 1e6:,.0f} MB for {hours:g} hours)"
    )
    return int(peak >= TARGET_BYTES)


if __name__ == "__main__":
    sys.exit(main())
