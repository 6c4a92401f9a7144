import pytest

from popdanceset.errors import InputError
from popdanceset.review.decisions import Kind, checked_name, checked_note, checked_value, span_of


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        (Kind.ACCEPT, " ", ""),
        (Kind.REJECT, "unsteady_pose", "unsteady_pose"),
        (Kind.SPLIT, "12.3456", "12.346"),
        (Kind.TRIM, "1.5-7", "1.500-7.000"),
        (Kind.SWAP, " 0-0.5 ", "0.000-0.500"),
        (Kind.GENRE, "jazz", "jazz"),
        (Kind.DANCER, " Lisa <b> ", "Lisa <b>"),
        (Kind.MUSIC, "BV1xx_Clip_1", "BV1xx_Clip_1"),
    ],
)
def test_a_value_has_one_form(kind, value, kept):
    assert checked_value(kind, value, ("jazz", "house")) == kept


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Kind.REDO, "now", "redo takes no value"),
        (Kind.REJECT, "ugly", "not a reason to reject"),
        (Kind.SPLIT, "-1", "not a time"),
        (Kind.SPLIT, "nan", "not a time"),
        (Kind.TRIM, "7-7", "is empty"),
        (Kind.TRIM, "7", "not a span"),
        (Kind.SWAP, "1-2-3", "not a time"),
        (Kind.GENRE, "polka", "not a genre"),
        (Kind.DANCER, "\x00", "control characters"),
        (Kind.DANCER, "x" * 81, "1 to 80 characters"),
        (Kind.MUSIC, "", "1 to 80 characters"),
    ],
)
def test_other_values_are_refused(kind, value, message):
    with pytest.raises(InputError, match=message):
        checked_value(kind, value, ("jazz", "house"))


def test_spans_and_names():
    assert span_of("0.25-10") == (0.25, 10.0)
    assert checked_name("  李 🕺 ") == "李 🕺"


def test_a_note_is_text():
    assert checked_note(" <b>left</b>\n\t手 🕺 ") == "<b>left</b>\n\t手 🕺"
    for note, message in (
        ("x" * 20_001, "at most 20,000"),
        ("\0", "cannot be written"),
        ("\ud83d", "cannot"),
    ):
        with pytest.raises(InputError, match=message):
            checked_note(note)
