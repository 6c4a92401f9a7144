"""Odd and broken files through `acquire`, `extract` and `features`, each as a downloaded video.

    python tests/benchmarks/odd_media.py [--mutations 200] [--media FOLDER ...]

The files are mutations of a dance in six containers (tests/popdanceset/media/test_mutations.py), and
everything in the given folders; by default those of ../shared/cases, if they exist. Each file goes through
the functions that the commands call, with the default person detector and pose network. Prints one line a
file: seconds and rows.

A file fails if it leaves no row or one with reason `failed`, logs a traceback, takes more than three times
its length and 30 s, or brings the process over 2 GB. The last line counts the other files.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import imageio_ffmpeg

from hybrik_runner.running.waiting import extract_waiting, waiting
from popdanceset import layout
from popdanceset.errors import InputError, MediaError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.media import probe
from popdanceset.music.features import extract_features
from popdanceset.schema import CLIPS, Reason
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.video import download
from popdanceset.video.acquire import acquire_manifest
from popdanceset.video.ytdlp import Fetched

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "cases"
SUFFIXES = {".mp4", ".mkv", ".flv", ".ts", ".avi", ".h264", ".mov", ".webm"}
MOST_BYTES = 2e9
ANNOUNCED = 4.0  # seconds that the host announces if the file does not state its length


@dataclass
class Outcome:
    """What happened to a file: its rows by reason, its seconds, and what is wrong ("" if nothing is)."""

    file: Path
    rows: Counter[str]
    seconds: float
    wrong: str


class Tracebacks(logging.Handler):
    """Counts log records that carry a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += bool(record.exc_info)


def mutation_module() -> ModuleType:
    path = ROOT / "tests" / "popdanceset" / "media" / "test_mutations.py"
    spec = importlib.util.spec_from_file_location("mutations", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutations"] = module
    spec.loader.exec_module(module)
    return module


def mutated(folder: Path, number: int) -> list[Path]:
    """Broken copies of a rendered dance in six containers."""
    module = mutation_module()
    dance = ROOT / "popdanceset" / "simulator" / "media" / "dance_a.mp4"
    wholes = []
    for suffix, options in module.SUFFIXES.items():
        whole = folder / f"whole.{suffix}"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-i", dance, "-t", "6"]
        subprocess.run([*map(str, [*command, *options, whole])], check=True)
        wholes.append(whole)
    return list(module.mutations(wholes, folder, number))


def seconds_of(file: Path) -> float:
    with contextlib.suppress(MediaError, InputError):
        return max(1.0, probe(file).duration)
    return ANNOUNCED


def outcomes(files: list[Path], folder: Path) -> Iterator[Outcome]:
    """Takes each file through the three stages of one store."""
    videos = {f"BV1xx4y1{n:04d}".replace("0", "z"): file for n, file in enumerate(files)}
    lengths = {bvid: seconds_of(file) for bvid, file in videos.items()}

    def fetch(bvid: str, page: int, folder: Path, *_: object) -> Fetched:
        """Stands in for the network: the file arrives under the name that a download has."""
        path = Path(shutil.copy2(videos[bvid], folder / f"video{videos[bvid].suffix}"))
        return Fetched(path, None, None, lengths[bvid], False, (), ())

    download.fetch = fetch
    settings = Settings.load(
        overrides={
            "store": str(folder / "store"),
            "manifests": str(folder / "manifests"),
            "music": {"methods": "pitch"},
            "clips": {"min_seconds": 1.0},  # so that short films reach the later stages too
        }
    )
    manifest, store = folder / "manifests" / "odd", Store(settings.store)
    lines = tuple(ManifestVideo(bvid, 0.9, duration=length, pages=1) for bvid, length in lengths.items())
    write_manifest(manifest, Manifest("odd", lines))
    tracebacks = Tracebacks()
    logging.getLogger().addHandler(tracebacks)
    for bvid, file in videos.items():
        seen, begun, most = tracebacks.count, time.monotonic(), 3 * lengths[bvid] + 30
        acquire_manifest(manifest, settings, store, bvids=[bvid])
        if clips := waiting(store):
            extract_waiting(settings, store, clips)
            extract_features(settings, store)
        spent = time.monotonic() - begun
        name = layout.clip_rows(bvid)
        rows = store.read_table(name, CLIPS).to_pylist() if store.exists(name) else []
        reasons = Counter(row["reason"] or "accepted" for row in rows)
        memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        faults = {
            "no row": not rows,
            "a row failed": bool(reasons[Reason.FAILED]),
            "a traceback": tracebacks.count > seen,
            f"more than {most:.0f} s": spent > most,
            f"{memory / 1e9:.1f} GB": memory > MOST_BYTES,
        }
        yield Outcome(file, reasons, spent, ", ".join(fault for fault, holds in faults.items() if holds))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mutations", type=int, default=200)
    parser.add_argument("--media", type=Path, nargs="*", default=None, help="folders of odd files")
    options = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    for name in [name for name in os.environ if name.startswith("POPDANCESET_")]:
        del os.environ[name]
    folders = [SHARED] if options.media is None else options.media
    given = sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in SUFFIXES)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "broken").mkdir()
        files = given + mutated(folder / "broken", options.mutations)
        right, slowest = 0, 0.0
        for outcome in outcomes(files, folder):
            reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(outcome.rows.items()))
            print(f"{outcome.file.name:<32} {outcome.seconds:6.1f} s  {reasons}  {outcome.wrong}", flush=True)
            right += not outcome.wrong
            slowest = max(slowest, outcome.seconds)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"slowest {slowest:.1f} s, peak memory {memory:.2f} GB")
        print(f"odd_media: {right} of {len(files)} files end as rows (target: all)")
    return int(right < len(files))


if __name__ == "__main__":
    sys.exit(main())
