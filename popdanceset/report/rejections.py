"""What each stage rejected, and why: one group per stage and reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from popdanceset.report.review import rejected_for
from popdanceset.report.tables import DatasetTables, Row, has_poses
from popdanceset.schema import FPS, Reason
from popdanceset.video import rules

STAGES = ("selection", "download", "screening", "spans", "poses", "review")
"""The stages that reject, in the order of the pipeline. `spans` are parts of videos of which other parts were
kept."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rejected video, span or clip. The title is untrusted text of its uploader."""

    stage: str
    reason: str
    bvid: str
    title: str
    seconds: float
    note: str


@dataclass(frozen=True, slots=True)
class RejectionGroup:
    """Everything that a stage rejected for one reason."""

    stage: str
    reason: str
    meaning: str
    members: tuple[Rejected, ...]

    @property
    def seconds(self) -> float:
        """Their total length."""
        return sum(member.seconds for member in self.members)


def rejections(tables: DatasetTables) -> list[Rejected]:
    """Lists what each stage rejected, in the order of `STAGES`."""
    return [
        *_by_selection(tables),
        *_by_download(tables),
        *_by_screening(tables),
        *_spans(tables),
        *_by_poses(tables),
        *_by_review(tables),
    ]


def grouped(rejected: Iterable[Rejected]) -> tuple[RejectionGroup, ...]:
    """Groups rejections by stage and reason, in the order of `STAGES`; the most frequent reason first."""
    groups: dict[tuple[str, str], list[Rejected]] = defaultdict(list)
    for each in rejected:
        groups[each.stage, each.reason].append(each)
    keys = sorted(groups, key=lambda key: (STAGES.index(key[0]), -len(groups[key]), key[1]))
    return tuple(
        RejectionGroup(stage, reason, _meaning(reason), tuple(groups[stage, reason]))
        for stage, reason in keys
    )


def _meaning(reason: str) -> str:
    return Reason(reason).meaning if reason in list(Reason) else ""


def _rejected(tables: DatasetTables, stage: str, row: Row, seconds: float, note: str) -> Rejected:
    title = tables.titles.get(row["bvid"], "")
    return Rejected(stage, row["reason"], row["bvid"], title, seconds, note)


def _by_selection(tables: DatasetTables) -> Iterator[Rejected]:
    statistics = tables.statistics
    notes = dict(zip(statistics["bvid"].to_pylist(), statistics["note"].to_pylist(), strict=True))
    for row in tables.scored.values():
        if row["accepted"]:
            continue
        parts = [notes.get(row["bvid"], "")]
        if row["pop"] is not None:
            parts.append(f"Pop {row['pop']:.3f}")
        if row["reason"] == Reason.VIEWS_NOT_ABOVE_FOLLOWERS:
            parts.append(f"{row['view']:,} views, {row['follower']:,} followers")
        yield _rejected(tables, "selection", row, row["duration"] or 0.0, "; ".join(filter(None, parts)))


def _by_download(tables: DatasetTables) -> Iterator[Rejected]:
    """Yields videos of which no part was downloaded, with the reason of the first part."""
    parts = _by(tables.videos.values(), "bvid")
    for bvid in tables.members:
        if parts[bvid] and not any(part["accepted"] for part in parts[bvid]):
            first = parts[bvid][0]
            seconds = first["duration"] or tables.scored[bvid]["duration"] or 0.0
            yield _rejected(tables, "download", first, seconds, first["note"])


def _by_screening(tables: DatasetTables) -> Iterator[Rejected]:
    """Yields downloaded videos without an accepted span, with the reason that costs most of their time."""
    spans = _by(tables.spans, "bvid")
    lengths: dict[str, float] = defaultdict(float)
    for (bvid, _), video in tables.downloaded.items():
        lengths[bvid] += video["duration"] or 0.0
    for bvid in tables.members:
        rows = spans[bvid]
        if bvid not in lengths or not rows or any(row["accepted"] for row in rows):
            continue
        lost: Counter[str] = Counter()
        for row in rows:
            lost[row["reason"]] += row["end"] - row["start"]
        main = {"bvid": bvid, "reason": lost.most_common(1)[0][0]}
        yield _rejected(tables, "screening", main, lengths[bvid], _screening_note(rows, lost))


def _screening_note(rows: list[Row], lost: Counter[str]) -> str:
    measures = []
    for measure in rules.MEASURES:
        values = [row[measure.name] for row in rows if row[measure.name] is not None]
        if measure.note and values:
            measures.append(measure.note.format(max(values)))
    others = [f"{reason} {seconds:.1f} s" for reason, seconds in lost.most_common()[1:]]
    return "; ".join(measures + others)


def _spans(tables: DatasetTables) -> Iterator[Rejected]:
    """Yields rejected spans of videos that have clips."""
    used = {clip["bvid"] for clip in tables.clips}
    for row in tables.spans:
        if not row["accepted"] and row["bvid"] in used:
            note = f"{row['start']:.1f} – {row['end']:.1f} s of part {row['page']}"
            yield _rejected(tables, "spans", row, row["end"] - row["start"], note)


def _by_poses(tables: DatasetTables) -> Iterator[Rejected]:
    """Yields clips whose poses are not good enough for a release, unless reviewers decided about them."""
    for clip in tables.clips:
        verdict = clip["verdict"]
        if verdict and not has_poses(clip) and not rejected_for(clip["review"]):
            note = "; ".join(filter(None, [clip["clip_id"], verdict["note"]]))
            row = {"bvid": clip["bvid"], "reason": verdict["reason"]}
            yield _rejected(tables, "poses", row, clip["frames"] / FPS, note)


def _by_review(tables: DatasetTables) -> Iterator[Rejected]:
    """Yields clips that reviewers rejected."""
    for clip in tables.clips:
        if reason := rejected_for(clip["review"]):
            row = {"bvid": clip["bvid"], "reason": reason}
            note = f"{clip['clip_id']}; decided by reviewers"
            yield _rejected(tables, "review", row, clip["frames"] / FPS, note)


def _by(rows: Iterable[Row], key: str) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups
