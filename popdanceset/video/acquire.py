"""Acquisition: from the videos of a manifest to clips, each video by itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from popdanceset.errors import DownloadError, MediaError, StoreError
from popdanceset.genre import read_rules, rules_file
from popdanceset.music.identity import identify
from popdanceset.schema import Reason
from popdanceset.video.clip_list import Listed, Part
from popdanceset.video.clips import (
    Row,
    Tally,
    Video,
    blank_row,
    clips_name,
    cut_clips,
    list_rows,
    pages,
    read_rows,
    screening_name,
    turn,
)
from popdanceset.video.download import download, media_name, quarantine
from popdanceset.video.screening.dancers import PersonDetector, load_detector
from popdanceset.video.screening.report import Screening
from popdanceset.video.screening.screen import fingerprint, screen

if TYPE_CHECKING:
    from popdanceset.manifest import Manifest
    from popdanceset.settings import Settings
    from popdanceset.store import Store

log = logging.getLogger(__name__)


@dataclass
class Summary(Tally):
    """What became of a manifest's videos, beside their clips.

    Attributes:
        videos: how many were worked on to the end, now or before.
        unfinished: ids of videos whose download failed on the way; another run tries them again.
    """

    videos: int = 0
    unfinished: list[str] = field(default_factory=list)

    def add(self, rows: list[Row]) -> None:
        """Counts the rows of one video."""
        self.videos += 1
        self.count(rows)


def acquire(
    manifest: Manifest,
    settings: Settings,
    store: Store,
    advance: Callable[[int, str], None] = lambda steps, note: None,
    listed: Mapping[Part, Sequence[Listed]] = MappingProxyType({}),
    dancers: Mapping[str, str] = MappingProxyType({}),
) -> Summary:
    """Acquires every video of a manifest, one after the other; what is done already is only counted.

    Args:
        advance: told after each video, as `popdanceset.progress.track` yields it.
        listed: clips of earlier plans (`popdanceset.video.clip_list`), whose numbers are kept.
        dancers: who dances where (`popdanceset.video.dancers`), if not the uploader.

    Raises:
        RefusedError: the host asked us to stay away; what was finished before is saved.
        SettingsError: the rules for genres are wrong.
        SettingsError, AssetError: the person detector cannot be had.
        StoreError: the store is not writable, or full.
    """
    read_rules(rules_file(settings.music.genres))  # what is wrong in them is told before the work
    summary = Summary()
    detector: PersonDetector | None = None
    for video in manifest.videos:
        if detector is None and not all(store.exists(clips_name(video.bvid, page)) for page in pages(video)):
            detector = load_detector(settings)
        try:
            summary.add(acquire_video(video, settings, store, detector, listed, dancers))
        except DownloadError as error:
            log.warning("%s", error)
            summary.unfinished.append(video.bvid)
        advance(1, video.bvid)
    return summary


def acquire_video(
    video: Video,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None = None,
    listed: Mapping[Part, Sequence[Listed]] = MappingProxyType({}),
    dancers: Mapping[str, str] = MappingProxyType({}),
) -> list[Row]:
    """Download, screening, planning, cutting, music and genre of one video, part by part.

    Every second of the video is in one row: clips and rejected spans. A part that could not be had, or is
    damaged, has one rejected row. Of a video that is gone or restricted only the first part is asked for.

    Args:
        detector: the caller's own; None: the one of the settings is loaded when it is needed.
        listed, dancers: as `acquire`.

    Returns:
        Rows of `popdanceset.schema.CLIPS`, in order of parts and time.

    Raises:
        InputError: the id is none.
        RefusedError, TransferError: as `popdanceset.video.download.download`; no row of that part is written.
        SettingsError, AssetError: the person detector cannot be had.
        StoreError: the store is not writable, or full.
    """
    rows: list[Row] = []
    for page in pages(video):
        known = listed.get((video.bvid, page), ())
        rows += _part(video, page, settings, store, detector, known, dancers)
        if rows[-1]["reason"] in (Reason.GONE, Reason.RESTRICTED):
            break
    return rows


def _part(
    video: Video,
    page: int,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None,
    listed: Sequence[Listed],
    dancers: Mapping[str, str],
) -> list[Row]:
    if (done := read_rows(video.bvid, page, store)) is not None:
        return done
    with turn(video.bvid, store):
        if (done := read_rows(video.bvid, page, store)) is not None:  # another process had it in work
            return done
        found = download(video.bvid, video.duration, settings, store, page)
        if found["accepted"]:
            try:
                rows = _clips(video, found, settings, store, detector, listed)
            except MediaError as error:
                log.warning("%s", error)
                quarantine(found, error.what, store)
                rows = [blank_row(video, page, 0.0, found["duration"], Reason.DAMAGED)]
        else:
            rows = [blank_row(video, page, 0.0, 0.0, Reason(found["reason"]))]
        return list_rows(video, page, rows, settings, store, found.get("tags") or (), dancers, listed)


def _clips(
    video: Video,
    found: Row,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None,
    listed: Sequence[Listed],
) -> list[Row]:
    page = found["page"]
    with store.local(media_name(video.bvid, page)) as path:
        screening = _screened(video.bvid, page, path, found["sha256"], settings, store, detector)
        music_id = identify(path, video.bvid, page, settings, store)
        return cut_clips(video, page, lambda: path, screening, music_id, settings, store, listed)


def _screened(
    bvid: str,
    page: int,
    path: Path,
    sha256: str,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None,
) -> Screening:
    """The report of an earlier run if it still holds, else a new one."""
    name = screening_name(bvid, page)
    made_from = fingerprint(sha256, settings.screening)
    if store.exists(name):
        try:
            earlier = Screening.from_json(store.read_json(name))
            if earlier.made_from == made_from:
                return earlier
        except StoreError as error:
            log.warning("%s; screened again", error)
    screening = screen(path, settings.screening, detector or load_detector(settings), made_from)
    store.write_json(name, screening.as_json())
    return screening
