"""`popdanceset crawl`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings, with_values

SHOWN = 5
"""So many reasons are listed; the rest is counted."""

if TYPE_CHECKING:
    from datetime import datetime

    from popdanceset.bilibili.report import CrawlReport, FollowersReport
    from popdanceset.settings import Settings


@click.command()
@with_settings
@click.option(
    "--source",
    "sources",
    metavar="NAME[:ARGUMENT]",
    multiple=True,
    help="A list of videos, see above; may be repeated (default: ranking:1004 and newest:1004).",
)
@click.option("--max-videos", type=int, metavar="N", help="Ask for no further page after so many videos.")
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Continue the crawl of that day (default: today, UTC).",
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
    """Read video statistics politely; a crawl of the day that was interrupted goes on.

    \b
    Sources:
      ranking:SECTION         the best hundred of a section, e.g. ranking:1004 (dance)
      newest:SECTION          its uploads, newest first
      range:SECTION:FROM-TO   its uploads between two days (YYYYMMDD), most viewed first
      popular                 dance videos among what the home page recommends
      ids:FILE                videos named in a text file, one a line
      manifest:FOLDER         videos of an earlier manifest

    A host that refuses, or a day whose requests (crawl.requests_per_day) are used up, ends the crawl with
    exit code 3 and the time of the next try. What was collected is kept and never asked for again.
    """
    from popdanceset.bilibili.client import open_client
    from popdanceset.bilibili.crawl import ask_followers
    from popdanceset.bilibili.crawl import crawl as run
    from popdanceset.bilibili.ledger import Ledger
    from popdanceset.bilibili.report import economy
    from popdanceset.errors import RefusedError, TransferError
    from popdanceset.progress import track
    from popdanceset.store import Store

    settings = with_values(settings, "crawl", sources=sources or None, max_videos=max_videos)
    store = Store(settings.store)
    client = open_client(settings, store)
    date = day.date() if day else client.clock.now().date()
    try:
        with track("crawl", settings.crawl.max_videos) as advance:
            report = run(settings, store, day=date, advance=advance, client=client)
        _tell_crawl(report)
        if model:
            from popdanceset.popularity.model import load_model

            chosen = load_model(model, settings, store)
            with track("followers") as advance:
                asked = ask_followers(settings, store, chosen, day=date, advance=advance, client=client)
            _tell_followers(asked)
        if report.settled:
            click.echo(economy(client.politeness.requests, report.settled))
    except (RefusedError, TransferError):
        click.echo(
            f"{date}: stopped after {client.politeness.requests} requests; "
            f"{len(Ledger(store, date).known)} videos are kept; --day {date} goes on with this snapshot"
        )
        raise
    finally:
        client.close()


@click.command()
@with_settings
@click.argument("bvids", nargs=-1, required=True, metavar="BV...")
def growth(settings: Settings, bvids: tuple[str, ...]) -> None:
    """Show what videos gained a day between the crawls."""
    from popdanceset.bilibili.growth import growth as increments
    from popdanceset.bilibili.ids import is_bvid
    from popdanceset.errors import InputError
    from popdanceset.schema import COUNTS
    from popdanceset.store import Store

    for bvid in bvids:
        if not is_bvid(bvid):
            raise InputError(f"{bvid[:40]!r} is no video id", "growth", "write BV and ten letters or digits")
    rows = increments(Store(settings.store), bvids).to_pylist()
    known = {row["bvid"] for row in rows}
    if rows:
        click.echo(f"{'video':<14}{'from':<12}{'to':<12}{'days':>5}" + "".join(f"{n:>11}" for n in COUNTS))
    for row in rows:
        gained = "".join("          -" if row[n] is None else f"{row[n]:>11,.1f}" for n in COUNTS)
        days = f"{row['from']:%Y-%m-%d}  {row['to']:%Y-%m-%d}  {row['days']:>5.1f}"
        click.echo(f"{row['bvid']:<14}{days}{gained}")
    for bvid in bvids:
        if bvid not in known:
            click.echo(f"{bvid:<14}fewer than two snapshots: crawl again on another day", err=True)


def _tell_crawl(report: CrawlReport) -> None:
    click.echo(
        f"{report.day}: {report.videos} videos, {report.rows} new rows "
        f"({report.tombstones} gone or hidden, {report.unreadable} unreadable); "
        f"{report.requests} requests in {report.seconds:.0f} s, {report.refusals} refused"
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
