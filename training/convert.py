"""`popdanceset convert`: converts motions between layouts and file formats.

    popdanceset convert gBR_sBM_cAll_d04_mBR0_ch01.pkl dance.bvh
    popdanceset convert releases/2026.01.31:BV1_Clip_1 dance.glb
    popdanceset convert edge/motions out --layout amass --fps 30

`python -m training.convert` is the same program. It reads every layout of
`popdanceset.motion.layouts`, clips of a release and pose tables. The exit code is 1 if a motion of a folder
could not be converted.
"""

from __future__ import annotations

from pathlib import Path

import click

from popdanceset.commands import run

LAYOUTS = ("popdanceset", "released", "amass", "joints", "bvh", "gltf")
UPS = ("z", "y", "-y", "-z")
UNITS = ("m", "cm", "mm")


@click.command(context_settings={"max_content_width": 110})
@click.argument("source", metavar="IN")
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--fps", type=click.FloatRange(0, min_open=True), help="Frame rate of OUT (default: as IN).")
@click.option(
    "--up", type=click.Choice(UPS), default="z", show_default=True, help="Axis of OUT that points up."
)
@click.option(
    "--unit", type=click.Choice(UNITS), default="m", show_default=True, help="Unit of positions in OUT."
)
@click.option(
    "--layout", type=click.Choice(LAYOUTS),
    help="Layout of OUT (default: by its ending, .npz, .pkl, .npy, .bvh or .glb).",
)  # fmt: skip
def convert(source: str, out: Path, fps: float | None, up: str, unit: str, layout: str | None) -> int | None:
    """Convert a motion, or all motions of a folder.

    IN is FILE, FOLDER or RELEASE:CLIP_ID, followed by ,fps=60 ,up=-y ,unit=cm or ,content=poses where a file
    does not state them. BVH and glTF files have y up, in centimetres and metres.
    """
    from popdanceset.motion.conventions import Conventions
    from popdanceset.motion.formats import is_motion
    from popdanceset.progress import track
    from training.export.arrays import Form
    from training.export.convert import Target, convert_folder
    from training.export.convert import convert as convert_one

    target = Target(layout or "", fps, Form(up, unit))
    path = Path(Conventions.parse(source)[0])
    if not path.is_dir() or is_motion(path):
        read = convert_one(source, out, target)
        click.echo(f"{out}  {len(read.motion.joints)} frames read as {read.source}")
        return None
    with track("convert", None) as advance:
        written, failed = convert_folder(source, out, target, advance)
    for file, read in written:
        click.echo(f"{file}  {len(read.motion.joints)} frames read as {read.source}")
    for failure in failed:
        click.echo(f"{failure.name}: not converted: {failure.error}", err=True)
    return 1 if failed else None


if __name__ == "__main__":
    run(convert, "python -m training.convert")
