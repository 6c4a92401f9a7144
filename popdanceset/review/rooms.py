"""What a review room shows: the clips of a store, or of a release (`popdanceset.review.store_room`,
`popdanceset.review.release_room`)."""

from __future__ import annotations

import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from popdanceset.clip_id import clip_order
from popdanceset.errors import InputError, PopDanceSetError
from popdanceset.review.comparison import Source
from popdanceset.review.database import ReviewDatabase
from popdanceset.store import Store

Row = dict[str, Any]
Floats = NDArray[np.floating[Any]]

COLUMNS = (
    "clip_id", "bvid", "title", "uploader", "page", "start", "end", "seconds", "frames", "genre", "dancer_id",
    "music_id", "pop", "verdict", "score", "jitter", "skating", "skate", "mean_score", "reasons", "estimator",
    "accepted", "waiting", "has_video", "state", "tier",
)  # fmt: skip
"""Columns of the list; `state` is what reviewers said (`popdanceset.review.states`)."""

MEASURES = ("score", "jitter", "skating", "skate", "mean_score", "pop", "seconds")
"""Columns whose distribution over all clips is shown beside a clip's own number."""

_WORST_FIRST = ("review", "reject", "accept")


class UnknownClipError(InputError):
    """There is no such clip, or nothing of this kind of it."""


@dataclass(frozen=True)
class ClipList:
    """The clips of a room, the worst first.

    Attributes:
        rows: with COLUMNS except `state`, and some more that only a clip's own page shows.
        mark: differs if the tables behind the list have changed.
    """

    rows: tuple[Row, ...]
    mark: str
    by_id: Mapping[str, Row] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {row["clip_id"]: row for row in self.rows})

    def __getitem__(self, clip_id: str) -> Row:
        """Returns the row of a clip.

        Raises:
            UnknownClipError: there is none.
        """
        row = self.by_id.get(clip_id)
        if row is None:
            raise UnknownClipError(f"there is no clip {clip_id[:80]!r} here", do="reload the list")
        return row

    @cached_property
    def distribution(self) -> dict[str, list[float] | None]:
        """Measure → its 5th, 50th and 95th percentile over all clips; None if no clip has a number."""
        return {name: _percentiles(row[name] for row in self.rows) for name in MEASURES}

    @cached_property
    def by_music(self) -> dict[str, list[str]]:
        """Music id → clips."""
        found: dict[str, list[str]] = {}
        for row in self.rows:
            found.setdefault(row["music_id"], []).append(row["clip_id"])
        return found


@dataclass(frozen=True)
class Motion:
    """The poses of a clip of T frames at 30 fps.

    Attributes:
        root: (T, 3) metres, z up.
        relative: (T, 24, 3) SMPL joints relative to the root, metres, z up.
        scale: of the mean SMPL skeleton.
        keypoints: (T, 17, 2) COCO joints, pixels of the clip; None if unknown.
        scores: (T, 29) confidence; None if unknown.
    """

    root: Floats
    relative: Floats
    scale: float
    keypoints: Floats | None
    scores: Floats | None

    @property
    def joints(self) -> Floats:
        """(T, 24, 3) SMPL joints in the world, metres, z up."""
        return np.asarray(self.relative + self.root[:, None])


FRAME_COLUMNS = ("smpl_trans", "smpl_scaling", "joints3d", "coco_keypoints2d", "pred_scores")
"""Frame columns from which `motion_of` makes a motion."""


def motion_of(frames: Mapping[str, Floats]) -> Motion:
    """Makes a motion of the arrays of FRAME_COLUMNS."""
    return Motion(
        root=frames["smpl_trans"],
        relative=frames["joints3d"],
        scale=float(frames["smpl_scaling"].flat[0]),
        keypoints=_known(frames["coco_keypoints2d"]),
        scores=_known(frames["pred_scores"]),
    )


@dataclass(frozen=True)
class Media:
    """A media file of a store."""

    store: Store
    name: str


class Room(ABC):
    """Clips to look at.

    Attributes:
        mode: `review` if people decide, `show` if they only look.
        title: of the page.
        reviewer: name that the page proposes; may be empty.
        database: of the decisions; None if people only look.
        sources: other motions of the same clips, by name.
        genres: names that a genre may have.
    """

    mode: Literal["review", "show"]
    title: str
    reviewer: str = ""
    database: ReviewDatabase | None = None
    sources: Mapping[str, Source]
    genres: Sequence[str] = ()

    @abstractmethod
    def clips(self) -> ClipList:
        """Returns the list as it is now.

        Raises:
            StoreError: the store cannot be read.
        """

    def preload(self) -> None:
        """Reads the list ahead of the first request; a failure is that request's to report."""
        with contextlib.suppress(PopDanceSetError):
            self.clips()

    @abstractmethod
    def motion(self, clip_id: str) -> Motion:
        """Reads the poses of a clip.

        Raises:
            UnknownClipError: there is no such clip, or it has no poses.
            SchemaError, StoreError: they are not readable.
        """

    @abstractmethod
    def beats(self, clip_id: str) -> list[float] | None:
        """Returns the beats of a clip's music, in seconds; None if there are no features that mark them."""

    @abstractmethod
    def video(self, clip_id: str) -> Media | None:
        """Returns the film of a clip, None if it has none."""

    @abstractmethod
    def audio(self, clip_id: str) -> Media | None:
        """Returns the sound of a clip, None if it has none."""


def worst_first(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Sorts clips: those to be reviewed, rejected, accepted, without poses; the lowest score first."""

    def key(row: Row) -> tuple[int, float, tuple[str, int, int]]:
        rank = _WORST_FIRST.index(row["verdict"]) if row["verdict"] in _WORST_FIRST else len(_WORST_FIRST)
        return rank, math.inf if row["score"] is None else row["score"], clip_order(row["clip_id"])

    return tuple(sorted(rows, key=key))


def finite(row: Row) -> Row:
    """Returns a row in which numbers that JSON does not know are None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def beat_times(flags: Floats) -> list[float]:
    """Returns the times (s) of the frames whose flag is set."""
    from popdanceset.schema import FPS

    return [round(int(frame) / FPS, 4) for frame in np.flatnonzero(np.asarray(flags) > 0.5)]


def _known(array: Floats) -> Floats | None:
    """The array; None if all of it is NaN, as columns without a value are."""
    return None if np.isnan(array).all() else array


def _percentiles(values: Iterable[float | None]) -> list[float] | None:
    known = [value for value in values if value is not None]
    return [float(number) for number in np.percentile(known, (5, 50, 95))] if known else None
