"""Fetches three.js into the pages' folder; also the build backend of this project (PEP 517, PEP 660).

The backend is that of setuptools, which it calls after fetching. pip runs it in an isolated environment, as
the top-level module `vendor` and without the rest of the project, so it needs only the standard library.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import secrets
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REGISTRY = "https://registry.npmjs.org"
"""Where packages are fetched from, unless the environment names another registry."""

REGISTRY_VARIABLE = "npm_config_registry"
"""The environment's variable, that of npm itself."""

FOLDER = Path(__file__).resolve().parent.parent / "page" / "vendor"
"""Folder of the fetched files, in the checkout or in the installed package."""

PAUSES = (1.0, 3.0)
"""Seconds to wait before the second and the third attempt."""

_TIMEOUT = 30.0
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Package:
    """A package of the npm registry, pinned.

    Attributes:
        integrity: SHA-512 of its archive in base64, as `npm view NAME@VERSION dist.integrity` prints it.
        files: names in the package → SHA-256 of the files to keep. They are written without their folders.
    """

    name: str
    version: str
    integrity: str
    files: Mapping[str, str]


THREE = Package(
    "three",
    "0.180.0",
    "sha512-o+qycAMZrh+TsE01GqWUxUIKR1AL0S8pq7zDkYOQw8GqfX8b8VoCKYUoHbhiX5j+7hr8XsuHDVU6+gkQJQKg9w==",
    {
        "build/three.module.min.js": "e2b5ee6bccd38fd6d8a2428546b83c5f2426d84b152ef82be8055556e3b40eb6",
        "build/three.core.min.js": "61ba0df005b05991361d040d8ff670e1aadfd0ce7aeebd1fdb0725957a8957de",
        "LICENSE": "bfe119ea4fd413f5f7ca3fcd63adb0c4a073ed39daa2fe7d3e6b769e21272601",
    },
)
"""What the pages draw bodies with (MIT licence, which is one of the files)."""


def missing(folder: Path = FOLDER, package: Package = THREE) -> list[str]:
    """Returns the names of the files that are absent or not the pinned ones."""
    return [
        target.name
        for member, digest in package.files.items()
        if not _is(target := folder / Path(member).name, digest)
    ]


def fetch(folder: Path = FOLDER, package: Package = THREE, registry: str = "") -> bool:
    """Puts the files of a package into a folder. Files that are there are kept.

    Args:
        registry: address of the registry; empty: that of the environment, or `REGISTRY`.

    Returns:
        Whether anything had to be fetched.

    Raises:
        OSError: the registry cannot be reached, what it sent is not the pinned archive, or the folder is not
            writable; the message is one line.
    """
    if not missing(folder, package):
        return False
    registry = registry or os.environ.get(REGISTRY_VARIABLE) or REGISTRY
    address = f"{registry.rstrip('/')}/{package.name}/-/{package.name}-{package.version}.tgz"
    content = _download(address)
    if _integrity(content) != package.integrity:
        raise OSError(f"{address}: not the pinned archive (its SHA-512 is {_integrity(content)})")
    files = _members(content, package, address)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        _write(folder / name, data)
    return True


def _download(address: str) -> bytes:
    if urlsplit(address).scheme not in ("http", "https"):
        raise OSError(f"{address}: the address of a registry begins with https:// or http://")
    for pause in (*PAUSES, None):
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:  # nosec B310  # checked above
                content: bytes = answer.read(_MOST_BYTES + 1)
                if answer.length and len(content) <= _MOST_BYTES:  # the connection ended early
                    raise http.client.IncompleteRead(content, answer.length)
        except urllib.error.HTTPError as error:
            raise OSError(f"{address}: HTTP {error.code}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            if pause is None:
                reason = getattr(error, "reason", error)
                raise OSError(f"{address}: cannot be fetched: {' '.join(str(reason).split())}") from error
            time.sleep(pause)
        else:
            if len(content) > _MOST_BYTES:
                raise OSError(f"{address}: larger than {_MOST_BYTES} bytes")
            return content
    raise AssertionError("the last attempt returns or raises")


def _members(content: bytes, package: Package, address: str) -> dict[str, bytes]:
    """Reads only the members that are named, if they are regular files with the pinned content."""
    digests = {f"package/{name}": digest for name, digest in package.files.items()}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for member in archive:
                digest = digests.get(member.name)
                if digest is None or not member.isreg() or member.size > _MOST_BYTES:
                    continue
                stream = archive.extractfile(member)
                data = stream.read() if stream else b""
                if hashlib.sha256(data).hexdigest() == digest:
                    found[Path(member.name).name] = data
    except (tarfile.TarError, EOFError, OSError) as error:
        raise OSError(f"{address}: not a readable archive: {error}") from error
    lacking = [name for name in digests if Path(name).name not in found]
    if lacking:
        raise OSError(f"{address}: lacks {', '.join(lacking)}, or they are not the pinned files")
    return found


def _integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def _is(path: Path, digest: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False


def _write(path: Path, data: bytes) -> None:
    """Writes a file that is complete or absent. (The library's own function is not there in a build.)"""
    partial = path.with_name(f".partial-{secrets.token_hex(8)}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


# -- the build backend


def _fetch_or_warn() -> None:
    """A build without a network goes on: everything but the pages' bodies works without three.js."""
    try:
        fetch()
    except OSError as error:
        print(
            f"warning: building without three.js, so the pages of `popdanceset review` are incomplete until "
            f"`popdanceset review vendor` is run: {error}",
            file=sys.stderr,
        )


_PASSED_ON = (
    "get_requires_for_build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "prepare_metadata_for_build_wheel",
    "prepare_metadata_for_build_editable",
)


def _setuptools() -> Any:
    """The backend of setuptools, which need not be installed where this module only fetches."""
    return import_module("setuptools.build_meta")


def __getattr__(name: str) -> Any:
    """Finds the hooks that are those of setuptools."""
    if name in _PASSED_ON:
        return getattr(_setuptools(), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> Any:
    """Fetches three.js, then builds a wheel; returns its name (PEP 517)."""
    _fetch_or_warn()
    return _setuptools().build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> Any:
    """Fetches three.js into the checkout, then builds an editable wheel; returns its name (PEP 660)."""
    _fetch_or_warn()
    return _setuptools().build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Any = None) -> Any:
    """Fetches three.js, then builds an archive of the source, which has it; returns its name (PEP 517)."""
    _fetch_or_warn()
    return _setuptools().build_sdist(sdist_directory, config_settings)
