"""Downloads: one file and one row of the `videos` table for each part of a video."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popdanceset import layout
from popdanceset.bilibili.ids import is_bvid
from popdanceset.checksum import sha256_of
from popdanceset.errors import (
    DamagedError,
    ElsewhereError,
    GoneError,
    InputError,
    MediaError,
    RestrictedError,
)
from popdanceset.media import probe
from popdanceset.schema import VIDEOS, Reason
from popdanceset.video.ytdlp import Fetched, fetch

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.store import Store

log = logging.getLogger(__name__)

Row = dict[str, Any]


def download(
    bvid: str, announced_seconds: float | None, settings: Settings, store: Store, page: int = 1
) -> Row:
    """Fetches one part of a video, or returns the row of an earlier download.

    A video that will never be available has a row too, with `accepted` false, its reason and the host's
    words.

    Args:
        announced_seconds: length of the whole video according to the statistics; None if it is not known.

    Returns:
        The row of `popdanceset.schema.VIDEOS`.

    Raises:
        InputError: `bvid` is not a video id.
        RefusedError: the host asked us to stay away; no row is written.
        TransferError: the connection failed; no row is written, what has arrived stays for the next try.
        StoreError: the store is not writable, or full.
    """
    if not is_bvid(bvid):
        raise InputError(f"{bvid!r} is not a video id", do="an id is BV and ten letters or digits")
    if done := _finished(bvid, page, store):
        return done
    with _working_folder(store, bvid, page) as folder:
        if done := _finished(bvid, page, store):  # another process was working on it
            return done
        row = _fetched_row(bvid, page, announced_seconds, folder, settings, store)
        store.write_rows(layout.video_row(bvid, page), [row], VIDEOS)
        _remove(folder)
    return row


def quarantine(row: Row, why: str, store: Store) -> None:
    """Sets aside a file that turned out to be damaged; it is not fetched again.

    Args:
        row: of the finished download.
        why: what is wrong with it.
    """
    aside = layout.quarantine(row["bvid"], row["page"])
    if not store.exists(aside):
        with store.local(row["path"]) as path, store.scratch() as folder:
            store.put(Path(shutil.copy2(path, folder / "video.mp4")), aside)
    verdict = {"accepted": False, "reason": Reason.DAMAGED, "path": "", "note": f"{why}; kept as {aside}"}
    store.write_rows(layout.video_row(row["bvid"], row["page"]), [row | verdict], VIDEOS)
    store.remove(row["path"])


def _finished(bvid: str, page: int, store: Store) -> Row | None:
    name = layout.video_row(bvid, page)
    if not store.exists(name):
        return None
    row: Row = store.read_table(name, VIDEOS).to_pylist()[0]
    if row["accepted"] and not store.exists(row["path"]):
        log.warning("%s: its file is no longer in the store; fetched again", bvid)
        return None
    return row


def _fetched_row(
    bvid: str, page: int, announced: float | None, folder: Path, settings: Settings, store: Store
) -> Row:
    row: Row = {"bvid": bvid, "page": page, "path": "", "sha256": "", "accepted": False, "note": ""}
    try:
        fetched, measured = _fetched(bvid, page, folder, settings, _other_parts(bvid, page, store))
        row |= {"cid": fetched.cid, "tags": list(fetched.tags)} | measured
    except GoneError as error:
        return row | {"reason": Reason.GONE, "note": error.what}
    except RestrictedError as error:
        return row | {"reason": Reason.RESTRICTED, "note": error.what}
    except ElsewhereError as error:
        return row | {"reason": Reason.ELSEWHERE, "note": error.what}
    except (DamagedError, MediaError) as error:
        note = error.what
        for left in sorted(folder.glob("video.*"))[:1]:
            store.put(left, layout.quarantine(bvid, page))
            note += f"; kept as {layout.quarantine(bvid, page)}"
        return row | {"reason": Reason.DAMAGED, "note": note}
    if note := _preview(fetched, row["duration"], announced, settings.download.duration_tolerance):
        return row | {"reason": Reason.PAID_PREVIEW, "note": note}
    row |= {"path": layout.video_file(bvid, page), "sha256": sha256_of(fetched.path)}
    store.put(fetched.path, row["path"])
    return row | {"accepted": True, "reason": Reason.NONE}


def _other_parts(bvid: str, page: int, store: Store) -> dict[int, int]:
    """Returns id → page of the video's other parts whose files are in the store."""
    pages = layout.video_files_of(store.list(layout.video_folder(bvid)), bvid)
    names = {other: layout.video_row(bvid, other) for other in pages if other != page}
    rows = {
        other: store.read_table(name, VIDEOS).to_pylist()[0]
        for other, name in names.items()
        if store.exists(name)
    }
    return {row["cid"]: other for other, row in rows.items() if row["accepted"] and row["cid"]}


def _fetched(
    bvid: str, page: int, folder: Path, settings: Settings, others: Mapping[int, int]
) -> tuple[Fetched, Row]:
    """Returns a finished download, and what was measured in it."""
    continued = any(folder.iterdir())
    fetched = fetch(bvid, page, folder, settings, others)
    try:
        return fetched, _measured(fetched.path)
    except MediaError as error:
        if not continued:
            raise
        log.warning("%s; fetched again from the beginning", error)
    for left in folder.iterdir():
        left.unlink()
    fetched = fetch(bvid, page, folder, settings, others)
    return fetched, _measured(fetched.path)


def _measured(path: Path) -> Row:
    found = probe(path)
    return {
        "size": path.stat().st_size,
        "duration": found.duration,
        "fps": found.fps,
        "width": found.width,
        "height": found.height,
        "has_sound": found.has_sound,
    }


def _preview(fetched: Fetched, seconds: float, announced: float | None, tolerance: float) -> str:
    """Returns why the file is taken for a preview; empty if it is not.

    The host's list of parts states the length of each part as it is now. Without the list, the file is
    compared with the statistics; they contain the length of all parts together, so one part of several is
    compared with what the player announced for it. All these lengths are whole seconds.
    """
    whole = fetched.listed or (fetched.seconds if fetched.of_several else announced)
    if whole and seconds < min(whole * (1 - tolerance), whole - 1):
        return f"{seconds:.1f} s of {whole:.1f} s announced"
    return next((warning for warning in fetched.warnings if "only the preview" in warning), "")


@contextlib.contextmanager
def _working_folder(store: Store, bvid: str, page: int) -> Iterator[Path]:
    """The folder of an unfinished download.

    It is the same in every run, so that a broken download is continued, and one process holds it at a time.
    """
    with store.held(layout.unfinished_download(bvid, page)) as folder:
        folder.mkdir(parents=True, exist_ok=True)  # whoever held it before may have removed it
        yield folder


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # another part's folder is beside it
        folder.parent.rmdir()
