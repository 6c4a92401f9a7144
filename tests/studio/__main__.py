"""python -m tests.studio FOLDER: renders the films of the offline simulator and their index."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from popdanceset.errors import PopDanceSetError
from tests.studio import index, pack


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(pack.FILMS)),
    help="Render only this film; may be repeated.",
)
@click.option(
    "--truth",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write the true joints to this folder.",
)
def studio(folder: Path, only: tuple[str, ...], truth: Path | None) -> None:
    """Render the films of the offline simulator and their index into FOLDER."""
    for place in (folder, truth):
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)
    try:
        for name in only or pack.FILMS:
            begun = time.monotonic()
            pack.make(pack.FILMS[name], folder, truth)
            size = (folder / f"{name}.mp4").stat().st_size
            click.echo(f"{name}.mp4: {size / 1000:.0f} kB in {time.monotonic() - begun:.0f} s")
    except PopDanceSetError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    made = {name: pack.entry(what) for name, what in pack.FILMS.items() if (folder / f"{name}.mp4").exists()}
    index.write_index(folder, made)


if __name__ == "__main__":
    studio()
