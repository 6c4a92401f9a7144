import pytest

from popdanceset.errors import ManifestError
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.in_force import ClipReview, in_force, read_decisions, read_reviews, write_decisions

CLIP = "BV1Aa411c7mD_Clip_1"
WHEN = "2026-11-29T12:00:00.000Z"


def test_the_newest_of_a_kind_counts_and_splits_add_up():
    made = [
        Decision(CLIP, Kind.ACCEPT),
        Decision(CLIP, Kind.SPLIT, "9.000"),
        Decision(CLIP, Kind.SPLIT, "4.500"),
        Decision(CLIP, Kind.TRIM, "1.000-8.000"),
        Decision(CLIP, Kind.TRIM, "2.000-8.000"),
        Decision(CLIP, Kind.REJECT, "unsteady_pose", "arms", "anna"),
        Decision(CLIP, Kind.REDO, decided_at=WHEN),
    ]
    review = in_force(made)[CLIP]

    assert review == ClipReview(made[5], WHEN, (4.5, 9.0), (2.0, 8.0))
    assert review.changes == f"redo {WHEN}; split 4.500; split 9.000; trim 2.000-8.000"


def test_decisions_survive_the_file(tmp_path):
    made = [
        Decision("BV1Aa411c7mD_Clip_10", Kind.GENRE, "jazz", "", "anna", WHEN),
        Decision(CLIP, Kind.SWAP, "0.500-1.000", 'looks away,\nthen "turns" 🕺', "anna, ben", WHEN),
    ]
    write_decisions(tmp_path, made)
    first = (tmp_path / "reviews.csv").read_bytes()
    write_decisions(tmp_path, made[::-1])

    assert (tmp_path / "reviews.csv").read_bytes() == first
    assert read_decisions(tmp_path) == made[::-1]  # by clip
    write_decisions(tmp_path, [])
    assert read_reviews(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["x,veto,,,,"], "kind cannot be 'veto'"),
        (["x,trim,9-2,,,"], r"line 2: the span '9-2' is empty"),
        (["x,accept,,,,", "x,reject,unsteady_pose,,,"], r"line 3: x has this judgement already in line 2"),
        (["x,redo,,,anna,"], "a redo needs the time"),
        ([",accept,,,,"], "clip_id cannot be ''"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, lines, message):
    (tmp_path / "reviews.csv").write_text(
        "\n".join(["clip_id,kind,value,note,reviewer,decided_at", *lines]) + "\n", "utf-8"
    )
    with pytest.raises(ManifestError, match=message):
        read_reviews(tmp_path)
