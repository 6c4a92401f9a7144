"""`popdanceset acquire`: turns the videos of a manifest into clips, or plans their clips again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command()
@click.argument("manifest")
@click.option(
    "--replan",
    is_flag=True,
    help="Plan the clips of acquired videos again with the current settings; download and screen nothing.",
)
@with_settings
def acquire(settings: Settings, manifest: str, replan: bool) -> None:
    """Turn the videos of MANIFEST (a name or a folder) into clips.

    Run it again to continue: finished videos are kept, and broken downloads go on where they stopped. Use
    --replan to apply changed thresholds to finished videos: clips whose span stays the same keep their files
    and poses; the others are cut again and wait for new poses.
    """
    from popdanceset.manifest import find_manifest
    from popdanceset.store import Store
    from popdanceset.video.acquire import Summary, acquire_manifest
    from popdanceset.video.replan import Replanned, replan_manifest

    folder, store = find_manifest(manifest, settings), Store(settings.store)
    run: Callable[..., Summary | Replanned] = replan_manifest if replan else acquire_manifest
    summary = run(folder, settings, store)
    click.echo(summary)
    for reason, spans in sorted(summary.rejected.items()):
        click.echo(f"  {reason}: {spans}")
    summary.check()
