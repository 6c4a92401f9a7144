"""`popdanceset review export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import UserPath, with_settings

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command(short_help="Write the decisions of reviewers into a manifest.")
@click.option(
    "--manifest", required=True, metavar="NAME|FOLDER", help="Manifest whose reviews.csv is written."
)
@click.option(
    "--database",
    type=UserPath(),
    metavar="FILE",
    help="Database of decisions (default: that of the store, which must be a folder).",
)
@with_settings
def export(settings: Settings, manifest: str, database: Path | None) -> None:
    """Write the decisions of reviewers into a manifest, where acquire, extract and publish read them.

    The majority accepts or rejects a clip; a tie stays open. Lines that people wrote by hand stay, unless the
    database has a newer decision about the same.
    """
    from popdanceset.manifest import find_manifest
    from popdanceset.review.database import ReviewDatabase
    from popdanceset.review.exporting import export as run
    from popdanceset.review.in_store import database_path
    from popdanceset.store import Store

    store = Store(settings.store)
    folder = find_manifest(manifest, settings)
    opened = ReviewDatabase(database_path(store, database), create=False)
    try:
        for line in run(folder, store, opened).lines():
            click.echo(line)
    finally:
        opened.close()
