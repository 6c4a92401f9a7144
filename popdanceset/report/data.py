"""Everything that a report states, as plain data collected from the store; images and plots come later."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from popdanceset.errors import InputError
from popdanceset.ledger import read_ledger
from popdanceset.operations.cost import StageCost, stage_costs
from popdanceset.release.reviewed import WAITING
from popdanceset.release.versions import PublishedRelease, published
from popdanceset.report.rejections import RejectionGroup, grouped, rejections
from popdanceset.report.review import ReviewSummary, decisions_of, summarise
from popdanceset.report.stages import PipelineStage, stages
from popdanceset.report.tables import DatasetTables, Part, Row, read_tables
from popdanceset.store import Store
from popdanceset.wording import counted


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that a report states, apart from images.

    Attributes:
        manifest: name of the selection.
        stages: the pipeline at a glance, in its order.
        groups: rejections, in the order of the pipeline, most frequent first.
        clips: as `popdanceset.report.tables.DatasetTables.clips`.
        spans: rejected spans by part, rows of CLIPS in order of time.
        videos: rows of VIDEOS by part.
        titles: by bvid.
        statistics: newest counts, schema STATISTICS.
        selection: the manifest's table, schema SELECTION.
        release: the published release; None if there is none yet.
        gaps: what is missing so far, one sentence each.
        costs: what the runs of the store used, by stage; empty if none is recorded.
        review: what reviewers decided; None if they decided nothing.
    """

    manifest: str
    stages: tuple[PipelineStage, ...]
    groups: tuple[RejectionGroup, ...]
    clips: tuple[Row, ...]
    spans: dict[Part, list[Row]]
    videos: dict[Part, Row]
    titles: dict[str, str]
    statistics: pa.Table
    selection: pa.Table
    release: PublishedRelease | None
    gaps: tuple[str, ...]
    costs: tuple[StageCost, ...] = ()
    review: ReviewSummary | None = None


def collect(store: Store, manifest: str, version: str = "", folder: Path | None = None) -> ReportData:
    """Collects the data of a report.

    Args:
        store: with the tables; tables of stages that have not run yet may be missing.
        manifest: name of the selection.
        version: release to report on; empty: the newest one made from this manifest.
        folder: of the manifest, which has the decisions of reviewers; None: they are not known.

    Raises:
        InputError: there is no such selection or release, or the decisions cannot be read.
    """
    decisions = decisions_of(folder)
    tables = read_tables(store, manifest, decisions)
    rejected = rejections(tables)
    release = _release(store, manifest, version)
    return ReportData(
        manifest=manifest,
        stages=stages(tables, rejected, release),
        groups=grouped(rejected),
        clips=tuple(tables.clips),
        spans=_rejected_spans(tables),
        videos=tables.videos,
        titles=tables.titles,
        statistics=tables.statistics,
        selection=tables.selection,
        release=release,
        gaps=_gaps(tables, release),
        costs=stage_costs(read_ledger(store)),
        review=summarise(store, tables.clips, decisions, tables.members),
    )


def _rejected_spans(tables: DatasetTables) -> dict[Part, list[Row]]:
    """Returns rejected spans of downloaded parts, parts in order of their names."""
    spans: dict[Part, list[Row]] = defaultdict(list)
    for row in sorted(tables.spans, key=lambda row: row["start"]):
        part = (row["bvid"], row["page"])
        if not row["accepted"] and part in tables.downloaded:
            spans[part].append(row)
    return dict(sorted(spans.items()))


def _release(store: Store, manifest: str, version: str) -> PublishedRelease | None:
    releases = published(store)
    if not version:
        own = [release for release in releases if release.info.source.manifest == manifest]
        return own[-1] if own else None
    version = version.rstrip("/").rpartition("/")[2]
    for release in releases:
        if release.version == version:
            return release
    known = ", ".join(release.version for release in releases) or "none"
    raise InputError(
        f"there is no release {version!r}", store, f"run `popdanceset publish`; known releases: {known}"
    )


def _gaps(tables: DatasetTables, release: PublishedRelease | None) -> tuple[str, ...]:
    gaps = []
    if not tables.videos:
        gaps.append("No video has been downloaded yet: run `popdanceset acquire`.")
    elif not tables.spans:
        gaps.append("No video has been screened yet: run `popdanceset acquire`.")
    waiting = sum(clip["verdict"] is None for clip in tables.clips)
    if waiting:
        count = len(tables.clips)
        gaps.append(f"{waiting} of {count} clips wait for their poses: run `popdanceset extract`.")
    changing = sum(outcome == WAITING for outcome in tables.outcomes.values())
    if changing:
        gaps.append(
            f"{counted(changing, 'clip')} left out until reviewers' changes are made: "
            "run `popdanceset acquire`."
        )
    if release is None:
        gaps.append("Nothing has been published yet: run `popdanceset publish`.")
    return tuple(gaps)
