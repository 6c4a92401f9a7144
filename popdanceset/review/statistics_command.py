"""`popdanceset review statistics`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import UserPath, with_settings

if TYPE_CHECKING:
    from popdanceset.review.statistics import AcceptRate, ReviewStatistics
    from popdanceset.settings import Settings


@click.command(short_help="Show progress, agreement of reviewers and accept rates.")
@click.option(
    "--manifest", metavar="NAME|FOLDER", help="Only clips of this manifest's videos (default: all clips)."
)
@click.option(
    "--database",
    type=UserPath(),
    metavar="FILE",
    help="Database of decisions (default: that of the store, which must be a folder).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the statistics as JSON.")
@with_settings
def statistics(settings: Settings, manifest: str | None, database: Path | None, as_json: bool) -> None:
    """Show progress, agreement of reviewers, accept rates and the time that a clip takes."""
    import json

    from popdanceset.manifest import find_manifest, read_manifest
    from popdanceset.review.database import ReviewDatabase
    from popdanceset.review.in_store import database_path
    from popdanceset.review.statistics import read_statistics
    from popdanceset.store import Store

    store = Store(settings.store)
    bvids = None
    if manifest is not None:
        bvids = {video.bvid for video in read_manifest(find_manifest(manifest, settings)).videos}
    opened = ReviewDatabase(database_path(store, database), create=False)
    try:
        found = read_statistics(opened, store, bvids)
    finally:
        opened.close()
    if as_json:
        click.echo(json.dumps(found.document(), ensure_ascii=False, indent=2))
        return
    for line in _lines(found):
        click.echo(line)


def _lines(found: ReviewStatistics) -> Iterator[str]:
    """Yields the tables as text."""
    from popdanceset.wording import counted

    progress = found.progress
    yield (
        f"{progress.judged:,} of {counted(progress.clips, 'clip')} judged: {progress.accepted:,} accepted, "
        f"{progress.rejected:,} rejected, {progress.open:,} open; "
        f"reviewers disagree on {progress.disagreed:,}"
    )
    yield from (f"  {count:>8,} rejected: {reason}" for reason, count in progress.reasons.items())
    yield from (f"  {count:>8,} with {kind}" for kind, count in progress.changes.items())
    if found.reviewers:
        yield from _table(
            ("reviewer", "clips", "accepted", "rejected", "changes", "minutes", "median s"),
            [
                (
                    each.reviewer, f"{each.clips:,}", f"{each.accepted:,}", f"{each.rejected:,}",
                    f"{each.changes:,}", f"{each.seconds / 60:.1f}", _seconds(each.median_seconds),
                )
                for each in found.reviewers
            ],
        )  # fmt: skip
        yield f"median time a clip: {_seconds(found.median_seconds)} s"
    if found.agreements:
        yield from _table(
            ("reviewers", "clips", "agreed", "kappa"),
            [
                (
                    f"{each.first}, {each.second}",
                    f"{each.clips:,}",
                    f"{each.agreed:,}",
                    f"undefined: {each.why}" if each.kappa is None else f"{each.kappa:.3f}",
                )
                for each in found.agreements
            ],
        )
    for title, rates in (("estimator", found.by_estimator), ("reason of the verdict", found.by_reason)):
        if rates:
            yield from _table((title, "accepted", "share", "95 % interval"), list(map(_rate, rates)))


def _rate(rate: AcceptRate) -> tuple[str, str, str, str]:
    accepted = f"{rate.accepted:,} of {rate.clips:,}"
    return rate.name, accepted, f"{rate.share:.1%}", f"{rate.low:.1%} – {rate.high:.1%}"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields an empty line, then the rows: the first column to the left, the others to the right."""
    from popdanceset.bilibili.text import one_line

    cells = [[one_line(cell) or "" for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    yield ""
    for row in cells:
        others = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        yield "  ".join([f"{row[0]:<{widths[0]}}", *others]).rstrip()
