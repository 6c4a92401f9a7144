"""Erases what a store holds of videos: files that bear their ids, rows about them, and mentions of them.

Nothing here decides: `popdanceset.withdrawal.withdraw` writes the tombstones first. Each step can be stopped
at any moment and begun again with the same result, because a step runs only after those whose inputs it
removes: follower counts and pairs of music ids are found by rows that are still there.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from popdanceset import layout
from popdanceset.locks import abandoned
from popdanceset.store import Store
from popdanceset.withdrawal import merges
from popdanceset.withdrawal.decisions import erase_decisions
from popdanceset.withdrawal.searching import PAGES, in_bytes
from popdanceset.withdrawal.tables import Mask, scrub
from popdanceset.withdrawal.targets import Targets
from popdanceset.withdrawal.texts import without_entries, without_lines
from popdanceset.wording import counted

log = logging.getLogger(__name__)

TEXTS = (".csv", ".tsv", ".txt", ".yaml", ".yml", ".toml")

_NEVER_READ = (layout.MEDIA, layout.POSES, layout.MUSIC, layout.VERDICTS, layout.FINGERPRINTS)
"""Folders whose files contain nothing about other videos than the one in their names."""

_KEPT = (layout.TOMBSTONES, layout.RELEASES)


@dataclass
class Erased:
    """What was erased, or would be.

    Attributes:
        files: deleted files and folders, by the first part of their names.
        rows: removed rows and entries, by table.
        mentions: rows and documents about others in which a mark has taken the place of an id.
        left: files that mention a video and cannot be changed.
    """

    files: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    mentions: int = 0
    left: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yields a line for each kind of thing."""
        for kind, count in sorted((+self.files).items()):
            yield f"{counted(count, 'file')} in {kind}"
        for table, count in sorted((+self.rows).items()):
            yield f"{counted(count, 'row')} of {table}"
        if self.mentions:
            yield f"{counted(self.mentions, 'mention')} in rows about other videos"


@dataclass(frozen=True)
class _Work:
    """An erasure in progress."""

    store: Store
    targets: Targets
    dry: bool
    done: Erased


def erase(
    store: Store,
    targets: Targets,
    manifests: Path | None = None,
    databases: Iterable[Path] = (),
    *,
    dry_run: bool = False,
) -> Erased:
    """Erases everything but tombstones and releases.

    Args:
        store: the store.
        targets: the videos.
        manifests: folder of the manifests; their lines about the videos go too.
        databases: of reviewers' decisions, besides the one in the store.
        dry_run: only count.

    Raises:
        StoreError: the store is not writable, or another process reads a database.
    """
    work = _Work(store, targets, dry_run, Erased())
    if not targets:
        return work.done
    _erase_followers(work)
    _erase_pairs(work)
    _erase_media(work)
    _erase_named(work)
    own = store.workplace(layout.REVIEW_DATABASE) if store.is_local else None
    for name, is_file in store.walk():
        top = name.split("/")[0]
        if own and name.startswith(layout.REVIEW_DATABASE):
            continue
        if not is_file or top in (*_NEVER_READ, *_KEPT, layout.MERGES, layout.SCRATCH):
            continue
        if top == layout.STATISTICS or not targets.named(name):  # the others are gone, if this is no dry run
            _erase_content(work, name)
    if manifests is not None and manifests.is_dir():
        erase_manifests(manifests, targets, work.done, dry_run=dry_run)
    # At the end: it fails if somebody is reviewing, and everything else is gone by then.
    for path in [*([own] if own and own.exists() else []), *databases]:
        rows = erase_decisions(path, targets, dry_run=dry_run)
        work.done.rows["review"] += rows or 0
        work.done.left += [str(path)] if rows is None else []
    return work.done


def erase_manifests(folder: Path, targets: Targets, done: Erased, *, dry_run: bool = False) -> None:
    """Removes the lines about some videos from every manifest below a folder."""
    store = Store(folder)
    for name, is_file in store.walk():
        if is_file and name.endswith(TEXTS) and ".git" not in PurePosixPath(name).parts:
            data = store.read_bytes(name)
            if any(targets.find(data)):
                removed, clean = cleaned_text(data, targets)
                done.rows["manifests"] += removed
                done.mentions += not removed
                if not dry_run:
                    store.write_bytes(name, clean)


def cleaned_text(data: bytes, targets: Targets) -> tuple[int, bytes]:
    """Returns the number of removed lines of a text, and the text without them."""
    text = data.decode("utf-8", "surrogateescape")
    clean, removed = without_lines(text, targets)
    return removed, clean.encode("utf-8", "surrogateescape")


# -- steps


def _erase_followers(work: _Work) -> None:
    """Removes the follower counts of uploaders of whom no other video is known."""
    names = work.store.list(layout.FOLLOWERS, layout.PARQUET)
    mids = _uploaders(work) if names else pa.array([], pa.int64())
    if not len(mids):
        return

    def theirs(table: pa.Table) -> Mask:
        chosen: Mask = pc.is_in(table["mid"], mids).to_numpy(zero_copy_only=False)
        return chosen

    for name in names:
        _scrub_file(work, name, theirs)


def _uploaders(work: _Work) -> pa.Array:
    """Returns the uploaders of the videos who have no other video in the statistics or a selection."""
    own = pc.unique(pa.concat_arrays([pa.array([], pa.int64()), *_people_of(work, True)]))
    for people in _people_of(work, False) if len(own) else ():
        own = own.filter(pc.invert(pc.is_in(own, people)))
    return own


def _people_of(work: _Work, targets: bool) -> Iterator[pa.Array]:
    """Yields the people of the videos, or of all other videos, a batch of rows at a time."""
    ids = pa.array(sorted(work.targets.ids))
    for folder in (layout.STATISTICS, layout.SELECTION):
        for name in work.store.list(folder, layout.PARQUET):
            with work.store.open_read(name) as file, pq.ParquetFile(file) as parquet:
                present = set(parquet.schema_arrow.names)
                columns = [column for column in ("bvid", "mid", "staff", "dancers") if column in present]
                for batch in parquet.iter_batches(columns=columns) if "bvid" in present else ():
                    mine = pc.is_in(batch["bvid"], ids)
                    yield _people(batch.filter(mine if targets else pc.invert(mine)))


def _people(batch: pa.RecordBatch) -> pa.Array:
    found = [pa.array([], pa.int64())]
    if "mid" in batch.schema.names:
        found.append(batch["mid"].drop_null().cast(pa.int64()))
    for name in ("staff", "dancers"):
        if name in batch.schema.names:
            mids = pc.list_flatten(pc.split_pattern(batch[name].drop_null(), "+"))
            usable = pc.match_substring_regex(mids, r"^\d{1,18}$")
            found.append(mids.filter(usable).cast(pa.int64()))
    return pa.concat_arrays(found)


def _erase_pairs(work: _Work) -> None:
    for name, row in list(merges.changed_pairs(work.store, work.targets)):
        work.done.rows[layout.MERGES] += row is None
        work.done.mentions += row is not None
        if not work.dry:
            merges.write_pair(work.store, name, row)


def _erase_media(work: _Work) -> None:
    """Deletes the folders of the videos, each when no worker of this machine uses it.

    The media go before what is made from them: a stage that finishes now finds that its input is gone.
    """
    for bvid in sorted(work.targets.ids):
        folder = layout.video_folder(bvid)
        count = sum(is_file for _, is_file in work.store.walk(folder))
        here = work.store.workplace(folder)
        if not count and not here.exists():
            continue
        work.done.files[layout.MEDIA] += count
        if work.dry:
            continue
        with ExitStack() as held:
            if here.exists():
                with abandoned(here) as free:
                    if not free:
                        log.warning("waiting for a worker that is acquiring %s", bvid)
                held.enter_context(work.store.held(folder))
            work.store.remove_folder(folder)
            if not work.store.is_local:
                Store(here.parent).remove_folder(here.name)


def _erase_named(work: _Work) -> None:
    """Deletes every other file and folder that bears the id of one of the videos."""
    for name, is_file in work.store.walk():
        top, *rest = PurePosixPath(name).parts
        if top in _KEPT or not any(work.targets.named(part) for part in (top, *rest)):
            continue
        if top == layout.STATISTICS and is_file:
            _rename_listing(work, name)
            continue
        if is_file and not name.startswith(f"{layout.MEDIA}/"):
            work.done.files[top] += 1
        if work.dry:
            continue
        if is_file:
            work.store.remove(name)
        else:
            work.store.remove_folder(name)


def _rename_listing(work: _Work, name: str) -> None:
    """Gives a page of a listing that is named after a video another name: its rows are about other videos."""
    new = work.targets.redacted(name, f"withdrawn-{hashlib.sha256(name.encode()).hexdigest()[:8]}")
    work.done.mentions += 1
    if not work.dry:
        with work.store.local(name) as path:
            work.store.write_bytes(new, path.read_bytes())
        work.store.remove(name)


def _erase_content(work: _Work, name: str) -> None:
    """Removes rows and entries about the videos from a file that is about others too."""
    suffix = PurePosixPath(name).suffix
    if suffix == layout.PARQUET:
        _scrub_file(work, name)
        return
    with work.store.open_read(name) as file:
        if not in_bytes(file, work.targets):
            return
    table = name.split("/")[0]
    if suffix in PAGES:
        work.done.files[table] += 1
        if not work.dry:
            work.store.remove(name)
        return
    if suffix == layout.JSON:
        document, changes = without_entries(work.store.read_json(name), work.targets)
        work.done.rows[table] += changes
        if work.dry:
            return
        if document is None:
            work.store.remove(name)
        else:
            _write_at_its_time(work.store, name, lambda store, where: store.write_json(where, document))
    elif suffix in TEXTS:
        removed, clean = cleaned_text(work.store.read_bytes(name), work.targets)
        work.done.rows[table] += removed
        work.done.mentions += not removed
        if not work.dry:
            work.store.write_bytes(name, clean)
    else:
        work.done.left.append(name)


def _scrub_file(work: _Work, name: str, also: Callable[[pa.Table], Mask] | None = None) -> None:
    table = name.split("/")[0]
    try:
        with ExitStack() as open_files:
            file = open_files.enter_context(work.store.open_read(name))

            def out() -> IO[bytes]:
                target = open(os.devnull, "wb") if work.dry else work.store.open_write(name)  # noqa: SIM115
                return open_files.enter_context(target)

            changes = scrub(file, out, work.targets, also)
    except pa.ArrowException as error:
        log.warning("%s: not readable, so it was not searched: %s", name, error)
        work.done.left.append(name)
        return
    work.done.rows[table] += changes.removed
    work.done.mentions += changes.redacted


def _write_at_its_time(store: Store, name: str, write: Callable[[Store, str], None]) -> None:
    """Replaces a document and keeps its time in a local store: the newest fit stays the newest.

    In an object store the documents of the same folder that were newer are written again after it.
    """
    if store.is_local:
        time = store.modified(name).timestamp()
        with store.scratch() as folder:
            write(Store(folder), "document")
            os.utime(folder / "document", (time, time))
            store.put(folder / "document", name)
        return
    siblings = {other: store.modified(other) for other in store.list(str(PurePosixPath(name).parent))}
    write(store, name)
    for other, modified in sorted(siblings.items(), key=lambda item: item[1]):
        if modified > siblings[name]:
            store.write_bytes(other, store.read_bytes(other))
