"""`popdanceset import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from popdanceset.commands import UserPath, with_settings

if TYPE_CHECKING:
    from popdanceset.settings import Settings

KINDS = ("popdanceset", "aist++", "hybrik", "amass", "smpl")

_SHOWN = 5


@click.command("import", short_help="Import motions of other datasets.")
@with_settings
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("path", type=UserPath())
@click.option("--manifest", required=True, metavar="NAME|FOLDER", help="Manifest that receives the videos.")
@click.option(
    "--axes",
    type=click.Choice(("floor", "kept", "released")),
    default="floor",
    show_default=True,
    help="floor: put the feet on z = 0 and the first root above the origin; kept: leave the path as it is; "
    "released: the values of the set's released loader (popdanceset, aist++).",
)
@click.option("--fps", type=float, help="Frame rate of the files, where they do not state it.")
@click.option("--up", type=click.Choice(("z", "y", "-y", "-z")), help="Axis of the files that points up.")
@click.option("--unit", type=click.Choice(("m", "cm", "mm")), help="Unit of positions in the files.")
@click.option("--lists", type=UserPath(), metavar="FOLDER", help="Folder of the set's lists (default: PATH).")
@click.option(
    "--high-quality", is_flag=True, help="Import only what the set's own list of high quality names."
)
@click.option("--genre", default="", help="Genre of the dances, where the set does not state it.")
@click.option("--dancer", default="", metavar="ID", help="Who dances, where the set does not state it.")
def import_(settings: Settings, kind: str, path: Path, manifest: str, **options: Any) -> None:
    """Import motions of others from PATH: a folder, or a zip archive of it.

    KIND is popdanceset (the published set), aist++, hybrik (res.pk), amass, or smpl (results of GVHMR, WHAM,
    4D-Humans and any other layout with SMPL rotations). Clips that were imported before are left as they are,
    unless their files have changed. Then run `popdanceset features` and `popdanceset publish`.
    """
    from popdanceset.importers.importing import import_set
    from popdanceset.importers.items import Options
    from popdanceset.manifest import find_manifest
    from popdanceset.motion.conventions import Conventions
    from popdanceset.progress import track
    from popdanceset.store import Store

    stated = Options(
        Conventions(options["fps"], options["up"], options["unit"]),
        options["lists"],
        options["genre"],
        options["dancer"],
    )
    store = Store(settings.store)
    folder = find_manifest(manifest, settings)
    with track("import") as advance:
        done = import_set(
            kind, path, settings, store, folder, stated, options["axes"], options["high_quality"], advance
        )
    click.echo(
        f"{done.imported} clips imported, {done.replaced} replaced, {done.kept} already there: "
        f"{done.seconds:.1f} s in {store}, manifest {folder}"
    )
    for reason, names in sorted(done.left_out.items()):
        click.echo(f"  left out {len(names):>6} {reason}: {_few(names)}")
        for name in [name for name in names if name in done.notes][:_SHOWN]:
            click.echo(f"    {_few([name])}: {done.notes[name]}")
    for name, why in list(done.refused.items())[:_SHOWN]:
        click.echo(f"  refused {name}: {why}")
    if len(done.refused) > _SHOWN:
        click.echo(f"  refused {len(done.refused) - _SHOWN} more")
    done.check()


def _few(names: list[str]) -> str:
    from popdanceset.importers.ids import shown

    few = [name if name.isprintable() and len(name) <= 60 else shown(name) for name in names[:3]]
    return ", ".join([*few, *(["…"] if len(names) > 3 else [])])
