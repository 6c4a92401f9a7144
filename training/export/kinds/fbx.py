"""FBX, which Blender's Python module writes from our glTF. It runs in a process of its own.

A crash of Blender then costs the clip, and what it prints does not reach the terminal. FBX files contain the
time at which they were made, so that equal motions give different bytes; each file therefore states the
digest of the glTF that it was made from, by which a later run recognises it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from popdanceset.errors import AssetError, InputError
from training.export.gltf import write_glb
from training.export.kinds.animation import extras_of
from training.export.kinds.base import Clip, File, PerClip
from training.export.reading import at_rate

_SOURCE = "popdanceset_source"

_CLIPS_A_PROCESS = 200
"""Blender does not return all of its memory."""


class Fbx(PerClip):
    """Writes `{clip}.fbx`.

    Args:
        fps: frames a second; None for those of the release.

    Raises:
        AssetError: Blender's Python module is not installed.
    """

    notes = ("y up, metres in units of FBX; the skeleton has the size of the dancer",)

    def __init__(self, fps: float | None = None) -> None:
        if importlib.util.find_spec("bpy") is None:
            raise AssetError(
                "FBX needs bpy, Blender's Python module",
                do="pip install 'popdanceset[blender]' on Python 3.11, or export gltf or bvh",
            )
        self._fps = fps
        self._pool: ProcessPoolExecutor | None = None

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
                functools.partial(self._write, glb, fps, digest),
                functools.partial(_is_of, digest),
            )

    def _write(self, glb: Path, fps: float, digest: str, path: Path) -> None:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1,
                multiprocessing.get_context("spawn"),
                initializer=_silence,
                max_tasks_per_child=_CLIPS_A_PROCESS,
            )
        try:
            self._pool.submit(_convert, str(glb), str(path), fps, digest).result()
        except BrokenProcessPool as error:
            self._pool = None
            raise InputError("Blender crashed", glb.stem, "export it as gltf or bvh") from error
        if not path.is_file():
            raise InputError("Blender wrote no file", glb.stem, "export it as gltf or bvh")


def _is_of(digest: str, path: Path) -> bool:
    """Whether an FBX file was made from the glTF with this digest."""
    return digest.encode() in path.read_bytes()


def _silence() -> None:
    """Discards what the process prints; Blender writes to the descriptors themselves."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def _convert(glb: str, fbx: str, fps: float, digest: str) -> None:
    """Opens a glTF file in Blender and writes it as FBX, every frame a key."""
    bpy: Any = importlib.import_module("bpy")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = max(1, round(fps))
    scene.render.fps_base = scene.render.fps / fps
    bpy.ops.import_scene.gltf(filepath=glb, bone_heuristic="BLENDER", disable_bone_shape=True)
    armature = next(each for each in bpy.data.objects if each.type == "ARMATURE")
    armature[_SOURCE] = digest
    first, last = armature.animation_data.action.frame_range
    scene.frame_start, scene.frame_end = round(first), round(last)
    bpy.ops.export_scene.fbx(
        filepath=fbx,
        object_types={"ARMATURE", "MESH"},
        use_custom_props=True,
        add_leaf_bones=False,
        bake_anim=True,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,
        bake_anim_step=1.0,
        bake_anim_simplify_factor=0.0,
    )
