"""The demo: the whole chain against the simulator, in a process of its own as a newcomer starts it."""

from __future__ import annotations

import datetime
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from flows.demo.chain import MANIFEST, remember
from popdanceset.atomic import PARTIAL
from popdanceset.errors import InputError
from popdanceset.release.reader import Release
from popdanceset.schema import CLIPS, SELECTION, Reason
from popdanceset.simulator.casting import cast, read_media
from popdanceset.simulator.population import population
from popdanceset.simulator.records import SimulatedVideo
from popdanceset.store import Store


def start(folder: Path, videos: int, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "popdanceset", "demo", "--out", str(folder), "--videos", str(videos)]
    command += options
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(folder: Path, videos: int, *options: str) -> str:
    process = start(folder, videos, *options)
    text, _ = process.communicate(timeout=600)
    assert process.returncode == 0, text[-4000:]
    return text


def release_of(folder: Path) -> Path:
    (release,) = (path for path in (folder / "store" / "releases").iterdir() if not path.name.startswith("."))
    return release


def rows_of(folder: Path) -> pa.Table:
    return ds.dataset(release_of(folder) / "data").to_table()


def section_of(folder: Path) -> list[SimulatedVideo]:
    known = json.loads((folder / "demo.json").read_text())
    day = datetime.date.fromisoformat(known["day"])
    return cast(population(known["videos"], known["seed"], day), read_media(), known["seed"])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished demo of the size the README shows, with less training, and what it said."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    return folder, finish(folder, 400, "--steps", "12")


@pytest.mark.slow
def test_exactly_the_right_videos_are_rejected_each_with_its_reason(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    store = Store(folder / "store")
    selection = {
        r["bvid"]: r for r in store.read_table(f"selection/{MANIFEST}.parquet", SELECTION).to_pylist()
    }
    clips = store.read_table("clips", CLIPS).to_pylist()
    section = {video.bvid: video for video in section_of(folder)}
    assert selection.keys() == section.keys()

    for bvid, row in selection.items():
        assert row["accepted"] == (row["reason"] == Reason.NONE)
        if row["pop"] <= 0.85:
            assert row["reason"] == Reason.LOW_POPULARITY
        elif section[bvid].counts.view <= section[bvid].follower:
            assert row["reason"] == Reason.VIEWS_NOT_ABOVE_FOLLOWERS
        else:
            assert row["accepted"]

    accepted = {bvid for bvid, row in selection.items() if row["accepted"]}
    assert accepted == {clip["bvid"] for clip in clips}
    outcomes = {section[bvid].expected for bvid in accepted}
    assert outcomes == {
        "accepted", "camera_cuts", "camera_shake", "several_dancers", "no_dancer", "gone", "paid_preview"
    }  # fmt: skip
    for bvid in accepted:
        spans = [clip for clip in clips if clip["bvid"] == bvid]
        kept = [clip for clip in spans if clip["accepted"]]
        if section[bvid].expected == "accepted":
            assert len(kept) == len(SHOTS[section[bvid].media])
        else:
            assert not kept
            assert {clip["reason"] for clip in spans} == {section[bvid].expected}


SHOTS = {
    name: entry["shots"]
    for name, entry in json.loads(
        (Path(read_media()["dance_a"].path).parent / "index.json").read_text()
    ).items()
}


@pytest.mark.slow
def test_the_release_opens_with_the_tools_people_use(finished: tuple[Path, str]) -> None:
    from training.data import DanceWindows

    release = release_of(finished[0])
    frames = pd.read_parquet(release / "data")
    assert (
        len(frames)
        == ds.dataset(release / "data").count_rows()
        == Release(release).clips["frames"].to_numpy().sum()
    )
    windows = DanceWindows(release, "train", cache_dir=finished[0] / "cache")
    assert windows[0]["motion"].shape == (150, 156)
    assert windows[0]["music"].shape == (150, 35)


@pytest.mark.slow
def test_the_program_of_the_readme_reads_it(
    finished: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests import researcher

    researcher.prepare(tmp_path, release_of(finished[0]), monkeypatch)
    found = researcher.run_program()
    clip = found["clip"]
    assert clip["smpl_poses"].shape[1:] == (24, 3)
    # Joints of the body, and joints that the estimator marked in the frames: shoulders, elbows, wrists.
    body, seen = found["pixels"][:, 16:22], clip["coco_keypoints2d"][:, 5:11]
    away = np.linalg.norm(body - seen, axis=2) / (clip["bbox"][:, 3:] - clip["bbox"][:, 1:2])
    assert np.median(away) < 0.05
    assert len(found["windows"]) > 0


@pytest.mark.slow
def test_it_says_what_became_of_the_videos(finished: tuple[Path, str]) -> None:
    folder, text = finished
    for word in ("low_popularity", "camera_shake", "PA-MPJPE", "report.html"):
        assert word in text.replace("\n", " ")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "BlazePose" in page or "blazepose" in page
    assert 'src="http' not in page


@pytest.mark.slow
def test_it_ends_with_a_dance_and_its_numbers(finished: tuple[Path, str]) -> None:
    from popdanceset import media

    folder, text = finished
    (film,) = (folder / "training" / "dances").glob("*/*.mp4")
    shown = media.probe(film)
    assert shown.has_sound
    assert shown.fps == 30
    assert "after 12 steps" in text
    assert "ground truth" in text
    assert list((folder / "training" / "run").glob("checkpoint-00000012.pt"))


@pytest.mark.slow
def test_a_second_run_finds_everything_done(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    before = {path: path.stat().st_mtime_ns for path in (folder / "store").rglob("*.mp4")}
    release, rows = release_of(folder), rows_of(folder)
    finish(folder, 400, "--steps", "12")
    assert release_of(folder) == release
    assert rows_of(folder).equals(rows)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
def test_killed_at_any_moment_it_resumes_to_the_same_release(
    finished: tuple[Path, str], tmp_path: Path
) -> None:
    undisturbed, disturbed = finished[0], tmp_path / "disturbed"
    moments = random.Random(0)
    for _ in range(3):
        process = start(disturbed, 400, "--steps", "0")  # training has kills of its own
        time.sleep(moments.uniform(8, 30))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if (disturbed / "store" / "releases").exists():
            assert rows_of(disturbed).num_rows > 0
    text = finish(disturbed, 400, "--steps", "0")
    assert "dance  " not in text
    assert rows_of(disturbed).equals(rows_of(undisturbed))
    assert not list((disturbed / "store").rglob(f"{PARTIAL}*"))
    assert not list((disturbed / "store").glob(".scratch/*"))


def test_a_folder_remembers_the_day_its_demo_began(tmp_path: Path) -> None:
    day = remember(tmp_path / "demo", 400, 0)
    assert abs(day - datetime.datetime.now(datetime.UTC).date()) <= datetime.timedelta(days=1)
    record = tmp_path / "demo" / "demo.json"
    record.write_text(record.read_text().replace(day.isoformat(), "2026-01-31"))
    assert remember(tmp_path / "demo", 400, 0) == datetime.date(2026, 1, 31)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="contains something other"):
        remember(tmp_path, 400, 0)
    remember(tmp_path / "demo", 400, 0)
    with pytest.raises(InputError, match="holds a demo with"):
        remember(tmp_path / "demo", 400, 1)
    (tmp_path / "demo" / "demo.json").write_text("{}")
    with pytest.raises(InputError, match="not the record of a demo"):
        remember(tmp_path / "demo", 400, 0)
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(InputError, match="not writable"):
            remember(tmp_path / "locked" / "demo", 400, 0)
