"""Withdraws videos: the tombstones first, then everything that was derived from the videos."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from popdanceset.bilibili.ids import find_bvid
from popdanceset.errors import InputError
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.withdrawal import caches
from popdanceset.withdrawal.erasing import Erased, erase
from popdanceset.withdrawal.releases import concerned, purge
from popdanceset.withdrawal.targets import Targets
from popdanceset.withdrawal.tombstones import (
    Tombstone,
    WithdrawalReason,
    check_id,
    check_note,
    is_withdrawn,
    write_tombstone,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Withdrawal:
    """What a withdrawal did, or would do.

    Attributes:
        bvids: the videos.
        new: those that had no tombstone before.
        erased: what was erased.
        purged: versions of releases that were deleted.
        remaining: versions of releases that contain one of the videos and stay as they are.
        caches: folders of training caches that were deleted.
        dry_run: whether nothing was changed.
    """

    bvids: tuple[str, ...]
    new: tuple[str, ...]
    erased: Erased
    purged: tuple[str, ...]
    remaining: tuple[str, ...]
    caches: tuple[Path, ...]
    dry_run: bool = False

    def __str__(self) -> str:
        verb = "would be " if self.dry_run else ""
        known = len(self.bvids) - len(self.new)
        lines = [f"{len(self.bvids)} videos {verb}withdrawn{f', {known} of them before' if known else ''}"]
        lines += [f"  {verb}deleted: {line}" for line in self.erased.lines()]
        lines += [f"  {verb}deleted: training cache {path}" for path in self.caches]
        lines += [f"  {verb}purged: release {version}" for version in self.purged]
        if self.remaining:
            kept = ", ".join(self.remaining)
            lines.append(f"  releases that still contain one of them: {kept} (--purge-old deletes them)")
        lines += [f"  cannot be cleaned, look at it: {name}" for name in self.erased.left]
        if self.erased.rows["manifests"]:
            lines.append("  manifests: commit the change; the history of git keeps the removed lines")
        return "\n".join(lines)


def withdraw(
    settings: Settings,
    store: Store,
    bvids: Iterable[str],
    reason: WithdrawalReason | None,
    note: str = "",
    *,
    purge_old: bool = False,
    dry_run: bool = False,
    day: datetime.date | None = None,
    cache_dir: Path | None = None,
    databases: Iterable[Path] = (),
) -> Withdrawal:
    """Withdraws videos. It can be stopped at any moment; called again, it ends with the same result.

    Args:
        settings: names the folder of the manifests.
        store: loses everything that was derived from the videos, apart from older releases.
        bvids: ids, av ids or addresses of the videos, or ids of an imported set.
        reason: why; None only for videos that have a tombstone already, to erase what is left of them.
        note: details without personal data.
        purge_old: also delete releases that contain one of the videos, and leave a note in their place.
        dry_run: change nothing.
        day: of the withdrawal; None: today.
        cache_dir: folder of the training caches; None: the user's.
        databases: of reviewers' decisions, besides the one in the store.

    Raises:
        InputError: an id, or the note, is not suitable, or the reason is missing.
        StoreError: the store, a manifest or a database is not writable.
    """
    ids = video_ids(bvids)
    check_note(note)
    known = {bvid for bvid in ids if is_withdrawn(bvid, store)}
    new = tuple(bvid for bvid in ids if bvid not in known)
    if new and reason is None:
        raise InputError(f"{new[0]} was not withdrawn before, so a reason is needed", do="give --reason")
    today = (day or datetime.date.today()).isoformat()
    targets = Targets(ids)
    if not dry_run:
        if reason is not None:
            for bvid in new:
                write_tombstone(Tombstone(bvid, today, reason, note), store)
        store.sweep()
    manifests = Path(settings.manifests).expanduser()
    erased = erase(store, targets, manifests, databases, dry_run=dry_run)
    releases = list(concerned(store, targets))
    # Before the releases, which know the names of the caches.
    contents = [release.content for release in releases if release.content]
    found = caches.training_caches(contents, cache_dir)
    if not dry_run:
        for path in found:
            caches.remove(path)
        _erase_elsewhere(store, targets)
    purged = tuple(release.version for release in releases if purge_old or release.begun)
    remaining = tuple(release.version for release in releases if release.version not in purged)
    if not dry_run:
        for version in purged:
            purge(store, version, today)
    result = Withdrawal(ids, new, erased, purged, remaining, tuple(found), dry_run)
    if not dry_run:
        log.info("withdrawn: %s", ", ".join(ids))
    return result


def video_ids(texts: Iterable[str]) -> tuple[str, ...]:
    """Returns the video ids in ids, av ids and addresses, each once; ids of imported sets stay as they are.

    Raises:
        InputError: a text contains no id, or there are none.
    """
    found: dict[str, None] = {}
    for text in texts:
        bvid = find_bvid(text) if "_Clip_" not in text else None
        check_id(bvid or text)
        found[bvid or text] = None
    if not found:
        raise InputError("no video is named", do="give BV ids, or --file")
    return tuple(found)


def _erase_elsewhere(store: Store, targets: Targets) -> None:
    """Deletes temporary copies on this machine that bear the id of one of the videos."""
    for folder in caches.machine_folders(store):
        try:
            copies = Store(folder)
            for name, is_file in copies.walk():
                if targets.named(name):
                    copies.remove(name) if is_file else copies.remove_folder(name)
        except OSError as error:
            log.warning("%s: not searched: %s", folder, error)
