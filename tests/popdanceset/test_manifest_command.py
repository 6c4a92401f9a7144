import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from popdanceset.errors import ManifestError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.manifest_command import manifest

FIRST = (
    ManifestVideo("BV0000000001", 0.9, title="one"),
    ManifestVideo("BV0000000002", 0.9, title="t\u202ewo"),
)
SECOND = (ManifestVideo("BV0000000002", 0.87, title="two"), ManifestVideo("BV0000000003", 1.0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two manifests, `first` and `second`."""
    thresholds = {"thresholds": {"min_pop": 0.85}}
    write_manifest(tmp_path / "first", Manifest("first", FIRST, {"model": {"name": "x"}, **thresholds}))
    write_manifest(tmp_path / "second", Manifest("second", SECOND, thresholds))
    return tmp_path


def diff(*arguments: object) -> str:
    return CliRunner().invoke(manifest, ["diff", *map(str, arguments)], catch_exceptions=False).output


def test_the_table(folder: Path) -> None:
    assert diff(folder / "first", folder / "second").splitlines() == [
        "A  first: 2 videos, model x, min_pop 0.85",
        "B  second: 2 videos, model ?, min_pop 0.85",
        "1 added, 1 removed, 1 re-scored, 0 unchanged",
        "   video           Pop in A  Pop in B    change  title",
        "+  BV0000000003                1.0000",
        "-  BV0000000001      0.9000                      one",
        "~  BV0000000002      0.9000    0.8700   -0.0300  two",
    ]
    assert "\u202e" not in diff(folder / "second", folder / "first")


def test_json(folder: Path) -> None:
    document = json.loads(diff(folder / "first", folder / "second", "--json"))
    assert [video["bvid"] for video in document["added"]] == ["BV0000000003"]


def test_names_below_the_folder_of_manifests(folder: Path) -> None:
    printed = diff("--set", f"manifests={folder}", "first", "first")
    assert printed.endswith("0 added, 0 removed, 0 re-scored, 2 unchanged\n")


def test_a_missing_manifest_is_printed(folder: Path) -> None:
    with pytest.raises(ManifestError, match="file is missing"):
        diff(folder / "first", folder / "third")
