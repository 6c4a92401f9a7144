"""`popdanceset release validate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings
from popdanceset.wording import counted

if TYPE_CHECKING:
    from popdanceset.settings import Settings

SHOWN = 100


@click.command()
@click.argument("release", metavar="RELEASE")
@click.option("--all", "every", is_flag=True, help=f"Print all faults, not only the first {SHOWN}.")
@with_settings
@click.pass_context
def validate(context: click.Context, settings: Settings, release: str, every: bool) -> None:
    """Check a release from its checksums to its statistics.

    RELEASE is a folder, an address, or the name or semantic version of a release of the store. Checks the
    SHA-256 of every file, the schema and order of all tables, the rows of every clip, the splits and their
    leaks, counts and statistics. Prints each fault on one line; the exit code is 1 if there are any.
    """
    from popdanceset.progress import track
    from popdanceset.release.validation import validate as validate_release
    from popdanceset.release.versions import find_release
    from popdanceset.store import Store

    if "://" not in release and not Path(release).exists():
        store, folder = find_release(Store(settings.store), release)
        release = store.address_of(folder) if folder else store.address
    with track("validate") as advance:
        found = validate_release(release, advance)
    shown = found.faults if every else found.faults[:SHOWN]
    for fault in shown:
        click.echo(fault)
    if found.total:
        more = found.total - len(shown)
        hidden = f" ({more} more are not shown)" if more else ""
        click.echo(f"{counted(found.total, 'fault')}{hidden}", err=True)
        context.exit(1)
    click.echo(
        f"release {found.version} is valid: {found.clips} clips, {found.frames} frames, "
        f"{found.files} files of {found.bytes / 1e6:.1f} MB"
    )
