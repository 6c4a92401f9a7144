"""The two files of BlazePose: taken once out of a wheel on the package index, checked, and kept in the user's
cache.

The wheel is MediaPipe 0.10.21 (Apache-2.0), the last release that contains the models. It is only unpacked,
never installed: it would bring an old numpy with it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hybrik_runner.assets import Asset, Finding, State, against_pins, exclusive, model_folder, sha256
from popdanceset.atomic import atomic_write
from popdanceset.errors import AssetError

if TYPE_CHECKING:
    from popdanceset.settings import Settings

log = logging.getLogger(__name__)

VERSION = "0.10.21"
_ONLY_THE_WHEEL = ("--no-deps", "--only-binary=:all:", "--python-version=3.11")
_DOWNLOAD = (
    "download", f"mediapipe=={VERSION}", *_ONLY_THE_WHEEL, "--platform=manylinux_2_28_x86_64",
    "--disable-pip-version-check", "--quiet",
)  # fmt: skip
_UV_INSTALL = (
    "pip", "install", f"mediapipe=={VERSION}", *_ONLY_THE_WHEEL, "--python-platform=x86_64-manylinux_2_28",
    "--quiet",
)  # fmt: skip
_SOURCE = f"wheel of mediapipe {VERSION} on the Python package index"

DETECTOR = Asset(
    "pose_detection.tflite",
    2_959_046,
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    _SOURCE,
    "Apache-2.0",
    "finds the dancer in a frame",
)
LANDMARKS = Asset(
    "pose_landmark_full.tflite",
    6_440_512,
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    _SOURCE,
    "Apache-2.0",
    "finds the dancer's landmarks",
)
ASSETS = (DETECTOR, LANDMARKS)
_MEMBERS = {
    DETECTOR: "mediapipe/modules/pose_detection/pose_detection.tflite",
    LANDMARKS: "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
}


def ensure(settings: Settings) -> Path:
    """Returns the folder that holds both files, after fetching them if they are not there yet.

    Any number of threads and processes may call it at once: one fetches, the others wait.

    Raises:
        AssetError: the package index is out of reach, or what it served is not what we know.
    """
    folder = model_folder(settings)
    if _all_present(folder):
        return folder
    with exclusive(folder):
        if _all_present(folder):
            return folder
        for asset in ASSETS:
            if asset.state(folder) is State.DAMAGED:
                log.warning("%s: is not the file we know; it is fetched again", folder / asset.name)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            _unpack(_download(Path(scratch)), folder)
        log.info("pose model files fetched in %.1f s: %s", time.perf_counter() - start, folder)
    return folder


def findings(settings: Settings, pins: Mapping[str, str]) -> list[Finding]:
    """Returns what is known of both files.

    Raises:
        AssetError: a file may not be read.
    """
    return [_finding(model_folder(settings) / asset.name, asset, pins) for asset in ASSETS]


def _finding(path: Path, asset: Asset, pins: Mapping[str, str]) -> Finding:
    digest = sha256(path)
    if digest is None:
        state, note = State.MISSING, "fetched when first needed, or by `popdanceset assets --fetch` now"
    elif digest != asset.sha256:
        state, note = State.DAMAGED, f"its sha256 is not {asset.sha256[:12]}…; `--fetch` replaces it"
    elif wrong := against_pins(path, pins, digest):
        state, note = State.DAMAGED, wrong
    else:
        state, note = State.PRESENT, "sha256 as known"
    return Finding(
        path=path,
        needed_by=("blazepose", "hybrik"),
        state=state,
        note=note,
        sha256=digest or "",
        size=path.stat().st_size if digest else 0,
        purpose=asset.purpose,
        licence=f"{asset.licence}, no registration",
        source=asset.source,
        without="everything except finding dancers: crawl, selection, download, publishing, training",
    )


def _all_present(folder: Path) -> bool:
    return all(asset.state(folder) is State.PRESENT for asset in ASSETS)


def _download(scratch: Path) -> Path:
    """Fetches the wheel, or a folder with its content, into a scratch folder and returns its path.

    pip does it where the environment has one. An environment made by uv has none: there uv itself does it, or
    the pip that Python carries along for new environments.
    """
    log.info("fetching the pose model files from the package index (36 MB, once)")
    if importlib.util.find_spec("pip") is not None:
        return _by_pip(scratch, dict(os.environ))
    if uv := shutil.which("uv"):
        return _by_uv(uv, scratch)
    if bundled := _bundled_pip():
        return _by_pip(scratch, {**os.environ, "PYTHONPATH": str(bundled)})
    raise _unavailable("this Python environment has neither pip nor uv")


def _bundled_pip() -> Path | None:
    """The wheel of pip that Python installs into new environments; it runs as it is."""
    spec = importlib.util.find_spec("ensurepip")
    if spec is None or spec.origin is None:
        return None
    return next((Path(spec.origin).parent / "_bundled").glob("pip-*.whl"), None)


def _by_pip(scratch: Path, environment: dict[str, str]) -> Path:
    _run([sys.executable, "-m", "pip", *_DOWNLOAD, f"--dest={scratch}"], environment)
    wheel = next(scratch.glob("*.whl"), None)
    if wheel is None:
        raise _unavailable("pip downloaded nothing")
    return wheel


def _by_uv(uv: str, scratch: Path) -> Path:
    """uv downloads no wheels, but installs one into any folder."""
    target = scratch / "unpacked"
    _run([uv, *_UV_INSTALL, f"--target={target}"], dict(os.environ))
    return target


def _run(command: list[str], environment: dict[str, str]) -> None:
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment
    )
    if result.returncode:
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()] or ["no message"]
        raise _unavailable(lines[-1].removeprefix("ERROR: "))


def _unavailable(why: str) -> AssetError:
    names = " and ".join(asset.name for asset in ASSETS)
    by_hand = " ".join(["pip", *_DOWNLOAD[:6]])
    return AssetError(
        f"the {_SOURCE} is not available: {why}",
        "pose model files",
        f"connect to the index, or run `{by_hand}` anywhere and unzip {names} from the wheel "
        "into pose.model_dir",
    )


def _unpack(source: Path, folder: Path) -> None:
    """Checks the files of a wheel, or of a folder with its content, and writes them into the model folder."""
    try:
        if source.is_dir():
            contents = {asset: (source / _MEMBERS[asset]).read_bytes() for asset in ASSETS}
        else:
            with zipfile.ZipFile(source) as archive:
                contents = {asset: archive.read(_MEMBERS[asset]) for asset in ASSETS}
    except (zipfile.BadZipFile, KeyError, FileNotFoundError) as error:
        raise AssetError(
            f"does not contain the pose model files: {error}", source.name, "try again"
        ) from error
    if any(hashlib.sha256(content).hexdigest() != asset.sha256 for asset, content in contents.items()):
        raise AssetError(
            "contains other pose model files than we know", source.name, "try again, or report it"
        )
    for asset, content in contents.items():
        with atomic_write(folder / asset.name) as file:
            file.write(content)
