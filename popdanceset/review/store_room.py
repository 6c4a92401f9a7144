"""The room of a store, in which people decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from popdanceset import layout
from popdanceset.errors import InputError, StoreError
from popdanceset.report.poses import read_beats
from popdanceset.review.clips import StoreClips
from popdanceset.review.comparison import Source
from popdanceset.review.database import ReviewDatabase
from popdanceset.review.rooms import FRAME_COLUMNS, ClipList, Media, Motion, Room, UnknownClipError, motion_of
from popdanceset.schema import FPS, FRAMES, shape_of
from popdanceset.store import Store
from popdanceset.tables import fold


class StoreRoom(Room):
    """The clips of a store, or of the videos of a manifest.

    Args:
        store: the store.
        database: of the decisions.
        manifest: folder of the manifest; None: all videos.
        sources: other motions of the same clips.
        genres: names that a genre may have.
        reviewer: name that the page proposes.

    Raises:
        ManifestError: there is no such manifest.
    """

    mode = "review"

    def __init__(
        self,
        store: Store,
        database: ReviewDatabase,
        manifest: Path | None = None,
        sources: Mapping[str, Source] | None = None,
        genres: Sequence[str] = (),
        reviewer: str = "",
    ) -> None:
        self.store, self.database = store, database
        self.title = manifest.name if manifest is not None else Path(str(store)).name
        self.sources, self.genres, self.reviewer = sources or {}, genres, reviewer
        self._clips = StoreClips(store, manifest)

    def clips(self) -> ClipList:
        return self._clips.list()

    def motion(self, clip_id: str) -> Motion:
        row = self.clips()[clip_id]
        if row["waiting"]:
            raise UnknownClipError("has no poses yet", clip_id, "run `popdanceset extract`")
        return stored_motion(self.store, clip_id)

    def beats(self, clip_id: str) -> list[float] | None:
        return stored_beats(self.store, self.clips()[clip_id]["clip_id"])

    def video(self, clip_id: str) -> Media | None:
        return self._media(clip_id, "path")

    def audio(self, clip_id: str) -> Media | None:
        return self._media(clip_id, "music_path")

    def _media(self, clip_id: str, column: str) -> Media | None:
        name = self.clips()[clip_id][column]
        return Media(self.store, name) if name else None


def stored_motion(store: Store, clip_id: str) -> Motion:
    """Reads the poses of a clip of a store.

    Raises:
        SchemaError, StoreError: they are missing or not readable.
    """
    table = store.read_table(layout.poses(clip_id), FRAMES, [*FRAME_COLUMNS])
    if not len(table):
        raise StoreError("its pose table is empty", clip_id, "extract it again")
    return motion_of({name: fold(table[name], shape_of(FRAMES.field(name))) for name in FRAME_COLUMNS})


def stored_beats(store: Store, clip_id: str) -> list[float] | None:
    """Returns the beats of a clip's music, in seconds; None if no stored features mark them."""
    frames = read_beats(store, clip_id)
    return None if frames is None else [round(int(frame) / FPS, 4) for frame in frames]


def check_has_clips(store: Store) -> None:
    """Does nothing if a store has clips to look at.

    Raises:
        InputError: it has none.
        StoreError: it cannot be read.
    """
    if not store.list(layout.CLIPS, layout.PARQUET):
        raise InputError(
            "has no clips to review", store, "run `popdanceset acquire`, or give another --store"
        )
