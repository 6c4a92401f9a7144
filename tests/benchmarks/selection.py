"""Selection at scale: 10 million videos from one parquet file, in less than a gigabyte of memory.

    python tests/benchmarks/selection.py [--rows N] [--rounds N] [--folder FOLDER]

Normalises, scores and selects the same file with `popdanceset.popularity` and with a plain pandas program,
each in its own process, alternately; checks that both accept the same videos; then selects from a store in
which every video has two snapshots, and fits a regression on a million rows. Memory is the peak resident size
of the process. The last line compares with the target; the exit code is 1 if it is missed.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TARGET_MB = 1000.0
BATCH = 1 << 18
FIT_ROWS = 1_000_000
RATES = {
    "view": 1.0,
    "danmaku": 0.004,
    "reply": 0.004,
    "favorite": 0.03,
    "coin": 0.015,
    "share": 0.005,
    "like": 0.05,
}


def make_videos(rows: int, snapshots: int = 1) -> Any:
    """Yields batches of synthetic videos with heavy-tailed counts and distinct ids."""
    import numpy as np
    import pyarrow as pa

    alphabet = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
    for first in range(0, rows, BATCH):
        n = min(BATCH, rows - first)
        random = np.random.default_rng(first)
        numbers = (np.arange(first, first + n, dtype=np.uint64) * np.uint64(2_654_435_761)) % np.uint64(62**6)
        letters = np.full((n, 12), ord("0"), np.uint8)
        letters[:, :2] = np.frombuffer(b"BV", np.uint8)
        for column in range(6):
            letters[:, 11 - column] = alphabet[numbers % np.uint64(62)]
            numbers //= np.uint64(62)
        ends = pa.py_buffer(np.arange(0, 12 * n + 1, 12, dtype=np.int32))
        bvids = pa.StringArray.from_buffers(n, ends, pa.py_buffer(letters.tobytes()))
        views = np.exp(random.normal(8, 2.2, n)) + 50
        columns = {
            name: pa.array((views * rate * np.exp(random.normal(0, 0.6, n) * (rate < 1))).astype(np.int64))
            for name, rate in RATES.items()
        }
        followers = pa.array(np.exp(random.normal(9, 2.2, n)).astype(np.int64))
        yield pa.table({"bvid": bvids, **columns, "follower": followers})


def write_file(path: Path, rows: int) -> None:
    """Writes one parquet file with the required columns."""
    import pyarrow.parquet as pq

    writer = None
    for table in make_videos(rows):
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def write_store(folder: Path, rows: int) -> None:
    """Writes a store in which half as many videos have two snapshots each, in files of one day's crawl."""
    import pyarrow as pa

    from popdanceset.schema import STATISTICS
    from popdanceset.store import Store
    from popdanceset.tables import conform

    store = Store(folder)
    for day in range(2):
        time_of_day = datetime(2026, 3, 1 + day, tzinfo=UTC)
        for number, table in enumerate(make_videos(rows // 2)):
            n = len(table)
            constant = {"state": "public", "note": "", "source": "newest:1004", "title": "a dance"}
            for name, value in constant.items():
                table = table.append_column(name, pa.array([value]).take(pa.array([0] * n)))
            table = table.append_column(
                "snapshot_at", pa.array([time_of_day] * n, STATISTICS.field("snapshot_at").type)
            )
            table = table.append_column("mid", pa.array(range(n)))
            table = table.append_column("duration", pa.array([60.0] * n))
            table = table.append_column("pubdate", table["snapshot_at"])
            hour = f"statistics/date=2026-03-{1 + day:02}/part={number:04}"
            store.write_table(f"{hour}/newest-1004-00001.parquet", conform(table, STATISTICS), STATISTICS)


def ours(source: str, model: str, out: str) -> dict[str, Any]:
    """Selects as `popdanceset select` does."""
    from popdanceset.popularity.model import load_model
    from popdanceset.popularity.selection import select
    from popdanceset.popularity.statistics import open_statistics
    from popdanceset.settings import Settings
    from popdanceset.store import Store

    settings = Settings.load(overrides={"store": f"{out}/store", "manifests": f"{out}/manifests"})
    store = Store(settings.store)
    began = time.perf_counter()
    report = select(settings, store, load_model(model, settings, store), "v1", open_statistics(source))
    return {"seconds": time.perf_counter() - began, "rows": report.videos, "accepted": report.accepted}


def plain_pandas(source: str, model: str, out: str) -> dict[str, Any]:
    """Does the same work in a short pandas program."""
    import numpy as np
    import pandas as pd

    fit = json.loads(Path(model).read_text())
    terms = {name: term["coef"] for name, term in fit["final"]["terms"].items()}
    Path(out).mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    videos = pd.read_parquet(source).drop_duplicates("bvid")
    pop = pd.Series(terms.pop("bias"), index=videos.index)
    beyond = pd.Series(False, index=videos.index)
    for name, coefficient in terms.items():
        count = pd.to_numeric(videos[name], errors="coerce")
        pop += coefficient * np.log1p(count.where(count >= 0)) / np.log1p(fit["reference"][name])
        beyond |= count > fit["reference"][name]
    videos["pop"], videos["beyond_reference"] = pop, beyond
    videos["reason"] = np.select(
        [pop.isna(), ~(pop > 0.85), videos.follower.isna(), ~(videos.view > videos.follower)],
        ["counts_missing", "low_popularity", "followers_unknown", "views_not_above_followers"],
        "",
    )
    videos["accepted"] = videos.reason == ""
    columns = ["bvid", "pop", "beyond_reference", "view", "follower", "accepted", "reason"]
    videos[columns].to_parquet(f"{out}/selection.parquet", compression="zstd", index=False)
    chosen = videos[videos.accepted].sort_values("bvid")
    chosen[["bvid", "pop", "view", "follower"]].to_csv(f"{out}/videos.csv", index=False)
    return {"seconds": time.perf_counter() - began, "rows": len(videos), "accepted": len(chosen)}


def fit_all(source: str, model: str, out: str) -> dict[str, Any]:
    """Fits a regression on every row, as `popdanceset fit --sample all` does."""
    from popdanceset.popularity.fit import fit
    from popdanceset.popularity.statistics import open_statistics
    from popdanceset.settings import Settings
    from popdanceset.store import Store

    settings = Settings.load(overrides={"store": f"{out}/store", "popularity": {"sample": 0}})
    began = time.perf_counter()
    result = fit(settings, Store(settings.store), open_statistics(source))
    return {"seconds": time.perf_counter() - began, "rows": result.final.n, "accepted": 0}


WORK: dict[str, Callable[[str, str, str], dict[str, Any]]] = {
    "popdanceset": ours,
    "pandas": plain_pandas,
    "fit": fit_all,
}


def measure(work: str, source: Path, model: Path, out: Path) -> dict[str, Any]:
    """Runs the work in its own process, and returns its result with the peak resident size in MB."""
    command = [sys.executable, __file__, "--work", work, str(source), str(model), str(out)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def same_videos(ours: Path, theirs: Path) -> None:
    """Fails unless both manifests name the same videos."""
    import csv

    ids = []
    for path in (ours, theirs):
        with path.open(encoding="utf-8", newline="") as file:
            ids.append([row["bvid"] for row in csv.DictReader(file)])
    if ids[0] != ids[1]:
        sys.exit(f"selection: {len(ids[0])} and {len(ids[1])} videos accepted, which differ")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="folder for temporary files (default: the system's)")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        logging.disable(logging.WARNING)
        name, *arguments = options.work
        result = WORK[name](*arguments)
        # ru_maxrss is in kilobytes, on macOS in bytes
        unit = 1 if sys.platform == "darwin" else 1024
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
        print(json.dumps({**result, "memory": memory}))
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        return compare(Path(folder), options.rows, options.rounds)


def compare(folder: Path, rows: int, rounds: int) -> int:
    """Measures everything, prints the table, and returns the exit code."""
    file, few, model = folder / "videos.parquet", folder / "few.parquet", folder / "fit.json"
    write_file(file, rows)
    write_file(few, min(rows, FIT_ROWS))
    subprocess.run(
        [sys.executable, "-m", "popdanceset", "fit", "--store", folder, "--statistics", few, "--out", model],
        check=True,
        capture_output=True,
    )
    results: dict[str, list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for name in ("popdanceset", "pandas"):
            results.setdefault(name, []).append(measure(name, file, model, folder / name))
    same_videos(folder / "popdanceset/manifests/v1/videos.csv", folder / "pandas/videos.csv")
    write_store(folder / "crawl", rows)
    results["popdanceset, store, two snapshots"] = [
        measure("popdanceset", folder / "crawl", model, folder / "s")
    ]
    results["popdanceset fit"] = [measure("fit", few, model, folder / "f")]

    print(f"{'':<36}{'rows':>12}{'accepted':>10}{'seconds':>9}{'rows/s':>12}{'memory':>10}")
    speed, memory = {}, {}
    for name, runs in results.items():
        seconds = statistics.median(run["seconds"] for run in runs)
        read = rows if "store" in name else runs[0]["rows"]
        speed[name], memory[name] = read / seconds, max(run["memory"] for run in runs)
        print(
            f"{name:<36}{read:>12,}{runs[0]['accepted']:>10,}{seconds:>9.2f}{speed[name]:>12,.0f}"
            f"{memory[name]:>7,.0f} MB"
        )
    peak = max(value for name, value in memory.items() if name not in ("pandas", "popdanceset fit"))
    print(
        f"rows/s are {speed['popdanceset'] / speed['pandas']:.2f} times those of pandas, "
        f"memory is {memory['popdanceset'] / memory['pandas']:.2f} times (medians of {rounds} rounds)"
    )
    print(f"selection: {peak:,.0f} MB for {rows:,} rows (target: below {TARGET_MB:,.0f} MB)")
    return int(peak >= TARGET_MB)


if __name__ == "__main__":
    sys.exit(main())
