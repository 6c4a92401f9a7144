"""A page that shows the dances of all models side by side to the same music; it needs no server."""

from __future__ import annotations

import base64
import json
import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment
from markupsafe import Markup

from popdanceset.motion.joint_motion import JointMotion
from popdanceset.release.reader import Release
from popdanceset.schema import FPS
from popdanceset.skeleton import SMPL_PARENTS
from popdanceset.store import Store
from training.bench.results import Result
from training.evaluation.sets import DanceSet
from training.export.film import grounded
from training.export.sounds import Sounds

_LARGEST = np.iinfo(np.int16).max


def dance_page(result: Result, address: str, songs: int, files: Sequence[str], store: str | None) -> str:
    """The page of a release, with the first finished seed of each model.

    Args:
        result: of the release.
        address: of the release.
        songs: number of pieces of music.
        files: names of the tables beside it.
        store: with the sound of the clips; None: beats are heard as clicks.
    """
    shown = []
    if result.evaluation is not None and songs:
        real, *sets = (scored.dances for scored in result.evaluation.sets)
        chosen: dict[str, tuple[int, DanceSet]] = {}
        for run, dances in zip(result.finished, sets, strict=True):
            chosen.setdefault(run.model, (run.seed, dances))
        names = [motion.name for motion in real.motions[:songs]]
        sounds = _sounds(address, names, store)
        shown = [_song(number, real, chosen, sounds) for number in range(len(names))]
    data = json.dumps({"fps": FPS, "parents": list(SMPL_PARENTS), "songs": shown})
    seeds = {run.seed for run in result.finished}
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    return (
        Environment(autoescape=True)
        .from_string(template)
        .render(
            title=f"Dances to the music of {result.release}",
            seed_note=", with the first seed of each model" if len(seeds) > 1 else "",
            files=files,
            data=Markup(data.replace("<", "\\u003c")),  # inside a script, where nothing else is escaped
        )
    )


def _song(
    number: int, real: DanceSet, chosen: dict[str, tuple[int, DanceSet]], sounds: dict[str, str]
) -> dict[str, Any]:
    motion, music = real.motions[number], (real.music or (None,))[number if real.music else 0]
    dances = [{"name": real.name, "joints": _packed(motion)}]
    dances += [
        {"name": f"{model}, seed {seed}", "joints": _packed(of_model.motions[number])}
        for model, (seed, of_model) in chosen.items()
    ]
    beats = [] if music is None or music.beats is None else (music.beats * FPS / music.fps).round().tolist()
    return {
        "name": motion.name,
        "frames": round(motion.seconds * FPS),
        "beats": beats,
        "sound": sounds.get(motion.name),
        "dances": dances,
    }


def _packed(motion: JointMotion) -> str:
    """Joints on the floor, in millimetres, as base64 of 16-bit integers."""
    joints = np.nan_to_num(grounded(motion).joints * 1000)
    return base64.b64encode(np.clip(joints, -_LARGEST, _LARGEST).astype("<i2").tobytes()).decode()


def _sounds(address: str, names: Sequence[str], store: str | None) -> dict[str, str]:
    """Clip → its sound as an address that contains it, where the store has it."""
    if store is None:
        return {}
    found = {}
    sounds = Sounds(Store(store))
    with Release(address) as release:
        rows = {row["clip_id"]: row for row in release.clips.to_pylist()}
    for name in names:
        with sounds.of(rows[name]) as path:
            if path is not None:
                kind = mimetypes.guess_type(path.name)[0] or "audio/wav"
                found[name] = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return found
