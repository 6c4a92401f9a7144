import pytest

from popdanceset.video.dancers import dancer_of

CLIP = "BV1xx411c7mD_Clip_1"


@pytest.mark.parametrize(
    ("mid", "named", "joint", "dancer"),
    [
        (5, {}, None, "5"),
        (None, {}, None, "BV1xx411c7mD"),
        (5, {}, "5+12", "5+12"),
        (5, {"BV1xx411c7mD": "anna"}, "5+12", "anna"),
        (5, {"BV1xx411c7mD": "anna", CLIP: "ben"}, "5+12", "ben"),
    ],
)
def test_who_dances(mid: int | None, named: dict[str, str], joint: str | None, dancer: str) -> None:
    assert dancer_of("BV1xx411c7mD", CLIP, mid, named, joint) == dancer
