"""The index of the films, with the ground truth of each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from popdanceset.atomic import atomic_write
from popdanceset.errors import InputError

INDEX = "index.json"


@dataclass(frozen=True)
class Entry:
    """One film of the index.

    Attributes:
        file: file name, relative to the index.
        seconds, fps, width, height: of the video.
        music, bpm, beats: the piece, its tempo, and the times of its beats in seconds.
        shots: start and end of each shot, seconds.
        dancers: number of visible people.
        shaky: whether the camera shakes.
        clips: expected number of clips with a minimum of 5 s and the default thresholds.
        outcome: expected outcome of screening: "accepted", "camera_cuts", "camera_shake",
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
    """Writes the index next to the films."""
    lines = [f"  {json.dumps(name)}: {json.dumps(asdict(entry))}" for name, entry in entries.items()]
    with atomic_write(folder / INDEX, "w") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


def read_index(folder: Path) -> dict[str, Entry]:
    """Reads the films of a folder by name.

    Raises:
        InputError: the index is missing or damaged.
    """
    path = folder / INDEX
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: Entry(**e | {"beats": tuple(e["beats"]), "shots": tuple(map(tuple, e["shots"]))})
            for name, e in raw.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        hint = f"recreate it with python -m tests.studio {folder}"
        raise InputError(f"not a readable index of films: {error}", path, hint) from error
