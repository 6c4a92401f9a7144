"""`popdanceset render`: writes a film of any motion, beside another if given.

    popdanceset render dance.npz --out dance.mp4 --music song.mp3
    popdanceset render releases/2026.01.31:BV1_Clip_1 --beside out/popdg/BV1_Clip_1.npz --out both.mp4

`python -m training.render` is the same program. It reads what `popdanceset convert` reads.
"""

from __future__ import annotations

from pathlib import Path

import click

from popdanceset.commands import run

PATH = click.Path(path_type=Path)


@click.command(context_settings={"max_content_width": 110})
@click.argument("motion", metavar="MOTION")
@click.option("--out", required=True, type=PATH, metavar="FILE", help="MP4 file to write.")
@click.option("--beside", metavar="MOTION", help="Motion to show at the right of the first.")
@click.option(
    "--music", type=PATH, metavar="FILE", help="Song, video or recording that starts with the motions."
)
@click.option(
    "--fps", default=30, show_default=True, type=click.IntRange(1, 120), help="Frame rate of the film."
)
@click.option(
    "--size", nargs=2, default=(480, 640), show_default=True, type=click.IntRange(64, 4096),
    metavar="WIDTH HEIGHT", help="Size of each picture, pixels.",
)  # fmt: skip
def render(
    motion: str, out: Path, beside: str | None, music: Path | None, fps: int, size: tuple[int, int]
) -> None:
    """Write a film of a motion, or of two side by side.

    MOTION is FILE or RELEASE:CLIP_ID, followed by ,fps=60 ,up=-y ,unit=cm or ,content=poses where a file
    does not state them.
    """
    from popdanceset.music.song import read_song
    from training.export.film import write_motions
    from training.export.reading import read_dance

    read = [read_dance(address) for address in (motion, beside) if address is not None]
    sound = None if music is None else read_song(music)
    frames = write_motions([each.motion for each in read], out, fps, sound, size)
    for each in read:
        click.echo(f"{each.motion.name}  {len(each.motion.joints)} frames read as {each.source}")
    click.echo(f"{out}  {frames} frames at {fps} fps")


if __name__ == "__main__":
    run(render, "python -m training.render")
