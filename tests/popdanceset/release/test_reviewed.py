"""What reviewers decide changes the next release: clips, tiers, reasons, counts, and no name of a person."""

from __future__ import annotations

import datetime
import json
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from popdanceset import layout
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.release.diff import difference, read_content
from popdanceset.release.diff_text import lines
from popdanceset.release.info import ReviewInfo
from popdanceset.release.members import Members, members, release_videos
from popdanceset.release.reader import Release
from popdanceset.release.reviewed import is_accepted
from popdanceset.release.split_preview import preview_splits
from popdanceset.release.validation.validate import validate
from popdanceset.release.writer import publish
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.in_force import ClipReview, read_decisions, write_decisions
from popdanceset.schema import CLIPS
from popdanceset.settings import Settings
from popdanceset.store import Store

DAY = datetime.date(2026, 11, 29)
EARLY, LATE = "2026-11-29T12:00:00.000Z", "2026-11-29T13:00:00.000Z"
MEASURED = {"contact": 0.9, "skate_after": 0.5, "skating_after": 0.3, "penetration": 0.01, "floating": 0.01}
GOOD, DOUBTFUL, SKATING, REJECTED, EMPTY = (f"BV1aaaaaaaa{n}_Clip_1" for n in range(1, 6))
ALL = [GOOD, DOUBTFUL, SKATING, REJECTED, EMPTY]


def decided(clip_id: str, kind: Kind, value: str = "", by: str = "anna", **more: str) -> Decision:
    return Decision(
        clip_id, kind, value, reviewer=by, **{"note": "too <b>fast</b>", "decided_at": LATE} | more
    )


@pytest.fixture
def weekly(store: Store, settings: Settings, synthetic: ModuleType) -> Path:
    """A manifest of five videos, each with a clip of other quality; the extractor rejected the last two."""
    synthetic.fill_store(store, "weekly", [synthetic.clip_row(each, 45, each) for each in ALL])
    doubts = {"verdict": "review", "score": 0.4, "reasons": ["filled_in"]}
    synthetic.add_poses(store, GOOD, 45, 0, **MEASURED)
    synthetic.add_poses(store, DOUBTFUL, 45, 1, **MEASURED | doubts)
    synthetic.add_poses(store, SKATING, 45, 2, **MEASURED | doubts | {"skate_after": 1.2, "score": 0.6})
    synthetic.add_poses(store, REJECTED, 45, 3, accepted=False, **MEASURED)
    synthetic.add_poses(store, EMPTY, 0, 4, accepted=False, **MEASURED)
    store.remove(layout.poses(EMPTY))
    folder = Path(settings.manifests, "weekly")
    videos = tuple(ManifestVideo(each.partition("_")[0], 0.9, mid=7) for each in ALL)
    write_manifest(folder, Manifest("weekly", videos))
    return folder


def chosen(store: Store, folder: Path, decisions: list[Decision], **limits: Any) -> Members:
    write_decisions(folder, decisions)
    return members(store, release_videos(store, folder), **limits)


def tiers(found: Members) -> dict[str, str]:
    return {row["clip_id"]: row["tier"] for row in found.clips}


def change_rows(store: Store, clip_id: str, **columns: Any) -> None:
    name = layout.clip_rows(clip_id.partition("_")[0])
    rows = store.read_table(name, CLIPS).to_pylist()
    changed = [row | (columns if row["clip_id"] == clip_id else {}) for row in rows]
    store.write_rows(name, changed, CLIPS)


def test_without_decisions_the_verdict_decides(store: Store, weekly: Path) -> None:
    found = chosen(store, weekly, [])
    assert tiers(found) == {GOOD: "A", DOUBTFUL: "C", SKATING: "C"}
    assert found.whys == {REJECTED: "not_tracked", EMPTY: "not_tracked"}
    assert "reviewer_verdict" not in found.clips[0]


def test_accepted_clips_are_published_whatever_their_verdict(
    store: Store, weekly: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = chosen(store, weekly, [decided(each, Kind.ACCEPT) for each in ALL], min_score=0.95)
    assert tiers(found) == {GOOD: "A", DOUBTFUL: "A", SKATING: "B", REJECTED: "A"}  # numbers count as ever
    assert found.whys == {EMPTY: "not_tracked"}
    assert f"accepted clips that have no poses to publish: {EMPTY}" in caplog.text
    assert {row["reviewer_verdict"] for row in found.clips} == {"accept"}
    assert [row["verdict"] for row in found.clips] == ["accept", "review", "review", "reject"]


def test_the_tier_is_still_a_condition(store: Store, weekly: Path) -> None:
    found = chosen(store, weekly, [decided(SKATING, Kind.ACCEPT)], min_tier="A")
    assert found.whys[SKATING] == "tier below A"


def test_rejected_clips_are_left_out(store: Store, weekly: Path) -> None:
    found = chosen(store, weekly, [decided(GOOD, Kind.REJECT, "wrong_person")])
    assert tiers(found) == {DOUBTFUL: "C", SKATING: "C"}
    assert found.left_out == {"reviewed: wrong_person": 1, "not_tracked": 2}


@pytest.mark.parametrize(
    ("judgement", "redo", "accepted"),
    [
        (Decision(GOOD, Kind.ACCEPT, decided_at=EARLY), "", True),
        (Decision(GOOD, Kind.ACCEPT, decided_at=LATE), EARLY, True),
        (Decision(GOOD, Kind.ACCEPT, decided_at=EARLY), LATE, False),  # those poses no longer exist
        (Decision(GOOD, Kind.ACCEPT), LATE, True),  # written by hand
        (Decision(GOOD, Kind.REJECT, "unsteady_pose", decided_at=LATE), "", False),
        (None, "", False),
    ],
)
def test_what_counts_as_accepted(judgement: Decision | None, redo: str, accepted: bool) -> None:
    assert is_accepted(ClipReview(judgement, redo)) is accepted


def test_a_clip_without_its_changes_waits(
    store: Store, weekly: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trim = decided(GOOD, Kind.TRIM, "0.200-1.200")
    found = chosen(store, weekly, [trim])
    assert found.whys[GOOD] == "waiting for a reviewer's change"
    assert (
        "1 clip left out until reviewers' changes are made (run `popdanceset acquire weekly`" in caplog.text
    )

    change_rows(
        store, GOOD, reviewed="trim 0.200-1.200", start=0.2, end=1.2, planned_start=0.0, planned_end=1.5
    )
    (row, *_) = chosen(store, weekly, [trim]).clips
    assert (row["clip_id"], row["reviewed"]) == (GOOD, "trim 0.200-1.200")
    assert chosen(store, weekly, []).whys[GOOD] == "waiting for a reviewer's change"  # to be undone


def test_pieces_of_a_divided_clip_wait_together(store: Store, weekly: Path, synthetic: ModuleType) -> None:
    bvid = GOOD.partition("_")[0]
    plan = {"planned_start": 0.0, "planned_end": 3.0}
    rows = [
        synthetic.clip_row(GOOD, 45, reviewed="split 1.500", **plan),
        synthetic.clip_row(f"{bvid}_Clip_2", 45, **plan),
        synthetic.clip_row(f"{bvid}_Clip_3", 45, planned_start=4.0, planned_end=6.0),
    ]
    store.write_rows(layout.clip_rows(bvid), rows, CLIPS)
    for number in (2, 3):
        synthetic.add_poses(store, f"{bvid}_Clip_{number}", 45, **MEASURED)

    both = chosen(store, weekly, [decided(GOOD, Kind.SPLIT, "1.500")])
    assert {row["clip_id"] for row in both.clips} >= {row["clip_id"] for row in rows}
    joined = chosen(store, weekly, [])
    waiting = {clip for clip, why in joined.whys.items() if why.startswith("waiting")}
    assert waiting == {GOOD, f"{bvid}_Clip_2"}


def test_a_machine_without_the_manifest_knows_no_decisions(
    store: Store, weekly: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change_rows(store, GOOD, reviewed="trim 0.200-1.200")
    for path in weekly.iterdir():
        path.unlink()
    weekly.rmdir()
    found = members(store, release_videos(store, weekly))
    assert GOOD in tiers(found)
    assert "no decision of a reviewer is known" in caplog.text


@pytest.fixture
def releases(store: Store, settings: Settings, weekly: Path, caplog: pytest.LogCaptureFixture) -> list[Path]:
    """A release, and the next one after people have decided."""
    caplog.set_level(logging.ERROR)
    first = publish(settings, store, "weekly", day=DAY)
    made = [
        decided(GOOD, Kind.REJECT, "unsteady_pose", "anna, ben"),
        decided(DOUBTFUL, Kind.ACCEPT, by="ben"),
        decided(REJECTED, Kind.ACCEPT),
        decided(SKATING, Kind.DANCER, "Carla Celebrity"),
        decided("BV1aaaaaaaa9_Clip_1", Kind.REJECT, "not_tracked", "dora"),  # of another manifest
    ]
    write_decisions(weekly, made)
    second = publish(settings, store, "weekly", day=DAY)
    return [Path(settings.store, each.path) for each in (first, second)]


def test_the_next_release_says_what_people_decided(store: Store, releases: list[Path]) -> None:
    before, after = releases
    with Release(after) as release:
        rows = {row["clip_id"]: row for row in release.clips.to_pylist()}
        assert release.info.review == ReviewInfo(clips=4, accepted=2, rejected=1, changed=1, reviewers=2)
    assert {clip: (row["verdict"], row["reviewer_verdict"], row["tier"]) for clip, row in rows.items()} == {
        DOUBTFUL: ("review", "accept", "A"),
        REJECTED: ("reject", "accept", "A"),
    }
    assert validate(after).faults == []
    a, b = (read_content(Store(folder)) for folder in releases)
    assert a.info.review is None
    assert b.left_out[GOOD] == "reviewed: unsteady_pose"
    assert b.left_out[SKATING] == "waiting for a reviewer's change"
    told = "\n".join(lines(difference(a, b)))
    assert "reviewed: unsteady_pose: the estimated pose is not steady enough" in told
    changes = (after / layout.CHANGELOG).read_text("utf-8")
    assert f"- {GOOD}: reviewed: unsteady_pose: the estimated pose is not steady enough" in changes
    card = (after / layout.CARD).read_text("utf-8")
    assert "People looked at 4 clips by 2 reviewers: 2 accepted, 1 rejected, 1 changed." in card
    croissant = json.loads((after / layout.CROISSANT).read_text("utf-8"))
    assert "2 accepted, 1 rejected" in croissant["rai:annotationsPerItem"]
    assert "People looked" not in (before / layout.CARD).read_text("utf-8")


def test_a_release_names_no_reviewer(releases: list[Path]) -> None:
    _, after = releases
    copy = read_decisions(after / layout.RELEASE_MANIFEST)
    assert [(each.clip_id, each.kind, each.reviewer, each.note) for each in copy] == [
        (GOOD, Kind.REJECT, "reviewer 1, reviewer 2", ""),
        (DOUBTFUL, Kind.ACCEPT, "reviewer 2", ""),
        (REJECTED, Kind.ACCEPT, "reviewer 1", ""),
        ("BV1aaaaaaaa9_Clip_1", Kind.REJECT, "reviewer 3", ""),
    ]  # the dancer's name is not there: the clip is not part of the release
    for path in after.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not any(name in data for name in (b"anna", b"ben,", b"dora", b"Carla", b"too <b>")), path


def test_nothing_decided_nothing_new(store: Store, settings: Settings, weekly: Path) -> None:
    assert publish(settings, store, "weekly", day=DAY).written
    write_decisions(weekly, [decided(EMPTY, Kind.REJECT, "not_tracked")])
    assert not publish(settings, store, "weekly", day=DAY).written


def test_the_preview_of_splits_obeys(store: Store, settings: Settings, weekly: Path) -> None:
    write_decisions(weekly, [decided(GOOD, Kind.REJECT, "not_a_dance"), decided(REJECTED, Kind.ACCEPT)])
    preview = preview_splits(settings, store, "weekly")
    assert {row["clip_id"] for row in preview.clips} == {SKATING, REJECTED}  # the other's score is too low
