"""Acquisition obeys reviewers: only what they changed is made again, once, and at any instant."""

import logging
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from popdanceset import layout
from popdanceset.errors import FailedError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.music.merges import PairState, aliases, pair_name, pairs, propose
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.in_force import ClipReview, in_force, write_decisions
from popdanceset.schema import CLIPS, VIDEOS, Reason
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from popdanceset.video import acquire as acquire_module
from popdanceset.video import clips as clips_module
from popdanceset.video import derived, reviewed
from popdanceset.video.acquire import Summary, acquire, acquire_video
from popdanceset.video.clip_list import list_clips, read_clip_list
from popdanceset.video.command import acquire as command
from popdanceset.video.manifest_folder import ManifestFolder
from popdanceset.video.replan import replan
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
    Killed,
    changed,
    check,
    clips,
    everything,
    kill_at,
    later_stages,
    named_cut,
    times,
)

FIVE = f"{BVID}_Clip_5"
OTHER = "BV1yy411c7mD"
SPLIT = {TWO: ClipReview(splits=(8.0,))}
REDO = {ONE: ClipReview(redo="2026-11-29T12:00:00.000Z")}


def run(
    store: Store, reviews: dict[str, ClipReview], manifest: Manifest = MANIFEST, folder: Path | None = None
) -> Summary:
    """Acquires with the settings of today, which would plan the video otherwise."""
    listed = read_clip_list(folder) if folder else {}
    found = ManifestFolder(manifest, listed, reviews=reviews)
    return acquire(found, Settings(store=store.address), store)


def spans(store: Store) -> dict[str, tuple[float, float]]:
    return {name: (round(r["start"], 1), round(r["end"], 1)) for name, r in clips(store).items()}


def lacks(store: Store) -> set[str]:
    """Names of what later stages would make."""
    wanted = {name for clip in clips(store) if BVID in clip for name in derived.names(clip)[:3]}
    return {name for name in wanted if not store.exists(name)}


def rows(store: Store) -> list[dict[str, Any]]:
    return store.read_table(layout.clip_rows(BVID), CLIPS).to_pylist()


def test_a_split_changes_one_clip_and_makes_another(copy: Any) -> None:
    store = copy("store")
    before, files = clips(store), everything(store)
    summary = run(store, SPLIT)
    now = clips(store)
    check(store)
    assert (summary.changed, summary.left, summary.clips) == (1, [], 4)
    assert str(summary) == "1 videos, 4 clips, 16.0 s; reviewers changed 1 part"
    assert spans(store) == {ONE: (0, 5), TWO: (5, 8), FOUR: (8, 12), THREE: (12, 16.2)}
    assert [now[name]["planned_end"] for name in (ONE, TWO, FOUR, THREE)] == [
        None,
        *[before[TWO]["end"]] * 2,
        None,
    ]
    assert {name: row["reviewed"] for name, row in now.items() if row["reviewed"]} == {TWO: "split 8.000"}
    assert now[FOUR]["visibility"] != now[TWO]["visibility"]  # who comes late is missing in the first piece
    assert lacks(store) == {*derived.names(TWO)[:3], *derived.names(FOUR)[:3]}
    left = everything(store)
    for name in (ONE, THREE):
        assert now[name] == before[name]
        kept = [now[name]["path"], now[name]["music_path"], *derived.names(name)[:3]]
        assert [left[each] for each in kept] == [files[each] for each in kept]


def test_what_is_obeyed_is_not_touched_again(copy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = copy("store")
    reviews = SPLIT | REDO | {THREE: ClipReview(swaps=((13.0, 14.0),), genre="jazz", dancer="ann")}
    run(store, reviews)
    later_stages(store)
    before = times(store)
    monkeypatch.setattr(Store, "local", lambda *_: pytest.fail("read media"))
    reads: list[str] = []
    real = Store.read_table
    monkeypatch.setattr(
        Store, "read_table", lambda self, name, *a, **k: reads.append(name) or real(self, name, *a, **k)
    )
    assert run(store, reviews).changed == 0
    assert [name for name in reads if name.startswith("clips")] == [layout.clip_rows(BVID)]
    assert times(store) == before


def test_undone_everything_is_as_it_was(copy: Any) -> None:
    store = copy("store")
    first, files = rows(store), everything(store)
    reviews = {TWO: ClipReview(splits=(7.0, 9.0), genre="jazz"), ONE: ClipReview(trim=(1.0, 4.0))}
    run(store, reviews)
    assert [row["reason"] for row in rows(store)].count(Reason.TRIMMED) == 2
    later_stages(store)
    assert run(store, {}).changed == 1
    assert rows(store) == first
    later_stages(store)
    assert everything(store) == files


def test_a_trim_keeps_every_second_in_a_row(copy: Any) -> None:
    store = copy("store")
    run(store, {ONE: ClipReview(trim=(1.5, 4.0))})
    found = rows(store)
    assert [(r["start"], r["end"], r["reason"]) for r in found[:3]] == [
        (0, 1.5, Reason.TRIMMED), (1.5, 4, ""), (4, pytest.approx(5, abs=0.04), Reason.TRIMMED),
    ]  # fmt: skip
    assert all(a["end"] == b["start"] for a, b in pairwise(found))
    assert (found[1]["planned_start"], found[1]["planned_end"]) == (found[0]["start"], found[2]["end"])
    assert found[0]["shake"] is not None
    check(store)


def test_a_redo_discards_poses_only_and_only_once(copy: Any) -> None:
    store = copy("store")
    store.write_bytes(layout.failure("extract", ONE), b"of an earlier run")
    files = everything(store)
    run(store, REDO)
    assert lacks(store) == {layout.verdict(ONE), layout.poses(ONE)}
    assert not store.exists(layout.failure("extract", ONE))
    assert clips(store)[ONE]["reviewed"] == "redo 2026-11-29T12:00:00.000Z"
    later_stages(store)
    run(store, {ONE: ClipReview(redo="2026-11-29T12:00:00.000Z", genre="jazz")})
    assert lacks(store) == set()
    run(store, {ONE: ClipReview(redo="2026-11-30T12:00:00.000Z", genre="jazz")})
    assert lacks(store) == {layout.verdict(ONE), layout.poses(ONE)}
    later_stages(store)
    run(store, {})
    assert lacks(store) == set()
    assert {name for name, digest in files.items() if everything(store).get(name) != digest} == {
        layout.failure("extract", ONE)
    }


def test_swaps_are_told_in_seconds_of_the_clip(copy: Any) -> None:
    store = copy("store")
    reviews = {TWO: ClipReview(splits=(8.0,), swaps=((4.0, 6.0), (5.5, 6.5), (7.5, 9.0)))}
    run(store, reviews)
    now = clips(store)
    start = now[TWO]["start"]
    assert now[TWO]["swaps"] == f"0.000-{6.5 - start:.3f}+{7.5 - start:.3f}-{8 - start:.3f}"
    assert now[FOUR]["swaps"] == "0.000-1.000"  # of the clip that it was split from
    assert now[ONE]["swaps"] is None
    later_stages(store)
    run(store, reviews | {FOUR: ClipReview(swaps=((10.0, 11.0),))})
    assert clips(store)[FOUR]["swaps"] == "0.000-1.000+2.000-3.000"
    assert lacks(store) == {layout.verdict(FOUR), layout.poses(FOUR)}


def test_reviewers_know_better_than_rules_and_lists(copy: Any) -> None:
    store = copy("store")
    files = everything(store)
    reviews = {TWO: replace(SPLIT[TWO], genre="unknown", dancer="ann")}
    for each in (reviews, reviews | {FOUR: ClipReview(genre="jazz")}):
        found = ManifestFolder(MANIFEST, dancers={BVID: "bob"}, reviews=each)
        acquire(found, Settings(store=store.address), store)
    labels = {name: (row["genre"], row["dancer_id"]) for name, row in clips(store).items()}
    assert labels == {
        ONE: ("popping", "bob"), TWO: ("unknown", "ann"), FOUR: ("jazz", "ann"), THREE: ("popping", "bob"),
    }  # fmt: skip
    assert layout.verdict(ONE) in files.keys() & everything(store).keys()


def test_decisions_that_make_no_sense_are_named_and_noted(
    copy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store = copy("store")
    first = spans(store)
    reviews = {ONE: ClipReview(splits=(4.9,), trim=(7.0, 9.0)), FIVE: ClipReview(trim=(1.0, 2.0))}
    run(store, reviews)
    assert spans(store) == first
    said = "trim 7.000-9.000 lies outside the clip"
    assert f"{ONE}: cannot obey its reviewer: {said}" in caplog.text
    assert f"{FIVE}: no such clip is made now" in caplog.text
    assert clips(store)[ONE]["note"] == f"not obeyed: {said}; not obeyed: split 4.900 leaves less than 1 s"
    assert run(store, reviews).changed == 0


class TestNumbers:
    """Pieces keep their numbers."""

    def test_in_the_list_of_clips_and_in_later_plans(self, copy: Any, tmp_path: Path) -> None:
        """Two is planned shorter; with its piece it is recognised by what it was planned as."""
        store = copy("store")
        list_clips(tmp_path, MANIFEST, store)
        unreviewed = (tmp_path / "clips.csv").read_text()
        assert unreviewed.splitlines()[0] == "clip_id,bvid,page,number,start,end,state"
        run(store, SPLIT, folder=tmp_path)
        list_clips(tmp_path, MANIFEST, store)
        lines = [line.split(",") for line in (tmp_path / "clips.csv").read_text().splitlines()]
        assert lines[0][-2:] == ["planned_start", "planned_end"]
        assert [(line[0], *line[6:]) for line in lines[1:]] == [
            (ONE, "current", "", ""), (TWO, "current", *lines[2][7:]), (THREE, "current", "", ""),
            (FOUR, "current", *lines[2][7:]),
        ]  # fmt: skip
        for values in (LATER, EARLIER):
            settings = changed(Settings(store=store.address), values)
            folder = ManifestFolder(MANIFEST, read_clip_list(tmp_path), reviews=SPLIT)
            replan(folder, settings, store)
            assert spans(store)[FOUR][0] == spans(store)[TWO][1] == 8.0
            list_clips(tmp_path, MANIFEST, store)
        run(store, {}, folder=tmp_path)
        list_clips(tmp_path, MANIFEST, store)
        assert set(spans(store)) == {ONE, TWO, THREE}
        listed = {line.clip.number: line for line in read_clip_list(tmp_path)[BVID, 1]}
        assert [number for number, line in listed.items() if line.retired] == [4, 5]
        assert listed[4].planned == listed[2].planned != listed[5].planned
        run(store, SPLIT, folder=tmp_path)
        assert spans(store)[FOUR][0] == 8.0

    def test_in_a_store_that_is_made_from_the_list_alone(
        self, copy: Any, stage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = copy("store")
        reviews = SPLIT | {FOUR: ClipReview(trim=(9.0, 11.0)), ONE: ClipReview(splits=(2.0,))}
        run(store, SPLIT)
        run(store, reviews)
        before = spans(store)
        assert before[FOUR] == (9, 11)
        list_clips(tmp_path, MANIFEST, store)
        row = store.read_table("videos", VIDEOS).to_pylist()[0]
        for name in (*store.list("clips"), *(n for n in store.list("media") if "_Clip_" in n)):
            store.remove(name)
        monkeypatch.undo()
        monkeypatch.setattr(clips_module, "cut", named_cut)
        monkeypatch.setattr(acquire_module, "download", lambda *_: row)
        settings = changed(Settings(store=store.address), EARLIER)
        listed = read_clip_list(tmp_path)
        acquire_video(VIDEO, settings, store, stage.find_ovals, listed, reviews=reviews)
        assert spans(store) == before
        check(store)

    def test_a_new_clip_of_a_later_plan_has_a_number_above_the_pieces(self, copy: Any) -> None:
        store = copy("store")
        run(store, SPLIT)
        replan(ManifestFolder(MANIFEST, reviews=SPLIT), changed(Settings(store=store.address), LATER), store)
        assert set(spans(store)) == {ONE, TWO, FOUR, FIVE}
        check(store)


@pytest.mark.parametrize("meanwhile", [False, True], ids=["resumed at once", "later stages ran between"])
def test_ended_at_every_instant(copy: Any, monkeypatch: pytest.MonkeyPatch, meanwhile: bool) -> None:
    reviews = SPLIT | REDO | {THREE: ClipReview(swaps=((13.0, 14.0),))}
    undisturbed = copy("undisturbed")
    run(undisturbed, reviews)
    bare = everything(undisturbed)
    later_stages(undisturbed)
    instants = 0
    for moment in range(1000):
        store = copy(f"ended-{moment}")
        with monkeypatch.context() as during:
            kill_at(moment, during)
            try:
                run(store, reviews)
            except Killed:
                instants += 1
            else:
                break
        check(store)
        if meanwhile:
            later_stages(store)
            check(store)
        noted = [row["reviewed"] for row in clips(store).values()]
        run(store, reviews)
        check(store)
        if not meanwhile:
            assert everything(store) == bare, moment
        elif "redo 2026-11-29T12:00:00.000Z" not in noted:  # what was made of the earlier row is discarded
            assert {layout.verdict(ONE), layout.verdict(THREE)} <= lacks(store), moment
        later_stages(store)
        assert everything(store) == everything(undisturbed), moment
        shutil.rmtree(store.address)
    assert instants > 40


def test_what_cannot_be_changed_stays_and_is_an_error(copy: Any, caplog: pytest.LogCaptureFixture) -> None:
    store = copy("store")
    store.remove(f"media/{BVID}/p1.mp4")
    before = everything(store)
    summary = run(store, SPLIT)
    assert (summary.changed, summary.left, everything(store)) == (0, [BVID], before)
    assert "is no longer in the store" in caplog.text
    with pytest.raises(FailedError, match="reviewers' changes to 1 part could not be made"):
        summary.check()
    assert run(store, REDO).changed == 1  # nothing has to be cut for that


def another_video(store: Store, **columns: Any) -> None:
    row = rows(store)[0] | {"bvid": OTHER, "clip_id": f"{OTHER}_Clip_1", "music_id": "sound:b", **columns}
    store.write_table(layout.clip_rows(OTHER), from_rows([row], CLIPS), CLIPS)


class TestMusic:
    """`the same music as …`."""

    def test_it_is_merged_and_separated(self, copy: Any, caplog: pytest.LogCaptureFixture) -> None:
        store = copy("store")
        another_video(store)
        own = clips(store)[ONE]["music_id"]
        reviews = {ONE: ClipReview(music=f"{OTHER}_Clip_1"), TWO: ClipReview(music=f"{OTHER}_Clip_1")}
        run(store, reviews)
        assert aliases(store) == dict.fromkeys([own, "sound:b"], min(own, "sound:b"))
        (pair,) = pairs(store)
        assert (pair["method"], pair["bvid"]) == ("", BVID)
        assert lacks(store) == set()
        run(store, {TWO: reviews[TWO]})
        assert aliases(store)  # one of them still says so
        run(store, {})
        assert (aliases(store), pairs(store)) == ({}, [])
        assert caplog.text.count("WARNING") == 0

    def test_what_fingerprints_proposed_is_a_proposal_again(self, copy: Any) -> None:
        store = copy("store")
        another_video(store)
        own = clips(store)[ONE]["music_id"]
        propose(store, own, "sound:b", OTHER, 1, "pitch", 0.5)
        run(store, {ONE: ClipReview(music=f"{OTHER}_Clip_1")})
        assert [pair["state"] for pair in pairs(store)] == [PairState.MERGED]
        run(store, {})
        assert [(pair["state"], pair["similarity"]) for pair in pairs(store)] == [(PairState.PROPOSED, 0.5)]
        assert store.exists(pair_name(own, "sound:b"))

    def test_an_unknown_clip_is_named_until_it_is_there(
        self, copy: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = copy("store")
        reviews = {ONE: ClipReview(redo="2026", music=f"{OTHER}_Clip_1")}
        for turn in range(2):
            caplog.clear()
            run(store, reviews)
            said = (
                f"{ONE}: cannot obey its reviewer: music {OTHER}_Clip_1: one of the two is not in the store"
            )
            assert caplog.text.count(said) == 1
            assert clips(store)[ONE]["reviewed"] == "redo 2026"
            assert (layout.verdict(ONE) in lacks(store)) == (turn == 0)  # a redo is not repeated
            later_stages(store)
        assert pairs(store) == []
        another_video(store)
        assert run(store, reviews).changed == 1
        assert clips(store)[ONE]["reviewed"] == f"redo 2026; music {OTHER}_Clip_1"
        assert (len(pairs(store)), lacks(store)) == (1, set())


class TestImported:
    """Clips without a video."""

    MANIFEST = Manifest("m", (VIDEO, ManifestVideo(OTHER, None, source="imported: aist")))
    CLIP = f"{OTHER}_Clip_1"

    @pytest.fixture
    def store(self, copy: Any) -> Store:
        store: Store = copy("store")
        another_video(store, source="imported: aist", genre="break", dancer_id="04", path="", music_path="")
        return store

    def row(self, store: Store) -> dict[str, Any]:
        return store.read_table(layout.clip_rows(OTHER), CLIPS).to_pylist()[0]

    def test_its_labels_and_music_change_and_come_back(self, store: Store) -> None:
        before = self.row(store)
        review = ClipReview(genre="jazz", dancer="ann; bob", music=ONE)
        assert run(store, {self.CLIP: review}, self.MANIFEST).changed == 1
        now = self.row(store)
        assert (now["genre"], now["dancer_id"], now["reviewed"]) == ("jazz", "ann; bob", review.changes)
        assert len(aliases(store)) == 2
        run(store, {self.CLIP: ClipReview(genre="locking")}, self.MANIFEST)
        assert (self.row(store)["genre"], self.row(store)["dancer_id"]) == ("locking", "04")
        assert aliases(store) == {}
        run(store, {}, self.MANIFEST)
        assert self.row(store) == before

    def test_it_cannot_be_cut_or_looked_at_again(
        self, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        review = ClipReview(redo="2026", splits=(2.0,), trim=(1.0, 3.0), swaps=((1.0, 2.0),), genre="jazz")
        with caplog.at_level(logging.WARNING):
            assert run(store, {self.CLIP: review}, self.MANIFEST).changed == 1
        refused = "redo 2026; split 2.000; trim 1.000-3.000; swap 1.000-2.000"
        assert (
            f"{self.CLIP}: it was imported and has no video; cannot obey its reviewer: {refused}"
            in caplog.text
        )
        assert self.row(store)["reviewed"] == "genre jazz"
        assert run(store, {self.CLIP: review}, self.MANIFEST).changed == 0

    def test_a_plan_with_other_settings_leaves_it(self, store: Store) -> None:
        before = self.row(store)
        summary = replan(ManifestFolder(self.MANIFEST), Settings(store=store.address), store)
        assert (summary.left, self.row(store)) == ([], before)


def test_the_command_obeys_the_file_of_the_manifest(copy: Any, tmp_path: Path) -> None:
    store = copy("store")
    folder = tmp_path / "m"
    write_manifest(folder, MANIFEST)
    for decisions, said, found in (
        ([Decision(TWO, Kind.SPLIT, "8.000")], "reviewers changed 1 part", 4),
        ([Decision(TWO, Kind.SPLIT, "8.000")], "16.0 s\n", 4),
        ([], "reviewers changed 1 part", 3),
    ):
        write_decisions(folder, decisions)
        result = CliRunner().invoke(command, [str(folder), "--store", store.address])
        assert result.exit_code == 0, result.output
        assert said in result.output
        assert len(clips(store)) == found
    assert f"{FOUR},{BVID},1,4,8.0000,11.9667,retired,5.0333,11.9667\n" in (folder / "clips.csv").read_text()


@pytest.mark.parametrize(
    ("before", "now", "review", "expected"),
    [
        (None, None, ClipReview(), False),
        (None, None, ClipReview(redo="b"), True),
        ("redo a", None, ClipReview(redo="b"), True),
        ("redo b", None, ClipReview(redo="b"), False),
        ("redo b; genre c", None, ClipReview(redo="b", genre="d"), False),
        ("redo b", None, ClipReview(), False),
        ("genre redo b", None, ClipReview(redo="b"), True),
        (None, "0.000-1.000", ClipReview(), True),
        (reviewed.UNFINISHED_POSES, None, ClipReview(), True),
    ],
)
def test_when_poses_are_made_again(
    before: str | None, now: str | None, review: ClipReview, expected: bool
) -> None:
    earlier, later = {"reviewed": before, "swaps": None}, {"reviewed": None, "swaps": now}
    assert reviewed.wants_new_poses(earlier, later, review) == expected


def test_reviews_of_a_part() -> None:
    said = in_force(
        Decision(name, Kind.GENRE, name[-1])
        for name in ("BV1_Clip_1", "BV1_p2_Clip_2", "BV12_Clip_3", "BV1_Clip_10", "nonsense")
    )
    assert {n: review.genre for n, review in reviewed.of_part(said, "BV1", 1).items()} == {1: "1", 10: "0"}
    assert list(reviewed.of_part(said, "BV1", 2)) == [2]
