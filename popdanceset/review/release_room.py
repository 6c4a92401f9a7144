"""The room of a release: read-only, to show it to others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from popdanceset.clip_id import video_of
from popdanceset.release.overview import BEAT_EXTRACTORS
from popdanceset.release.reader import Release
from popdanceset.review.clips import StoreClips
from popdanceset.review.comparison import Source
from popdanceset.review.rooms import (
    FRAME_COLUMNS,
    ClipList,
    Media,
    Motion,
    Room,
    Row,
    beat_times,
    finite,
    motion_of,
    worst_first,
)
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import withdrawn

_SAME = (
    "clip_id", "bvid", "page", "start", "end", "frames", "genre", "dancer_id", "music_id", "pop", "score",
    "jitter", "skating", "skate", "mean_score", "estimator",
)  # fmt: skip


class ReleaseRoom(Room):
    """The clips of a release.

    Args:
        release: the release.
        store: the store from which it was made, for titles, films and sounds; None: without them.
        sources: other motions of the same clips.
        withdrawals: store whose withdrawn videos are not shown; None: that of the films, if there is one.
    """

    mode = "show"

    def __init__(
        self,
        release: Release,
        store: Store | None = None,
        sources: Mapping[str, Source] | None = None,
        withdrawals: Store | None = None,
    ) -> None:
        self.release, self.store = release, store
        self._withdrawals = withdrawals or store
        self.title = release.version
        self.sources = sources or {}
        self._stored = None if store is None else StoreClips(store)
        self._list: ClipList | None = None
        self._gone: frozenset[str] = frozenset()

    def clips(self) -> ClipList:
        gone = frozenset() if self._withdrawals is None else withdrawn(self._withdrawals)
        if self._list is None or gone != self._gone:
            self._list = ClipList(worst_first(self._rows(gone)), str(len(gone)))
            self._gone = gone
        return self._list

    def _rows(self, gone: frozenset[str]) -> list[Row]:
        stored = {} if self._stored is None else self._stored.list().by_id
        return [
            release_row(clip, stored.get(clip["clip_id"]))
            for clip in self.release.clips.to_pylist()
            if clip["bvid"] not in gone and video_of(clip["clip_id"]) not in gone
        ]

    def motion(self, clip_id: str) -> Motion:
        self.clips()[clip_id]
        return motion_of(self.release.frames(clip_id, FRAME_COLUMNS))

    def beats(self, clip_id: str) -> list[float] | None:
        self.clips()[clip_id]
        for extractor in BEAT_EXTRACTORS:
            if extractor in self.release.extractors and clip_id in self.release.clips_with_music(extractor):
                return beat_times(np.asarray(self.release.music(clip_id, extractor))[:, -1])
        return None

    def video(self, clip_id: str) -> Media | None:
        return self._media(clip_id, "path")

    def audio(self, clip_id: str) -> Media | None:
        return self._media(clip_id, "music_path")

    def _media(self, clip_id: str, column: str) -> Media | None:
        name = self.clips()[clip_id][column]
        return Media(self.store, name) if name and self.store is not None else None


def release_row(clip: Mapping[str, Any], stored: Row | None = None) -> Row:
    """Makes a row of the list.

    Args:
        clip: a row of RELEASE_CLIPS.
        stored: the clip's row in the room of the store, for its title, uploader, film and sound.
    """
    known = stored or {}
    # Another span than the release's would be out of step with its poses.
    same = bool(known) and abs(known["start"] - clip["start"]) < 1e-3 and known["frames"] >= clip["frames"]
    return finite(
        {
            **{name: clip[name] for name in _SAME},
            "title": known.get("title", ""),
            "uploader": known.get("uploader", ""),
            "seconds": clip["end"] - clip["start"],
            "verdict": clip["verdict"] or "accept",
            "reasons": clip["reasons"] or [],
            "accepted": True,
            "waiting": False,
            "path": known["path"] if same else "",
            "music_path": known["music_path"] if same else "",
            "has_video": same and bool(known["path"]),
            "tier": clip["tier"] or "",
            "note": "",
            "verdict_note": "",
            "planned": (clip["start"], clip["end"]),
            "reviewed": "",
        }
    )
