"""`popdanceset withdraw` and `popdanceset traces`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import UserPath, with_settings

if TYPE_CHECKING:
    from popdanceset.settings import Settings

REASONS = ("rights_holder", "uploader", "depicted_person", "legal", "other")

_listed = click.option(
    "--file", "file", type=UserPath(), metavar="LIST", help="Text file with one id or address a line."
)
_cache_dir = click.option(
    "--cache-dir",
    type=UserPath(),
    metavar="FOLDER",
    help="Folder of the training caches (default: the user's cache folder).",
)


@click.command(short_help="Delete everything derived from videos, for good.")
@click.argument("bvids", nargs=-1, metavar="[BV...]")
@_listed
@click.option("--reason", type=click.Choice(REASONS), help="Who asked for it, or why it is necessary.")
@click.option("--note", default="", metavar="TEXT", help="Details, without any personal data.")
@click.option("--purge-old", is_flag=True, help="Also delete older releases that contain the videos.")
@click.option(
    "--database",
    "databases",
    multiple=True,
    type=UserPath(),
    metavar="FILE",
    help="Review database outside the store to clean too; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
@_cache_dir
@with_settings
def withdraw(
    settings: Settings,
    bvids: tuple[str, ...],
    file: Path | None,
    reason: str | None,
    note: str,
    purge_old: bool,
    databases: tuple[Path, ...],
    dry_run: bool,
    yes: bool,
    cache_dir: Path | None,
) -> None:
    """Withdraw videos: delete everything derived from them, and never use their ids again.

    A tombstone with id, day and reason stays. Older releases stay as they are, unless --purge-old deletes
    them and leaves a note in their place. A withdrawal cannot be undone. Run the same line again if it was
    interrupted; `popdanceset traces` proves that nothing is left.
    """
    from popdanceset.store import Store
    from popdanceset.withdrawal.tombstones import WithdrawalReason
    from popdanceset.withdrawal.withdraw import withdraw as run

    ids, why = _ids(bvids, file), WithdrawalReason(reason) if reason else None
    store = Store(settings.store)

    def withdrawal(dry: bool) -> str:
        done = run(
            settings, store, ids, why, note,
            purge_old=purge_old, dry_run=dry, cache_dir=cache_dir, databases=databases,
        )  # fmt: skip
        return str(done)

    if dry_run:
        click.echo(withdrawal(True))
        return
    if not yes:
        click.echo(withdrawal(True))
        click.confirm("Delete this for good?", abort=True)
    click.echo(withdrawal(False))


@click.command(short_help="List every trace of withdrawn videos.")
@click.argument("bvids", nargs=-1, metavar="[BV...]")
@_listed
@click.option(
    "--also", "folders", multiple=True, type=UserPath(), metavar="FOLDER",
    help="Search this folder too (exports, copies, checkouts); may be repeated.",
)  # fmt: skip
@click.option("--skip-releases", is_flag=True, help="Do not search releases.")
@_cache_dir
@with_settings
def traces(
    settings: Settings,
    bvids: tuple[str, ...],
    file: Path | None,
    folders: tuple[Path, ...],
    skip_releases: bool,
    cache_dir: Path | None,
) -> None:
    """List every trace of videos (default: all withdrawn ones) in store, releases, manifests and caches.

    Names, bytes, compressed columns of parquet files, archives and embedded files are searched. Tombstones
    are not traces. Exit code 1 if there are traces.
    """
    from popdanceset.store import Store
    from popdanceset.withdrawal.tombstones import withdrawn
    from popdanceset.withdrawal.traces import check_traces
    from popdanceset.withdrawal.traces import traces as search
    from popdanceset.wording import counted

    store = Store(settings.store)
    ids = _ids(bvids, file) or sorted(withdrawn(store))
    places = [Path(settings.manifests).expanduser(), *folders]
    number = 0
    for trace in search(store, ids, places, releases=not skip_releases, cache_dir=cache_dir):
        number += 1
        click.echo(trace)
    click.echo(f"{counted(number, 'trace')} of {counted(len(ids), 'video')}")
    check_traces(number)


def _ids(bvids: tuple[str, ...], file: Path | None) -> tuple[str, ...]:
    from popdanceset.errors import InputError
    from popdanceset.withdrawal.withdraw import video_ids

    texts = [*bvids]
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"not readable as text: {error}", file, "check --file") from error
        texts += [text for line in lines if (text := line.partition("#")[0].strip())]
        if not texts:
            raise InputError("the file names no video", file, "write one id a line")
    return video_ids(texts) if texts else ()
