"""Replanning: plans the clips of videos that are in the store again, with the current settings.

Nothing is downloaded or screened. A run can be stopped at any moment and started again
(`popdanceset.video.clips`).
"""

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
from popdanceset.clip_id import part_id
from popdanceset.errors import InputError, MediaError, SchemaError, StoreError
from popdanceset.ledger import count, measured
from popdanceset.progress import Advance, ignore, track
from popdanceset.review.in_force import Reviews
from popdanceset.safety import Net, check_failures
from popdanceset.schema import CLIPS, VIDEOS, Reason
from popdanceset.video.clip_list import Listed
from popdanceset.video.clips import (
    NO_REVIEWS,
    Row,
    Tally,
    Video,
    cut_clips,
    first_few,
    in_turn,
    list_rows,
    pages,
    read_rows,
    shows_same,
)
from popdanceset.video.manifest_folder import ManifestFolder, opened_folder
from popdanceset.video.reviewed import relabelled
from popdanceset.video.screening.report import Screening
from popdanceset.video.screening.screen import fingerprint
from popdanceset.withdrawal.guard import respected
from popdanceset.withdrawal.tombstones import is_withdrawn

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.store import Store

log = logging.getLogger(__name__)

STAGE = "replan"

_WITHOUT_FILE = (
    *(Reason.GONE, Reason.RESTRICTED, Reason.ELSEWHERE, Reason.PAID_PREVIEW, Reason.DAMAGED),
    Reason.FAILED,  # whether there is a file or not, acquisition has to finish
)


@dataclass
class Replanned(Tally):
    """What became of a manifest's clips, in addition to the current ones.

    Attributes:
        videos: number of videos looked at.
        kept: clips that are the same as before; their files, poses and features were not touched.
        moved: clips with their old id and another span; they were cut again.
        new: clips that did not exist before.
        retired: clips that no longer exist.
        waiting: videos of which some part was never acquired.
        left: videos of which some part could not be planned; it was left unchanged.
        failed: parts that failed unexpectedly, while they were planned or before; they were left unchanged.
    """

    videos: int = 0
    kept: int = 0
    moved: int = 0
    new: int = 0
    retired: int = 0
    waiting: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        waiting = f"; {len(self.waiting)} videos are not acquired yet" if self.waiting else ""
        return (
            f"{self.clips} clips, {self.seconds:.1f} s: {self.kept} unchanged, "
            f"{self.moved} with another span, {self.new} new; {self.retired} retired{waiting}"
        )

    def add(self, before: Sequence[Row], now: Sequence[Row]) -> None:
        """Counts a part's rows."""
        was, is_ = ({row["clip_id"]: row for row in rows if row["accepted"]} for rows in (before, now))
        same = sum(shows_same(was[each], is_[each]) for each in was.keys() & is_)
        self.count(now)
        self.kept += same
        self.moved += len(was.keys() & is_) - same
        self.new += len(is_.keys() - was)
        self.retired += len(was.keys() - is_)

    def check(self) -> None:
        """Does nothing if every acquired video was planned.

        Raises:
            InputError: some could not be planned.
            FailedError: some parts failed unexpectedly.
        """
        if self.left:
            raise InputError(
                f"{len(self.left)} of {self.videos} videos could not be planned again",
                first_few(self.left),
                "see the warnings; their clips are unchanged",
            )
        check_failures(STAGE, self.failed)


def replan_manifest(
    folder: Path, settings: Settings, store: Store, *, bvids: Collection[str] | None = None
) -> Replanned:
    """Plans the clips of a manifest again, and brings its clip list up to date.

    Args:
        folder: of the manifest.
        bvids: only these of its videos, as one batch of a run that keeps the clip list itself
            (`popdanceset.video.manifest_folder.clip_list_kept`).

    Raises:
        ManifestError: a file of the manifest is missing or wrong.
        SettingsError, StoreError: as `replan`.
    """
    begun = time.monotonic()
    with (
        measured(STAGE, store),
        respected(store, folder),
        opened_folder(folder, store, bvids) as found,
        track("replan", len(found.manifest.videos)) as advance,
    ):
        summary = replan(found, settings, store, advance)
    log.info("planned %s again in %.1f s: %s", found.manifest.name, time.monotonic() - begun, summary)
    return summary


def replan(folder: ManifestFolder, settings: Settings, store: Store, advance: Advance = ignore) -> Replanned:
    """Plans the clips of every acquired video of a manifest again, from its screening reports.

    A clip keeps its id if it overlaps its old self by `popdanceset.video.planning.KEEPS_NUMBER`. Where its
    span differs it is cut again, and its poses, verdict and music features are discarded. Where it does not,
    nothing of the clip is touched. Genres and dancers are determined again too, and reviewers are obeyed.

    Args:
        folder: its clip list must be up to date, so that it contains the clips of runs that were stopped.
        advance: called after each video, with its id as the note.

    Raises:
        SettingsError: the rules for genres are wrong.
        StoreError: the store is not writable, or full.
    """
    summary, net = Replanned(), Net(STAGE, store)
    for video in folder.manifest.videos:
        if is_withdrawn(video.bvid, store):
            advance(1, video.bvid)
            continue
        summary.videos += 1
        for page in pages(video):
            item, planned = part_id(video.bvid, page), False
            with net.under(item, video.bvid):
                planned = _replan_part(video, page, settings, store, folder, summary)
                net.forget(item)
                count(items=planned)
            if net.note(item):
                summary.failed.append(item)
            elif not planned:
                break
        advance(1, video.bvid)
    return summary


def _replan_part(
    video: Video, page: int, settings: Settings, store: Store, folder: ManifestFolder, summary: Replanned
) -> bool:
    """Plans a part again and counts it; returns whether the parts after it may have been acquired."""
    known = folder.listed.get((video.bvid, page), ())
    try:
        with in_turn(video.bvid, store):
            before = read_rows(video.bvid, page, store)
            if before is None:
                _note(summary.waiting, video)
                return True
            now = plan_again(video, page, before, settings, store, known, folder.dancers, folder.reviews)
    except (MediaError, SchemaError) as error:
        log.warning("%s; its clips are left unchanged", error)
        _note(summary.left, video)
        return True
    summary.add(before, now)
    if any(row["reason"] == Reason.FAILED for row in now):
        summary.failed.append(part_id(video.bvid, page))
    # The other parts of a video that is not available were never requested.
    unavailable = (Reason.RESTRICTED, Reason.ELSEWHERE, *((Reason.GONE,) if page == 1 else ()))
    return not any(row["reason"] in unavailable for row in now)


def _note(bvids: list[str], video: Video) -> None:
    if video.bvid not in bvids:
        bvids.append(video.bvid)


def plan_again(
    video: Video,
    page: int,
    before: list[Row],
    settings: Settings,
    store: Store,
    listed: Sequence[Listed] = (),
    dancers: Mapping[str, str] = MappingProxyType({}),
    reviews: Reviews = NO_REVIEWS,
    keep_plan: bool = False,
) -> list[Row]:
    """Plans an acquired part again. Its video must be held (`popdanceset.video.clips.in_turn`).

    Args:
        before: its rows.
        listed, dancers, reviews: as in `popdanceset.video.manifest_folder.ManifestFolder`.
        keep_plan: only do what reviewers want; do not plan with the current settings.

    Returns:
        The new rows, or those before if the part has no file to plan with.

    Raises:
        MediaError: the screening report, the row of the download or a video that must be cut is missing, or
            the video is damaged. Nothing was changed.
        StoreError: the store is not writable, or full.
    """
    if any(row["source"] for row in before):  # imported: there is no video
        return _relabelled(video, page, before, store, reviews)
    if any(row["reason"] in _WITHOUT_FILE for row in before):
        return before
    name = layout.video_row(video.bvid, page)
    if not store.exists(name):
        raise MediaError("the row of its download is missing", name, "acquire it again")
    (download,) = store.read_table(name, VIDEOS).to_pylist()
    screening = _report(video.bvid, page, download["sha256"], settings, store)
    with contextlib.ExitStack() as files:
        path: list[Path] = []

        def source() -> Path:
            if not path:
                name = layout.video_file(video.bvid, page)
                if not store.exists(name):
                    raise MediaError("is no longer in the store", name, "put it back to plan its clips again")
                path.append(files.enter_context(store.local(name)))
            return path[0]

        music_id = before[0]["music_id"]  # of the whole part
        rows = cut_clips(
            video, page, source, screening, music_id, settings, store, listed, before, reviews, keep_plan
        )
    tags = download["tags"] or ()
    return list_rows(video, page, rows, settings, store, tags, dancers, listed, before, reviews)


def _relabelled(video: Video, page: int, before: list[Row], store: Store, reviews: Reviews) -> list[Row]:
    rows = relabelled(before, reviews, store)
    if rows == before:
        return before
    written: list[Row] = store.write_rows(layout.clip_rows(video.bvid, page), rows, CLIPS).to_pylist()
    return written


def _report(bvid: str, page: int, sha256: str, settings: Settings, store: Store) -> Screening:
    """Returns the stored screening report.

    Raises:
        MediaError: it is missing or unreadable.
    """
    name = layout.screening(bvid, page)
    try:
        screening = Screening.from_json(store.read_json(name))
    except StoreError as error:
        rows = layout.clip_rows(bvid, page)
        raise MediaError(
            f"no screening report to plan with: {error.what}", name, f"remove {rows} and acquire it again"
        ) from error
    if screening.made_from != fingerprint(sha256, settings.screening):
        log.warning("%s: made with different screening settings; its clips are planned from it anyway", name)
    return screening
