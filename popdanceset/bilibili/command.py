"""`popdanceset crawl` and `growth`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings, with_values

SHOWN = 5
"""At most this many reasons are listed; the rest is counted."""

if TYPE_CHECKING:
    from datetime import datetime

    from popdanceset.bilibili.report import CrawlReport, FollowersReport
    from popdanceset.settings import Settings


@click.command(short_help="Take a snapshot of video statistics, politely.")
@with_settings
@click.option(
    "--source",
    "sources",
    metavar="NAME[:ARGUMENT]",
    multiple=True,
    help="Source of videos, see above; may be repeated (default: ranking:1004 and newest:1004).",
)
@click.option("--max-videos", type=int, metavar="N", help="Stop requesting pages after this many videos.")
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Day to begin or continue (default: today, UTC).",
)
@click.option(
    "--followers",
    "model",
    metavar="MODEL",
    help="Then request the follower counts of promising uploaders; a fit's file or id, or paper-midpoints.",
)
def crawl(
    settings: Settings,
    sources: tuple[str, ...],
    max_videos: int | None,
    day: datetime | None,
    model: str | None,
) -> None:
    """Read video statistics politely; continue an interrupted crawl of the day.

    \b
    Sources:
      ranking:SECTION         the best hundred of a section, e.g. ranking:1004 (dance)
      newest:SECTION          its uploads, newest first
      range:SECTION:FROM-TO   its uploads in a date range (YYYYMMDD), most viewed first
      popular                 dance videos recommended on the home page
      uploader:MID            one uploader's videos of any section
      favourites:ID           a public favourites folder (fid= in its address)
      collection:ID           a collection (the number after /lists/ in its address),
                              or the collection of a video: collection:BVID
      ids:FILE                videos listed in a text file, one a line: BV or av ids,
                              addresses, b23.tv links
      manifest:NAME           videos of an earlier manifest (a name or a folder)

    There is no keyword search: the host wants a signature or a visitor's cookie for it.

    If the host refuses, or the day's requests (crawl.requests_per_day) are used up, the crawl ends with exit
    code 3 and the time of the next try. If the host is out of reach or fails, it ends with exit code 1. What
    was collected is kept and never requested again.
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
        _show_crawl(report)
        if model:
            from popdanceset.popularity.model import load_model

            chosen = load_model(model, settings, store)
            with track("followers") as advance:
                asked = ask_followers(settings, store, chosen, day=date, advance=advance, client=client)
            _show_followers(asked)
        if report.settled:
            click.echo(economy(client.politeness.requests, report.settled))
    except (RefusedError, TransferError):
        click.echo(
            f"{date}: stopped after {client.politeness.requests} requests; "
            f"{len(Ledger(store, date).known)} videos are kept; --day {date} continues this snapshot"
        )
        raise
    finally:
        client.close()


@click.command()
@with_settings
@click.argument("bvids", nargs=-1, required=True, metavar="BV...")
def growth(settings: Settings, bvids: tuple[str, ...]) -> None:
    """Show the daily growth of videos between crawls."""
    from popdanceset.bilibili.growth import growth as increments
    from popdanceset.bilibili.ids import is_bvid
    from popdanceset.errors import InputError
    from popdanceset.schema import COUNTS
    from popdanceset.store import Store

    for bvid in bvids:
        if not is_bvid(bvid):
            raise InputError(
                f"{bvid[:40]!r} is not a video id", "growth", "write BV and ten letters or digits"
            )
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


def _show_crawl(report: CrawlReport) -> None:
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


def _show_followers(report: FollowersReport) -> None:
    click.echo(
        f"{report.day}: {report.promising} promising uploaders, {report.asked} requested "
        f"({report.unknown} unknown); {report.requests} requests in {report.seconds:.0f} s, "
        f"{report.refusals} refused"
    )
