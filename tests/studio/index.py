"""The index of the films: what is true of each. Needs nothing but the standard library."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from popdanceset.errors import InputError

INDEX = "index.json"


@dataclass(frozen=True)
class Entry:
    """One film of the index.

    Attributes:
        file: its name beside the index.
        seconds, fps, width, height: of the pictures.
        music, bpm, beats: the piece, its tempo, and the times of its beats in seconds.
        shots: start and end of each shot, seconds.
        dancers: how many people are seen.
        shaky: whether the camera shakes.
        clips: how many clips a 5 s minimum and the default thresholds should give.
        outcome: what screening should make of it: "accepted", "camera_cuts", "camera_shake",
            "several_dancers" or "no_dancer".
    """

    file: str
    seconds: float
    fps: int
    width: int
    height: int
    music: str
    bpm: float
    beats: tuple[float, ...]
    shots: tuple[tuple[float, float], ...]
    dancers: int
    shaky: bool
    clips: int
    outcome: str


def write_index(folder: Path, entries: dict[str, Entry]) -> None:
    """Writes the index beside the films, all at once."""
    partial = folder / f".partial-{INDEX}"
    with open(partial, "w", encoding="utf-8") as out:
        lines = [f"  {json.dumps(name)}: {json.dumps(asdict(e))}" for name, e in entries.items()]
        out.write("{\n" + ",\n".join(lines) + "\n}\n")
        out.flush()
        os.fsync(out.fileno())
    partial.replace(folder / INDEX)


def read_index(folder: Path) -> dict[str, Entry]:
    """The films of a pack by name.

    Raises:
        InputError: there is no index, or it is damaged.
    """
    path = folder / INDEX
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: Entry(**e | {"beats": tuple(e["beats"]), "shots": tuple(map(tuple, e["shots"]))})
            for name, e in raw.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        hint = f"remake it with python -m tests.studio {folder}"
        raise InputError(f"no readable index of films: {error}", path, hint) from error
