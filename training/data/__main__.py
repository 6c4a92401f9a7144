"""`python -m training.data RELEASE`: show what a release holds for training."""

from __future__ import annotations

import click

from popdanceset.commands import run


@click.command()
@click.argument("release", metavar="RELEASE")
def data(release: str) -> None:
    """Show the clips, windows and shapes that training can read from RELEASE, a folder or an address."""
    from training.data.summary import summary

    click.echo(summary(release))


if __name__ == "__main__":
    run(data, "python -m training.data")
