"""`popdanceset report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command(short_help="Write one page on how a dataset version was made.")
@click.option("--manifest", required=True, metavar="NAME|FOLDER", help="Manifest to report on.")
@click.option(
    "--release",
    default="",
    metavar="VERSION",
    help="Release to report on (default: the newest one made from the manifest).",
)
@click.option("--out", default="report.html", show_default=True, metavar="FILE", help="Page to write.")
@click.option(
    "--pages",
    default=40,
    show_default=True,
    type=click.IntRange(min=0),
    help="Number of clips, and of videos with rejected spans, shown with images; tables list all of them.",
)
@with_settings
def report(settings: Settings, manifest: str, release: str, out: str, pages: int) -> None:
    """Write a self-contained page that shows how a dataset version was made."""
    from pathlib import Path

    from popdanceset.progress import track
    from popdanceset.report.page import write_report
    from popdanceset.store import Store

    with track("report") as advance:
        path = write_report(
            Store(settings.store), settings, manifest, release, Path(out), pages=pages, advance=advance
        )
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
