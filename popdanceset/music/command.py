"""`popdanceset features`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings
from popdanceset.errors import InputError

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command()
@with_settings
def features(settings: Settings) -> None:
    """Compute the music features of accepted clips."""
    from popdanceset.music.features import extract_features
    from popdanceset.progress import track
    from popdanceset.schema import CLIPS
    from popdanceset.store import Store

    store = Store(settings.store)
    if not any(store.read_table("clips", CLIPS, columns=["accepted"])["accepted"].to_pylist()):
        raise InputError("there are no accepted clips", store, "run `popdanceset acquire` first")
    with track("features") as advance:
        made = extract_features(settings, store, advance)
    click.echo(f"{made} clips got music features")
