"""`popdanceset acquire`: download, screen, plan and cut what a manifest lists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command()
@click.argument("manifest_folder", type=click.Path(path_type=Path))
@with_settings
def acquire(settings: Settings, manifest_folder: Path) -> None:
    """Turn the videos of MANIFEST_FOLDER into clips.

    Run it again to continue: finished videos are kept, broken downloads go on where they ended.
    """
    from popdanceset.errors import TransferError
    from popdanceset.manifest import read_manifest
    from popdanceset.progress import track
    from popdanceset.store import Store
    from popdanceset.video.acquire import acquire as run
    from popdanceset.video.clip_list import list_clips, read_clip_list

    manifest = read_manifest(manifest_folder)
    store = Store(settings.store)
    store.sweep()
    with track("acquire", len(manifest.videos)) as advance:
        summary = run(manifest, settings, store, advance, read_clip_list(manifest_folder))
    list_clips(manifest_folder, manifest, store)
    click.echo(f"{summary.videos} videos, {summary.clips} clips, {summary.seconds:.1f} s")
    for reason, spans in sorted(summary.rejected.items()):
        click.echo(f"  {reason}: {spans}")
    if summary.unfinished:
        number, total = len(summary.unfinished), len(manifest.videos)
        raise TransferError(f"{number} of {total} videos could not be fetched", manifest.name, "run again")
