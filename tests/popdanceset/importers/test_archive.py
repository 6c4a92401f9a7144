"""Sets as zip archives, among them hostile ones; the command line."""

from __future__ import annotations

import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.importers import archive
from popdanceset.schema import CLIPS
from popdanceset.store import Store


def files_of(store: Store) -> list[Path]:
    return [path for path in Path(store.address).rglob("*") if path.is_file()]


def packed(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for member in sorted(folder.rglob("*")):
            file.write(member, Path("set", member.relative_to(folder)))
    return path


def test_an_archive_is_what_is_in_it(published: Path, tmp_path: Path, run: Any, store: Store) -> None:
    path = packed(published, tmp_path / "set.zip")
    assert run("popdanceset", path).imported == 3
    assert run("popdanceset", published).kept == 3
    assert not list(Path(store.address, ".scratch").iterdir())


@pytest.mark.parametrize(
    "name",
    ["../x.pkl", "/tmp/x.pkl", "a/../../x.pkl", "..\\x.pkl", "C:/x.pkl", "a\nb.pkl", "a/" * 600 + "x.pkl"],
)
def test_names_that_leave_the_folder(
    published: Path, tmp_path: Path, run: Any, store: Store, name: str
) -> None:
    path = packed(published, tmp_path / "set.zip")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(name, b"x")
    with pytest.raises(InputError, match="which leaves its folder or is no name") as raised:
        run("popdanceset", path)
    assert str(raised.value).isprintable()
    assert files_of(store) == []
    assert {file.name for file in tmp_path.iterdir()} <= {"set.zip", "published", "store", "manifests"}


def test_links_and_encryption(published: Path, tmp_path: Path, run: Any, store: Store) -> None:
    path = packed(published, tmp_path / "set.zip")
    with zipfile.ZipFile(path, "a") as file:
        link = zipfile.ZipInfo("set/motions/BV1ccccccccc_Clip_1.pkl")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="contains the link"):
        run("popdanceset", path)
    path = packed(published, tmp_path / "locked.zip")
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="is encrypted"):
        run("popdanceset", path)
    assert files_of(store) == []


def test_absurd_sizes(
    published: Path, tmp_path: Path, run: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("x.pkl", "w") as member:
        for _ in range(300):
            member.write(bytes(1 << 20))
    with pytest.raises(InputError, match="unpacks to 314572800 bytes, which no motion set does"):
        run("popdanceset", path)
    monkeypatch.setattr(archive, "MOST_FILES", 3)
    with pytest.raises(InputError, match="at most 3 are unpacked"):
        run("popdanceset", packed(published, tmp_path / "set.zip"))
    assert files_of(store) == []


def test_a_member_that_is_larger_than_stated(published: Path, tmp_path: Path, run: Any, store: Store) -> None:
    path = packed(published, tmp_path / "set.zip")
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    while not struct.unpack_from("<I", content, at + 24)[0]:  # folders come first
        at = content.index(b"PK\x01\x02", at + 4)
    struct.pack_into("<I", content, at + 24, 10)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"not a usable zip archive|larger than the archive states"):
        run("popdanceset", path)
    path.write_bytes(packed(published, tmp_path / "whole.zip").read_bytes()[:-40])
    with pytest.raises(InputError):
        run("popdanceset", path)
    assert files_of(store) == []


def popdanceset(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "popdanceset", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_command(published: Path, tmp_path: Path) -> None:
    (published / "motions/no id\x1b.pkl").write_bytes(b"")
    done = popdanceset(
        "import",
        "popdanceset",
        published,
        "--manifest",
        "new",
        "--store",
        "s",
        "--axes",
        "kept",
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "3 clips imported, 0 replaced, 0 already there: 17.3 s in s, manifest manifests/new" in done.stdout
    assert r"refused 'no id\x1b': 'no id\x1b' is not a clip id" in done.stdout
    assert "1 of 4 sequences could not be imported" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    store = Store(tmp_path / "s")
    assert len(store.read_table(layout.CLIPS, CLIPS)) == 3
    assert (tmp_path / "manifests/new/clips.csv").is_file()


def test_one_line_for_what_cannot_be_imported(published: Path, tmp_path: Path) -> None:
    (published / "splits/train.txt").write_text("../x\n")
    for path, words in ((published, "'../x' is not a clip id"), (tmp_path / "none", "does not exist")):
        done = popdanceset("import", "popdanceset", path, "--manifest", "new", "--store", "s", cwd=tmp_path)
        assert done.returncode == 2
        errors = [line for line in done.stderr.splitlines() if line]
        assert len(errors) == 1
        assert words in errors[0]
