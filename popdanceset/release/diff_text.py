"""The difference of two releases as text."""

from __future__ import annotations

from collections.abc import Iterator

from popdanceset.release.changelog import title
from popdanceset.release.diff import ReleaseDifference, counts_of, explained
from popdanceset.release.info import ReleaseInfo


def lines(found: ReleaseDifference) -> Iterator[str]:
    """Yields the lines: both releases, clips by kind of change, counts and features before and after."""
    for letter, info in (("A", found.a), ("B", found.b)):
        yield f"{letter}  {_head(info)}"
    yield f"{found.summary()}, {found.unchanged} unchanged: {found.level.name.lower()}"
    yield from (f"+  {clip.clip_id:<24}{clip.split}" for clip in found.added)
    yield from (f"-  {clip.clip_id:<24}{clip.split:<8}{explained(clip.reason)}" for clip in found.removed)
    yield from (f"~  {clip.clip_id:<24}{clip.split:<8}{clip.reason}" for clip in found.changed)
    yield from (f">  {move.clip_id:<24}{move.before} to {move.after}" for move in found.moved)
    yield from (f".  {clip.clip_id:<24}{clip.split:<8}{clip.reason}" for clip in found.described)
    for extractor, count in found.lost_features.items():
        yield f"{count} clips lost their {extractor} features"
    yield f"{'':<32}{'A':>14}{'B':>14}"
    for name, (before, after) in counts_of(found.a, found.b).items():
        yield f"{name:<32}{_number(before):>14}{_number(after):>14}"
    if found.shifts:
        yield f"{'feature':<32}{'std in A':>14}{'std in B':>14}{'shift of mean':>16}"
    for name, shift in found.shifts.items():
        yield f"{name:<32}{shift.std_before:>14.4g}{shift.std_after:>14.4g}{shift.mean:>12.3f} std"


def _head(info: ReleaseInfo) -> str:
    head = title(info.version, info.semantic_version, info.created)
    return f"{head}: {info.counts.clips} clips, {info.counts.seconds:.1f} s"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}".removesuffix(".0")
