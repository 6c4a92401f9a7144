from pathlib import Path

import pytest

from popdanceset.bilibili.ids import bvid_of_aid, find_bvid, find_short_link, is_bvid, read_ids
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


@pytest.mark.parametrize(
    ("aid", "bvid"),
    [(2, "BV1xx411c7mD"), (170001, "BV17x411w7KC"), (455017605, "BV1Q541167Qg"), (882584971, "BV1mK4y1C7Bz")],
)
def test_numeric_ids_have_a_video_id(aid: int, bvid: str) -> None:
    assert bvid_of_aid(aid) == bvid
    for text in (f"av{aid}", f"AV{aid}", f"https://www.bilibili.com/video/av{aid}/?p=2"):
        assert find_bvid(text) == bvid


def test_a_number_that_is_no_id() -> None:
    assert find_bvid("av0") is None
    assert find_bvid("save123") is None
    with pytest.raises(InputError, match="is not a video id"):
        bvid_of_aid(1 << 51)


@pytest.mark.parametrize("text", ["bv1xx411c7mD", "https://b23.tv/BV1xx411c7mD", "b23.tv/av2"])
def test_an_id_in_other_clothes(text: str) -> None:
    assert find_bvid(text) == "BV1xx411c7mD"
    assert find_short_link(text) is None


def test_short_links_are_kept_for_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my.txt").write_text("http://B23.tv/aB3dE7f?x=1\nav2\nhttps://b23.tv/aB3dE7f\n")
    assert read_ids(Path("~/my.txt")) == ("https://b23.tv/aB3dE7f", "BV1xx411c7mD")
    assert find_short_link("https://notb23.tv/abc") is None
