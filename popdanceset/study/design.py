"""What a study shows: its songs, its dances and its questions, as the file `study.json` has them.

A participant's browser learns the ids of dances, never whose they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from popdanceset.errors import InputError

DOCUMENT = "study.json"
DATABASE = "answers.sqlite"
QUESTION = "Which dance is more appealing?"
"""The question of the paper's study (Table 5)."""

CONSENT = (
    "You will see pairs of dances, each pair to one piece of music, and choose one dance of each pair.",
    "Some dances were recorded, some were generated. There are no right or wrong opinions.",
    "Your choices are stored, with how long they took, your age band if you name one, and a random number.",
    "Nothing is stored that identifies you. The answers are published.",
    "Taking part is voluntary, and for adults only. You can stop at any time by closing this page.",
)
"""What participants agree to, unless a study has a text of its own."""

ID = re.compile(r"[0-9a-f]{12}")
"""Ids of dances and songs: random, so that they tell nothing."""

_Id = Annotated[str, StringConstraints(pattern=ID.pattern + "$")]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Song(_Part):
    """A piece of music, and how long the dances to it are."""

    id: _Id
    name: _Name
    frames: Annotated[int, Field(ge=1)]


class Dance(_Part):
    """A dance to a song.

    Attributes:
        model: who made it; of an attention check, whose dance was spoilt.
        spoilt: how a dance was spoilt for an attention check; empty if it is a real one.
    """

    id: _Id
    song: _Id
    model: _Name
    spoilt: Literal["", "still", "scrambled"] = ""


class Check(_Part):
    """An attention check: a dance, and the same dance spoilt."""

    real: _Id
    spoilt: _Id


class Design(_Part):
    """A study.

    Attributes:
        id: random; a part of what decides sides and order.
        trials: most pairs that a participant compares, without attention checks.
        failures: attention checks that a participant may fail without being excluded.
    """

    version: Literal[1] = 1
    id: _Id
    title: _Name
    consent: tuple[str, ...]
    questions: tuple[_Name, ...] = Field(min_length=1)
    models: tuple[_Name, ...] = Field(min_length=2)
    songs: tuple[Song, ...] = Field(min_length=1)
    dances: tuple[Dance, ...]
    checks: tuple[Check, ...] = ()
    trials: Annotated[int, Field(ge=1)]
    failures: Annotated[int, Field(ge=0)] = 0

    def pairs(self) -> Iterator[tuple[Dance, Dance]]:
        """Yields all pairs of dances to one song, without those of attention checks."""
        for song in self.songs:
            real = [dance for dance in self.dances if dance.song == song.id and not dance.spoilt]
            yield from combinations(real, 2)

    def by_id(self) -> dict[str, Dance]:
        """Dances by their ids."""
        return {dance.id: dance for dance in self.dances}

    def songs_by_id(self) -> dict[str, Song]:
        """Songs by their ids."""
        return {song.id: song for song in self.songs}


def dance_file(folder: Path, dance_id: str) -> Path:
    """The joints of a dance: (frames, 24, 3) float32, little endian, metres, z up, at 30 fps."""
    return folder / "dances" / f"{dance_id}.f32"


def sound_file(folder: Path, song_id: str) -> Path:
    """The sound of a song."""
    return folder / "sounds" / f"{song_id}.wav"


def read_design(folder: Path) -> Design:
    """Reads a study.

    Raises:
        InputError: the folder is no study, or its document is damaged.
    """
    path = folder / DOCUMENT
    try:
        return Design.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"is no study: {DOCUMENT}: {error.strerror}", folder, "make one with `popdanceset study new`"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"damaged: {where}: {first['msg']}", path, "make the study anew") from error
