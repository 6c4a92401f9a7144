"""Several reviewers: votes, what is newest, what adds up, and where they disagree."""

from __future__ import annotations

from itertools import permutations

import pytest

from popdanceset.review.decisions import MAX_NOTE, Decision, Kind
from popdanceset.review.merging import merge

CLIP = "BV1Aa411c7mD_Clip_1"


def by(name: str, kind: Kind, value: str = "", minute: int = 0, note: str = "", clip: str = CLIP) -> Decision:
    return Decision(clip, kind, value, note, name, f"2026-11-29T12:{minute:02}:00.000Z")


ACCEPT, REJECT = Kind.ACCEPT, Kind.REJECT


@pytest.mark.parametrize(
    ("votes", "outcome"),
    [
        ([by("anna", ACCEPT)], (ACCEPT, "", "anna")),
        ([by("anna", ACCEPT), by("ben", ACCEPT)], (ACCEPT, "", "anna, ben")),
        ([by("anna", ACCEPT), by("ben", REJECT, "not_tracked")], None),
        (
            [by("ben", ACCEPT), by("anna", REJECT, "not_tracked"), by("cleo", REJECT, "unsteady_pose", 9)],
            (REJECT, "unsteady_pose", "anna, cleo"),  # as many reasons: the newest
        ),
        (
            [by("a", REJECT, "not_tracked"), by("b", REJECT, "not_tracked"), by("c", REJECT, "too_short", 9)],
            (REJECT, "not_tracked", "a, b, c"),  # the reason of most
        ),
    ],
)
def test_the_majority_judges(votes: list[Decision], outcome: tuple[Kind, str, str] | None) -> None:
    expected = [outcome] if outcome else []
    for order in permutations(votes):
        found = merge(order).decisions
        assert [(each.kind, each.value, each.reviewer) for each in found] == expected


def test_disagreements_say_who_wants_what() -> None:
    votes = [by("anna", ACCEPT), by("ben", REJECT, "not_tracked")]
    (tie,) = merge(votes).disagreements
    assert str(tie) == f"{CLIP}  anna: accept; ben: reject not_tracked (open)"

    (settled,) = merge([*votes, by("cleo", ACCEPT)]).disagreements
    assert str(settled).endswith("cleo: accept (accept counts)")

    reasons = [by("anna", REJECT, "too_short"), by("ben", REJECT, "not_tracked")]
    assert merge(reasons).disagreements == ()  # that it is rejected is agreed


def test_the_newest_of_a_kind_counts() -> None:
    genres = [by("anna", Kind.GENRE, "jazz", 5, "swing!"), by("ben", Kind.GENRE, "kpop", 3)]
    found = merge(genres)
    assert found.decisions == (genres[0],)
    assert str(found.disagreements[0]).endswith("(genre jazz counts)")
    redos = merge([by("anna", Kind.REDO, minute=1), by("ben", Kind.REDO, minute=2)])
    assert [(each.reviewer, each.decided_at[14:16]) for each in redos.decisions] == [("anna, ben", "02")]
    assert redos.disagreements == ()


def test_splits_and_swaps_of_all_add_up() -> None:
    made = [
        by("anna", Kind.SPLIT, "4.500", 1, "here"),
        by("ben", Kind.SPLIT, "4.500", 2, "a turn"),
        by("ben", Kind.SPLIT, "9.000", 3),
        by("anna", Kind.SWAP, "1.000-2.000"),
    ]
    found = merge(made)
    assert [(each.value, each.reviewer, each.note) for each in found.decisions] == [
        ("4.500", "anna, ben", "here; a turn"),
        ("9.000", "ben", ""),
        ("1.000-2.000", "anna", ""),
    ]
    assert found.disagreements == ()


def test_joint_notes_fit_into_a_cell() -> None:
    made = [by(f"r{n}", ACCEPT, note=f"{n}" * MAX_NOTE) for n in range(9)]
    (found,) = merge(made).decisions
    assert len(found.note) == MAX_NOTE


def test_clips_are_apart_and_in_order() -> None:
    later = "BV1Aa411c7mD_Clip_10"
    made = [by("anna", ACCEPT, clip=later), by("ben", REJECT, "too_short", clip="BV1Aa411c7mD_Clip_9")]
    assert [each.clip_id[-2:] for each in merge(made).decisions] == ["_9", "10"]
    assert merge([]).decisions == ()
