"""FBX, which Blender's Python module writes from our glTF in a process of its own.

That process may run another Python: each version of `bpy` supports one version of Python, some of them only
with numpy 1. A crash of Blender costs the clip. FBX files contain the time at which they were made, so that
equal motions give different bytes; each file therefore states the digest of the glTF that it was made from,
by which a later run recognises it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from popdanceset.errors import AssetError, InputError
from training.export.gltf import write_glb
from training.export.kinds import blender_worker
from training.export.kinds.animation import extras_of
from training.export.kinds.base import Clip, File, PerClip
from training.export.reading import at_rate

_CLIPS_A_PROCESS = 200
"""Blender does not return all of its memory."""

_ADVICE = "name a Python that has it with --blender (`pip install bpy`), or export gltf or bvh"


class Blender:
    """A process with Blender's module; one that ended is started again.

    Args:
        python: program of a Python that has `bpy`; None for this one.

    Raises:
        AssetError: it has no `bpy`.
    """

    def __init__(self, python: str | None) -> None:
        self._python = python or sys.executable
        self._process: subprocess.Popen[str] | None = None
        self._asked = 0
        if python is None and importlib.util.find_spec("bpy") is None:
            raise AssetError("FBX needs bpy, Blender's Python module, which is not installed", do=_ADVICE)
        self._start()

    def convert(self, glb: Path, fbx: Path, fps: float, digest: str) -> None:
        """Writes a glTF file as FBX.

        Raises:
            InputError: Blender cannot write it.
        """
        if self._process is None or self._asked >= _CLIPS_A_PROCESS:
            self._start()
        request = {"glb": str(glb), "fbx": str(fbx), "fps": fps, "digest": digest}
        answer = self._ask(json.dumps(request) + "\n")
        if answer is None:
            self.close()
            raise InputError("Blender crashed", do="export the clip as gltf or bvh")
        if answer or not fbx.is_file():
            raise InputError(f"Blender wrote no file: {answer}", do="export the clip as gltf or bvh")

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> None:
        self.close()
        try:
            self._process = subprocess.Popen(
                [self._python, blender_worker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise AssetError(f"cannot be run: {error.strerror}", self._python, _ADVICE) from error
        self._asked = 0
        if self._ask("") != blender_worker.READY:
            self.close()
            raise AssetError("has no working bpy, Blender's Python module", self._python, _ADVICE)

    def _ask(self, request: str) -> str | None:
        """The answer to a request; None if the process ended."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asked += 1
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
        except OSError:
            return None
        line = self._process.stdout.readline()
        return line.rstrip("\n") if line.endswith("\n") else None


class Fbx(PerClip):
    """Writes `{clip}.fbx`.

    Args:
        fps: frames a second; None for those of the release.
        python: program of a Python that has `bpy`; None for this one.

    Raises:
        AssetError: Blender's Python module is missing.
    """

    notes = ("y up; the skeleton has the size of the dancer",)

    def __init__(self, fps: float | None = None, python: str | None = None) -> None:
        self._fps = fps
        self._blender = Blender(python)

    def files(self, clip: Clip) -> Iterator[File]:
        """Yields the file of a clip."""
        fps = self._fps or clip.fps
        dance = at_rate(clip.dance, fps)
        with tempfile.TemporaryDirectory(prefix="popdanceset-") as folder:
            glb = Path(folder, f"{clip.clip_id}.glb")
            write_glb(glb, dance, extras_of(clip))
            digest = hashlib.sha256(glb.read_bytes()).hexdigest()
            yield File(
                f"{clip.clip_id}.fbx",
                functools.partial(self._blender.convert, glb, fps=fps, digest=digest),
                functools.partial(_is_of, digest),
            )

    def close(self) -> None:
        """Ends Blender."""
        self._blender.close()


def _is_of(digest: str, path: Path) -> bool:
    """Whether an FBX file was made from the glTF with this digest."""
    return digest.encode() in path.read_bytes()
