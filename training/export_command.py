"""`popdanceset export`: writes the clips of a release in the layouts of other projects and programs.

    popdanceset export popdanceset releases/2026.01.31 --out published --store store
    popdanceset export aist++ releases/2026.01.31 --out aist --split test --fps 60
    popdanceset export gltf releases/2026.01.31 --out animations --clips BV1_Clip_1

`python -m training.export_command` is the same program. The exit code is 1 if a clip could not be written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import UserPath, run, with_settings
from popdanceset.errors import InputError

if TYPE_CHECKING:
    from popdanceset.settings import Settings

KINDS = ("popdanceset", "aist++", "amass", "bvh", "gltf", "fbx", "csv", "hybrik")

SHOWN = 5
"""Clips named in the summary; further ones are counted."""


@click.command(
    context_settings={"max_content_width": 110},
    short_help="Write the clips of a release in a format of other programs.",
)
@with_settings
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("release")
@click.option("--out", required=True, type=UserPath(), metavar="DIR", help="Output folder.")
@click.option("--split", "splits", multiple=True, help="Export the clips of a split; may be repeated.")
@click.option(
    "--clips", multiple=True, metavar="ID|FILE",
    help="Export a clip, or those whose ids are in a text file; may be repeated.",
)  # fmt: skip
@click.option(
    "--fps", type=click.FloatRange(0, 1000, min_open=True), help="Frame rate (default: that of the release)."
)
@click.option(
    "--features", multiple=True, metavar="NAME",
    help="Music features that popdanceset writes; may be repeated (default: all of the release).",
)  # fmt: skip
@click.option(
    "--blender", metavar="PYTHON", help="Python with Blender's module bpy, for fbx (default: this one)."
)
def export(
    settings: Settings,
    kind: str,
    release: str,
    out: Path,
    splits: tuple[str, ...],
    clips: tuple[str, ...],
    fps: float | None,
    features: tuple[str, ...],
    blender: str | None,
) -> int | None:
    """Write the clips of a release as KIND.

    \b
    popdanceset  the published layout, for the released code of POPDG
    aist++       SMPL pickles, y up, centimetres
    amass        NPZ of SMPL-H, z up, metres
    bvh, gltf, fbx   animations, y up; fbx needs Blender's Python module
    csv          joint positions, z up, metres
    hybrik       HybrIK's res.pk

    The sound of clips is copied from the store (--store), if the layout has a place for it. Run the same line
    again after an interruption.
    """
    from popdanceset.progress import track
    from popdanceset.store import Store
    from training.export.kinds import Options
    from training.export.release import Selection, export_release
    from training.export.sounds import Sounds

    options, chosen = Options(fps, features or None, blender), Selection(splits, _ids(clips))
    sounds = Sounds(Store(settings.store))
    with track("export") as advance:
        done = export_release(release, out, kind, options, chosen, sounds, advance)
    click.echo(f"{out}: {len(done.members)} clips, {done.written} files written, {done.kept} kept")
    for note in done.notes:
        click.echo(f"  {note}")
    if done.silent:
        click.echo(
            f"  {len(done.silent)} clips have no sound here, which {settings.store} does not have: "
            f"{_few(done.silent)}"
        )
    for clip_id, why in done.failed.items():
        click.echo(f"{clip_id}: not exported: {why}", err=True)
    return 1 if done.failed else None


def _few(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _ids(given: tuple[str, ...]) -> list[str]:
    """Clip ids, and those in text files, one a line."""
    ids: list[str] = []
    for each in given:
        path = Path(each)
        try:
            ids += path.read_text(encoding="utf-8").split() if path.is_file() else [each]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"not readable: {error}", path, "give a text file of clip ids") from None
    return ids


if __name__ == "__main__":
    run(export, "python -m training.export_command")
