"""`popdanceset features` and `popdanceset music`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings, with_values
from popdanceset.errors import InputError

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command()
@click.option(
    "--extractor",
    type=click.Choice(["baseline", "baseline-corrected", "jukebox"]),
    help="Which features (default: the setting music.extractor).",
)
@with_settings
def features(settings: Settings, extractor: str | None) -> None:
    """Compute the music features of accepted clips."""
    from popdanceset.music.features import extract_features
    from popdanceset.progress import track
    from popdanceset.schema import CLIPS
    from popdanceset.store import Store

    settings = with_values(settings, "music", extractor=extractor)
    store = Store(settings.store)
    if not any(store.read_table("clips", CLIPS, columns=["accepted"])["accepted"].to_pylist()):
        raise InputError("there are no accepted clips", store, "run `popdanceset acquire` first")
    with track("features") as advance:
        made = extract_features(settings, store, advance)
    click.echo(f"{made} clips got music features")


@click.group()
def music() -> None:
    """See which videos share their music, and decide on doubtful pairs."""


@music.command("list")
@with_settings
def list_music(settings: Settings) -> None:
    """Show music that several videos have, and pairs that may be one piece."""
    from popdanceset.music.identity import shared_music
    from popdanceset.music.merges import pairs
    from popdanceset.store import Store

    store = Store(settings.store)
    for music_id, parts in shared_music(store).items():
        if len(parts) > 1:
            click.echo(f"{music_id}: {' '.join(parts)}")
    for row in pairs(store):
        found = f" by {row['bvid']}, similarity {row['similarity']:.2f}" if row["bvid"] else ""
        click.echo(f"{row['first']} {row['second']}: {row['state']}{found}")


@music.command()
@click.argument("first")
@click.argument("second")
@with_settings
def merge(settings: Settings, first: str, second: str) -> None:
    """Say that two music ids are one piece; releases then call both by the lesser name."""
    from popdanceset.music.merges import Verdict, decide
    from popdanceset.store import Store

    called = decide(Store(settings.store), first, second, Verdict.MERGED)
    click.echo(f"{first} and {second} are one piece, {called}")


@music.command()
@click.argument("first")
@click.argument("second")
@with_settings
def refuse(settings: Settings, first: str, second: str) -> None:
    """Say that two music ids are two pieces; a split keeps them on one side all the same."""
    from popdanceset.music.merges import Verdict, decide
    from popdanceset.store import Store

    decide(Store(settings.store), first, second, Verdict.REFUSED)
    click.echo(f"{first} and {second} are two pieces")
