"""`CHANGELOG.md` of a release: what is new since the release before, and one line for each earlier release.

It names only clips that the release has, or says itself that it left out (`meta/left_out.parquet`). Clips
whose videos were withdrawn are in neither, so they are counted and not named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from popdanceset.release.diff import Content, ReleaseDifference, counts_of, explained
from popdanceset.release.info import ReleaseInfo

LONGEST = 100
"""Clips that a list names at most."""


def changelog(info: ReleaseInfo, found: ReleaseDifference | None, content: Content) -> str:
    """Renders the text.

    Args:
        info: description of the release.
        found: difference from the release before; None for the first release.
        content: what the release holds.
    """
    lines = ["# Changelog", "", f"## {title(info.version, info.semantic_version, info.created)}", ""]
    if found is None:
        lines += [f"The first release: {info.counts.clips} clips, {info.counts.seconds:.1f} s.", ""]
    else:
        lines += [f"Since {info.previous}: {found.summary()}.", "", *_sections(found, content)]
    for past in info.history:
        lines += [f"## {title(past.version, past.semantic_version, past.created)}", ""]
        lines += [f"{past.summary[:1].upper()}{past.summary[1:]}.", ""] if past.summary else []
    return "\n".join(lines)


def title(version: str, semantic_version: str | None, created: str) -> str:
    """Returns a heading: both versions and the day."""
    return f"{version} ({semantic_version}), {created}" if semantic_version else f"{version}, {created}"


def _sections(found: ReleaseDifference, content: Content) -> Iterator[str]:
    named = [clip for clip in found.removed if clip.clip_id in content.left_out]
    withdrawn = len(found.removed) - len(named)
    yield from _list("Added", [f"{clip.clip_id} ({clip.split})" for clip in found.added])
    yield from _list("Removed", [f"{clip.clip_id}: {explained(clip.reason)}" for clip in named])
    if withdrawn:
        yield from (f"{withdrawn} clips were removed because their videos were withdrawn.", "")
    yield from _list("Changed", [f"{clip.clip_id}: {clip.reason}" for clip in found.changed])
    yield from _list(
        "Moved to another split", [f"{move.clip_id}: {move.before} → {move.after}" for move in found.moved]
    )
    columns = Counter(name for clip in found.described for name in clip.reason.split(", "))
    yield from _list("Described anew", [f"{name}: {count} clips" for name, count in sorted(columns.items())])
    yield from ("### Statistics", "", "| | before | after |", "|---|---|---|")
    for name, (before, after) in counts_of(found.a, found.b).items():
        if before != after:
            yield f"| {name} | {_number(before)} | {_number(after)} |"
    yield ""


def _list(heading: str, items: Sequence[str]) -> Iterator[str]:
    if not items:
        return
    yield from (f"### {heading}", "")
    yield from (f"- {item}" for item in items[:LONGEST])
    if len(items) > LONGEST:
        yield f"- and {len(items) - LONGEST} more: `popdanceset release diff` lists all"
    yield ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}".removesuffix(".0")
