"""`popdanceset crawl`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings, with_values

SHOWN = 5
"""So many reasons are listed; the rest is counted."""

if TYPE_CHECKING:
    from datetime import datetime

    from popdanceset.bilibili.crawl import CrawlReport, FollowersReport
    from popdanceset.settings import Settings


@click.command()
@with_settings
@click.option(
    "--source",
    "sources",
    metavar="NAME[:ARGUMENT]",
    multiple=True,
    help="ranking:SECTION, popular, newest:SECTION, range:SECTION:YYYYMMDD-YYYYMMDD, ids:FILE or "
    "manifest:FOLDER; may be repeated.",
)
@click.option("--max-videos", type=int, metavar="N", help="Ask for no further page after so many videos.")
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="Continue the crawl of that day (default: today, UTC)."
)
@click.option(
    "--followers",
    "model",
    metavar="MODEL",
    help="Then ask for the followers of promising uploaders; a fit's file or id, or paper-midpoints.",
)
def crawl(
    settings: Settings,
    sources: tuple[str, ...],
    max_videos: int | None,
    day: datetime | None,
    model: str | None,
) -> None:
    """Read video statistics politely; a crawl of the day that was interrupted goes on."""
    from popdanceset.bilibili.client import open_client
    from popdanceset.bilibili.crawl import ask_followers
    from popdanceset.bilibili.crawl import crawl as run
    from popdanceset.progress import track
    from popdanceset.store import Store

    settings = with_values(settings, "crawl", sources=sources or None, max_videos=max_videos)
    store, client = Store(settings.store), open_client(settings)
    date = day.date() if day else None
    try:
        with track("crawl", settings.crawl.max_videos) as advance:
            report = run(settings, store, day=date, advance=advance, client=client)
        _tell_crawl(report)
        if model:
            from popdanceset.popularity.model import load_model

            chosen = load_model(model, settings, store)
            with track("followers") as advance:
                _tell_followers(
                    ask_followers(settings, store, chosen, day=date, advance=advance, client=client)
                )
    finally:
        client.close()


def _tell_crawl(report: CrawlReport) -> None:
    each = f", {report.rows / report.requests:.1f} rows a request" if report.requests else ""
    click.echo(
        f"{report.day}: {report.videos} videos, {report.rows} new rows "
        f"({report.tombstones} gone or hidden, {report.unreadable} unreadable); "
        f"{report.requests} requests in {report.seconds:.0f} s, {report.refusals} refused{each}"
    )
    reasons = sorted(report.skipped.items())
    for reason, times in reasons[:SHOWN]:
        click.echo(f"  skipped {times} x {reason}")
    if len(reasons) > SHOWN:
        click.echo(f"  skipped {sum(times for _, times in reasons[SHOWN:])} more")
    for failure in report.failures:
        click.echo(f"  {failure}")


def _tell_followers(report: FollowersReport) -> None:
    click.echo(
        f"{report.day}: {report.promising} promising uploaders, {report.asked} asked for "
        f"({report.unknown} without a number); {report.requests} requests in {report.seconds:.0f} s, "
        f"{report.refusals} refused"
    )
