"""Statistics of a review that is small enough to count by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import ModuleType

import pytest
from click.testing import CliRunner

from popdanceset import layout
from popdanceset.review.database import Look, ReviewDatabase, Stored
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.statistics import ClipFacts, clip_facts, read_statistics, review_statistics
from popdanceset.review.statistics_command import statistics as command
from popdanceset.settings import Settings
from popdanceset.store import Store

CLIPS = [f"BV1aaaaaaaa{n}_Clip_1" for n in range(6)]
FACTS = {clip: ClipFacts("blazepose 1" if n < 4 else "hybrik 2", ()) for n, clip in enumerate(CLIPS)}
FACTS[CLIPS[0]] = ClipFacts("blazepose 1", ("filled_in", "unsteady_pose"))
FACTS[CLIPS[1]] = ClipFacts("blazepose 1", ("filled_in",))


def stored(*made: tuple[str, int, Kind, str]) -> list[Stored]:
    return [
        Stored(
            n,
            Decision(CLIPS[clip], kind, value, reviewer=name, decided_at=f"2026-11-29T12:00:{n:02}.000Z"),
            n,
            None,
        )
        for n, (name, clip, kind, value) in enumerate(made, 1)
    ]


MADE = stored(
    ("anna", 0, Kind.REJECT, "not_tracked"), ("ben", 0, Kind.REJECT, "unsteady_pose"),
    ("anna", 1, Kind.REJECT, "not_tracked"), ("ben", 1, Kind.ACCEPT, ""), ("cleo", 1, Kind.ACCEPT, ""),
    ("anna", 2, Kind.ACCEPT, ""), ("ben", 2, Kind.REJECT, "too_short"),
    ("anna", 3, Kind.REJECT, "too_short"), ("anna", 3, Kind.ACCEPT, ""), ("ben", 3, Kind.ACCEPT, ""),
    ("anna", 4, Kind.TRIM, "0.000-1.000"), ("ben", 4, Kind.SPLIT, "1.000"), ("ben", 4, Kind.SPLIT, "2.000"),
)  # fmt: skip
LOOKS = [
    Look(CLIPS[0], "anna", 10.0), Look(CLIPS[1], "anna", 30.0), Look(CLIPS[5], "anna", 20.0),
    Look(CLIPS[0], "ben", 5.0), Look("BV1zzzzzzzzz_Clip_1", "dora", 500.0),
]  # fmt: skip


def test_progress() -> None:
    found = review_statistics(MADE, LOOKS, FACTS).progress
    assert (found.clips, found.seen, found.judged) == (6, 6, 4)
    assert (found.accepted, found.rejected, found.open) == (2, 1, 1)  # clips 1 and 3; 0; 2
    assert found.disagreed == 2  # 1 and 2
    assert found.reasons == {"unsteady_pose": 1}  # as many reasons: the newest
    assert (found.changed, found.changes) == (1, {"split": 1, "trim": 1})


def test_reviewers_and_their_time() -> None:
    anna, ben, cleo = review_statistics(MADE, LOOKS, FACTS).reviewers  # dora looked at a clip of elsewhere
    assert (anna.reviewer, anna.clips, anna.accepted, anna.rejected, anna.changes) == ("anna", 6, 2, 2, 1)
    assert (anna.seconds, anna.median_seconds) == (60.0, 20.0)
    assert (ben.accepted, ben.rejected, ben.changes, ben.seconds) == (2, 2, 2, 5.0)
    assert (cleo.clips, cleo.seconds, cleo.median_seconds) == (1, 0.0, None)
    assert review_statistics(MADE, LOOKS, FACTS).median_seconds == 15.0  # of 5, 10, 20, 30


def test_agreement_of_pairs() -> None:
    pairs = {(a.first, a.second): a for a in review_statistics(MADE, LOOKS, FACTS).agreements}
    # anna and ben on clips 0–3: they agree on 0 and 3, and each accepts two of four: p_e = 1/2.
    assert (pairs["anna", "ben"].clips, pairs["anna", "ben"].agreed, pairs["anna", "ben"].kappa) == (
        4,
        2,
        0.0,
    )
    assert (pairs["ben", "cleo"].kappa, pairs["ben", "cleo"].why) == (None, "both always accept")
    nobody = review_statistics(stored(("a", 0, Kind.ACCEPT, ""), ("b", 1, Kind.ACCEPT, "")), [], FACTS)
    assert [each.why for each in nobody.agreements] == ["no clip in common"]


def test_accept_rates() -> None:
    found = review_statistics(MADE, LOOKS, FACTS)
    (rate,) = found.by_estimator
    assert (rate.name, rate.accepted, rate.clips) == ("blazepose 1", 2, 3)
    # Wilson's interval of 2 of 3, from its closed form with z = 1.959964.
    assert (rate.low, rate.high) == pytest.approx((0.207655, 0.938510), abs=1e-5)
    assert [(each.name, each.accepted, each.clips) for each in found.by_reason] == [
        ("filled_in", 1, 2),
        ("no reason", 1, 1),
        ("unsteady_pose", 0, 1),
    ]


def test_nothing_decided() -> None:
    found = review_statistics([], [], FACTS)
    assert (found.progress.judged, found.reviewers, found.agreements, found.by_reason) == (0, (), (), ())


@pytest.fixture
def reviewed(store: Store, synthetic: ModuleType) -> Iterator[ReviewDatabase]:
    """A store whose clips are those of the decisions above, and the database of these."""
    synthetic.fill_store(store, "weekly", [synthetic.clip_row(clip, 45) for clip in CLIPS])
    synthetic.add_poses(store, CLIPS[1], 45, verdict="review", reasons=["filled_in"])
    synthetic.add_poses(store, CLIPS[2], 45, accepted=False, reasons=None)
    store.remove(layout.verdict(CLIPS[3]))
    database = ReviewDatabase(store.workplace(layout.REVIEW_DATABASE))
    database.add([each.decision for each in MADE])
    for look in LOOKS:
        database.looked(look.clip_id, look.reviewer, look.seconds)
    yield database
    database.close()


def test_facts_come_from_the_store(store: Store, reviewed: ReviewDatabase) -> None:
    facts = clip_facts(store)
    assert list(facts) == CLIPS
    assert facts[CLIPS[1]] == ClipFacts("synthetic 1", ("filled_in",))
    assert facts[CLIPS[2]] == ClipFacts("synthetic 1", ("not_tracked",))  # a verdict of an older extractor
    assert facts[CLIPS[3]] == ClipFacts("", ())
    rates = read_statistics(reviewed, store).by_estimator
    assert [(rate.name, rate.accepted, rate.clips) for rate in rates] == [
        ("synthetic 1", 1, 2),
        ("no poses", 1, 1),
    ]
    assert read_statistics(reviewed, store, {"BV1aaaaaaaa0"}).progress.clips == 1


def test_the_command_prints_tables_and_json(settings: Settings, reviewed: ReviewDatabase) -> None:
    run = CliRunner()
    text = run.invoke(command, ["--store", settings.store], catch_exceptions=False).output
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "4 of 6 clips judged: 2 accepted, 1 rejected, 1 open; reviewers disagree on 2"
    assert "anna 6 2 2 1 1.0 20.0" in lines
    assert "anna, ben 4 2 0.000" in lines
    assert "ben, cleo 1 1 undefined: both always accept" in lines
    assert "filled_in 1 of 1 100.0% 20.7% – 100.0%" in lines
    document = json.loads(run.invoke(command, ["--store", settings.store, "--json"]).output)
    assert document["progress"]["changes"] == {"split": 1, "trim": 1}
    assert document["agreements"][0]["kappa"] == 0.0
