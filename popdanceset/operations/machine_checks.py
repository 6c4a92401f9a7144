"""Checks of the machine: folders and programs that the stages need."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from importlib.metadata import entry_points
from pathlib import Path

from popdanceset.operations.findings import Finding, failed, ok, warning
from popdanceset.settings import Settings

_ENCODERS = ("libx264",)
_DECODERS = ("h264", "hevc", "av1", "aac")


def manifests(settings: Settings) -> Finding:
    """Writes a file into the folder of the manifests and removes it; creates the folder as a stage would."""
    folder = Path(settings.manifests).expanduser()
    probe = folder / f".popdanceset-{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        return failed(
            f"not writable: {error.strerror}", "check permissions, or set manifests", str(folder.absolute())
        )
    return ok(f"{folder.absolute()} can be written to")


def ffmpeg(settings: Settings) -> Finding:
    """Runs ffmpeg, and looks for the encoder of clips."""
    from popdanceset.video.ffmpeg import executable

    program, do = executable(), "install ffmpeg with libx264, or imageio-ffmpeg"
    try:
        done = subprocess.run(
            [program, "-hide_banner", "-encoders"], capture_output=True, timeout=20, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return failed(f"cannot be run: {error}", do, program)
    missing = [name for name in _ENCODERS if f" {name} " not in done.stdout]
    if done.returncode or missing:
        return failed(f"has no encoder {', '.join(missing) or '(it ends with an error)'}", do, program)
    return ok(program)


def codecs(settings: Settings) -> Finding:
    """Looks for the decoders in PyAV."""
    import av

    missing = [name for name in _DECODERS if name not in av.codecs_available]
    if missing:
        return failed(f"PyAV cannot decode {', '.join(missing)}", "reinstall av from its wheel", "av")
    return ok(f"PyAV {av.__version__} decodes {', '.join(_DECODERS)}")


def fpcalc(settings: Settings) -> Finding:
    """Looks for fpcalc if `music.methods` has Chromaprint."""
    if "chromaprint" not in settings.music.methods:
        return ok("not needed: music.methods does not name chromaprint")
    program = shutil.which("fpcalc")
    if program is None:
        return warning(
            "not on the path: music is compared by the pitch fingerprint alone",
            "install Debian's libchromaprint-tools, or set music.methods=pitch",
            "music.methods",
        )
    return ok(program)


def detector(settings: Settings) -> Finding:
    """Looks for the person detector of screening among the installed packages."""
    name = settings.screening.detector
    known = sorted(point.name for point in entry_points(group="popdanceset.detectors"))
    if name not in known:
        return failed(
            f"no person detector is called {name!r}",
            f"installed: {', '.join(known) or 'none'}",
            "screening.detector",
        )
    return ok(name)
