"""Planning anew: the clips of videos that are in the store, by the settings of now.

Nothing is downloaded or screened. It can be ended at any moment and run again (`popdanceset.video.clips`).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from popdanceset.errors import MediaError, SchemaError, StoreError
from popdanceset.schema import VIDEOS, Reason
from popdanceset.video.clip_list import Listed, Part
from popdanceset.video.clips import (
    Row,
    Tally,
    Video,
    cut_clips,
    list_rows,
    pages,
    read_rows,
    screening_name,
    shows_same,
    turn,
)
from popdanceset.video.download import media_name, row_name
from popdanceset.video.screening.report import Screening
from popdanceset.video.screening.screen import fingerprint

if TYPE_CHECKING:
    from popdanceset.manifest import Manifest
    from popdanceset.settings import Settings
    from popdanceset.store import Store

log = logging.getLogger(__name__)

_WITHOUT_PICTURES = (Reason.GONE, Reason.RESTRICTED, Reason.PAID_PREVIEW, Reason.DAMAGED)


@dataclass
class Replanned(Tally):
    """What became of a manifest's clips, beside those of now.

    Attributes:
        kept: clips that are what they were; their files, poses and features were not touched.
        moved: clips with their old id and another span, cut anew.
        new: clips that were not there before.
        retired: clips that are no more.
        waiting: videos of which some part was never acquired.
        left: videos of which some part could not be planned; it is as it was.
    """

    kept: int = 0
    moved: int = 0
    new: int = 0
    retired: int = 0
    waiting: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def add(self, before: Sequence[Row], now: Sequence[Row]) -> None:
        """Counts a part's rows."""
        was, is_ = ({row["clip_id"]: row for row in rows if row["accepted"]} for rows in (before, now))
        same = sum(shows_same(was[each], is_[each]) for each in was.keys() & is_)
        self.count(now)
        self.kept += same
        self.moved += len(was.keys() & is_) - same
        self.new += len(is_.keys() - was)
        self.retired += len(was.keys() - is_)


def replan(
    manifest: Manifest,
    settings: Settings,
    store: Store,
    advance: Callable[[int, str], None] = lambda steps, note: None,
    listed: Mapping[Part, Sequence[Listed]] = MappingProxyType({}),
    dancers: Mapping[str, str] = MappingProxyType({}),
) -> Replanned:
    """Plans the clips of every acquired video of a manifest again, from its screening reports.

    A clip keeps its id if it overlaps its old self by `popdanceset.video.planning.KEEPS_NUMBER`. Where its
    span is another one it is cut anew, and its poses, verdict and music features are discarded. Where it is
    not, nothing of it is touched. Genres and dancers are those of the files of now too.

    Args:
        advance: told after each video, as `popdanceset.progress.track` yields it.
        listed: clips of the manifest (`popdanceset.video.clip_list`), whose numbers are kept. Bring the list
            up to date before, so that it knows the clips of runs that were ended.
        dancers: who dances where (`popdanceset.video.dancers`), if not the uploader.

    Raises:
        SettingsError: the rules for genres are wrong.
        StoreError: the store is not writable, or full.
    """
    summary = Replanned()
    for video in manifest.videos:
        for page in pages(video):
            known = listed.get((video.bvid, page), ())
            try:
                with turn(video.bvid, store):
                    before = read_rows(video.bvid, page, store)
                    if before is None:
                        _note(summary.waiting, video)
                        continue
                    now = _planned_again(video, page, before, settings, store, known, dancers)
            except (MediaError, SchemaError) as error:
                log.warning("%s; its clips are left as they are", error)
                _note(summary.left, video)
                continue
            summary.add(before, now)
            if any(row["reason"] in (Reason.GONE, Reason.RESTRICTED) for row in now):
                break  # its other parts were never asked for
        advance(1, video.bvid)
    return summary


def _note(bvids: list[str], video: Video) -> None:
    if video.bvid not in bvids:
        bvids.append(video.bvid)


def _planned_again(
    video: Video,
    page: int,
    before: list[Row],
    settings: Settings,
    store: Store,
    listed: Sequence[Listed],
    dancers: Mapping[str, str],
) -> list[Row]:
    """A part's new rows; those before, where there are no pictures to plan with."""
    if any(row["reason"] in _WITHOUT_PICTURES for row in before):
        return before
    name = row_name(video.bvid, page)
    if not store.exists(name):
        raise MediaError("there is no row of its download", name, "acquire it again")
    (download,) = store.read_table(name, VIDEOS).to_pylist()
    screening = _report(video.bvid, page, download["sha256"], settings, store)
    with contextlib.ExitStack() as files:
        path: list[Path] = []

        def source() -> Path:
            if not path:
                name = media_name(video.bvid, page)
                if not store.exists(name):
                    raise MediaError("is no longer in the store", name, "put it back to plan its clips again")
                path.append(files.enter_context(store.local(name)))
            return path[0]

        music_id = before[0]["music_id"]  # of the whole part
        rows = cut_clips(video, page, source, screening, music_id, settings, store, listed, before)
    return list_rows(video, page, rows, settings, store, download["tags"] or (), dancers, listed, before)


def _report(bvid: str, page: int, sha256: str, settings: Settings, store: Store) -> Screening:
    """The stored screening report.

    Raises:
        MediaError: there is none, or it is unreadable.
    """
    name = screening_name(bvid, page)
    try:
        screening = Screening.from_json(store.read_json(name))
    except StoreError as error:
        raise MediaError(
            f"no screening report to plan with: {error.what}",
            name,
            f"remove clips/{bvid}*.parquet and acquire it again",
        ) from error
    if screening.made_from != fingerprint(sha256, settings.screening):
        log.warning("%s: was made with other measures than those of now; planned from it all the same", name)
    return screening
