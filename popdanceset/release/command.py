"""`popdanceset publish`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from popdanceset.commands import with_settings, with_values
from popdanceset.release.options import with_choices

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command()
@with_settings
@click.option("--manifest", required=True, metavar="NAME|FOLDER", help="Manifest whose videos are published.")
@click.option("--version", metavar="VERSION", help="Name of the release (default: the date).")
@with_choices
def publish(settings: Settings, manifest: str, version: str | None, **choices: Any) -> None:
    """Publish the accepted clips of a manifest as a versioned release.

    Clips with verdict `review` are accepted too, if their score suffices; meta/clips.parquet has verdict,
    score and reasons of every clip.
    """
    from popdanceset.progress import track
    from popdanceset.release.writer import publish as publish_release
    from popdanceset.store import Store

    settings = with_values(settings, "release", version=version, **choices)
    store = Store(settings.store)
    with track("publish") as advance:
        done = publish_release(settings, store, manifest, advance)
    click.echo(
        f"release {done.version} {'published' if done.written else 'unchanged'}: {done.clips} clips, "
        f"{done.frames} frames, {done.seconds:.1f} s in {store}/{done.path}"
    )
    for reason, count in sorted(done.left_out.items()):
        click.echo(f"  left out {count:>6} {reason}")
