"""Runs inside a Python that has Blender's module `bpy`: opens glTF files and writes them as FBX.

It needs nothing else, so that this Python may be another one than that of this project. Requests are lines of
JSON on standard input; an answer is a line with an error, or an empty line.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

READY = "ready"
SOURCE = "popdanceset_source"


def convert(bpy: Any, glb: str, fbx: str, fps: float, digest: str) -> None:
    """Opens a glTF file and writes it as FBX with a key for every frame.

    Args:
        bpy: the module.
        glb: file to open.
        fbx: file to write.
        fps: frames a second.
        digest: what the armature states about its source.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = max(1, round(fps))
    scene.render.fps_base = scene.render.fps / fps
    bpy.ops.import_scene.gltf(filepath=glb, bone_heuristic="BLENDER", disable_bone_shape=True)
    armature = next(each for each in bpy.data.objects if each.type == "ARMATURE")
    armature[SOURCE] = digest
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


def main() -> None:
    """Answers requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)  # Blender prints by the descriptor itself
    bpy = importlib.import_module("bpy")
    print(READY, file=answers, flush=True)
    for line in sys.stdin:
        answer = ""
        try:
            convert(bpy, **json.loads(line))
        # Whatever Blender raises is said; the next file may be in order.
        except Exception as error:  # noqa: BLE001
            answer = " ".join(f"{type(error).__name__}: {error}".split())
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
