"""What reviewers decided about a video's clips, in words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from popdanceset import layout
from popdanceset.bilibili.text import one_line
from popdanceset.clip_id import clip_order, video_of
from popdanceset.errors import ManifestError
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.in_force import read_decisions
from popdanceset.schema import Reason

_log = logging.getLogger(__name__)


def review_lines(bvid: str, manifests: Path) -> Iterator[str]:
    """Yields the decisions on a video's clips, by manifest; nothing if there are none.

    A file that cannot be read costs the decisions of that manifest; a warning says so.

    Args:
        bvid: the video.
        manifests: folder of the manifests.
    """
    for path in sorted(manifests.glob(f"*/{layout.MANIFEST_REVIEWS}")):
        try:
            mine = [each for each in read_decisions(path.parent) if video_of(each.clip_id) == bvid]
        except ManifestError as error:
            _log.warning("%s", error)
            continue
        if mine:
            yield f"reviewed in manifest {path.parent.name}"
            for each in sorted(mine, key=lambda each: clip_order(each.clip_id)):
                yield f"  {each.clip_id:<24}{explained(each)}"


def explained(decision: Decision) -> str:
    """Returns a decision with its reason, reviewer, time and note, on one line."""
    match decision.kind:
        case Kind.ACCEPT:
            what = "accepted"
        case Kind.REJECT:
            what = f"rejected: {decision.value} ({Reason(decision.value).meaning})"
        case _:
            what = f"{decision.kind} {decision.value}".strip()
    by = f", by {decision.reviewer}" if decision.reviewer else ""
    at = f", {decision.decided_at}" if decision.decided_at else ""
    note = f": {decision.note}" if decision.note else ""
    return one_line(f"{what}{by}{at}{note}") or ""
