from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.errors import ManifestError
from popdanceset.manifest import Manifest, ManifestVideo, find_manifest, read_manifest, write_manifest
from popdanceset.settings import Settings

ONE = ManifestVideo(
    "BV1xx411c7mD",
    0.912345,
    10**9,
    77,
    5,
    "a dance",
    61.5,
    2,
    20,
    2028,
    datetime(2026, 3, 1, tzinfo=UTC),
)
TWO = ManifestVideo("BV1GJ411x7h7", 0.9)
HEADER = "bvid,pop,view,follower\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A manifest of two videos."""
    write_manifest(tmp_path / "v1", Manifest("v1", (ONE, TWO), {"model": {"name": "0123456789ab"}}))
    return tmp_path / "v1"


def test_what_is_written_is_read(folder: Path) -> None:
    assert read_manifest(folder) == Manifest("v1", (TWO, ONE), {"model": {"name": "0123456789ab"}})


def test_the_files_are_for_people(folder: Path) -> None:
    assert (folder / "videos.csv").read_text().splitlines() == [
        "bvid,pop,view,follower,mid,title,duration,pages,tid,tid_v2,snapshot_at",
        "BV1GJ411x7h7,0.9,,,,,,,,,",
        "BV1xx411c7mD,0.912345,1000000000,77,5,a dance,61.5,2,20,2028,2026-03-01T00:00:00+00:00",
    ]
    assert (folder / "manifest.yaml").read_text() == (
        "name: v1\nformat: 1\nvideos: 2\nmodel:\n  name: 0123456789ab\n"
    )


def test_a_reviewer_may_edit_the_lines(folder: Path) -> None:
    (folder / "videos.csv").write_text("pop,bvid,remark\n0.9,BV1xx411c7mD,good\n")
    assert read_manifest(folder).videos == (ManifestVideo("BV1xx411c7mD", 0.9),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "columns bvid, pop are missing"),
        ("bvid,view\nBV1xx411c7mD,1\n", "columns pop are missing"),
        (HEADER + "../../etc/passwd,0.9,1,1\n", r"videos.csv, line 2: '../../etc/passwd' is not a video id"),
        (HEADER + "BV1xx411c7m/,0.9,1,1\n", "is not a video id"),
        (HEADER + "BV1xx411c7mD,0.9,1,1\nBV1xx411c7mD,0.9,1,1\n", "line 3: BV1xx411c7mD occurs twice"),
        (HEADER + "BV1xx411c7mD,high,1,1\n", "line 2: pop cannot be 'high'"),
        (HEADER + "BV1xx411c7mD,nan,1,1\n", "pop cannot be 'nan'"),
        (HEADER + "BV1xx411c7mD,,1,1\n", "pop is empty"),
        (HEADER + "BV1xx411c7mD,0.9,-1,1\n", "view cannot be '-1'"),
        (HEADER + 'BV1xx411c7mD,0.9,"1,1\n', "not valid CSV"),
    ],
)
def test_a_wrong_table_is_reported_with_its_line(folder: Path, content: str, message: str) -> None:
    (folder / "videos.csv").write_text(content)
    with pytest.raises(ManifestError, match=message) as caught:
        read_manifest(folder)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name: [", r"manifest.yaml, line \d: not valid YAML"),
        ("- a\n", "not contain a mapping"),
        ("", "not contain a mapping"),
        ("name: v1\n", "needs a name and format 1"),
        ("format: 1\n", "needs a name"),
        ("!!python/object/apply:os.system [echo]\n", "not valid YAML"),
    ],
)
def test_a_wrong_document_is_reported(folder: Path, content: str, message: str) -> None:
    (folder / "manifest.yaml").write_text(content)
    with pytest.raises(ManifestError, match=message):
        read_manifest(folder)


@pytest.mark.parametrize("name", ["manifest.yaml", "videos.csv"])
def test_a_missing_or_binary_file_is_reported(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ManifestError, match="UTF-8"):
        read_manifest(folder)
    (folder / name).unlink()
    with pytest.raises(ManifestError, match=rf"{name}: file is missing"):
        read_manifest(folder)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="file is missing"):
        read_manifest(tmp_path / "none")


@pytest.mark.parametrize("videos", [(ONE, ONE), (ManifestVideo("../../etc/passwd", 1.0),)])
def test_what_must_not_be_written(tmp_path: Path, videos: tuple[ManifestVideo, ...]) -> None:
    with pytest.raises(ManifestError):
        write_manifest(tmp_path / "v1", Manifest("v1", videos))
    assert not (tmp_path / "v1").exists()


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.integers(0, 2**62), st.floats(0, 2))
def test_any_title_and_number(tmp_path: Path, title: str, view: int, pop: float) -> None:
    video = ManifestVideo("BV1xx411c7mD", pop, view, title=title or None)
    write_manifest(tmp_path / "any", Manifest("any", (video,)))
    (read,) = read_manifest(tmp_path / "any").videos
    assert (read.title, read.view) == (title or None, view)
    assert read.pop == pytest.approx(pop, abs=5e-7)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("weekly", "manifests/weekly"),
        ("manifests/weekly", "manifests/weekly"),
        ("other/weekly", "other/weekly"),
        ("here", "here"),
        ("./weekly", "weekly"),
        ("docker", "manifests/docker"),
        ("not-there", "manifests/not-there"),
    ],
)
def test_a_manifest_is_named_or_given_as_a_folder(tmp_path, monkeypatch, name, expected):
    monkeypatch.chdir(tmp_path)
    for folder in ("manifests/weekly", "weekly", "here"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "manifest.yaml").touch()
    (tmp_path / "docker").mkdir()

    assert find_manifest(name, Settings(manifests="manifests")) == Path(expected)


def test_an_empty_name_is_not_a_manifest():
    with pytest.raises(ManifestError, match="name is empty"):
        find_manifest(" ", Settings())


def test_joint_uploads_name_their_dancers(tmp_path: Path) -> None:
    videos = (ManifestVideo("BV1xx411c7mD", 0.9, mid=5, dancers="5+12"), ManifestVideo("BV1GJ411x7h7", 0.9))
    write_manifest(tmp_path / "v1", Manifest("v1", videos))
    lines = (tmp_path / "v1/videos.csv").read_text().splitlines()
    assert lines[0].endswith(",snapshot_at,dancers")
    assert {video.bvid: video.dancers for video in read_manifest(tmp_path / "v1").videos} == {
        "BV1xx411c7mD": "5+12",
        "BV1GJ411x7h7": None,
    }
    (tmp_path / "v1/videos.csv").write_text("\n".join(lines).replace("5+12", "me"))
    with pytest.raises(ManifestError, match="dancers cannot be 'me'"):
        read_manifest(tmp_path / "v1")


def test_manifests_may_be_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    home = Settings.load(overrides={"manifests": "~/manifests"})
    assert find_manifest("v1", home) == tmp_path / "manifests/v1"
    assert find_manifest("~/mine/v1", home) == tmp_path / "mine/v1"
