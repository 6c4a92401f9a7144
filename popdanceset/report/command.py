"""`popdanceset report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command()
@click.option("--manifest", required=True, metavar="NAME", help="Whose selection is told.")
@click.option(
    "--release", default="", metavar="VERSION", help="Release to tell of (default: the manifest's newest)."
)
@click.option("--out", default="report.html", show_default=True, metavar="FILE", help="The page to write.")
@click.option(
    "--pages",
    default=40,
    show_default=True,
    type=click.IntRange(min=0),
    help="Clips shown with pictures, and videos with rejected spans; all are listed in tables.",
)
@with_settings
def report(settings: Settings, manifest: str, release: str, out: str, pages: int) -> None:
    """Write one self-contained page on how a dataset version came about."""
    from pathlib import Path

    from popdanceset.progress import track
    from popdanceset.report.page import write_report
    from popdanceset.store import Store

    with track("report") as advance:
        path = write_report(
            Store(settings.store), settings, manifest, release, Path(out), pages=pages, advance=advance
        )
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
