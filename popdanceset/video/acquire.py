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
from popdanceset.bilibili.ids import is_bvid
from popdanceset.clip_id import part_id
from popdanceset.engine import Engine, find_engine, spread
from popdanceset.errors import (
    DownloadError,
    FailedError,
    InputError,
    MediaError,
    PopDanceSetError,
    RefusedError,
    StoreError,
    TransferError,
)
from popdanceset.genre import UNKNOWN, read_rules, rules_file
from popdanceset.ledger import count, measured
from popdanceset.music.identity import identify
from popdanceset.progress import Advance, ignore, track
from popdanceset.review.in_force import Reviews
from popdanceset.safety import Net, check_failures
from popdanceset.schema import CLIPS, Reason
from popdanceset.store import Store
from popdanceset.video.clip_list import Listed, Part
from popdanceset.video.clips import (
    NO_REVIEWS,
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
from popdanceset.video.dancers import dancer_of
from popdanceset.video.download import download, quarantine
from popdanceset.video.fetching import ends_video, fetch_videos
from popdanceset.video.manifest_folder import ManifestFolder, opened_folder
from popdanceset.video.revision import Revision
from popdanceset.video.screening.detector import PersonDetector, loaded_detector
from popdanceset.video.screening.report import Screening
from popdanceset.video.screening.screen import fingerprint, screen
from popdanceset.withdrawal.guard import respected
from popdanceset.withdrawal.tombstones import is_withdrawn
from popdanceset.wording import counted

if TYPE_CHECKING:
    from popdanceset.settings import Settings

log = logging.getLogger(__name__)

STAGE = "acquire"


@dataclass
class Summary(Tally):
    """What became of a manifest's videos, in addition to their clips.

    Attributes:
        videos: number of videos that are finished, now or before.
        unfinished: ids of videos whose download failed on the way; another run tries them again.
        failed: parts that failed unexpectedly, now or before.
        changed: number of parts that were acquired before, and whose clips are now as reviewers want them.
        left: such parts whose clips could not be changed; another run tries again.
        withdrawn: number of videos that were withdrawn from the dataset, and left alone.
        refused: the host's refusal, if that was its last answer.
    """

    videos: int = 0
    unfinished: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    changed: int = 0
    left: list[str] = field(default_factory=list)
    withdrawn: int = 0
    refused: RefusedError | None = None

    def __str__(self) -> str:
        failed = f"; {len(self.failed)} failed unexpectedly" if self.failed else ""
        gone = f"; {self.withdrawn} were withdrawn" if self.withdrawn else ""
        changed = f"; reviewers changed {counted(self.changed, 'part')}" if self.changed else ""
        return f"{self.videos} videos, {self.clips} clips, {self.seconds:.1f} s{gone}{changed}{failed}"

    def add(self, rows: list[Row]) -> None:
        """Counts the rows of one video."""
        self.videos += 1
        self.count(rows)
        self.failed += [part_id(row["bvid"], row["page"]) for row in rows if row["reason"] == Reason.FAILED]

    def check(self) -> None:
        """Does nothing if every video is finished.

        Raises:
            RefusedError: the host's last answer was a refusal.
            TransferError: some could not be fetched; those that could are finished.
            FailedError: some parts failed unexpectedly, or reviewers' changes could not be made; the others
                are finished.
        """
        if self.refused:
            raise self.refused
        if self.unfinished:
            total = self.videos + len(self.unfinished)
            failed = f", {len(self.failed)} failed unexpectedly" if self.failed else ""
            raise TransferError(
                f"{len(self.unfinished)} of {total} videos could not be fetched{failed}",
                first_few(self.unfinished),
                "run again",
            )
        check_failures(STAGE, self.failed)
        if self.left:
            raise FailedError(
                f"reviewers' changes to {counted(len(self.left), 'part')} could not be made",
                first_few(self.left),
                "see the warnings; their clips are unchanged",
            )


def acquire_manifest(
    folder: Path,
    settings: Settings,
    store: Store,
    *,
    bvids: Collection[str] | None = None,
    detector: PersonDetector | None = None,
    retry_failed: bool = False,
) -> Summary:
    """Acquires the videos of a manifest, and brings its clip list up to date.

    Several batches of one process read the manifest and load the person detector once.

    Args:
        folder: of the manifest.
        bvids: only these of its videos, as one batch of a run that keeps the clip list itself
            (`popdanceset.video.manifest_folder.clip_list_kept`).
        detector: the caller's own; None: the one of the settings, kept by this process.
        retry_failed: as in `acquire`.

    Raises:
        ManifestError: a file of the manifest is missing or wrong.
        RefusedError, SettingsError, AssetError, StoreError: as `acquire`.
    """
    begun, engine = time.monotonic(), find_engine(settings)
    with (
        respected(store, folder),
        opened_folder(folder, store, bvids) as found,
        track("acquire", len(found.manifest.videos)) as advance,
    ):
        if engine is None:
            summary = acquire(found, settings, store, advance, detector, retry_failed)
        else:
            summary = _acquire_on(engine, found, settings, store, advance, retry_failed)
    log.info("acquired %s in %.1f s: %s", found.manifest.name, time.monotonic() - begun, summary)
    return summary


def acquire(
    folder: ManifestFolder,
    settings: Settings,
    store: Store,
    advance: Advance = ignore,
    detector: PersonDetector | None = None,
    retry_failed: bool = False,
) -> Summary:
    """Acquires every video of a manifest, one after the other. Finished ones are only counted, unless
    reviewers want to change their clips.

    Args:
        advance: called after each video, with its id as the note.
        detector: the caller's own; None: the one of the settings, loaded when the first video needs it.
        retry_failed: also try parts again that failed unexpectedly in this version of the package.

    Raises:
        RefusedError: the host asked us to stay away; what was finished before is saved.
        SettingsError: the rules for genres are wrong.
        SettingsError, AssetError: the person detector is not available.
        StoreError: the store is not writable, or full.
    """
    read_rules(rules_file(settings.music.genres))  # so that mistakes in them are reported before the work
    summary, net = Summary(), Net(STAGE, store, retry=retry_failed)
    revision = Revision(folder, settings, store)
    with measured(STAGE, store), contextlib.ExitStack() as borrowed:
        for video in folder.manifest.videos:
            if is_withdrawn(video.bvid, store):
                summary.withdrawn += 1
                advance(1, video.bvid)
                continue
            if detector is None and not _is_done(video, store, net):
                detector = borrowed.enter_context(loaded_detector(settings))
            try:
                with respected(store, bvids=[video.bvid]):
                    rows = acquire_video(
                        video, settings, store, detector, folder.listed, folder.dancers, net, folder.reviews
                    )
                    rows = revision.revised(video, rows)
                if is_withdrawn(video.bvid, store):
                    summary.withdrawn += 1
                else:
                    summary.add(rows)
            except PopDanceSetError as error:
                if is_withdrawn(video.bvid, store):  # its files were deleted meanwhile
                    summary.withdrawn += 1
                elif isinstance(error, DownloadError):
                    log.warning("%s", error)
                    summary.unfinished.append(video.bvid)
                else:
                    raise
            advance(1, video.bvid)
    summary.changed, summary.left = revision.changed, revision.left
    if summary.unfinished:
        summary.refused = refusal_in_progress()
    return summary


@dataclass(frozen=True, slots=True)
class Cutting:
    """Screening and cutting of downloaded videos, for an engine."""

    folder: ManifestFolder
    retry_failed: bool = False
    stage: str = STAGE
    on_gpu: bool = False

    def __call__(self, settings: Settings, ids: list[str]) -> None:
        """Acquires videos; raises as `acquire`."""
        acquire(self.folder.only(ids), settings, Store(settings.store), retry_failed=self.retry_failed)


def _acquire_on(
    engine: Engine,
    folder: ManifestFolder,
    settings: Settings,
    store: Store,
    advance: Advance,
    retry_failed: bool,
) -> Summary:
    """Downloads here, has an engine screen and cut, and counts what became of the videos.

    Raises:
        RefusedError: the host asked us to stay away; what was downloaded before is screened and cut.
    """
    read_rules(rules_file(settings.music.genres))
    with measured(STAGE, store):
        fetched = fetch_videos(folder, settings, store, Net(STAGE, store, retry=retry_failed), advance)
    videos = {video.bvid: video for video in folder.manifest.videos}

    def unfinished(first: bool) -> list[str]:
        net = Net(STAGE, store, retry=first and retry_failed)
        left = (bvid for bvid in fetched.complete if not is_withdrawn(bvid, store))
        return [bvid for bvid in left if not _has_all_rows(videos[bvid], store, net)]

    spread(engine, Cutting(folder, retry_failed), unfinished, settings, ignore)
    if fetched.refused:
        raise fetched.refused
    # Everything that was downloaded is finished now, and is counted; so is what the downloads met.
    rest = folder.only(videos.keys() - set(fetched.unfinished))
    summary = acquire(rest, settings, store, advance)
    summary.unfinished += fetched.unfinished
    summary.refused = refusal_in_progress() if fetched.unfinished else summary.refused
    return summary


def _has_all_rows(video: Video, store: Store, net: Net) -> bool:
    """Whether every part that a video has to have is acquired."""
    for page in pages(video):
        rows = None if net.is_due(part_id(video.bvid, page)) else read_rows(video.bvid, page, store)
        if not rows:
            return False
        if ends_video(rows[-1]["reason"], page):
            break
    return True


def acquire_video(
    video: Video,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None = None,
    listed: Mapping[Part, Sequence[Listed]] = MappingProxyType({}),
    dancers: Mapping[str, str] = MappingProxyType({}),
    net: Net | None = None,
    reviews: Reviews = NO_REVIEWS,
) -> list[Row]:
    """Downloads, screens, plans and cuts one video part by part, and determines its music and genre.

    Every second of the video is in one row: clips and rejected spans. A part that is not available, or is
    damaged, has one rejected row; so has a part that failed unexpectedly. Of a video that is gone, restricted
    or elsewhere only the first part is requested.

    Args:
        detector: the caller's own; None: the one of the settings, loaded when it is needed.
        listed, dancers, reviews: as in `popdanceset.video.manifest_folder.ManifestFolder`. Parts that are
            finished are left as they are (`popdanceset.video.revision`).
        net: catches unexpected errors; None: a new one.

    Returns:
        Rows of `popdanceset.schema.CLIPS`, in order of parts and time.

    Raises:
        InputError: the id is not a video id.
        RefusedError, TransferError: as `popdanceset.video.download.download`; no row of that part is written.
        SettingsError, AssetError: the person detector is not available.
        StoreError: the store is not writable, or full.
    """
    if not is_bvid(video.bvid):
        raise InputError(f"{video.bvid!r} is not a video id", do="an id is BV and ten letters or digits")
    net = net or Net(STAGE, store)
    rows: list[Row] = []
    for page in pages(video):
        known = listed.get((video.bvid, page), ())
        rows += _acquire_part(video, page, settings, store, detector, known, dancers, reviews, net)
        if ends_video(rows[-1]["reason"], page):
            break
    return rows


def refusal_in_progress() -> RefusedError | None:
    """Returns the refusal if the last answer of the player was one."""
    from popdanceset.video.extractor import REFUSALS, refusal

    return refusal("download") if REFUSALS.in_a_row else None


def _is_done(video: Video, store: Store, net: Net) -> bool:
    return all(
        store.exists(layout.clip_rows(video.bvid, page)) and not net.is_due(part_id(video.bvid, page))
        for page in pages(video)
    )


def _acquire_part(
    video: Video,
    page: int,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None,
    listed: Sequence[Listed],
    dancers: Mapping[str, str],
    reviews: Reviews,
    net: Net,
) -> list[Row]:
    """Returns the rows of a part; of one that fails unexpectedly, a row that says so."""
    item = part_id(video.bvid, page)
    with net.under(item, video.bvid):
        if (done := _finished(video.bvid, page, store, net)) is not None:
            return done
        with in_turn(video.bvid, store):
            if (done := _finished(video.bvid, page, store, net)) is not None:  # another process did it
                return done
            rows = _made(video, page, settings, store, detector, listed, dancers, reviews)
        net.forget(item)
        clips = [row for row in rows if row["accepted"]]
        count(
            items=1,
            rejected=not clips,
            frames=sum(row["frames"] for row in clips),
            media_seconds=max(row["end"] for row in rows),
        )
        return rows
    # Clips of an earlier plan stay, with what was made from them, until a run succeeds.
    dancer = dancer_of(video.bvid, None, video.mid, dancers)
    failed = blank_row(video, page, 0.0, 0.0, Reason.FAILED)
    failed |= {"note": net.note(item), "dancer_id": dancer, "genre": UNKNOWN}
    written: list[Row] = store.write_rows(layout.clip_rows(video.bvid, page), [failed], CLIPS).to_pylist()
    return written


def _finished(bvid: str, page: int, store: Store, net: Net) -> list[Row] | None:
    """Returns the rows of a part, None if it is to be acquired."""
    return None if net.is_due(part_id(bvid, page)) else read_rows(bvid, page, store)


def _made(
    video: Video,
    page: int,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None,
    listed: Sequence[Listed],
    dancers: Mapping[str, str],
    reviews: Reviews,
) -> list[Row]:
    """Downloads, screens and cuts a part, and writes its rows."""
    found = download(video.bvid, video.duration, settings, store, page)
    if found["accepted"]:
        try:
            rows = _clips(video, found, settings, store, detector, listed, reviews)
        except MediaError as error:
            log.warning("%s", error)
            quarantine(found, error.what, store)
            rows = [blank_row(video, page, 0.0, found["duration"], Reason.DAMAGED) | {"note": error.what}]
    else:
        rows = [blank_row(video, page, 0.0, 0.0, Reason(found["reason"])) | {"note": found["note"]}]
    tags = found.get("tags") or ()
    return list_rows(video, page, rows, settings, store, tags, dancers, listed, reviews=reviews)


def _clips(
    video: Video,
    found: Row,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None,
    listed: Sequence[Listed],
    reviews: Reviews,
) -> list[Row]:
    page = found["page"]
    with store.local(layout.video_file(video.bvid, page)) as path:
        screening = _screened(video.bvid, page, path, found["sha256"], settings, store, detector)
        music_id = identify(path, video.bvid, page, settings, store)
        return cut_clips(
            video, page, lambda: path, screening, music_id, settings, store, listed, reviews=reviews
        )


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
