"""Players ask for byte ranges; only the files that a clip's row names are served."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.review.media import Range, UnsatisfiableError, wanted_range
from popdanceset.schema import CLIPS

FIRST = "BV1_Clip_1"
VIDEO, AUDIO = f"/media/{FIRST}/video", f"/media/{FIRST}/audio"
SOUND = bytes(range(256)) * 10


def test_a_whole_file(client, reviewed):
    answer = client.get(VIDEO)
    film = Path(reviewed.address, "media/BV1/clip.mp4").read_bytes()
    assert (answer.status_code, answer.content) == (200, film)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "no-store"
    assert client.get(AUDIO).headers["content-type"] == "audio/wav"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=2000-", 2000, 2560),
        ("bytes=-10", 2550, 2560),
        ("bytes=-99999", 0, 2560),
        ("bytes=2559-99999999999999999", 2559, 2560),
    ],
)
def test_ranges(client, asked, start, stop):
    answer = client.get(AUDIO, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, SOUND[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/2560"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("asked", ["bytes=2560-", "bytes=99999-100000", "bytes=-0"])
def test_ranges_behind_the_end(client, asked):
    answer = client.get(AUDIO, headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */2560")


@pytest.mark.parametrize(
    "asked", ["bytes=9-3", "bytes=-", "bytes=1-2,5-6", "lines=1-2", "bytes=a-b", "bytes=" + "9" * 5000 + "-"]
)
def test_other_headers_are_ignored(client, asked):
    answer = client.get(AUDIO, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, SOUND)


def test_head_has_the_headers_only(client):
    answer = client.head(AUDIO, headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content) == (206, b"")
    assert answer.headers["content-length"] == "10"


def test_a_range_of_another_version_is_not_mixed_in(client):
    tag = client.head(AUDIO).headers["etag"]
    asked = {"Range": "bytes=10-19", "If-Range": tag}
    assert client.get(AUDIO, headers=asked).status_code == 206
    assert client.get(AUDIO, headers={**asked, "If-Range": '"another"'}).content == SOUND


@given(st.binary(max_size=40), st.integers(0, 50), st.integers(0, 50))
def test_a_range_is_what_slicing_returns(content, first, last):
    try:
        part = wanted_range(f"bytes={first}-{last}", len(content))
    except UnsatisfiableError:
        assert first >= len(content)
        assert first <= last
        return
    if part is None:
        assert last < first
    else:
        assert part == Range(first, min(last, len(content) - 1))
        assert content[part.first : part.last + 1] == content[first : last + 1]


def test_clips_without_a_file_and_lost_files(client, reviewed):
    assert client.get("/media/BV1_Clip_3/video").status_code == 404  # its row names none
    assert client.get("/media/BV1_Clip_2/video").status_code == 404  # the file is lost
    assert client.get("/media/nobody/video").status_code == 404
    reviewed.write_bytes("media/BV1/clip.wav", b"")
    assert client.get(AUDIO).content == b""
    assert client.get(AUDIO, headers={"Range": "bytes=0-"}).status_code == 416


@pytest.mark.parametrize(
    "name",
    [
        "../outside.mp4", "/etc/passwd", "media/../../outside.mp4", "review/decisions.sqlite", "link.mp4",
        "media/BV1/\x00.mp4", "poses/BV1_Clip_1.parquet",
    ],
)  # fmt: skip
def test_a_hostile_row_serves_nothing(client, reviewed, synthetic, name):
    outside = Path(reviewed.address).parent / "outside.mp4"
    outside.write_bytes(b"secret")
    Path(reviewed.address, "link.mp4").symlink_to(outside)
    row = synthetic.clip_row(FIRST, 150, path=name)
    reviewed.write_rows("clips/BV1.parquet", [row], CLIPS)

    assert client.get(VIDEO).status_code == 404
    assert client.get(f"/api/clips/{FIRST}").status_code == 200
