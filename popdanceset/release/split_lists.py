"""Split lists of the field: text files with one clip id a line, as `train.txt` and `test.txt`.

Two forms of ids are known, with or without folders before and endings after them:

    BV1aa411a7qr_Clip_3, BV1aa411a7qr_p2_Clip_3     PopDanceSet: the video, its part, the clip
    gBR_sBM_cAll_d04_mBR0_ch01                      AIST++: genre, situation, camera, dancers, music,
                                                    choreography

Pieces cut from a clip (`…_slice3`, as EDGE names them) are parts of that clip. Blank lines, and lines that
begin with `#`, are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.release.leaks import Kind, ListedClip

LIST = ".txt"

_LONGEST = 1024
"""Characters of a line: more is no list of ids, and is not read into memory."""

_BEFORE = re.compile(r"(?:train|test)_(?=BV)")  # how the authors' code names what it writes
_ENDINGS = re.compile(r"(?:_slice\d+)?(?:\.[0-9A-Za-z]{1,7}){0,2}", re.ASCII)
_CLIP = re.compile(r"(?P<video>[0-9A-Za-z][\w-]*?)(?:_p\d+)?_Clip_\d+", re.ASCII)
_AIST = re.compile(
    r"(?P<genre>g[A-Z]{2})_(?P<situation>s[A-Z]{2})_c(?:All|\d{2})_(?P<dancers>d\d{2}(?:_?d\d{2})*)"
    r"_(?P<music>m[A-Z]{2}\d+)_(?P<choreography>ch\d{2})",
    re.ASCII,
)
_OF_A_FAMILY = re.compile(r"(?P<family>.+)[_-](?P<part>train|training|val|valid|validation|test|testing)")


def read_split_lists(paths: Sequence[Path]) -> dict[str, list[ListedClip]]:
    """Reads lists of clip ids; the name of a file is the name of its split.

    AIST++ has two families of splits in one folder, `pose_train.txt` … and `crossmodal_train.txt` …, which
    share clips on purpose. Where several families have more than one list each, each is a dataset of its own;
    otherwise all lists belong together.

    Args:
        paths: files, or one folder with files `*.txt`, or one with a folder `splits` of such files.

    Returns:
        Name of the family, or of the folder → clips of all of its splits. A family with one list only is
        there too.

    Raises:
        InputError: a file is missing, unreadable or empty, a line is not a clip id, two files have one name,
            or there is only one list.
    """
    files = _files(paths)
    lists = {path: _ids(path) for path in files}
    empty = [path for path, ids in lists.items() if not ids]
    if empty:
        raise InputError("lists no clips", empty[0], "remove the file, or fetch it again")
    folder = str(paths[0]) if len(paths) == 1 else " ".join(map(str, paths))
    members: dict[str, list[Path]] = {}
    for path in files:
        match = _OF_A_FAMILY.fullmatch(path.stem)
        members.setdefault(match["family"] if match else path.stem, []).append(path)
    if sum(len(own) > 1 for own in members.values()) < 2:
        members = {folder: files}
    return {
        family: [ListedClip(clip_id, path.stem, keys_of(clip_id)) for path in own for clip_id in lists[path]]
        for family, own in members.items()
    }


def keys_of(clip_id: str) -> Mapping[Kind, tuple[str, ...]]:
    """Returns what the id of a clip tells: of PopDanceSet the video; of AIST++ also music and dancers."""
    clip = _CLIP.fullmatch(clip_id)
    aist = _AIST.fullmatch(clip["video"] if clip else clip_id)
    if aist:
        dancers = tuple(re.findall(r"d\d{2}", aist["dancers"]))
        parts = (aist["genre"], aist["situation"], *dancers, aist["music"], aist["choreography"])
        return {
            Kind.VIDEO: ("_".join(parts),),
            Kind.MUSIC: (aist["music"],),
            Kind.DANCER: dancers,
            Kind.CHOREOGRAPHY: (f"{aist['genre']}_{aist['situation']}_{aist['choreography']}",),
        }
    return {Kind.VIDEO: (clip["video"],)} if clip else {}


def parse_clip_id(text: str) -> str | None:
    """Returns the clip id of a line without folders and endings; None if it has none."""
    name = PurePosixPath(text.strip().replace("\\", "/")).name
    name = _BEFORE.sub("", name, count=1) if _BEFORE.match(name) else name
    for form in (_CLIP, _AIST):
        match = form.match(name)
        if match and _ENDINGS.fullmatch(name, match.end()):
            return match[0]
    return None


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(path.glob(f"*{LIST}")) or sorted((path / layout.RELEASE_SPLITS).glob(f"*{LIST}"))
            if not found:
                raise InputError(f"holds no lists *{LIST}", path, "name a folder with lists, or a release")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise InputError("there is no such file or folder", path, "check the path")
    names: dict[str, Path] = {}
    for path in files:
        if (other := names.setdefault(path.stem, path)) != path or files.count(path) > 1:
            raise InputError(f"is named like {other}", path, "give every split a name of its own")
    if len(files) < 2:
        raise InputError("is the only list, so it shares nothing", files[0], "name two lists or more")
    return files


def _ids(path: Path) -> list[str]:
    ids, wrong = [], []
    for number, line in _lines(path):
        clip_id = parse_clip_id(line)
        if clip_id is None:
            wrong.append((number, line))
        else:
            ids.append(clip_id)
    if wrong:
        (number, line), more = wrong[0], len(wrong) - 1
        others = f"; {more} more of its lines are not" if more else ""
        raise InputError(
            f"{line[:60]!r} is not a clip id{others}",
            f"{path}, line {number}",
            "write one id a line, as BV1aa411a7qr_Clip_3 or gBR_sBM_cAll_d04_mBR0_ch01",
        )
    return ids


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields number and content of every line that is neither blank nor a comment."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            number = 0
            while line := file.readline(_LONGEST):
                number += 1
                if len(line) == _LONGEST:
                    raise InputError(f"line {number} is too long for a clip id", path, "write one id a line")
                if line.strip() and not line.lstrip().startswith("#"):
                    yield number, line.strip()
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", path, "name a list of clip ids") from error
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check its permissions") from error
