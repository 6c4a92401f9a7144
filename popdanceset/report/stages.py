"""The pipeline at a glance: how much each stage left over, and how much it rejected."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow.compute as pc

from popdanceset.release.reviewed import ACCEPT, WAITING
from popdanceset.release.versions import PublishedRelease
from popdanceset.report.rejections import Rejected
from popdanceset.report.review import rejected_for
from popdanceset.report.tables import DatasetTables, has_poses
from popdanceset.schema import FPS


@dataclass(frozen=True, slots=True)
class PipelineStage:
    """A stage of the pipeline and what it left over.

    Attributes:
        name: the stage as a participle: `accepted`.
        count: how many of `unit` are left.
        unit: videos, clips or frames.
        seconds: their total length.
        waiting: how many results of the stage before have not been processed by this one yet.
        losses: (reason, count) of what this stage rejected, most frequent first.
        trimmed: the same for rejected spans of videos of which other spans were kept.
    """

    name: str
    count: int
    unit: str
    seconds: float
    waiting: int = 0
    losses: tuple[tuple[str, int], ...] = ()
    trimmed: tuple[tuple[str, int], ...] = ()


def stages(
    tables: DatasetTables, rejected: Iterable[Rejected], release: PublishedRelease | None
) -> tuple[PipelineStage, ...]:
    """Counts what each stage left over.

    Args:
        tables: of the manifest.
        rejected: everything that the stages rejected.
        release: the published release; None if there is none yet.

    Returns:
        The stages in the order of the pipeline; the last one counts frames.
    """
    losses: dict[str, Counter[str]] = defaultdict(Counter)
    for each in rejected:
        losses[each.stage][each.reason] += 1
    seen = set(tables.statistics["bvid"].to_pylist()) | set(tables.scored)
    attempted = {bvid for bvid, _ in tables.videos}
    downloaded = {bvid for bvid, _ in tables.downloaded}
    screened = {row["bvid"] for row in tables.spans}
    judged = [clip for clip in tables.clips if clip["verdict"]]
    posed = [clip for clip in judged if has_poses(clip) or rejected_for(clip["review"])]
    kept = [clip for clip in posed if clip["review"] in ("", ACCEPT)]
    frames = sum(clip["verdict"]["frames"] for clip in kept)
    if release is None:
        last = PipelineStage("extracted", frames, "frames", frames / FPS)
    else:
        released = release.info.counts.frames
        last = PipelineStage("released", released, "frames", released / FPS)
    reviewed = PipelineStage(
        "reviewed",
        len(kept),
        "clips",
        frames / FPS,
        sum(clip["review"] == WAITING for clip in posed),
        tuple(losses["review"].most_common()),
    )
    return (
        PipelineStage("seen", len(seen), "videos", pc.sum(tables.statistics["duration"]).as_py() or 0.0),
        PipelineStage(
            "accepted",
            len(tables.members),
            "videos",
            sum(tables.scored[bvid]["duration"] or 0.0 for bvid in tables.members),
            len(seen - set(tables.scored)),
            tuple(losses["selection"].most_common()),
        ),
        PipelineStage(
            "downloaded",
            len(downloaded),
            "videos",
            sum(video["duration"] or 0.0 for video in tables.downloaded.values()),
            len(set(tables.members) - attempted),
            tuple(losses["download"].most_common()),
        ),
        PipelineStage(
            "cut",
            len(tables.clips),
            "clips",
            sum(clip["frames"] for clip in tables.clips) / FPS,
            len(downloaded - screened),
            tuple(losses["screening"].most_common()),
            tuple(losses["spans"].most_common()),
        ),
        PipelineStage(
            "extracted",
            len(posed),
            "clips",
            sum(clip["verdict"]["frames"] for clip in posed) / FPS,
            len(tables.clips) - len(judged),
            tuple(losses["poses"].most_common()),
        ),
        *([reviewed] if tables.outcomes else []),
        last,
    )
