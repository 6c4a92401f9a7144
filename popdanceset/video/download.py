"""Downloads: one file and one row of the `videos` table for each part of a video."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popdanceset.bilibili.ids import is_bvid
from popdanceset.clip_id import part_id
from popdanceset.errors import DamagedError, GoneError, InputError, MediaError, RestrictedError
from popdanceset.media import probe, sha256
from popdanceset.schema import VIDEOS, Reason
from popdanceset.tables import from_rows
from popdanceset.video.ytdlp import Fetched, fetch

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.store import Store

log = logging.getLogger(__name__)

Row = dict[str, Any]


def media_name(bvid: str, page: int = 1) -> str:
    """Where a part's file lies in the store."""
    return f"media/{bvid}/p{page}.mp4"


def row_name(bvid: str, page: int = 1) -> str:
    """Where a part's row lies in the store. It is written last: if it is there, the download is done."""
    return f"videos/{part_id(bvid, page)}.parquet"


def quarantine_name(bvid: str, page: int = 1) -> str:
    """Where a damaged file is kept aside."""
    return f"media/{bvid}/quarantine/p{page}.mp4"


def download(
    bvid: str, announced_seconds: float | None, settings: Settings, store: Store, page: int = 1
) -> Row:
    """Fetches one part of a video, or finds it fetched.

    A video that cannot be had for good has a row too, `accepted` false, with its reason and the host's words.

    Args:
        announced_seconds: length of the whole video as the statistics tell it; None if they do not.

    Returns:
        The row of `popdanceset.schema.VIDEOS`.

    Raises:
        InputError: `bvid` is no id.
        RefusedError: the host asked us to stay away; no row is written.
        TransferError: the connection failed; no row is written, what has come stays for the next try.
        StoreError: the store is not writable, or full.
    """
    if not is_bvid(bvid):
        raise InputError(f"{bvid!r} is no video id", do="an id is BV and ten letters or digits")
    if done := _finished(bvid, page, store):
        return done
    with _working_folder(store, bvid, page) as folder:
        if done := _finished(bvid, page, store):  # another process had it in work
            return done
        row = _fetched_row(bvid, page, announced_seconds, folder, settings, store)
        store.write_table(row_name(bvid, page), from_rows([row], VIDEOS), VIDEOS)
        _remove(folder)
    return row


def quarantine(row: Row, why: str, store: Store) -> None:
    """Takes a file that turned out to be damaged out of use: it is kept aside, and not fetched again.

    Args:
        row: of the finished download.
        why: what is wrong with it.
    """
    aside = quarantine_name(row["bvid"], row["page"])
    if not store.exists(aside):
        with store.local(row["path"]) as path, store.scratch() as folder:
            store.put(Path(shutil.copy2(path, folder / "video.mp4")), aside)
    verdict = {"accepted": False, "reason": Reason.DAMAGED, "path": "", "note": f"{why}; kept as {aside}"}
    name = row_name(row["bvid"], row["page"])
    store.write_table(name, from_rows([row | verdict], VIDEOS), VIDEOS)
    store.remove(row["path"])


def _finished(bvid: str, page: int, store: Store) -> Row | None:
    name = row_name(bvid, page)
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
        fetched, measured = _fetched(bvid, page, folder, settings)
        row |= {"cid": fetched.cid, "tags": list(fetched.tags)} | measured
    except GoneError as error:
        return row | {"reason": Reason.GONE, "note": error.what}
    except RestrictedError as error:
        return row | {"reason": Reason.RESTRICTED, "note": error.what}
    except (DamagedError, MediaError) as error:
        note = error.what
        for left in sorted(folder.glob("video.*"))[:1]:
            store.put(left, quarantine_name(bvid, page))
            note += f"; kept as {quarantine_name(bvid, page)}"
        return row | {"reason": Reason.DAMAGED, "note": note}
    if note := _preview(fetched, row["duration"], announced, settings.download.duration_tolerance):
        return row | {"reason": Reason.PAID_PREVIEW, "note": note}
    row |= {"path": media_name(bvid, page), "sha256": sha256(fetched.path)}
    store.put(fetched.path, row["path"])
    return row | {"accepted": True, "reason": Reason.NONE}


def _fetched(bvid: str, page: int, folder: Path, settings: Settings) -> tuple[Fetched, Row]:
    """A finished download and what was measured in it."""
    continued = any(folder.iterdir())
    fetched = fetch(bvid, page, folder, settings)
    try:
        return fetched, _measured(fetched.path)
    except MediaError as error:
        if not continued:
            raise
        log.warning("%s; fetched again from the beginning", error)
    for left in folder.iterdir():
        left.unlink()
    fetched = fetch(bvid, page, folder, settings)
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
    """Why the file is taken for a preview; empty if it is not.

    The statistics tell the length of all parts together, so that one part of several is compared with what
    the player announced for it.
    """
    whole = fetched.seconds if fetched.of_several else announced
    if whole and seconds < whole * (1 - tolerance):
        return f"{seconds:.1f} s of {whole:.1f} s announced"
    return next((warning for warning in fetched.warnings if "only the preview" in warning), "")


@contextlib.contextmanager
def _working_folder(store: Store, bvid: str, page: int) -> Iterator[Path]:
    """The folder of a download in work.

    It is the same in every run, so that a broken download is continued, and held by one process at a time.
    """
    with store.held(f"media/{bvid}/.part/p{page}") as folder:
        folder.mkdir(parents=True, exist_ok=True)  # whoever held it before may have removed it
        yield folder


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # another part's folder is beside it
        folder.parent.rmdir()
