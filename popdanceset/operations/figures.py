"""Figures by which more work is planned: ratios of what the runs of a store used and what they made.

Each one states how many runs or rows it comes from. What no run has measured is absent; nothing is assumed in
its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from popdanceset import layout
from popdanceset.ledger import Entry, read_ledger
from popdanceset.operations.cost import StageCost, stage_costs
from popdanceset.release.versions import published
from popdanceset.schema import CLIPS, SELECTION, VERDICTS
from popdanceset.store import Store
from popdanceset.wording import counted

GPU = "GPU"
PROCESSOR = "processor"

_PER = {
    "crawl": ("requests", "requests"),
    "acquire": ("parts", "items"),
    "features": ("clips", "items"),
    "publish": ("frames", "frames"),
}
"""Stage → what its use is divided by, and the column of the ledger with its number."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured ratio.

    Attributes:
        value: the ratio.
        meaning: what it is, with its unit.
        source: what it was computed from: `3 runs of acquire`.
    """

    value: float
    meaning: str
    source: str


@dataclass(frozen=True, slots=True)
class StageFigures:
    """What a stage takes for one of its items; seconds are those of one worker.

    Attributes:
        per: what the other figures are divided by: requests, parts, frames or clips.
        seconds, cpu_seconds, gpu_seconds, requests, bytes_received: per item.
        source: the runs.
        device: the kind of device, for extraction.
    """

    per: str
    seconds: float
    cpu_seconds: float
    gpu_seconds: float
    requests: float
    bytes_received: float
    source: str
    device: str = PROCESSOR


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of a store; a key that is absent was never measured.

    Attributes:
        ratios: acceptance, parts, requests, clips, frames, poses (see `ratios` in `figures`).
        stages: by stage: crawl, acquire, features, publish.
        extraction: the same of extraction, by kind of device.
        storage: bytes per part, per clip and per published frame.
    """

    ratios: dict[str, Figure]
    stages: dict[str, StageFigures]
    extraction: dict[str, StageFigures]
    storage: dict[str, Figure]


def figures(store: Store) -> Figures:
    """Computes the figures of a store from its ledger and tables."""
    entries = read_ledger(store)
    costs = {cost.stage: cost for cost in stage_costs(entries)}
    stages: dict[str, StageFigures] = {}
    for stage, (per, column) in _PER.items():
        if (cost := costs.get(stage)) and (number := getattr(cost, column)):
            stages[stage] = _of_stage(cost, per, number)
    return Figures(_ratios(store, costs.get("crawl")), stages, _extraction(entries), _storage(store))


def _of_stage(cost: StageCost, per: str, number: float, device: str = PROCESSOR) -> StageFigures:
    return StageFigures(
        per,
        cost.seconds / number,
        cost.cpu_seconds / number,
        cost.gpu_seconds / number,
        cost.requests / number,
        cost.bytes_received / number,
        f"{counted(cost.runs, 'run')} of {cost.stage}",
        device,
    )


def _extraction(entries: Sequence[Entry]) -> dict[str, StageFigures]:
    found = {}
    for device in (GPU, PROCESSOR):
        own = [e for e in entries if e.stage == "extract" and e.device.startswith("cuda") is (device == GPU)]
        for cost in stage_costs(own):
            if cost.frames:
                found[device] = _of_stage(cost, "frames", cost.frames, device)
    return found


def _ratios(store: Store, crawl: StageCost | None) -> dict[str, Figure]:
    ratios: dict[str, Figure] = {}
    names = store.list(layout.SELECTION, layout.PARQUET)
    judged = store.read_table(layout.SELECTION, SELECTION, ["accepted", "pages"])
    chosen = judged.filter(judged["accepted"])
    if len(chosen):
        source = counted(len(names), "selection")
        ratios["acceptance"] = Figure(
            len(chosen) / len(judged), "selected videos per judged video", f"{source}, {len(judged):,} videos"
        )
        parts = pc.sum(pc.max_element_wise(pc.fill_null(chosen["pages"], 1), 1)).as_py()
        ratios["parts"] = Figure(parts / len(chosen), "parts per selected video", source)
    if crawl and crawl.items:
        ratios["requests"] = Figure(
            crawl.requests / crawl.items, "requests per video seen", f"{counted(crawl.runs, 'run')} of crawl"
        )
    rows = store.read_table(layout.CLIPS, CLIPS, ["bvid", "page", "frames", "accepted", "source"])
    own = rows.filter(pc.is_null(rows["source"]))
    acquired = len(own.group_by(["bvid", "page"]).aggregate([]))
    clips = own.filter(own["accepted"])
    if acquired:
        source = f"{counted(acquired, 'part')} of videos"
        ratios["clips"] = Figure(len(clips) / acquired, "clips per part", source)
        if len(clips):
            frames = pc.sum(clips["frames"]).as_py()
            source = counted(len(clips), "clip")
            ratios["frames"] = Figure(frames / len(clips), "frames per clip", source)
    verdicts = store.read_table(layout.VERDICTS, VERDICTS, ["accepted"])["accepted"]
    if len(verdicts):
        ratios["poses"] = Figure(
            pc.sum(verdicts).as_py() / len(verdicts),
            "clips with usable poses per clip",
            counted(len(verdicts), "verdict"),
        )
    return ratios


def _storage(store: Store) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    parts = len(store.list(layout.CLIPS, layout.PARQUET))
    if parts:
        total = _size(store, layout.MEDIA, layout.CLIPS, layout.VIDEOS)
        found["part"] = Figure(
            total / parts, "bytes of video, clips and rows per part", counted(parts, "part")
        )
    posed = len(store.list(layout.VERDICTS, layout.PARQUET))
    if posed:
        total = _size(store, layout.POSES, layout.VERDICTS, layout.MUSIC)
        found["clip"] = Figure(total / posed, "bytes of poses and features per clip", counted(posed, "clip"))
    releases = published(store)
    if releases and releases[-1].info.counts.frames:
        newest = releases[-1]
        total = _size(store, newest.folder)
        found["frame"] = Figure(
            total / newest.info.counts.frames, "bytes of a release per frame", f"release {newest.version}"
        )
    return found


def _size(store: Store, *folders: str) -> int:
    return sum(sum(store.sizes(folder).values()) for folder in folders)
