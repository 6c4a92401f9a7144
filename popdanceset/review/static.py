"""A room as pages that need no server: they open from the disk, and only show.

    index.html, style.css, icon.svg    the page; index.html is written last: the export is complete
    page.js                            its modules, joined into one script
    room.js                            the list of clips
    clips/0001.js                      a clip and its motion, loaded when it is opened
    media/0001.mp4, 0001.wav           its film and sound, on request
    README.txt                         what the folder is, and whose the libraries are

An export that was interrupted is continued, and one that is made again keeps the clips that are the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset import __version__
from popdanceset.atomic import atomic_path, atomic_write
from popdanceset.errors import InputError, PopDanceSetError, StoreError
from popdanceset.progress import Advance, ignore
from popdanceset.review.documents import clip_document, clips_document, room_document
from popdanceset.review.files import INDEX, PAGE
from popdanceset.review.linking import link
from popdanceset.review.media import TYPES, check_inside
from popdanceset.review.rooms import COLUMNS, Media, Room, Row
from popdanceset.review.vendoring import vendor

NOTE = "README.txt"
_SCRIPT, _DATA = "page.js", "room.js"
_CLIPS, _MEDIA = "clips", "media"
_MARK = "Written by `popdanceset review --static`."
_OURS = re.compile(r"\d{4,}\.[a-z0-9]+")

# A page on the disk has no origin of its own, so that 'self' alone would match nothing in some browsers.
_OWN = "'self' file:"
_POLICY = (
    f"default-src 'none'; script-src {_OWN}; style-src {_OWN}; img-src {_OWN} data:; media-src {_OWN}; "
    "connect-src 'none'; base-uri 'none'; form-action 'none'"
)
_MODULE = re.compile(r'<script type="module" src="/page/main\.js"></script>')
_NOTE_TEXT = f"""{_MARK}

Open index.html in a browser. The pages need no server and load nothing from elsewhere.
page.js contains three.js (MIT licence):

"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        clips: number of clips.
        kept: how many of them were there already.
        failed: clips that are listed but could not be written.
        bytes: size of the folder.
    """

    clips: int
    kept: int
    failed: tuple[str, ...]
    bytes: int


def export_static(room: Room, out: Path, media: bool = False, advance: Advance = ignore) -> Exported:
    """Writes a room as pages that open from the disk. Decisions and names of reviewers are not in them.

    Args:
        room: what is shown. One clip at a time is in memory.
        out: a new or empty folder, or one with an earlier export.
        media: whether films and sounds are copied too.
        advance: called after each clip.

    Raises:
        InputError: the folder has other files, or is not writable.
        AssetError: the page's files are incomplete.
        StoreError: the list cannot be read.
    """
    script = link(PAGE / "main.js")
    try:
        _claim(out)
        return _export(room, out, script, media, advance)
    except OSError as error:
        raise InputError(f"not writable: {error.strerror}", out, "name another folder") from error


def _claim(out: Path) -> None:
    """Makes sure that the folder is ours before anything in it is replaced or removed."""
    note = out / NOTE
    if out.is_dir() and any(out.iterdir()):
        if not note.is_file() or not note.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
            raise InputError("has files of something else", out, "name a new folder")
    elif out.exists() and not out.is_dir():
        raise InputError("is not a folder", out, "name a new folder")
    licence = vendor.FOLDER / "LICENSE"
    with atomic_write(note, "w") as file:
        file.write(_NOTE_TEXT + licence.read_text(encoding="utf-8"))


def _export(room: Room, out: Path, script: str, media: bool, advance: Advance) -> Exported:
    clips = room.clips()
    files: dict[str, str] = {}
    failed: list[str] = []
    shown: dict[str, bool] = {}
    kept = 0
    written: set[Path] = set()
    for number, row in enumerate(clips.rows, 1):
        clip_id, name = row["clip_id"], f"{number:04d}"
        path = out / _CLIPS / f"{name}.js"
        try:
            copies = _copy_media(room, row, out, name) if media else {}
            kept += _write_clip(room, row, path, copies)
        except (PopDanceSetError, ValueError) as error:
            log.warning("%s: left out of the pages: %s", clip_id, error)
            failed.append(clip_id)
        else:
            files[clip_id] = f"{_CLIPS}/{path.name}"
            written |= {path, *(out / copy for copy in copies.values())}
            shown[clip_id] = "video" in copies
        advance(1, clip_id)
    _remove_others(out, written)
    listed = clips_document(room)
    has_video = COLUMNS.index("has_video")
    for cells in listed["rows"]:
        cells[has_video] = shown.get(cells[0], False)
    described = room_document(room) | {"mode": "show", "reviewer": "", "reviewer_required": False}
    data = {"room": described, "clips": listed, "statistics": None, "files": files, "details": {}}
    _write(out / _SCRIPT, script)
    for asset in PAGE.glob("*.*"):
        if asset.suffix in (".css", ".svg", ".png"):
            _write(out / asset.name, asset.read_bytes())
    _write(out / _DATA, f"window.POPDANCESET = {_json(data)};\n")
    _write(out / INDEX, _index())
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return Exported(len(files), kept, tuple(failed), size)


def _write_clip(room: Room, row: Row, path: Path, copies: Mapping[str, str]) -> bool:
    """Writes the script of a clip, unless it is there with the same inputs; returns whether it was."""
    first = f"// {_key(room, row, copies)}\n"
    if _begins_with(path, first):
        return True
    clip_id = row["clip_id"]
    document = clip_document(room, clip_id)
    document["beats_url"] = None
    document["audio"] = copies.get("audio")
    film = document["video"]
    document["video"] = {**film, "url": copies["video"]} if film and "video" in copies else None
    document["row"]["has_video"] = document["video"] is not None
    if document["motion"] is not None:
        motion = room.motion(clip_id)
        others = {name: room.sources[name].joints(clip_id) for name in document["sources"]}
        document["arrays"] = {
            "joints": {name: _packed(joints) for name, joints in {"": motion.joints, **others}.items()},
            "keypoints": _packed(motion.keypoints),
            "scores": _packed(motion.scores),
        }
        document["motion"] |= {"joints_url": None, "keypoints_url": None, "scores_url": None}
    _write(path, f"{first}window.POPDANCESET.details[{_json(clip_id)}] = {_json(document)};\n")
    return False


def _key(room: Room, row: Row, copies: Mapping[str, str]) -> str:
    """What decides the content of a clip's script: it is written again if that changes."""
    same_music = room.clips().by_music[row["music_id"]]
    whole = [__version__, room.title, room.clips().distribution, [*room.sources]]
    inputs = [*whole, row, same_music, dict(copies)]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()


def _begins_with(path: Path, line: str) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline() == line
    except OSError:
        return False


def _packed(array: NDArray[Any] | None) -> dict[str, Any] | None:
    """Numbers as base64: int16 of a scale that fits, or float32 where some are not finite."""
    if array is None:
        return None
    if not np.isfinite(array).all():
        return {"data": _base64(np.asarray(array, "<f4"))}
    largest = float(np.abs(array).max()) if array.size else 0.0
    scale = largest / 32767 or 1.0
    return {"data": _base64(np.round(np.asarray(array, np.float64) / scale).astype("<i2")), "scale": scale}


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _copy_media(room: Room, row: Row, out: Path, name: str) -> dict[str, str]:
    """Copies a clip's film and sound; returns their names in the export."""
    copies = {}
    for kind, found in (("video", room.video(row["clip_id"])), ("audio", room.audio(row["clip_id"]))):
        suffix = "" if found is None else PurePosixPath(found.name).suffix.lower()
        if found is None or suffix not in TYPES:
            continue
        target = out / _MEDIA / f"{name}{suffix}"
        try:
            check_inside(found)
            _copy(found, target)
        except StoreError as error:
            log.warning("%s: without its %s: %s", row["clip_id"], kind, error)
            continue
        copies[kind] = f"{_MEDIA}/{target.name}"
    return copies


def _copy(media: Media, target: Path) -> None:
    """Copies a file, unless a copy is there that is as large and as new."""
    with media.store.local(media.name) as source:
        state = source.stat()
        if target.is_file() and _same(target, state.st_size, state.st_mtime):
            return
        with atomic_path(target) as partial:
            shutil.copyfile(source, partial)
            os.utime(partial, (state.st_mtime, state.st_mtime))


def _same(target: Path, size: int, modified: float) -> bool:
    state = target.stat()
    return state.st_size == size and abs(state.st_mtime - modified) < 1e-3


def _remove_others(out: Path, written: set[Path]) -> None:
    """Removes clips of an earlier export, which may have been withdrawn since."""
    for folder in (out / _CLIPS, out / _MEDIA):
        for path in folder.glob("*") if folder.is_dir() else ():
            if path not in written and _OURS.fullmatch(path.name):
                path.unlink()


def _index() -> str:
    text = (PAGE / INDEX).read_text(encoding="utf-8")
    scripts = f'<script src="{_DATA}" defer></script>\n<script src="{_SCRIPT}" defer></script>'
    text, count = _MODULE.subn(scripts, text)
    if count != 1:
        raise InputError(
            "does not load main.js in the expected way", PAGE / INDEX, "write it as static.py replaces it"
        )
    policy = f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    return text.replace('<meta charset="utf-8">', policy).replace('="/page/', '="')


def _json(value: Any) -> str:
    """JSON that is safe in a script, whatever titles contain."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text.encode("utf-8", "replace").decode()


def _write(path: Path, content: str | bytes) -> None:
    with atomic_write(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
