"""Fetching three.js from a registry, and building with it."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import io
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import click.testing
import pytest

from popdanceset.errors import AssetError
from popdanceset.review import vendor_command
from popdanceset.review.vendoring import vendor
from popdanceset.review.vendoring.vendor import Package

ROOT = Path(__file__).parents[3]
LIBRARY, LICENCE = b"export const answer = 42;\n", b"MIT\n"
HOSTILE = ("/tmp/outside.js", "../outside.js", "package/../../outside.js", "package/build/unwanted.js")
NOWHERE = "http://127.0.0.1:9"


def archive(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def pinned(content: bytes) -> Package:
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    files = {"build/library.min.js": LIBRARY, "LICENSE": LICENCE}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return Package("library", "1.0.0", f"sha512-{digest}", hashes)


@pytest.fixture
def registry(tmp_path: Path, web: ModuleType) -> Iterator[Any]:
    with web.serve(tmp_path / "registry") as server:
        yield server


@pytest.fixture
def publish(tmp_path: Path) -> Any:
    """Puts an archive into the registry; returns the package as it would be pinned."""

    def put(members: dict[str, bytes], links: dict[str, str] | None = None) -> Package:
        content = archive(members, links)
        file = tmp_path / "registry/library/-/library-1.0.0.tgz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return pinned(content)

    return put


GOOD = {"package/build/library.min.js": LIBRARY, "package/LICENSE": LICENCE}


def test_only_the_named_files_are_kept(tmp_path: Path, registry: Any, publish: Any) -> None:
    package = publish(GOOD | dict.fromkeys(HOSTILE, b"x"))
    folder = tmp_path / "page/vendor"

    assert vendor.fetch(folder, package, registry.address)

    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        "library.min.js": LIBRARY,
        "LICENSE": LICENCE,
    }
    assert not list(tmp_path.rglob("*outside*"))
    assert not Path("/tmp/outside.js").exists()


def test_right_files_are_not_fetched_again_and_damaged_ones_are(
    tmp_path: Path, registry: Any, publish: Any
) -> None:
    package = publish(GOOD)
    vendor.fetch(tmp_path, package, registry.address)

    assert not vendor.fetch(tmp_path, package, NOWHERE)
    assert len(registry.requests) == 1

    (tmp_path / "LICENSE").write_bytes(LICENCE[:2])
    assert vendor.missing(tmp_path, package) == ["LICENSE"]
    assert vendor.fetch(tmp_path, package, registry.address)
    assert vendor.missing(tmp_path, package) == []


def test_another_archive_than_the_pinned_one_is_refused(tmp_path: Path, registry: Any, publish: Any) -> None:
    package = replace(publish(GOOD), integrity=vendor.THREE.integrity)

    with pytest.raises(OSError, match="not the pinned archive") as raised:
        vendor.fetch(tmp_path / "vendor", package, registry.address)

    assert "\n" not in str(raised.value)
    assert not (tmp_path / "vendor").exists()


@pytest.mark.parametrize(
    ("members", "links"),
    [
        ({"package/LICENSE": LICENCE}, {}),
        ({"package/LICENSE": LICENCE, "package/build/library.min.js": b"something else"}, {}),
        ({"package/LICENSE": LICENCE}, {"package/build/library.min.js": "/etc/passwd"}),
    ],
    ids=["absent", "other content", "a link"],
)
def test_an_archive_without_the_files_is_refused(
    tmp_path: Path, registry: Any, publish: Any, members: dict[str, bytes], links: dict[str, str]
) -> None:
    package = publish(members, links)

    with pytest.raises(OSError, match=r"lacks package/build/library\.min\.js"):
        vendor.fetch(tmp_path / "vendor", package, registry.address)

    assert not (tmp_path / "vendor").exists()


@pytest.mark.parametrize("status", ["404", "503"])
def test_what_the_registry_answers_is_said(tmp_path: Path, registry: Any, publish: Any, status: str) -> None:
    package = publish(GOOD)
    registry.faults = [status]

    with pytest.raises(OSError, match=rf"library-1\.0\.0\.tgz: HTTP {status}"):
        vendor.fetch(tmp_path / "vendor", package, registry.address)


def test_half_an_answer_is_no_file(tmp_path: Path, registry: Any, publish: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(vendor, "PAUSES", ())
    package = publish(GOOD)
    monkeypatch.setattr(registry.RequestHandlerClass, "do_GET", answer_half)

    with pytest.raises(OSError, match="cannot be fetched: IncompleteRead"):
        vendor.fetch(tmp_path / "vendor", package, registry.address)

    assert not (tmp_path / "vendor").exists()


def answer_half(handler: Any) -> None:
    handler._answer(200, b"\x1f\x8b", {}, length=1000)
    handler.close_connection = True


def test_an_unreachable_registry_is_tried_again(
    tmp_path: Path, registry: Any, publish: Any, monkeypatch: Any
) -> None:
    package = publish(GOOD)
    registry.gone = True
    monkeypatch.setattr(vendor, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(vendor.time, "sleep", lambda _: setattr(registry, "gone", False))

    assert vendor.fetch(tmp_path / "vendor", package, registry.address)


def test_other_addresses_than_those_of_the_web_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="begins with https"):
        vendor.fetch(tmp_path, vendor.THREE, f"file://{tmp_path}")


def test_the_environment_names_the_registry(
    tmp_path: Path, registry: Any, publish: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("npm_config_registry", registry.address + "/")
    assert vendor.fetch(tmp_path / "vendor", publish(GOOD))


# -- the command


@pytest.fixture
def installed(tmp_path: Path, publish: Any, monkeypatch: Any) -> Path:
    """A package that was installed without a network."""
    folder = tmp_path / "installed"
    defaults = (folder, publish(GOOD))
    monkeypatch.setattr(vendor.fetch, "__defaults__", (*defaults, ""))
    monkeypatch.setattr(vendor.missing, "__defaults__", defaults)
    monkeypatch.setattr(vendor, "PAUSES", ())
    return folder


def test_the_command_completes_an_installed_page(installed: Path, registry: Any) -> None:
    assert vendor_command.page_warning() == (
        "the page is incomplete: library.min.js, LICENSE missing or damaged; run `popdanceset review vendor`"
    )

    run = click.testing.CliRunner().invoke(vendor_command.vendor, ["--registry", registry.address])

    assert (run.exit_code, run.exception) == (0, None)
    assert "fetched into" in run.output
    assert vendor_command.page_warning() == ""
    again = click.testing.CliRunner().invoke(vendor_command.vendor, ["--registry", NOWHERE])
    assert "is complete in" in again.output


def test_the_command_says_what_to_do_without_a_network(installed: Path) -> None:
    run = click.testing.CliRunner().invoke(vendor_command.vendor, ["--registry", NOWHERE])

    assert isinstance(run.exception, AssetError)
    assert "Connection refused (check the network, or name a registry with --registry)" in str(run.exception)
    assert not installed.exists()


# -- builds


def test_the_backend_has_every_hook_of_a_build() -> None:
    """In a process of its own, as pip calls it: setuptools must be imported before the standard distutils."""
    code = (
        "from popdanceset.review.vendoring import vendor\n"
        "hooks = ('build_wheel', 'build_editable', 'build_sdist', *vendor._PASSED_ON)\n"
        "print(len(hooks), [hook for hook in hooks if not callable(getattr(vendor, hook))],"
        " hasattr(vendor, 'no_such_hook'))"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (asked.stdout.split(maxsplit=1)[1:], asked.stderr) == (["[] False\n"], "")


def test_a_wheel_contains_the_pages_and_what_they_draw_with(tmp_path: Path) -> None:
    """Built as pip does, from a copy of the checkout; without a registry it is built all the same."""
    source = copied_checkout(tmp_path / "source")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-v",  # the output of the build
        "-w",
        tmp_path,
    ]
    if subprocess.run([*command[:3], "--version"], capture_output=True).returncode:
        pytest.skip("this Python has no pip")
    if not re.match(r"7[7-9]|[89]\d|\d{3}", installed_version("setuptools")):
        pytest.skip("building without isolation needs setuptools 77")
    complete = not vendor.missing(source / "popdanceset/review/page/vendor")

    done = subprocess.run(
        [*command, source],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "npm_config_registry": NOWHERE},
    )

    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        page = {info.filename: info.file_size for info in content.infolist() if "/page/" in info.filename}
    names = {name.rpartition("/page/")[2] for name in page if name.startswith("popdanceset/review/page/")}
    present = {path.relative_to(source / "popdanceset/review/page").as_posix()
               for path in (source / "popdanceset/review/page").rglob("*") if path.is_file()}  # fmt: skip
    assert names == present
    assert sum(page.values()) < 25_000_000
    if complete:
        assert {f"vendor/{Path(name).name}" for name in vendor.THREE.files} <= names
    else:
        assert "warning: building without three.js" in done.stdout + done.stderr


def installed_version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def copied_checkout(folder: Path) -> Path:
    """The files of git, and three.js if it has been fetched."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("the tests do not lie in a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    fetched = ROOT / "popdanceset/review/page/vendor"
    if fetched.is_dir():
        shutil.copytree(fetched, folder / fetched.relative_to(ROOT))
    return folder
