from pathlib import Path

import pytest

from popdanceset.bilibili.ids import is_bvid, read_ids
from popdanceset.errors import InputError


@pytest.mark.parametrize("text", ["BV1xx411c7mD", "BV1GJ411x7h7"])
def test_a_video_id(text: str) -> None:
    assert is_bvid(text)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "BV1xx411c7m",
        "BV1xx411c7mDD",
        "../../etc/passwd",
        "BV1xx411c7m/",
        "BV1xx411c7mD\n",
        "BV１xx411c7mD",
        None,
        7,
    ],
)
def test_no_video_id(value: object) -> None:
    assert not is_bvid(value)


def test_ids_and_addresses_are_read_once_each(tmp_path: Path) -> None:
    file = tmp_path / "my.txt"
    file.write_text(
        "# mine\nBV1xx411c7mD\n\nhttps://www.bilibili.com/video/BV1GJ411x7h7/  # good\nBV1xx411c7mD\n"
    )
    assert read_ids(file) == ("BV1xx411c7mD", "BV1GJ411x7h7")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"BV1xx411c7mD\nnonsense\n", "line 2"), (b"# only words\n", "no video id"), (b"\xff\xfe\x00", "UTF-8")],
)
def test_a_wrong_file_is_reported_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "my.txt"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_ids(file)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.txt"):
        read_ids(tmp_path / "gone.txt")
