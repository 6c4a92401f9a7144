"""What an exporter is: a clip of a release in, files out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from popdanceset import layout
from training.export.dance import Dance

Array = NDArray[Any]

MOTION = ("smpl_poses", "smpl_trans", "smpl_scaling")
"""Columns of frames that make a `Dance`."""


class File(NamedTuple):
    """A file to write.

    Attributes:
        name: below the output folder, with `/`.
        write: writes it to a path, whose last part is that of the name.
        is_current: whether an existing file is what `write` would write; None: if their bytes are equal.
    """

    name: str
    write: Callable[[Path], object]
    is_current: Callable[[Path], bool] | None = None


class Member(NamedTuple):
    """A clip whose files are written.

    Attributes:
        clip_id, bvid, split: as in the release.
        high_quality: whether the published list of good clips names it; for other clips, whether it is of
            tier A.
        sound: whether the clip's sound was found.
    """

    clip_id: str
    bvid: str
    split: str
    high_quality: bool
    sound: bool


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip of a release.

    Attributes:
        member: its id and split.
        fps: frames a second of the release.
        frames: columns of its frames, (frames, *shape).
        features: its music features by extractor, (frames, width).
        sound: its WAV; None if there is none, or it was not found.
        has_sound: whether the clip has sound, found or not.
    """

    member: Member
    fps: float
    frames: Mapping[str, Array]
    features: Mapping[str, Array] = field(default_factory=dict)
    sound: Path | None = None
    has_sound: bool = False

    @property
    def clip_id(self) -> str:
        """The clip's id."""
        return self.member.clip_id

    @cached_property
    def dance(self) -> Dance:
        """The motion of the mean body.

        Raises:
            InputError: it contains NaN or infinity, or the body has no size.
        """
        return Dance.of_frames(self.frames, self.fps)


class Exporter(Protocol):
    """Writes the clips of a release in one layout. To add one, see the package's README."""

    @property
    def columns(self) -> Sequence[str]:
        """Columns of frames that it reads."""

    @property
    def with_sound(self) -> bool:
        """Whether it writes or measures the sound of clips."""

    @property
    def features(self) -> Sequence[str] | None:
        """Extractors whose music features it writes; None for all of the release."""

    @property
    def notes(self) -> Sequence[str]:
        """What a user of the files must know: axes, unit, rate, and what the layout cannot hold."""

    def files(self, clip: Clip) -> Iterable[File]:
        """Yields the files of a clip.

        Raises:
            InputError: the clip cannot be written in this layout.
        """

    def lists(self, members: Sequence[Member], splits: Sequence[str]) -> Iterable[File]:
        """Yields the files about all clips, e.g. their splits.

        Args:
            members: the clips that were written, in the release's order.
            splits: all splits of the release.
        """

    def close(self) -> None:
        """Ends what the exporter has started."""


class PerClip:
    """An exporter that reads motions and writes no lists; subclasses state what differs."""

    columns: Sequence[str] = MOTION
    with_sound = False
    features: Sequence[str] | None = ()

    def lists(self, members: Sequence[Member], splits: Sequence[str]) -> Iterator[File]:
        """Yields nothing."""
        return iter(())

    def close(self) -> None:
        """Does nothing."""


def text_file(name: str, lines: Iterable[str]) -> File:
    """A text with one entry a line."""
    content = "".join(f"{line}\n" for line in lines).encode()
    return File(name, lambda path: path.write_bytes(content))


def copied(name: str, source: Path) -> File:
    """A copy of a file."""
    return File(name, lambda path: shutil.copyfile(source, path), lambda path: same_bytes(source, path))


def same_bytes(first: Path, second: Path) -> bool:
    """Whether two files have the same content."""
    if first.stat().st_size != second.stat().st_size:
        return False
    with first.open("rb") as one, second.open("rb") as other:
        while part := one.read(1 << 20):
            if part != other.read(1 << 20):
                return False
    return True


def split_files(
    members: Sequence[Member], splits: Sequence[str], name: Callable[[str], str] = layout.split
) -> Iterator[File]:
    """A list of clip ids for each split, under the name that `name` gives it."""
    for split in splits:
        yield text_file(name(split), (m.clip_id for m in members if m.split == split))


def json_file(name: str, document: Mapping[str, Any]) -> File:
    """A JSON document, indented."""
    content = (json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()
    return File(name, lambda path: path.write_bytes(content))
