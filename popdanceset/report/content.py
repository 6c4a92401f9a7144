"""What a report tells, as plain data from the tables: counts of the chain, rejections, clips, spans."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.errors import InputError
from popdanceset.release.members import clip_order
from popdanceset.release.versions import Published, published
from popdanceset.schema import CLIPS, FPS, SELECTION, VERDICTS, VIDEOS, Reason
from popdanceset.store import Store
from popdanceset.video import rules

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the chain and what was left after it.

    Attributes:
        name: of the step, as a participle: `accepted`.
        count: how many of `unit` are left.
        unit: videos, clips or frames.
        seconds: how long they are together.
        waiting: how many of the step before have not been through this one yet.
        losses: (reason, how many) of what this step rejected, most frequent first.
        trimmed: the same for rejected spans of videos of which other spans were kept.
    """

    name: str
    count: int
    unit: str
    seconds: float
    waiting: int = 0
    losses: tuple[tuple[str, int], ...] = ()
    trimmed: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A video, a span or a clip of it that a step rejected: `title` is as untrusted as its author."""

    stage: str
    reason: str
    bvid: str
    title: str
    seconds: float
    note: str


@dataclass(frozen=True, slots=True)
class Group:
    """Everything a step rejected for one reason."""

    stage: str
    reason: str
    meaning: str
    members: tuple[Rejected, ...]

    @property
    def seconds(self) -> float:
        """How long they are together."""
        return sum(member.seconds for member in self.members)


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a report tells, apart from pictures.

    Attributes:
        manifest: name of the selection.
        stages: the chain at a glance, in its order.
        groups: rejections, in the order of the chain, most frequent first.
        clips: rows of CLIPS that screening accepted, each with its `verdict` (a row of VERDICTS or None) and
            its `selection` (a row of SELECTION), in order of the clips' names.
        spans: rejected spans by (bvid, page), rows of CLIPS in order of time.
        videos: rows of VIDEOS by (bvid, page).
        titles: by bvid.
        statistics: newest counts, schema STATISTICS.
        selection: the manifest's table, schema SELECTION.
        release: the published release, None if there is none yet.
        gaps: what is not there yet, one sentence each.
    """

    manifest: str
    stages: tuple[Stage, ...]
    groups: tuple[Group, ...]
    clips: tuple[Row, ...]
    spans: dict[tuple[str, int], list[Row]]
    videos: dict[tuple[str, int], Row]
    titles: dict[str, str]
    statistics: pa.Table
    selection: pa.Table
    release: Published | None
    gaps: tuple[str, ...]


def collect(store: Store, manifest: str, version: str = "") -> Content:
    """Reads all tables of a manifest.

    Args:
        store: with the tables; stages that have not run yet leave theirs empty.
        manifest: name of the selection.
        version: release to tell of; empty: the newest made of this manifest.

    Raises:
        InputError: there is no such selection or release.
    """
    name = f"selection/{manifest}.parquet"
    if not store.exists(name):
        known = [
            n.removeprefix("selection/").removesuffix(".parquet") for n in store.list("selection", ".parquet")
        ]
        raise InputError(
            f"no selection {manifest!r}",
            store,
            f"run `popdanceset select`; known: {', '.join(known) or 'none'}",
        )
    statistics = latest_statistics(store)
    selection = store.read_table(name, SELECTION)
    chosen = {row["bvid"]: row for row in selection.to_pylist()}
    members = [bvid for bvid, row in chosen.items() if row["accepted"]]
    of_members = ds.field("bvid").isin(members)
    videos = {
        (v["bvid"], v["page"]): v for v in store.read_table("videos", VIDEOS, filter=of_members).to_pylist()
    }
    spans = store.read_table("clips", CLIPS, filter=of_members).to_pylist()
    verdicts = {
        v["clip_id"]: v for v in store.read_table("verdicts", VERDICTS, filter=of_members).to_pylist()
    }
    titles = _titles(statistics, chosen)
    clips = [
        {**row, "verdict": verdicts.get(row["clip_id"]), "selection": chosen[row["bvid"]]}
        for row in spans
        if row["accepted"]
    ]
    clips.sort(key=lambda row: clip_order(row["clip_id"]))
    files = {key for key, video in videos.items() if video["accepted"]}
    refused = defaultdict(list)
    for row in sorted(spans, key=lambda row: row["start"]):
        if not row["accepted"] and (row["bvid"], row["page"]) in files:
            refused[row["bvid"], row["page"]].append(row)
    rejected = [
        *_not_selected(chosen.values(), statistics, titles),
        *_not_downloaded(members, videos, chosen, titles),
        *_not_screened(members, spans, videos, titles),
        *_left_out(clips, spans, titles),
        *_not_posed(clips, titles),
    ]
    release = _release(store, manifest, version)
    return Content(
        manifest=manifest,
        stages=_stages(statistics, chosen, members, videos, spans, clips, rejected, release),
        groups=_grouped(rejected),
        clips=tuple(clips),
        spans=dict(sorted(refused.items())),
        videos=videos,
        titles=titles,
        statistics=statistics,
        selection=selection,
        release=release,
        gaps=_gaps(videos, spans, clips, release),
    )


def _titles(statistics: pa.Table, chosen: Mapping[str, Row]) -> dict[str, str]:
    told = zip(statistics["bvid"].to_pylist(), statistics["title"].to_pylist(), strict=True)
    titles = {bvid: title for bvid, title in told if title}
    return titles | {bvid: row["title"] for bvid, row in chosen.items() if row["title"]}


def _not_selected(chosen: Iterable[Row], statistics: pa.Table, titles: Mapping[str, str]) -> list[Rejected]:
    notes = dict(zip(statistics["bvid"].to_pylist(), statistics["note"].to_pylist(), strict=True))

    def note(row: Row) -> str:
        parts = [notes.get(row["bvid"], "")]
        if row["pop"] is not None:
            parts.append(f"Pop {row['pop']:.3f}")
        if row["reason"] == Reason.VIEWS_NOT_ABOVE_FOLLOWERS:
            parts.append(f"{row['view']:,} views, {row['follower']:,} followers")
        return "; ".join(part for part in parts if part)

    return [
        Rejected(
            "selection",
            row["reason"],
            row["bvid"],
            titles.get(row["bvid"], ""),
            row["duration"] or 0.0,
            note(row),
        )
        for row in chosen
        if not row["accepted"]
    ]


def _not_downloaded(
    members: list[str],
    videos: Mapping[tuple[str, int], Row],
    chosen: Mapping[str, Row],
    titles: Mapping[str, str],
) -> list[Rejected]:
    parts = _by(videos.values(), "bvid")
    return [
        Rejected(
            "download",
            part["reason"],
            bvid,
            titles.get(bvid, ""),
            part["duration"] or chosen[bvid]["duration"] or 0.0,
            part["note"],
        )
        for bvid in members
        for part in parts[bvid][:1]
        if not any(p["accepted"] for p in parts[bvid])
    ]


def _not_screened(
    members: list[str], spans: list[Row], videos: Mapping[tuple[str, int], Row], titles: Mapping[str, str]
) -> list[Rejected]:
    """Downloaded videos without any accepted span; the reason is the one that costs most of their time."""
    found = []
    by_video = _by(spans, "bvid")
    downloaded = {video["bvid"] for video in videos.values() if video["accepted"]}
    for bvid in members:
        rows = by_video[bvid]
        if bvid not in downloaded or not rows or any(row["accepted"] for row in rows):
            continue
        lost: Counter[str] = Counter()
        for row in rows:
            lost[row["reason"]] += row["end"] - row["start"]
        main = lost.most_common(1)[0][0]
        seconds = sum(v["duration"] or 0.0 for (b, _), v in videos.items() if b == bvid and v["accepted"])
        note = _screening_note(rows, lost)
        found.append(Rejected("screening", main, bvid, titles.get(bvid, ""), seconds, note))
    return found


def _screening_note(rows: list[Row], lost: Counter[str]) -> str:
    measures = []
    for measure in rules.MEASURES:
        values = [row[measure.name] for row in rows if row[measure.name] is not None]
        if measure.note and values:
            measures.append(measure.note.format(max(values)))
    others = [f"{reason} {seconds:.1f} s" for reason, seconds in lost.most_common()[1:]]
    return "; ".join(measures + others)


def _left_out(clips: list[Row], spans: list[Row], titles: Mapping[str, str]) -> list[Rejected]:
    """Rejected spans of videos that gave other clips."""
    used = {clip["bvid"] for clip in clips}
    return [
        Rejected(
            "spans",
            row["reason"],
            row["bvid"],
            titles.get(row["bvid"], ""),
            row["end"] - row["start"],
            f"{row['start']:.1f} – {row['end']:.1f} s of part {row['page']}",
        )
        for row in spans
        if not row["accepted"] and row["bvid"] in used
    ]


def _not_posed(clips: list[Row], titles: Mapping[str, str]) -> list[Rejected]:
    """Clips whose poses are not fit for a release."""
    return [
        Rejected(
            "poses",
            clip["verdict"]["reason"],
            clip["bvid"],
            titles.get(clip["bvid"], ""),
            clip["frames"] / FPS,
            "; ".join(filter(None, [clip["clip_id"], clip["verdict"]["note"]])),
        )
        for clip in clips
        if clip["verdict"] and not clip["verdict"]["accepted"]
    ]


def _stages(
    statistics: pa.Table,
    chosen: Mapping[str, Row],
    members: list[str],
    videos: Mapping[tuple[str, int], Row],
    spans: list[Row],
    clips: list[Row],
    rejected: list[Rejected],
    release: Published | None,
) -> tuple[Stage, ...]:
    losses: dict[str, Counter[str]] = defaultdict(Counter)
    for each in rejected:
        losses[each.stage][each.reason] += 1
    seen = set(statistics["bvid"].to_pylist()) | set(chosen)
    files = [video for video in videos.values() if video["accepted"]]
    fetched = {video["bvid"] for video in videos.values()}
    screened = {row["bvid"] for row in spans}
    judged = [clip for clip in clips if clip["verdict"]]
    posed = [clip for clip in judged if clip["verdict"]["accepted"]]
    counts = {"clips": len(posed), "frames": sum(clip["verdict"]["frames"] for clip in posed)}
    stages = [
        Stage("seen", len(seen), "videos", pc.sum(statistics["duration"]).as_py() or 0.0),
        Stage(
            "accepted",
            len(members),
            "videos",
            sum(chosen[bvid]["duration"] or 0.0 for bvid in members),
            len(seen - set(chosen)),
            tuple(losses["selection"].most_common()),
        ),
        Stage(
            "downloaded",
            len({video["bvid"] for video in files}),
            "videos",
            sum(video["duration"] or 0.0 for video in files),
            len(set(members) - fetched),
            tuple(losses["download"].most_common()),
        ),
        Stage(
            "cut",
            len(clips),
            "clips",
            sum(clip["frames"] for clip in clips) / FPS,
            len({video["bvid"] for video in files} - screened),
            tuple(losses["screening"].most_common()),
            tuple(losses["spans"].most_common()),
        ),
        Stage(
            "extracted",
            counts["clips"],
            "clips",
            counts["frames"] / FPS,
            len(clips) - len(judged),
            tuple(losses["poses"].most_common()),
        ),
    ]
    if release is None:
        stages.append(Stage("extracted", counts["frames"], "frames", counts["frames"] / FPS))
    else:
        frames = _released_frames(release)
        stages.append(Stage("released", frames, "frames", frames / FPS))
    return tuple(stages)


def _released_frames(release: Published) -> int:
    counts = release.info.get("counts", release.info)
    return int(counts.get("frames", 0))


def _grouped(rejected: list[Rejected]) -> tuple[Group, ...]:
    order = ("selection", "download", "screening", "spans", "poses")
    groups: dict[tuple[str, str], list[Rejected]] = defaultdict(list)
    for each in rejected:
        groups[each.stage, each.reason].append(each)
    keys = sorted(groups, key=lambda key: (order.index(key[0]), -len(groups[key]), key[1]))
    return tuple(
        Group(stage, reason, _meaning(reason), tuple(groups[stage, reason])) for stage, reason in keys
    )


def _meaning(reason: str) -> str:
    return Reason(reason).meaning if reason in list(Reason) else ""


def _release(store: Store, manifest: str, version: str) -> Published | None:
    releases = published(store)
    if not version:
        own = [r for r in releases if r.info.get("source", {}).get("manifest") == manifest]
        return own[-1] if own else None
    version = version.rstrip("/").rpartition("/")[2]
    for release in releases:
        if release.version == version:
            return release
    known = ", ".join(r.version for r in releases) or "none"
    raise InputError(f"no release {version!r}", store, f"run `popdanceset publish`; known: {known}")


def _gaps(
    videos: Mapping[tuple[str, int], Row], spans: list[Row], clips: list[Row], release: Published | None
) -> tuple[str, ...]:
    gaps = []
    if not videos:
        gaps.append("No video has been downloaded yet: run `popdanceset acquire`.")
    elif not spans:
        gaps.append("No video has been screened yet: run `popdanceset acquire`.")
    waiting = sum(clip["verdict"] is None for clip in clips)
    if waiting:
        gaps.append(f"{waiting} of {len(clips)} clips wait for their poses: run `popdanceset extract`.")
    if release is None:
        gaps.append("Nothing has been published yet: run `popdanceset publish`.")
    return tuple(gaps)


def _by(rows: Iterable[Row], key: str) -> dict[Any, list[Row]]:
    grouped: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row[key]].append(row)
    return grouped
