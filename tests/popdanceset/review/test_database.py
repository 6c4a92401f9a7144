"""Decisions are durable, ordered and nobody else's to take back; files of others are left alone."""

import sqlite3
import subprocess
import sys
import threading

import pytest

from popdanceset.errors import InputError, StoreError
from popdanceset.review.database import APPLICATION_ID, ReviewDatabase, standing
from popdanceset.review.decisions import Decision, Kind

CLIP = "BV1Aa411c7mD_Clip_1"
OTHER = "BV1xx411c7XZ_Clip_2"


def decided(reviewer, kind=Kind.ACCEPT, value="", note="", clip=CLIP):
    return Decision(clip, kind, value, note, reviewer)


@pytest.fixture
def database(tmp_path):
    opened = ReviewDatabase(tmp_path / "review" / "decisions.sqlite")
    yield opened
    opened.close()


def values(database, **options):
    return [(each.decision.reviewer, each.decision.value) for each in database.decisions(**options)]


def test_decisions_come_back_as_they_were(database):
    made = [
        decided("安娜 <b>", Kind.REJECT, "unsteady_pose", "🕺" * 2560 + "\n<script>alert(1)</script>"),
        Decision(OTHER, Kind.TRIM, "1.000-8.000", "", "ben", "2026-11-29T12:00:00.000Z"),
    ]
    ids = database.add(made)

    found = database.decisions()
    assert [each.id for each in found] == ids == sorted(ids)
    assert found[1].decision == made[1]
    assert found[0].decision.note == made[0].note
    assert found[0].decision.decided_at.endswith("Z")
    assert found[0].batch == found[1].batch
    assert database.add([]) == []


def test_a_later_decision_in_the_same_slot_counts_and_undo_brings_the_earlier_back(database):
    database.add([decided("anna", Kind.ACCEPT)])
    database.add([decided("anna", Kind.SPLIT, "1.000"), decided("anna", Kind.SPLIT, "2.000")])
    database.add([decided("anna", Kind.REJECT, "not_a_dance"), decided("anna", Kind.SPLIT, "1.000")])
    database.add([decided("ben", Kind.ACCEPT)])

    def counted():
        return [(each.decision.kind, each.decision.value) for each in standing(database.decisions())]

    assert counted() == [
        (Kind.SPLIT, "2.000"),
        (Kind.REJECT, "not_a_dance"),
        (Kind.SPLIT, "1.000"),
        (Kind.ACCEPT, ""),
    ]
    assert len(database.undo("anna")) == 2
    assert counted() == [
        (Kind.ACCEPT, ""),
        (Kind.SPLIT, "1.000"),
        (Kind.SPLIT, "2.000"),
        (Kind.ACCEPT, ""),
    ]


def test_undo_goes_back_step_by_step_and_touches_only_ones_own(database):
    first = database.add([decided("anna", Kind.GENRE, "jazz")])
    second = database.add([decided("anna", Kind.GENRE, "house"), decided("anna", clip=OTHER)])
    bens = database.add([decided("ben")])

    assert database.undo("anna") == second
    assert database.undo("anna") == first
    assert database.undo("anna") == []
    assert [each.id for each in database.decisions()] == bens
    taken_back = [each.id for each in database.decisions(everything=True) if each.revoked_at]
    assert taken_back == first + second


def test_a_decision_is_revoked_by_its_reviewer_only(database):
    (id_,) = database.add([decided("anna")])

    for stranger, number in (("ben", id_), ("anna", 99)):
        with pytest.raises(InputError, match=r"is not one of"):
            database.revoke(number, stranger)
    database.revoke(id_, "anna")
    (once,) = database.decisions(everything=True)
    database.revoke(id_, "anna")
    assert database.decisions(everything=True) == [once]


def test_changes_are_numbered_undo_included(database):
    database.add([decided("anna")])
    seen = database.latest()
    database.add([decided("ben")])
    assert values(database, since=seen) == [("ben", "")]

    seen = database.latest()
    assert database.decisions(since=seen, everything=True) == []
    database.undo("anna")
    assert values(database, since=seen, everything=True) == [("anna", "")]
    assert database.latest() > seen


def test_time_adds_up(database):
    for seconds in (1.5, 2.0):
        database.looked(CLIP, "anna", seconds)
    database.looked(CLIP, "ben", 4.0)
    assert [(each.reviewer, each.seconds) for each in database.looks()] == [("anna", 3.5), ("ben", 4.0)]


def test_nothing_of_a_withdrawn_video_is_left_in_the_bytes(database):
    database.add([decided("anna", note="a secret remark")])
    database.add([decided("anna", Kind.MUSIC, CLIP, clip=OTHER)])
    database.add([decided("anna", note=f"as {CLIP}", clip=OTHER)])
    database.looked(CLIP, "anna", 3)
    assert database.mentions("BV1Aa411c7mD") == 4
    before = database.latest()

    assert database.erase(["BV1Aa411c7mD"]) == 4
    (left,) = database.decisions(everything=True)
    assert left.decision.note == "as (withdrawn)_Clip_1"
    assert database.mentions("BV1Aa411c7mD") == 0
    assert database.latest() > before
    content = b"".join(file.read_bytes() for file in database.path.parent.iterdir())
    assert b"1Aa411c7mD" not in content
    assert b"secret" not in content


def test_an_id_is_not_given_twice(database):
    database.add([decided("anna", clip=OTHER)])
    (erased,) = database.add([decided("anna")])
    database.erase(["BV1Aa411c7mD"])
    (id_,) = database.add([decided("anna")])
    assert id_ > erased


def test_a_batch_is_whole_or_not_at_all(database):
    with pytest.raises(InputError, match="cannot be written"):
        database.add([decided("anna"), decided("anna", note="\ud800")])
    assert database.decisions() == []
    assert database.latest() == 0


def test_threads_and_second_owners_of_the_file_lose_nothing(database):
    second = ReviewDatabase(database.path)

    def decide(owner, name):
        for number in range(25):
            owner.add([decided(name, Kind.SPLIT, str(number))])

    threads = [
        threading.Thread(target=decide, args=(owner, f"{name}{n}"))
        for n, owner in enumerate((database, second))
        for name in ("anna", "ben")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {(f"{name}{n}", str(k)) for name in ("anna", "ben") for n in (0, 1) for k in range(25)}
    assert set(values(database)) == expected
    assert len(values(second)) == database.latest() == 100
    second.close()


def test_processes_may_create_one_file_at_once(tmp_path):
    code = (
        "import sys; from pathlib import Path; from popdanceset.review.database import ReviewDatabase;"
        "from popdanceset.review.decisions import Decision, Kind;"
        "ReviewDatabase(Path(sys.argv[1])).add([Decision('c', Kind.ACCEPT, reviewer=sys.argv[2])])"
    )
    path = tmp_path / "d.sqlite"
    running = [subprocess.Popen([sys.executable, "-c", code, path, str(n)]) for n in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    database = ReviewDatabase(path, create=False)
    assert sorted(values(database)) == [(str(n), "") for n in range(4)]
    database.close()


def test_the_disk_is_asked_to_be_sure(database):
    pragma = database._connection.execute
    assert pragma("PRAGMA journal_mode").fetchone() == ("wal",)
    assert pragma("PRAGMA synchronous").fetchone() == (2,)
    assert pragma("PRAGMA secure_delete").fetchone() == (1,)


def another_program(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE contacts (name TEXT)")


def newer_version(path):
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("hello " * 200), "is not a review database"),
        (another_program, "is not a review database"),
        (newer_version, "version 99"),
        (lambda path: path.mkdir(), "is not a file"),
    ],
)
def test_files_of_others_are_refused_and_left_alone(tmp_path, make, message):
    path = tmp_path / "file.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=message) as raised:
        ReviewDatabase(path)
    assert "\n" not in str(raised.value)
    assert before is None or path.read_bytes() == before


def test_a_missing_file_is_not_made_by_those_who_only_read(tmp_path):
    with pytest.raises(StoreError, match="no review database"):
        ReviewDatabase(tmp_path / "missing.sqlite", create=False)
    assert list(tmp_path.iterdir()) == []
