"""`popdanceset demo`: the whole chain on one machine, against the offline Bilibili that ships with the package."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from popdanceset.simulator import Simulator

PARAMETERS = "demo.json"
MANIFEST = "demo"


@click.command()
@click.option("--out", default="popdanceset-demo", show_default=True, metavar="FOLDER", help="Where all goes.")
@click.option("--videos", default=400, show_default=True, type=click.IntRange(min=1), help="Size of the section.")
@click.option("--seed", default=0, show_default=True, help="Seed of the simulated section.")
def demo(out: str, videos: int, seed: int) -> None:
    """Run the whole chain offline: crawl 400 simulated videos, end with a release.

    Run it again in the same folder and it resumes: finished work is kept.
    """
    run(Path(out), videos, seed)
