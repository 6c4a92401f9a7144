"""What more videos would take: hours, requests, storage and cost, by the figures of this store's own runs."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from popdanceset.errors import InputError, SettingsError
from popdanceset.operations.cost import computing_price
from popdanceset.operations.figures import Figures, StageFigures, figures
from popdanceset.schema import FPS
from popdanceset.settings import Settings
from popdanceset.store import Store

SCHEMA = 1
"""Version of the JSON document."""

_UNITS = {"h": 1.0, "d": 24.0, "w": 168.0}


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What a stage would take.

    Attributes:
        stage: its name.
        device: kind of device of one worker.
        items: number of its items.
        per: what they are.
        hours: of one worker.
        cpu_hours, gpu_hours: of one core and of one GPU.
        requests: to the host.
        bytes_received: from the host.
        workers: workers needed for the deadline; 1 without a deadline.
        late: whether the stage cannot keep the deadline, because it cannot be divided.
        source: the runs that this comes from.
    """

    stage: str
    device: str
    items: float
    per: str
    hours: float
    cpu_hours: float
    gpu_hours: float
    requests: float
    bytes_received: float
    workers: int
    late: bool
    source: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What some more videos would take.

    Attributes:
        videos: number of selected videos.
        seen: videos that must be seen to select them; None: unknown.
        clips, released_hours: what would come of them; None: unknown.
        deadline_hours: None: none.
        stages: what each takes; of extraction, the GPU if one was measured, else the processor.
        alternatives: extraction on the other kind of device, if that was measured too.
        storage_bytes: of videos, clips, poses, features and one release; None: unknown.
        computing_price: of processor and GPU; None: a price or a stage is unknown.
        storage_price: for a month; None: unknown.
        currency: of the prices.
        unknown: what no run has measured, and is not part of the sums.
        assumptions: what the plan assumes, and where each figure comes from.
    """

    videos: int
    seen: float | None
    clips: float | None
    released_hours: float | None
    deadline_hours: float | None
    stages: tuple[StagePlan, ...]
    alternatives: tuple[StagePlan, ...]
    storage_bytes: float | None
    computing_price: float | None
    storage_price: float | None
    currency: str
    unknown: tuple[str, ...]
    assumptions: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Returns it as plain data for JSON."""
        return {"schema": SCHEMA, **asdict(self)}


def parse_deadline(text: str) -> float:
    """Returns the hours of `12h`, `7d` or `2w`.

    Raises:
        SettingsError: it is none of these, or zero.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([hdw])", text.strip())
    if match is None or float(match[1]) == 0:
        raise SettingsError(f"{text!r} is not a length of time", "--deadline", "write 12h, 7d or 2w")
    return float(match[1]) * _UNITS[match[2]]


def plan(settings: Settings, store: Store, videos: int, deadline_hours: float | None = None) -> Plan:
    """Plans for some more videos.

    Args:
        settings: prices, and the crawl's daily number of requests.
        store: whose runs are measured.
        videos: number of selected videos.
        deadline_hours: within which every stage is to be done; stages run side by side.

    Raises:
        InputError: the store has no record of a run.
    """
    known = figures(store)
    if not known.stages and not known.extraction:
        raise InputError(
            "no runs are recorded, so that nothing can be computed",
            store,
            "run the pipeline on some videos first",
        )
    ratio = {name: figure.value for name, figure in known.ratios.items()}
    seen = videos / ratio["acceptance"] if ratio.get("acceptance") else None
    parts = videos * ratio.get("parts", 1.0)
    clips = parts * ratio["clips"] if "clips" in ratio else None
    frames = clips * ratio["frames"] if clips is not None and "frames" in ratio else None
    released = frames * ratio["poses"] if frames is not None and "poses" in ratio else None
    requests = seen * ratio["requests"] if seen is not None and "requests" in ratio else None
    stages: list[StagePlan] = []
    unknown: list[str] = []

    def add(stage: str, items: float | None, measured: StageFigures | None) -> None:
        if measured is None or items is None:
            unknown.append(stage)
        else:
            stages.append(_stage(stage, items, measured, settings, deadline_hours))

    add("crawl", requests, known.stages.get("crawl"))
    add("acquire", parts, known.stages.get("acquire"))
    extraction = [*known.extraction.values()]
    add("extract", frames, extraction[0] if extraction else None)
    add("features", clips, known.stages.get("features"))
    add("publish", released, known.stages.get("publish"))
    others = [] if frames is None else extraction[1:]
    storage = _storage(known, {"part": parts, "clip": clips, "frame": released})
    unknown += [f"storage per {name}" for name in ("part", "clip", "frame") if name not in known.storage]
    cpu, gpu = sum(s.cpu_hours for s in stages), sum(s.gpu_hours for s in stages)
    priced = settings.prices.cpu_hour or settings.prices.gpu_hour
    monthly = settings.prices.storage_gb_month
    return Plan(
        videos=videos,
        seen=seen,
        clips=clips,
        released_hours=None if released is None else released / FPS / 3600,
        deadline_hours=deadline_hours,
        stages=tuple(stages),
        alternatives=tuple(
            _stage("extract", frames or 0.0, each, settings, deadline_hours) for each in others
        ),
        storage_bytes=storage,
        computing_price=computing_price(cpu, gpu, settings.prices) if priced else None,
        storage_price=storage / 1e9 * monthly if storage is not None and monthly else None,
        currency=settings.prices.currency,
        unknown=tuple(unknown),
        assumptions=_assumptions(known, settings),
    )


def _stage(
    stage: str, items: float, measured: StageFigures, settings: Settings, deadline: float | None
) -> StagePlan:
    hours = items * measured.seconds / 3600
    if stage == "crawl":
        # No faster than the settings allow; the day's requests end a crawl, and the next day goes on.
        crawl = settings.crawl
        hours = max(
            hours,
            items * (1 + crawl.jitter / 2) / crawl.requests_per_second / 3600,
            24.0 * (math.ceil(items / crawl.requests_per_day) - 1),
        )
    workers = max(1, math.ceil(hours / deadline)) if deadline else 1
    whole = stage in ("crawl", "publish")
    return StagePlan(
        stage=stage,
        device=measured.device,
        items=items,
        per=measured.per,
        hours=hours,
        cpu_hours=items * measured.cpu_seconds / 3600,
        gpu_hours=items * measured.gpu_seconds / 3600,
        requests=items * measured.requests,
        bytes_received=items * measured.bytes_received,
        workers=1 if whole else workers,
        late=whole and workers > 1,
        source=measured.source,
    )


def _storage(known: Figures, numbers: dict[str, float | None]) -> float | None:
    sizes = [
        figure.value * number
        for name, figure in known.storage.items()
        if (number := numbers[name]) is not None
    ]
    return sum(sizes) if sizes else None


def _assumptions(known: Figures, settings: Settings) -> tuple[str, ...]:
    crawl = settings.crawl
    pace = f"{crawl.requests_per_second:g} requests a second and {crawl.requests_per_day:,} a day"
    lines = [
        "new videos are like those of this store, and workers like those that were measured",
        f"one guest crawls, is never refused, and keeps to {pace}",
        "one release is kept; computing is priced by hours of one core and one GPU, without idle machines",
    ]
    if "parts" not in known.ratios:
        lines.append("a video has one part: no selection states how many")
    for figure in (*known.ratios.values(), *known.storage.values()):
        value = f"{figure.value:,.0f}" if figure.value >= 1000 else f"{figure.value:.4g}"
        lines.append(f"{value} {figure.meaning} (from {figure.source})")
    measured: list[tuple[str, StageFigures]] = [*known.stages.items()]
    measured += [(f"extract on a {kind}", each) for kind, each in known.extraction.items()]
    for name, each in measured:
        rate = 1 / each.seconds if each.seconds else math.inf
        lines.append(f"{name}: {rate:,.3g} {each.per} a second and worker (from {each.source})")
    return tuple(lines)
