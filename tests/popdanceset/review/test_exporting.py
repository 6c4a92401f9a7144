"""`popdanceset review export`: the database and the lines that people wrote, in one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from popdanceset import layout
from popdanceset.errors import ManifestError, StoreError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.review.database import ReviewDatabase
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.export_command import export as command
from popdanceset.review.exporting import export
from popdanceset.review.in_force import read_decisions, read_reviews, write_decisions
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import Tombstone, WithdrawalReason, write_tombstone

ONE, TWO, GONE, ELSEWHERE = (f"BV1aaaaaaaa{n}" for n in range(1, 5))
FIRST, SECOND, THIRD = f"{ONE}_Clip_1", f"{ONE}_Clip_2", f"{TWO}_Clip_1"


def by(name: str, clip: str, kind: Kind, value: str = "", minute: int = 0, note: str = "") -> Decision:
    return Decision(clip, kind, value, note, name, f"2026-11-29T12:{minute:02}:00.000Z")


@pytest.fixture
def database(store: Store) -> Iterator[ReviewDatabase]:
    opened = ReviewDatabase(store.workplace(layout.REVIEW_DATABASE))
    yield opened
    opened.close()


@pytest.fixture
def folder(store: Store, settings: Settings, synthetic: ModuleType) -> Path:
    """A manifest of two videos with three clips, and of one that was withdrawn since."""
    clips = [synthetic.clip_row(each, 45) for each in (FIRST, SECOND, THIRD, f"{ELSEWHERE}_Clip_1")]
    synthetic.fill_store(store, "weekly", clips)
    write_tombstone(Tombstone(GONE, "2026-11-01", WithdrawalReason.LEGAL), store)
    place = Path(settings.manifests, "weekly")
    write_manifest(place, Manifest("weekly", tuple(ManifestVideo(each, 0.9) for each in (ONE, TWO, GONE))))
    return place


def test_decisions_of_the_manifest_are_written(folder: Path, store: Store, database: ReviewDatabase) -> None:
    database.add(
        [by("anna", FIRST, Kind.ACCEPT, note="fine\r\nreally"), by("anna", SECOND, Kind.SPLIT, "1.000")]
    )
    database.add([by("ben", FIRST, Kind.ACCEPT, minute=1), by("ben", SECOND, Kind.REJECT, "too_short")])
    database.add([by("anna", SECOND, Kind.ACCEPT), by("ben", f"{ELSEWHERE}_Clip_1", Kind.ACCEPT)])
    database.add([by("ben", f"{GONE}_Clip_1", Kind.ACCEPT)])

    done = export(folder, store, database)

    written = (folder / "reviews.csv").read_bytes()
    reviews = read_reviews(folder)
    assert reviews.keys() == {FIRST, SECOND}
    assert reviews[FIRST].judgement == by("anna, ben", FIRST, Kind.ACCEPT, minute=1, note="fine\nreally")
    assert reviews[SECOND].judgement is None  # a tie
    assert reviews[SECOND].splits == (1.0,)
    assert done.elsewhere == 2
    told = list(done.lines())
    assert told[0] == f"{folder / 'reviews.csv'}: 2 decisions on 2 clips (1 accept, 1 split)"
    assert told[-2:] == [
        "1 disagreement, 1 open",
        f"  {SECOND}  ben: reject too_short; anna: accept (open)",
    ]

    again = export(folder, store, database)
    assert (folder / "reviews.csv").read_bytes() == written
    assert list(again.lines()) == told


def test_lines_of_people_stay_until_the_database_is_newer(
    folder: Path, store: Store, database: ReviewDatabase
) -> None:
    database.add([by("anna", FIRST, Kind.ACCEPT, minute=5), by("anna", SECOND, Kind.ACCEPT, minute=5)])
    by_hand = [
        by("maintainer", FIRST, Kind.REJECT, "not_tracked", 9, "I was there"),
        by("", SECOND, Kind.REJECT, "not_tracked", 1),
        by("maintainer", THIRD, Kind.TRIM, "0.500-1.000"),
    ]
    write_decisions(folder, by_hand)

    done = export(folder, store, database)

    assert read_decisions(folder) == [by_hand[0], by("anna", SECOND, Kind.ACCEPT, minute=5), by_hand[2]]
    assert done.kept == (by_hand[0], by_hand[2])
    assert done.replaced == (by_hand[1],)
    again = export(folder, store, database)
    assert (again.kept, again.replaced) == (done.kept, ())


def test_a_tie_can_be_settled_by_hand(folder: Path, store: Store, database: ReviewDatabase) -> None:
    database.add([by("anna", FIRST, Kind.ACCEPT, minute=5), by("ben", FIRST, Kind.REJECT, "too_short", 6)])
    write_decisions(folder, [Decision(FIRST, Kind.ACCEPT)])
    assert export(folder, store, database).kept == (Decision(FIRST, Kind.ACCEPT),)


def test_what_reviewers_take_back_leaves_the_file(
    folder: Path, store: Store, database: ReviewDatabase
) -> None:
    database.add([by("anna", FIRST, Kind.ACCEPT)])
    database.add([by("anna", SECOND, Kind.GENRE, "jazz")])
    export(folder, store, database)
    database.undo("anna")

    done = export(folder, store, database)

    assert [each.clip_id for each in done.removed] == [SECOND]
    assert read_reviews(folder).keys() == {FIRST}
    database.undo("anna")
    export(folder, store, database)
    assert not (folder / "reviews.csv").exists()


def test_databases_of_two_machines_meet_in_one_file(folder: Path, store: Store, tmp_path: Path) -> None:
    for number, clip in enumerate((FIRST, THIRD)):
        other = ReviewDatabase(tmp_path / f"{number}.sqlite")
        other.add([by("anna", clip, Kind.ACCEPT)])
        export(folder, store, other)
        other.close()
    assert read_reviews(folder).keys() == {FIRST, THIRD}


def test_decisions_on_clips_that_no_longer_exist_are_kept_and_named(
    folder: Path, store: Store, database: ReviewDatabase
) -> None:
    database.add([by("anna", f"{ONE}_Clip_9", Kind.TRIM, "0.000-1.000")])
    done = export(folder, store, database)
    assert [each.clip_id for each in read_decisions(folder)] == [f"{ONE}_Clip_9"]
    assert f"  no such clip in the store: {ONE}_Clip_9 trim 0.000-1.000 by anna" in "\n".join(done.lines())


def test_lines_of_withdrawn_videos_go(folder: Path, store: Store, database: ReviewDatabase) -> None:
    write_decisions(folder, [by("maintainer", f"{GONE}_Clip_1", Kind.ACCEPT)])
    export(folder, store, database)
    assert GONE not in "".join(path.read_text() for path in folder.glob("reviews.csv"))


def test_a_value_that_the_file_cannot_have_costs_that_decision(
    folder: Path, store: Store, database: ReviewDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    database.add([by("anna", FIRST, Kind.TRIM, "9-2"), by("anna", SECOND, Kind.ACCEPT)])
    export(folder, store, database)
    assert read_reviews(folder).keys() == {SECOND}
    assert f"{FIRST}: left out: the span '9-2' is empty" in caplog.text


def test_the_command(folder: Path, store: Store, settings: Settings, database: ReviewDatabase) -> None:
    database.add([by("anna\u202e", FIRST, Kind.REJECT, "too_short"), by("ben", FIRST, Kind.ACCEPT)])
    options = ["--store", settings.store, "--set", f"manifests={settings.manifests}"]

    done = CliRunner().invoke(command, ["--manifest", "weekly", *options], catch_exceptions=False)

    assert done.exit_code == 0
    assert "0 decisions on 0 clips" in done.output
    assert f"  {FIRST}  anna : reject too_short; ben: accept (open)" in done.output  # no control characters
    wrong = CliRunner().invoke(command, ["--manifest", "none", *options])
    assert isinstance(wrong.exception, ManifestError)
    missing = CliRunner().invoke(command, ["--manifest", "weekly", *options, "--database", "nowhere.sqlite"])
    assert isinstance(missing.exception, StoreError)
    remote = CliRunner().invoke(command, ["--manifest", "weekly", "--store", "memory://x"])
    assert "give --database FILE" in str(remote.exception)
