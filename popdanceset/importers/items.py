"""What a set consists of: its sequences, the motion that is read from each, and what a set must offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from popdanceset.genre import UNKNOWN
from popdanceset.importers.ids import ClipName
from popdanceset.motion.conventions import Conventions
from popdanceset.schema import Reason

Floats = NDArray[np.float64]

SOURCE = "imported: "
"""What the column `source` of imported clips begins with; the kind of the set follows."""


@dataclass(frozen=True)
class Item:
    """A sequence of a set, before its files are read.

    Attributes:
        name: in the set.
        clip: the id that it gets.
        motion: file of its motion; None if the set lists it and has no file.
        sound: file of its music; None if there is none.
        keypoints: file of its COCO keypoints in 3D; None if there is none.
        music_id: of its music, where the set states it; "" if the sound has to show it.
        genre: of its dance.
        dancer_id: who dances; "" if the set does not say.
        published_split: the split of the set's own lists; None if it is on none.
        high_quality: whether the set lists it as of high quality; None if the set has no such list.
        reason: why it is left out without being read; `Reason.NONE` if it is to be read.
        note: details of the reason.
    """

    name: str
    clip: ClipName
    motion: Path | None = None
    sound: Path | None = None
    keypoints: Path | None = None
    music_id: str = ""
    genre: str = UNKNOWN
    dancer_id: str = ""
    published_split: str | None = None
    high_quality: bool | None = None
    reason: Reason = Reason.NONE
    note: str = ""


@dataclass(frozen=True)
class Options:
    """What the user states about a set.

    Attributes:
        conventions: rate, axes and unit of its files.
        lists: folder of its lists, if it is not inside the set.
        genre: of its dances, where the set does not say; "" for unknown.
        dancer: who dances, where the set does not say.
    """

    conventions: Conventions = field(default_factory=Conventions)
    lists: Path | None = None
    genre: str = ""
    dancer: str = ""


@dataclass(frozen=True)
class Contents:
    """A set: its sequences, and what is wrong with it.

    Attributes:
        items: in any order; ids are unique.
        refused: name → why a file or line cannot be imported at all, because it has no usable id.
        facts: about the set as a whole, for the manifest and the summary.
    """

    items: Sequence[Item]
    refused: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Take:
    """A motion as its file holds it, in metres, x right, y forward, z up.

    Attributes:
        poses: (n, 24, 3) axis-angle, radians, relative to the parents.
        root: (n, 3) of the body in its own size, metres.
        scaling: scale of the mean SMPL skeleton.
        fps: 1/s.
        estimator: what made the motion, for the tables.
        columns: further columns of FRAMES, (n, …) each; rows with NaN have no value.
        how: how the file was read, for the table's metadata.
    """

    poses: Floats
    root: Floats
    scaling: float
    fps: float
    estimator: str
    columns: Mapping[str, Floats] = field(default_factory=dict)
    how: str = ""


class MotionSet(Protocol):
    """A kind of set: finds its sequences and reads them."""

    @property
    def kind(self) -> str:
        """Name of the kind, as the command line has it."""

    @property
    def released_origin(self) -> Floats | None:
        """(3,) what the released loader of the kind adds to positions, metres; None without such a loader."""

    @property
    def identity(self) -> str:
        """What the user stated about the set's files; another statement imports them again."""

    def contents(self) -> Contents:
        """Finds the sequences. No motion is read.

        Raises:
            InputError: a list or the folder cannot be used.
        """

    def read(self, item: Item) -> Take:
        """Reads a sequence.

        Raises:
            InputError: the file is damaged, unsafe, or not of this kind.
        """
