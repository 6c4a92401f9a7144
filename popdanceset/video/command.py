"""`popdanceset acquire`: turns the videos of a manifest into clips, or plans their clips again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command(short_help="Turn the videos of a manifest into clips.")
@click.argument("manifest")
@click.option(
    "--replan",
    is_flag=True,
    help="Plan the clips of acquired videos again with the current settings; download and screen nothing.",
)
@click.option(
    "--retry-failed", is_flag=True, help="Try parts again that failed unexpectedly in an earlier run."
)
@with_settings
def acquire(settings: Settings, manifest: str, replan: bool, retry_failed: bool) -> None:
    """Turn the videos of MANIFEST (a name or a folder) into clips.

    Run it again to continue: finished videos are kept, and broken downloads go on where they stopped. Clips
    that reviewers want to change (reviews.csv of the manifest) are changed, also those of finished videos.

    Use --replan to apply changed thresholds to finished videos: clips whose span stays the same keep their
    files and poses; the others are cut again and wait for new poses.

    A video that fails unexpectedly keeps a row with the reason `failed` and does not stop the others; another
    version of this program tries it again.
    """
    if replan and retry_failed:
        raise click.UsageError("--retry-failed acquires; --replan does not.")
    from popdanceset.manifest import find_manifest
    from popdanceset.store import Store
    from popdanceset.video.acquire import Summary, acquire_manifest
    from popdanceset.video.replan import Replanned, replan_manifest

    folder, store = find_manifest(manifest, settings), Store(settings.store)
    summary: Summary | Replanned
    if replan:
        summary = replan_manifest(folder, settings, store)
    else:
        summary = acquire_manifest(folder, settings, store, retry_failed=retry_failed)
    click.echo(summary)
    for reason, spans in sorted(summary.rejected.items()):
        click.echo(f"  {reason}: {spans}")
    summary.check()
