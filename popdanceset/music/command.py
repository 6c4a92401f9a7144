"""`popdanceset features`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command()
@with_settings
def features(settings: Settings) -> None:
    """Compute the music features of accepted clips."""
    from popdanceset.music.features import extract_features
    from popdanceset.progress import track
    from popdanceset.store import Store

    with track("features") as advance:
        made = extract_features(settings, Store(settings.store), advance)
    click.echo(f"{made} clips got music features")
