"""Who dances, where a reviewer knows better than that it is the uploader: `manifests/NAME/dancers.csv`.

Of a joint upload, the dancers are those whom the host lists; which of them a clip shows is for a reviewer.

People write the file by hand. Its two columns are `id`, a video or one of its clips, and `dancer_id`, any
name that is the same in all clips of one person and in no others. Faces are never compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints

from popdanceset.errors import ManifestError
from popdanceset.layout import MANIFEST_DANCERS
from popdanceset.video.csv_lines import Line, read_lines

Name = Annotated[str, StringConstraints(min_length=1)]


class DancerLine(Line):
    """Names the dancer of a video or clip."""

    id: Name
    dancer_id: Name


def read_dancers(folder: Path) -> dict[str, str]:
    """Returns video or clip → dancer; empty if the manifest has no such file.

    Raises:
        ManifestError: the file is unreadable, lacks a column or a cell, or names something twice.
    """
    dancers: dict[str, str] = {}
    for where, line in read_lines(folder / MANIFEST_DANCERS, DancerLine):
        if line.id in dancers:
            raise ManifestError(f"{line.id} occurs twice", where, "remove one of the lines")
        dancers[line.id] = line.dancer_id
    return dancers


def dancer_of(
    bvid: str, clip_id: str | None, mid: int | None, dancers: Mapping[str, str], joint: str | None = None
) -> str:
    """Returns the dancer named for the clip, else for its video, else the uploader; the video if unknown.

    Args:
        bvid: the video.
        clip_id: the clip; None for a rejected span.
        mid: the uploader.
        dancers: what a reviewer has named, as `read_dancers` returns it.
        joint: the dancers of a joint upload, who replace the uploader.
    """
    named = dancers.get(clip_id) if clip_id else None
    return named or dancers.get(bvid) or joint or (str(mid) if mid else bvid)
