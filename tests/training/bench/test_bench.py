"""A whole bench: killed once, run again, and its table compared with the dances on disk."""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from filelock import FileLock
from scipy.spatial.distance import pdist

from popdanceset.errors import FailedError
from popdanceset.motion.joint_motion import motions_from_release
from popdanceset.release.reader import Release
from tests.training.bench.tiny import FACT, MUTE, POPDG
from training.bench.checks import check
from training.bench.command import bench
from training.bench.plan import read_plan
from training.bench.work import work
from training.metrics.kinetic import kinetic_features


def files(folder: Path) -> dict[Path, int]:
    """Every file below a folder, with the time of its last change."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def plain_pfc(joints: np.ndarray) -> float:
    """PFC of one dance at 30 fps, frame by frame."""
    speed = [joints[n + 1, 0] - joints[n, 0] for n in range(len(joints) - 1)]
    pushes = []
    for before, after in itertools.pairwise(speed):
        push = after - before
        pushes.append(np.linalg.norm([push[0], push[1], max(push[2], 0)]))
    terms = []
    for n, push in enumerate(pushes):
        moved = [np.linalg.norm(joints[n + 2, joint, :2] - joints[n + 1, joint, :2]) for joint in range(24)]
        terms.append(push / max(pushes) * min(moved[7], moved[10]) * min(moved[8], moved[11]))
    return 1e4 * float(np.mean(terms))


def test_a_bench_survives_a_kill_and_a_bad_run(publish_clips, plan_file, tmp_path):
    release, out, cache = publish_clips(7), tmp_path / "out", tmp_path / "cache"
    plan = plan_file(models={"POPDG": POPDG, "mute": MUTE, "FACT": FACT})
    command = [str(plan), "--release", str(release), "--out", str(out), "--cache", str(cache)]
    command += ["--device", "cpu"]
    runs = out / "runs" / release.name

    first = subprocess.Popen([sys.executable, "-m", "training.bench", *command], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 300
    while not (runs / "fact/seed-0/stage-1/checkpoint-00000002.pt").exists():
        assert first.poll() is None, "the bench ended by itself"
        assert time.monotonic() < end
        time.sleep(0.01)
    first.kill()
    first.wait()
    for lock in runs.glob("*/*/lock"):
        with FileLock(lock, timeout=60):  # the process of the run has ended too
            pass
    before = files(runs / "popdg/seed-0")
    assert runs / "popdg/seed-0/done.json" in before

    result = CliRunner().invoke(bench, command)
    assert isinstance(result.exception, FailedError)
    assert "2 of 6 runs failed; mute, seed 0" in str(result.exception)
    assert files(runs / "popdg/seed-0") == before

    # What the table says is what the dances on disk say.
    with Release(release) as opened:
        real = {motion.name: motion.joints for motion in motions_from_release(opened)}
    assert len(real) >= 2
    features = kinetic_features(list(real.values()), 30)
    with (out / release.name / "table-2.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["ground truth", "POPDG", "FACT"]
    for name in ("POPDG", "FACT"):
        pfc, diversity = [], []
        for seed in (0, 1):
            made = [
                np.load(runs / name.lower() / f"seed-{seed}/dances/{clip}-{seed}.npz")["joints"].astype(float)
                for clip in real
            ]
            pfc.append(np.mean([plain_pfc(joints) for joints in made]))
            scaled = (kinetic_features(made, 30) - features.mean(0)) / features.std(0)
            diversity.append(pdist(scaled).mean())
        assert float(rows[name]["PFC"]) == pytest.approx(np.mean(pfc), rel=1e-4)
        assert float(rows[name]["Div_k"]) == pytest.approx(np.mean(diversity), rel=1e-4)
        assert float(rows[name]["PFC_low"]) <= np.mean(pfc) <= float(rows[name]["PFC_high"])

    text = (out / release.name / "table-2.md").read_text()
    assert "mute: seed 1 was left out, Bailando: stage 1 cannot dance yet (train up to stage 3 or 4)" in text
    assert "| POPDG – FACT | PFC |" in text
    assert "failed: Bailando: stage 1 cannot dance yet" in (out / "runs.md").read_text()
    cost = (out / release.name / "cost.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in cost] == ["model", "POPDG", "FACT"]
    page = (out / release.name / "page.html").read_text()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert [dance["name"] for dance in data["songs"][0]["dances"]] == [
        "ground truth", "POPDG, seed 0", "FACT, seed 0",
    ]  # fmt: skip
    for path in ("table-2.tex", "table-2.png", "cost.tex", "curves.svg", "table-2-tests.csv"):
        assert (out / release.name / path).stat().st_size > 100

    # The run that was killed ends as one that never was.
    again = check(read_plan(plan, (str(release),)), tmp_path / "other")[2]
    assert again.model == "FACT"
    work(again, "cpu", cache)
    for path in again.dances.iterdir():
        ours, theirs = np.load(path), np.load(runs / "fact/seed-0/dances" / path.name)
        np.testing.assert_array_equal(ours["smpl_poses"], theirs["smpl_poses"])
