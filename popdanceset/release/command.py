"""`popdanceset publish` and `popdanceset release`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from popdanceset.commands import with_settings, with_values
from popdanceset.release.options import with_choices
from popdanceset.release.push_command import push
from popdanceset.release.push_options import with_hub
from popdanceset.release.validate_command import validate

if TYPE_CHECKING:
    from popdanceset.release.push_options import HubOptions
    from popdanceset.settings import Settings


@click.command(short_help="Publish the accepted clips as a versioned release.")
@with_settings
@click.option("--manifest", required=True, metavar="NAME|FOLDER", help="Manifest whose videos are published.")
@click.option("--version", metavar="VERSION", help="Name of the release (default: the date).")
@click.option(
    "--viewer/--no-viewer",
    default=None,
    help="Whether a new release contains pages that show its clips in 3D, without films and sounds.",
)
@with_choices
@with_hub
def publish(settings: Settings, manifest: str, version: str | None, hub: HubOptions, **choices: Any) -> None:
    """Publish the accepted clips of a manifest as a versioned release.

    Clips with verdict `review` are accepted too, if their score suffices; meta/clips.parquet has verdict,
    score and reasons of every clip. What reviewers decided (reviews.csv) counts more than verdict and score.
    """
    from popdanceset.progress import track
    from popdanceset.release.writer import publish as publish_release
    from popdanceset.store import Store

    hub.check()
    settings = with_values(settings, "release", version=version, **choices)
    store = Store(settings.store)
    with track("publish") as advance:
        done = publish_release(settings, store, manifest, advance)
    click.echo(
        f"release {done.version} {'published' if done.written else 'unchanged'}: {done.clips} clips, "
        f"{done.frames} frames, {done.seconds:.1f} s in {store}/{done.path}"
    )
    if done.written:
        click.echo(f"  version  {done.semantic_version}: {done.summary or 'the first release'}")
    for reason, count in sorted(done.left_out.items()):
        click.echo(f"  left out {count:>6} {reason}")
    hub.push(store, done.path)


@click.group()
def release() -> None:
    """List, compare and validate releases, and send them to a hub."""


release.add_command(push)
release.add_command(validate)


@release.command("list")
@with_settings
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_releases(settings: Settings, as_json: bool) -> None:
    """List the releases of the store, oldest first.

    Shows name, semantic version, day, clips, seconds, bytes and state: complete, purged (deleted because of a
    withdrawal), incomplete (its publication was interrupted) or damaged.
    """
    from popdanceset.errors import InputError
    from popdanceset.release.listing import DAMAGED, listing
    from popdanceset.store import Store

    found = listing(Store(settings.store))
    if as_json:
        click.echo(json.dumps([entry._asdict() for entry in found], ensure_ascii=False, indent=2))
    else:
        click.echo(f"{'release':<16}{'version':<10}{'day':<12}{'clips':>8}{'seconds':>12}{'MB':>10}  state")
        for entry in found:
            seconds = "" if entry.seconds is None else f"{entry.seconds:.1f}"
            click.echo(
                f"{entry.version:<16}{entry.semantic_version or '-':<10}{entry.created or '-':<12}"
                f"{'' if entry.clips is None else entry.clips:>8}{seconds:>12}{entry.bytes / 1e6:>10.1f}"
                f"  {entry.state}{': ' if entry.note else ''}{entry.note}"
            )
    damaged = [entry.version for entry in found if entry.state == DAMAGED]
    if damaged:
        raise InputError(
            f"{len(damaged)} releases are damaged", ", ".join(damaged), "restore them from a copy"
        )


@release.command()
@with_settings
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def diff(settings: Settings, a: str, b: str, as_json: bool) -> None:
    """Show what changed from release A to release B.

    Lists clips that were added, removed (with the reason), changed or moved to another split, and statistics
    before and after. A and B are folders, addresses, or names or semantic versions of releases of the store.
    """
    from popdanceset.release.diff import difference, read_content
    from popdanceset.release.diff_text import lines
    from popdanceset.release.versions import find_release
    from popdanceset.store import Store
    from popdanceset.withdrawal.tombstones import withdrawn

    store = Store(settings.store)
    before, after = (read_content(*find_release(store, name)) for name in (a, b))
    found = difference(before, after, withdrawn(store))
    if as_json:
        click.echo(json.dumps(found.as_document(), ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(lines(found)))
