"""Reads the tables of a manifest that the report is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from popdanceset import layout
from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.clip_id import clip_order
from popdanceset.errors import InputError
from popdanceset.release.reviewed import ACCEPT
from popdanceset.report.review import outcomes
from popdanceset.review.decisions import Decision
from popdanceset.schema import CLIPS, SELECTION, VERDICTS, VIDEOS
from popdanceset.store import Store

Row = dict[str, Any]
Part = tuple[str, int]
"""A part of a video: bvid and page."""


@dataclass(frozen=True)
class DatasetTables:
    """The tables of all stages, restricted to a manifest. Tables of stages that have not run yet are empty.

    Attributes:
        statistics: newest counts of every video seen, schema STATISTICS.
        selection: the manifest's table, schema SELECTION.
        videos: rows of VIDEOS by part.
        spans: rows of CLIPS, accepted or not.
        verdicts: rows of VERDICTS by clip id.
        outcomes: what reviewers made of clips, by clip id (`popdanceset.report.review.outcomes`).
    """

    statistics: pa.Table
    selection: pa.Table
    videos: dict[Part, Row]
    spans: list[Row]
    verdicts: dict[str, Row]
    outcomes: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def scored(self) -> dict[str, Row]:
        """Rows of the selection by bvid."""
        return {row["bvid"]: row for row in self.selection.to_pylist()}

    @cached_property
    def members(self) -> list[str]:
        """Videos that the selection accepted."""
        return [bvid for bvid, row in self.scored.items() if row["accepted"]]

    @cached_property
    def downloaded(self) -> dict[Part, Row]:
        """Rows of VIDEOS of the parts whose download is complete and usable."""
        return {part: row for part, row in self.videos.items() if row["accepted"]}

    @cached_property
    def clips(self) -> list[Row]:
        """Rows of CLIPS that screening accepted, in order of the clips' names.

        Each has three more keys: `verdict` (a row of VERDICTS or None), `selection` (a row of SELECTION) and
        `review` (what reviewers made of it; empty if nothing).
        """
        clips = [
            {
                **row,
                "verdict": self.verdicts.get(row["clip_id"]),
                "selection": self.scored[row["bvid"]],
                "review": self.outcomes.get(row["clip_id"], ""),
            }
            for row in self.spans
            if row["accepted"]
        ]
        return sorted(clips, key=lambda row: clip_order(row["clip_id"]))

    @cached_property
    def titles(self) -> dict[str, str]:
        """Titles by bvid; those of the selection replace newer ones."""
        newest = zip(self.statistics["bvid"].to_pylist(), self.statistics["title"].to_pylist(), strict=True)
        titles = {bvid: title for bvid, title in newest if title}
        return titles | {bvid: row["title"] for bvid, row in self.scored.items() if row["title"]}


def has_poses(clip: Row) -> bool:
    """Returns whether a row of `DatasetTables.clips` has poses that the verdict, or reviewers, accept."""
    verdict = clip["verdict"]
    if verdict is None:
        return False
    return bool(verdict["accepted"] or (clip["review"] == ACCEPT and verdict["frames"]))


def read_tables(store: Store, manifest: str, decisions: Iterable[Decision] | None = None) -> DatasetTables:
    """Reads the tables of a manifest.

    Args:
        store: with the tables.
        manifest: name of the selection.
        decisions: of reviewers, in force; None: unknown.

    Raises:
        InputError: there is no such selection.
    """
    name = layout.selection(manifest)
    if not store.exists(name):
        known = [layout.stem(each) for each in store.list(layout.SELECTION, layout.PARQUET)]
        raise InputError(
            f"there is no selection {manifest!r}",
            store,
            f"run `popdanceset select`; known selections: {', '.join(known) or 'none'}",
        )
    statistics = latest_statistics(store)
    selection = store.read_table(name, SELECTION)
    accepted = [row["bvid"] for row in selection.to_pylist() if row["accepted"]]
    of_members = ds.field("bvid").isin(accepted)
    videos = store.read_table(layout.VIDEOS, VIDEOS, filter=of_members).to_pylist()
    verdicts = store.read_table(layout.VERDICTS, VERDICTS, filter=of_members).to_pylist()
    spans = store.read_table(layout.CLIPS, CLIPS, filter=of_members).to_pylist()
    return DatasetTables(
        statistics=statistics,
        selection=selection,
        videos={(row["bvid"], row["page"]): row for row in videos},
        spans=spans,
        verdicts={row["clip_id"]: row for row in verdicts},
        outcomes=outcomes((row for row in spans if row["accepted"]), decisions),
    )
