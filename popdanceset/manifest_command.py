"""`popdanceset manifest`: commands for manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings

if TYPE_CHECKING:
    from popdanceset.manifest import ManifestVideo
    from popdanceset.manifest_difference import ManifestDifference
    from popdanceset.settings import Settings


@click.group()
def manifest() -> None:
    """Inspect and copy manifests."""


@manifest.command(short_help="Show what changed from manifest A to manifest B.")
@with_settings
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def diff(settings: Settings, a: str, b: str, as_json: bool) -> None:
    """Show videos added, removed and re-scored from manifest A to manifest B.

    A and B are names of manifests, or folders.
    """
    from popdanceset.manifest import find_manifest, read_manifest
    from popdanceset.manifest_difference import difference

    found = difference(*(read_manifest(find_manifest(name, settings)) for name in (a, b)))
    if as_json:
        click.echo(json.dumps(found.as_document(), ensure_ascii=False, indent=2, default=str))
    else:
        click.echo("\n".join(_lines(found)))


@manifest.command(short_help="Copy a manifest from this machine to the store, or back.")
@with_settings
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy(settings: Settings, source: str, target: str) -> None:
    """Copy a manifest between this machine and the store, where other machines find it.

    FROM and TO are names of manifests, folders, or store:NAME. Files of the same names are replaced.
    """
    from popdanceset.shared_manifest import copy_manifest
    from popdanceset.store import Store

    names = copy_manifest(source, target, settings, Store(settings.store))
    click.echo(f"{target}: {', '.join(names)}")


def _lines(found: ManifestDifference) -> Iterator[str]:
    document = found.as_document()
    for letter in ("a", "b"):
        head = document[letter]
        bounds = ", ".join(f"{name} {value:g}" for name, value in (head["thresholds"] or {}).items())
        name = f"{letter.upper()}  {head['name']}"
        yield f"{name}: {head['videos']} videos, model {head['model'] or '?'}, {bounds}"
    yield (
        f"{len(found.added)} added, {len(found.removed)} removed, {len(found.rescored)} re-scored, "
        f"{found.unchanged} unchanged"
    )
    if not (found.added or found.removed or found.rescored):
        return
    yield f"   {'video':<14}{'Pop in A':>10}{'Pop in B':>10}{'change':>10}  title"
    yield from (_line("+", None, video) for video in found.added)
    yield from (_line("-", video, None) for video in found.removed)
    yield from (_line("~", before, after) for before, after in found.rescored)


def _line(sign: str, a: ManifestVideo | None, b: ManifestVideo | None) -> str:
    from popdanceset.bilibili.text import one_line

    video = b or a
    assert video is not None
    before, after = (each.pop if each else None for each in (a, b))
    pops = "".join(f"{'':>10}" if pop is None else f"{pop:>10.4f}" for pop in (before, after))
    change = f"{'':>10}" if before is None or after is None else f"{after - before:>+10.4f}"
    return f"{sign}  {video.bvid:<14}{pops}{change}  {one_line(video.title) or ''}".rstrip()
