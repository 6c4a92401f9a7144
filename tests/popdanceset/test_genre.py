"""Genre from the section of a video."""

import pytest

from popdanceset.genre import SECTIONS, SECTIONS_2025, UNKNOWN, genre


@pytest.mark.parametrize(
    ("tid", "tid_v2", "expected"),
    [
        (20, None, "otaku"),
        (198, None, "street"),
        (198, 2029, "hip-hop"),  # the newer scheme is finer
        (154, 2034, "ballet"),
        (154, None, UNKNOWN),
        (20, 2036, "otaku"),  # the newer scheme says "other", the older one knows
        (None, None, UNKNOWN),
        (4711, 4711, UNKNOWN),
    ],
)
def test_genre(tid: int | None, tid_v2: int | None, expected: str) -> None:
    assert genre(tid, tid_v2) == expected


def test_names_are_plain() -> None:
    names = {*SECTIONS.values(), *SECTIONS_2025.values()}
    assert UNKNOWN not in names
    assert all(name == name.lower() and " " not in name for name in names)
