"""python -m tests.studio FOLDER: renders the films of the offline simulator and their index; with `--set
pose`, the films on trial, by which the pose stage is tuned and judged."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from popdanceset.errors import PopDanceSetError
from tests.studio import index, pack, trial


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--set",
    "which",
    type=click.Choice(["simulator", "pose"]),
    default="simulator",
    help="Films of the offline simulator (default), or films on trial in FOLDER/tuning and FOLDER/test.",
)
@click.option("--only", metavar="NAME", multiple=True, help="Render only this film; may be repeated.")
@click.option(
    "--truth",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write the true joints of the simulator's films to this folder; films on trial have theirs.",
)
def studio(folder: Path, which: str, only: tuple[str, ...], truth: Path | None) -> None:
    """Render films into FOLDER: those of the offline simulator with their index, or those on trial."""
    films: Mapping[str, object] = pack.FILMS if which == "simulator" else trial.TRIALS
    if unknown := set(only) - set(films):
        raise click.BadParameter(
            f"{', '.join(sorted(unknown))}: not in this set: {', '.join(films)}", param_hint="--only"
        )
    for place in (folder, truth):
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)

    def of_simulator(name: str) -> Path:
        return folder / pack.make(pack.FILMS[name], folder, truth).file

    make: Callable[[str], Path] = of_simulator
    if which == "pose":
        make = lambda name: trial.make(trial.TRIALS[name], folder)  # noqa: E731
    try:
        for name in only or films:
            begun = time.monotonic()
            path = make(name)
            click.echo(
                f"{path.name}: {path.stat().st_size / 1000:.0f} kB in {time.monotonic() - begun:.0f} s"
            )
    except PopDanceSetError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    if which == "simulator":
        made = {
            name: pack.entry(what) for name, what in pack.FILMS.items() if (folder / f"{name}.mp4").exists()
        }
        index.write_index(folder, made)


if __name__ == "__main__":
    studio()
