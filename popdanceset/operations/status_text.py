"""The status as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from popdanceset.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from popdanceset.operations.status import StageStatus, Status

_MOST = 5
"""Reasons of a stage that are listed; the others are counted."""


def text(found: Status) -> str:
    """Formats a status."""
    return "\n".join(_lines(found))


def span(seconds: float) -> str:
    """Formats a length of time by its two largest units: `3 d 4 h`, `12 min`, `8 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if n]
    return " ".join(parts[:2]) or f"{rest} s"


def size(number: float) -> str:
    """Formats a number of bytes: `1.2 GB`."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number:.0f} B"


def _lines(found: Status) -> Iterator[str]:
    yield f"store     {found.store}"
    if found.snapshot:
        yield f"snapshot  {found.snapshot.day}, {span(found.snapshot.age_seconds)} old"
    else:
        yield "snapshot  none: run `popdanceset crawl`"
    yield f"requests  {found.requests_today:,} taken today"
    yield f"release   {found.release or 'none'}"
    yield ""
    yield "stage       waiting  running     done  rejected  failed  per hour  end"
    for name, stage in found.stages.items():
        rate = f"{stage.items_per_hour:,.1f}" if stage.items_per_hour else "–"
        yield (
            f"{name:<10}{stage.waiting:>9,}{stage.running:>9,}{stage.done:>9,}"
            f"{sum(stage.rejected.values()):>10,}{sum(kind.count for kind in stage.failed):>8,}"
            f"{rate:>10}  {_end(stage)}"
        )
    for name, stage in found.stages.items():
        yield from _reasons(name, stage)
    yield ""
    total = sum(folder.bytes for folder in found.folders.values())
    free = "" if found.free_bytes is None else f", {size(found.free_bytes)} free"
    yield f"disk      {size(total)}{free}"
    for folder, own in sorted(found.folders.items(), key=lambda item: -item[1].bytes):
        yield f"  {folder:<14}{size(own.bytes):>10}  {counted(own.files, 'file')}"


def _end(stage: StageStatus) -> str:
    if stage.eta_seconds is not None:
        ending = f"in {span(stage.eta_seconds)}" if stage.waiting else "nothing waits"
    else:
        ending = "nothing is at work" if stage.waiting else ""
    dead = f"{counted(stage.dead, 'run')} died" if stage.dead else ""
    return "; ".join(filter(None, [ending, dead]))


def _reasons(name: str, stage: StageStatus) -> Iterator[str]:
    rejected: Mapping[str, int] = stage.rejected
    if rejected or stage.failed:
        yield f"\n{name}"
    for reason, count in list(rejected.items())[:_MOST]:
        yield f"  {count:>8,} {reason}"
    if len(rejected) > _MOST:
        others = sum(list(rejected.values())[_MOST:])
        yield f"  {others:>8,} for {counted(len(rejected) - _MOST, 'other reason')}"
    for kind in stage.failed:
        yield f"  {kind.count:>8,} failed: {kind.note} (such as {kind.example})"
