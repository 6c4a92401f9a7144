"""Clips planned again: what stays is not touched, what changes takes its poses with it, at any instant."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError, ManifestError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.media import probe
from popdanceset.music.features import as_table
from popdanceset.schema import CLIPS, VERDICTS, VIDEOS, music_schema
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from popdanceset.video import acquire as acquire_module
from popdanceset.video import clips as clips_module
from popdanceset.video import derived
from popdanceset.video.acquire import acquire_video
from popdanceset.video.clip_list import list_clips, read_clip_list
from popdanceset.video.command import acquire as command
from popdanceset.video.dancers import read_dancers
from popdanceset.video.manifest_folder import ManifestFolder
from popdanceset.video.planning import KEEPS_NUMBER
from popdanceset.video.replan import Replanned, replan
from tests.popdanceset.video.four_shots import (
    BVID,
    EARLIER,
    FOUR,
    LATER,
    MANIFEST,
    ONE,
    THREE,
    TWO,
    VIDEO,
    WRITES,
    Killed,
    changed,
    check,
    clips,
    everything,
    kill_at,
    later_stages,
    named_cut,
)


def run(store: Store, values: dict[str, str], manifest: Manifest = MANIFEST) -> Replanned:
    return replan(ManifestFolder(manifest), changed(Settings(store=store.address), values), store)


def test_the_film_is_what_it_says(copy: Any) -> None:
    found = clips(copy("store"))
    assert {name: (round(r["start"], 1), round(r["end"], 1)) for name, r in found.items()} == {
        ONE: (0.0, 5.0), TWO: (5.0, 12.0), THREE: (12.0, 16.2),
    }  # fmt: skip


def test_kept_moved_new_and_retired(copy: Any) -> None:
    store = copy("store")
    before, files = clips(store), everything(store)
    summary = run(store, LATER)
    now = clips(store)
    check(store)

    assert (summary.kept, summary.moved, summary.new, summary.retired) == (1, 1, 1, 1)
    assert (summary.clips, summary.waiting, summary.left) == (3, [], [])
    assert summary.rejected == {"no_dancer": 1, "camera_cuts": 1}
    assert list(now) == [ONE, TWO, FOUR]  # three's number stays its own
    assert now[ONE] == before[ONE]
    assert now[TWO]["start"] == pytest.approx(6.1, abs=0.3)
    overlap = (now[TWO]["end"] - now[TWO]["start"]) / (before[TWO]["end"] - before[TWO]["start"])
    assert KEEPS_NUMBER < overlap < 0.9

    left = everything(store)
    of_one = [before[ONE]["path"], before[ONE]["music_path"], *derived.names(ONE)[:3]]
    untouched = [f"media/{BVID}/p1.mp4", f"media/{BVID}/p1.screening.json", f"videos/{BVID}.parquet"]
    assert all(left[name] == files[name] for name in of_one + untouched)
    for name in (TWO, THREE):
        gone = [before[name]["path"], before[name]["music_path"], *derived.names(name)]
        assert not any(store.exists(each) for each in gone)
    assert len(store.list(f"media/{BVID}", ".wav")) == len(store.list("clips")) + 2


def test_untouched_means_untouched(copy: Any) -> None:
    """By the clock of the file system: the same plan again writes the table alone."""
    store = copy("store")
    root = Path(store.address)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    files = everything(store)
    summary = run(store, EARLIER)
    assert (summary.kept, summary.moved, summary.new, summary.retired) == (3, 0, 0, 0)
    assert everything(store) == files
    written = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert written <= {root / "clips" / f"{BVID}.parquet"}


def test_there_and_back_is_the_same_again(copy: Any, tmp_path: Path) -> None:
    store = copy("store")
    settings = Settings(store=store.address)
    first = clips(store)
    for values in (LATER, EARLIER):
        list_clips(tmp_path, MANIFEST, store)
        replan(ManifestFolder(MANIFEST, read_clip_list(tmp_path)), changed(settings, values), store)
        later_stages(store)
        check(store)
    assert clips(store) == first  # three is found in the list, among the retired


@pytest.mark.parametrize("meanwhile", [False, True], ids=["resumed at once", "later stages ran between"])
def test_ended_at_every_instant(copy: Any, monkeypatch: pytest.MonkeyPatch, meanwhile: bool) -> None:
    undisturbed = copy("undisturbed")
    run(undisturbed, LATER)
    bare = everything(undisturbed)
    later_stages(undisturbed)

    instants = 0
    for moment in range(1000):
        store = copy(f"ended-{moment}")
        with monkeypatch.context() as during:
            kill_at(moment, during)
            try:
                run(store, LATER)
            except Killed:
                instants += 1
            else:
                break
        check(store)
        if meanwhile:
            later_stages(store)
            check(store)
        run(store, LATER)
        check(store)
        if not meanwhile:
            assert everything(store) == bare, moment
        later_stages(store)
        assert everything(store) == everything(undisturbed), moment
        shutil.rmtree(store.address)
    # two clips cut, two files each; the makings of three clips discarded, one table, four files of old spans
    assert instants >= 2 * (4 + 3 * 5 + 1 + 4)


@pytest.mark.parametrize("pause", [0, 1, 1000])
def test_poses_in_progress_meanwhile(copy: Any, monkeypatch: pytest.MonkeyPatch, pause: int) -> None:
    """A worker began on the old clip. It writes its verdict at some instant of the plan, and looks some
    changes later whether the clip's file is still there."""
    store = copy("store")
    row = clips(store)[TWO]
    verdict = derived.names(TWO)[0]
    stale = store.read_table(verdict, VERDICTS)

    for moment in range(1000):
        store = copy(f"moment-{moment}")
        with monkeypatch.context() as during:
            real, begun, busy = {name: getattr(Store, name) for name in WRITES}, [0], [False]

            def step(self: Store, begun: list[int] = begun, busy: list[bool] = busy) -> None:
                if busy[0]:
                    return
                busy[0] = True
                if begun[0] == moment:  # noqa: B023
                    self.write_table(verdict, stale, VERDICTS)
                if begun[0] == moment + pause and not self.exists(row["path"]):  # noqa: B023
                    self.remove(verdict)
                begun[0] += 1
                busy[0] = False

            def meanwhile(name: str, real: Any = real, step: Any = step) -> Callable[..., Any]:
                def change(self: Store, *args: Any) -> Any:
                    step(self)
                    return real[name](self, *args)

                return change

            for name in WRITES:
                during.setattr(Store, name, meanwhile(name))
            run(store, LATER)
        if begun[0] <= moment + pause and not store.exists(row["path"]) and begun[0] > moment:
            store.remove(verdict)  # the worker looks only now
        check(store)
        if begun[0] <= moment:
            break
        shutil.rmtree(store.address)
    assert moment > 25


def test_a_full_disk_leaves_the_old_clips(copy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from popdanceset.errors import StoreError

    store = copy("store")
    before = everything(store)

    def full(*_: Any) -> int:
        raise StoreError("the disk is full", store, "free some space and run again")

    with monkeypatch.context() as during:
        during.setattr(clips_module, "cut", full)
        with pytest.raises(StoreError, match="the disk is full"):
            run(store, LATER)
    assert everything(store) == before
    assert run(store, LATER).moved == 1


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (f"media/{BVID}/p1.screening.json", "no screening report to plan with"),
        (f"media/{BVID}/p1.mp4", "is no longer in the store"),
        (f"videos/{BVID}.parquet", "the row of its download is missing"),
    ],
)
def test_what_cannot_be_planned_stays(
    copy: Any, lost: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = copy("store")
    store.remove(lost)
    before = everything(store)
    summary = run(store, LATER)
    assert summary.left == [BVID]
    assert (said in caplog.text, "left unchanged" in caplog.text) == (True, True)
    assert everything(store) == before


def test_without_its_video_a_plan_that_cuts_nothing_works(copy: Any) -> None:
    store = copy("store")
    store.remove(f"media/{BVID}/p1.mp4")
    summary = run(store, EARLIER | {"clips.min_seconds": "4.5"})
    assert (summary.kept, summary.retired, summary.left) == (2, 1, [])
    check(store)


def test_a_report_of_other_settings_is_announced(copy: Any, caplog: pytest.LogCaptureFixture) -> None:
    store = copy("store")
    assert run(store, EARLIER | {"screening.sample_fps": "4"}).kept == 3
    assert "made with different screening settings" in caplog.text


def test_a_clip_whose_files_were_lost_is_cut_again(copy: Any) -> None:
    store = copy("store")
    before = everything(store)
    store.remove(clips(store)[ONE]["music_path"])
    assert run(store, EARLIER).kept == 3
    assert everything(store) == before


def test_videos_without_clips_stay_as_they_are(copy: Any) -> None:
    """One was never acquired, one is gone."""
    store = copy("store")
    never, gone = ManifestVideo("BV1yy411c7mD", 1.0, pages=2), ManifestVideo("BV1zz411c7mD", 1.0, pages=2)
    row = clips_module.blank_row(gone, 1, 0.0, 0.0, "gone")  # type: ignore[arg-type]
    row |= {"accepted": False}
    store.write_table(f"clips/{gone.bvid}.parquet", from_rows([row], CLIPS), CLIPS)
    summary = run(store, EARLIER, Manifest("m", (VIDEO, never, gone)))
    assert (summary.waiting, summary.left, summary.kept) == ([never.bvid], [], 3)
    assert summary.rejected["gone"] == 1


def test_genres_follow_the_current_rules(copy: Any, tmp_path: Path) -> None:
    store = copy("store")
    assert {row["genre"] for row in clips(store).values()} == {"popping"}  # by its tag
    rules = tmp_path / "rules.toml"
    rules.write_text('genres = ["a"]\n[[step]]\n[[step.rule]]\ngenre = "a"\ntid_v2 = [2028]\n')
    run(store, EARLIER | {"music.genres": str(rules)})
    assert {row["genre"] for row in clips(store).values()} == {"a"}
    assert len(store.list("verdicts")) == 3


def test_dancers_are_those_the_reviewer_names(copy: Any, tmp_path: Path) -> None:
    store = copy("store")
    assert {row["dancer_id"] for row in clips(store).values()} == {"1"}  # the uploader
    (tmp_path / "dancers.csv").write_text(f"id,dancer_id,why\n{BVID},ann,her dance\n{TWO},bob,a guest\n")
    files = everything(store)
    said = read_dancers(tmp_path)
    replan(ManifestFolder(MANIFEST, dancers=said), changed(Settings(store=store.address), EARLIER), store)
    assert [row["dancer_id"] for row in clips(store).values()] == ["ann", "bob", "ann"]
    assert everything(store).items() - files.items() == {
        (name, digest) for name, digest in everything(store).items() if name.startswith("clips/")
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id\nx", "columns dancer_id are missing"),
        ("id,dancer_id\nx,", "line 2: dancer_id cannot be ''"),
        ("id,dancer_id\nx,a\nx,b", "line 3: x occurs twice"),
        ('id,dancer_id\n"x,a', "cannot be read"),
    ],
)
def test_a_wrong_list_of_dancers_is_named(tmp_path: Path, text: str, said: str) -> None:
    assert read_dancers(tmp_path) == {}
    (tmp_path / "dancers.csv").write_text(text)
    with pytest.raises(ManifestError, match=said):
        read_dancers(tmp_path)


def test_an_acquisition_from_nothing_discards_poses_of_that_name(
    copy: Any, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table was removed by hand, so that nobody knows which spans the poses are of."""
    store = copy("store")
    store.remove(f"clips/{BVID}.parquet")
    monkeypatch.undo()
    monkeypatch.setattr(clips_module, "cut", named_cut)
    monkeypatch.setattr(
        acquire_module, "download", lambda *_: store.read_table("videos", VIDEOS).to_pylist()[0]
    )
    acquire_video(VIDEO, changed(Settings(store=store.address), LATER), store, stage.find_ovals)
    check(store)
    assert list(clips(store)) == [ONE, TWO, THREE]
    assert not store.list("verdicts")


def test_two_at_once_take_turns(copy: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    store = copy("store")
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(run, store, values) for values in (LATER, EARLIER) * 4]
        assert all(future.result().left == [] for future in done)
    check(store)
    named = {row[key] for row in clips(store).values() for key in ("path", "music_path")}
    assert {name for name in store.list(f"media/{BVID}") if "_Clip_" in name} == named


class TestCommand:
    """`popdanceset acquire --replan MANIFEST`."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        write_manifest(tmp_path / "m", MANIFEST)
        return tmp_path / "m"

    def run(self, folder: Path, store: Store, values: dict[str, str]) -> Any:
        options = [text for name, value in values.items() for text in ("--set", f"{name}={value}")]
        return CliRunner().invoke(command, ["--replan", str(folder), "--store", store.address, *options])

    def test_it_reports_the_result(self, copy: Any, folder: Path) -> None:
        result = self.run(folder, copy("store"), LATER)
        assert result.exit_code == 0, result.output
        assert "1 unchanged, 1 with another span, 1 new; 1 retired" in result.output
        lines = [line.split(",") for line in (folder / "clips.csv").read_text().splitlines()[1:]]
        assert [(line[0], line[-1]) for line in lines] == [
            (ONE, "current"), (TWO, "current"), (THREE, "retired"), (FOUR, "current"),
        ]  # fmt: skip

    def test_what_could_not_be_planned_is_an_error(self, copy: Any, folder: Path) -> None:
        store = copy("store")
        store.remove(f"media/{BVID}/p1.screening.json")
        result = self.run(folder, store, LATER)
        assert isinstance(result.exception, InputError)
        assert "1 of 1 videos could not be planned again" in str(result.exception)

    def test_a_number_that_a_killed_run_gave_is_not_given_again(self, copy: Any, folder: Path) -> None:
        """It ended before it wrote the list; the next run has other settings, which reject that clip."""
        store = copy("store")
        run(store, LATER)
        assert FOUR in clips(store)
        self.run(folder, store, EARLIER)
        assert FOUR not in clips(store)
        assert f"{FOUR},{BVID},1,4," in (folder / "clips.csv").read_text()


PROGRAM = """
import os, signal, sys
from popdanceset.store import Store
from popdanceset.cli import main

change, number, when = sys.argv[1], int(sys.argv[2]), sys.argv[3]
real, seen = getattr(Store, change), []

def killing(self, *args):
    seen.append(args)
    if len(seen) == number and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, *args)
    if len(seen) == number and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)

setattr(Store, change, killing)
sys.argv = ["popdanceset", *sys.argv[4:]]
main()
"""


def test_sigkill_with_real_clips(acquired: Path, stage: Any, tmp_path: Path) -> None:
    """Killed for good at three instants, one after the other, then left alone."""
    shutil.copytree(acquired / "store", tmp_path / "store")
    store = Store(tmp_path / "store")
    store.remove(f"clips/{BVID}.parquet")  # so that its clips are cut in earnest
    acquire_video(VIDEO, changed(Settings(), EARLIER), store, stage.find_ovals)
    first = clips(store)
    name, music = derived.names(TWO)[0], derived.names(ONE)[2]
    store.write_bytes(name, b"a verdict on the old span")
    schema = music_schema("baseline", 35)
    store.write_table(music, as_table(ONE, np.zeros((3, 35), np.float32), schema), schema)
    write_manifest(tmp_path / "m", MANIFEST)
    options = [text for each in LATER.items() for text in ("--set", "=".join(each))]
    arguments = ["acquire", "--replan", str(tmp_path / "m"), "--store", store.address, *options]

    def start(*instant: str) -> int:
        program = [sys.executable, "-c", PROGRAM, *instant, *arguments]
        return subprocess.run(program, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False).returncode

    for instant in (("put", "2", "before"), ("remove", "1", "before"), ("write_rows", "1", "after")):
        assert start(*instant) == -signal.SIGKILL
        for row in clips(store).values():
            with store.local(row["path"]) as path, store.local(row["music_path"]) as sound:
                assert probe(path).frames == row["frames"]
                assert sound.stat().st_size > row["frames"] * 1600 * 2
        if instant[0] != "write_rows":
            assert clips(store) == first
    assert not store.exists(name)
    assert start("put", "99", "before") == 0
    now = clips(store)
    assert (list(now), now[ONE]) == ([ONE, TWO, FOUR], first[ONE])
    assert store.exists(music)
    assert len(store.list(f"media/{BVID}", ".mp4")) == 1 + 3
    assert not list(Path(store.address).glob(".scratch/*"))
