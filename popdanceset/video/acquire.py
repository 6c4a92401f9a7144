"""Acquisition: from the videos of a manifest to clips, each video by itself."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from popdanceset import layout
from popdanceset.errors import DownloadError, MediaError, StoreError, TransferError
from popdanceset.genre import read_rules, rules_file
from popdanceset.music.identity import identify
from popdanceset.progress import Advance, ignore, track
from popdanceset.schema import Reason
from popdanceset.video.clip_list import Listed, Part
from popdanceset.video.clips import (
    Row,
    Tally,
    Video,
    blank_row,
    cut_clips,
    first_few,
    in_turn,
    list_rows,
    pages,
    read_rows,
)
from popdanceset.video.download import download, quarantine
from popdanceset.video.manifest_folder import ManifestFolder, opened_folder
from popdanceset.video.screening.detector import PersonDetector, loaded_detector
from popdanceset.video.screening.report import Screening
from popdanceset.video.screening.screen import fingerprint, screen

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.store import Store

log = logging.getLogger(__name__)


@dataclass
class Summary(Tally):
    """What became of a manifest's videos, in addition to their clips.

    Attributes:
        videos: number of videos that are finished, now or before.
        unfinished: ids of videos whose download failed on the way; another run tries them again.
    """

    videos: int = 0
    unfinished: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.videos} videos, {self.clips} clips, {self.seconds:.1f} s"

    def add(self, rows: list[Row]) -> None:
        """Counts the rows of one video."""
        self.videos += 1
        self.count(rows)

    def check(self) -> None:
        """Does nothing if every video is finished.

        Raises:
            TransferError: some could not be fetched; those that could are finished.
        """
        if self.unfinished:
            total = self.videos + len(self.unfinished)
            raise TransferError(
                f"{len(self.unfinished)} of {total} videos could not be fetched",
                first_few(self.unfinished),
                "run again",
            )


def acquire_manifest(
    folder: Path,
    settings: Settings,
    store: Store,
    *,
    bvids: Collection[str] | None = None,
    detector: PersonDetector | None = None,
) -> Summary:
    """Acquires the videos of a manifest, and brings its clip list up to date.

    Several batches of one process read the manifest and load the person detector once.

    Args:
        folder: of the manifest.
        bvids: only these of its videos, as one batch of a run that keeps the clip list itself
            (`popdanceset.video.manifest_folder.clip_list_kept`).
        detector: the caller's own; None: the one of the settings, kept by this process.

    Raises:
        ManifestError: a file of the manifest is missing or wrong.
        RefusedError, SettingsError, AssetError, StoreError: as `acquire`.
    """
    begun = time.monotonic()
    with (
        opened_folder(folder, store, bvids) as found,
        track("acquire", len(found.manifest.videos)) as advance,
    ):
        summary = acquire(found, settings, store, advance, detector)
    log.info("acquired %s in %.1f s: %s", found.manifest.name, time.monotonic() - begun, summary)
    return summary


def acquire(
    folder: ManifestFolder,
    settings: Settings,
    store: Store,
    advance: Advance = ignore,
    detector: PersonDetector | None = None,
) -> Summary:
    """Acquires every video of a manifest, one after the other; finished ones are only counted.

    Args:
        advance: called after each video, with its id as the note.
        detector: the caller's own; None: the one of the settings, loaded when the first video needs it.

    Raises:
        RefusedError: the host asked us to stay away; what was finished before is saved.
        SettingsError: the rules for genres are wrong.
        SettingsError, AssetError: the person detector is not available.
        StoreError: the store is not writable, or full.
    """
    read_rules(rules_file(settings.music.genres))  # so that mistakes in them are reported before the work
    summary = Summary()
    with contextlib.ExitStack() as borrowed:
        for video in folder.manifest.videos:
            if detector is None and not _is_done(video, store):
                detector = borrowed.enter_context(loaded_detector(settings))
            try:
                summary.add(acquire_video(video, settings, store, detector, folder.listed, folder.dancers))
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
    """Downloads, screens, plans and cuts one video part by part, and determines its music and genre.

    Every second of the video is in one row: clips and rejected spans. A part that is not available, or is
    damaged, has one rejected row. Of a video that is gone or restricted only the first part is requested.

    Args:
        detector: the caller's own; None: the one of the settings, loaded when it is needed.
        listed, dancers: as in `popdanceset.video.manifest_folder.ManifestFolder`.

    Returns:
        Rows of `popdanceset.schema.CLIPS`, in order of parts and time.

    Raises:
        InputError: the id is not a video id.
        RefusedError, TransferError: as `popdanceset.video.download.download`; no row of that part is written.
        SettingsError, AssetError: the person detector is not available.
        StoreError: the store is not writable, or full.
    """
    rows: list[Row] = []
    for page in pages(video):
        known = listed.get((video.bvid, page), ())
        rows += _acquire_part(video, page, settings, store, detector, known, dancers)
        if rows[-1]["reason"] in (Reason.GONE, Reason.RESTRICTED):
            break
    return rows


def _is_done(video: Video, store: Store) -> bool:
    return all(store.exists(layout.clip_rows(video.bvid, page)) for page in pages(video))


def _acquire_part(
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
    with in_turn(video.bvid, store):
        if (done := read_rows(video.bvid, page, store)) is not None:  # another process was working on it
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
    with store.local(layout.video_file(video.bvid, page)) as path:
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
    """Returns the report of an earlier run if it is still valid, else a new one."""
    name = layout.screening(bvid, page)
    made_from = fingerprint(sha256, settings.screening)
    if store.exists(name):
        try:
            earlier = Screening.from_json(store.read_json(name))
            if earlier.made_from == made_from:
                return earlier
        except StoreError as error:
            log.warning("%s; screened again", error)
    with contextlib.ExitStack() as borrowed:
        if detector is None:
            detector = borrowed.enter_context(loaded_detector(settings))
        screening = screen(path, settings.screening, detector, made_from)
    store.write_json(name, screening.as_json())
    return screening
