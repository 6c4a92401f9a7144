"""`popdanceset simulator`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click


@click.command()
@click.option("--port", default=0, show_default=True, help="Port on 127.0.0.1; 0 selects a free one.")
@click.option("--videos", default=400, show_default=True, help="Number of videos.")
@click.option("--seed", default=0, show_default=True, help="Seed of the generated videos.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Simulated day (default: today).")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Output file for the CA certificate.")
@click.option(
    "--media",
    type=click.Path(path_type=Path),
    help="Folder with media and an index.json (default: shipped).",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[:TIMES][@AFTER]",
    help="Fault to inject, e.g. 412:3@20, or by time 412:60s@5s; may be repeated.",
)
@click.option(
    "--mode",
    "modes",
    multiple=True,
    metavar="NAME[:VIDEOS]",
    help="Mode of some videos, e.g. deleted:3; may be repeated.",
)
@click.option("--rate", metavar="NUMBER/SECONDS", help="Refuse API requests above this rate, e.g. 10/1.")
def simulator(
    port: int,
    videos: int,
    seed: int,
    day: datetime | None,
    ca_file: Path | None,
    media: Path | None,
    faults: tuple[str, ...],
    modes: tuple[str, ...],
    rate: str | None,
) -> None:
    """Run an offline Bilibili until Ctrl-C.

    Prints the environment variables that direct the other commands to it.
    """
    import shlex
    import signal
    import threading
    from contextlib import suppress

    from popdanceset.simulator.casting import MEDIA_FOLDER, cast, parse_mode, read_media, with_mode
    from popdanceset.simulator.faults import parse_fault, parse_rate
    from popdanceset.simulator.population import population, with_partners
    from popdanceset.simulator.server import Simulator

    shipped = read_media(media or MEDIA_FOLDER)
    section = population(videos, seed, day.date() if day else None)
    catalogue = cast(with_partners(section), shipped, seed)
    for mode, number in map(parse_mode, modes):
        catalogue = with_mode(catalogue, mode, number)
    running = Simulator(
        catalogue,
        shipped,
        faults=[parse_fault(fault) for fault in faults],
        rate=parse_rate(rate) if rate else None,
        port=port,
        ca_file=ca_file,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with running, suppress(KeyboardInterrupt):
        for name, value in running.environment.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo(f"# {videos} videos, seed {seed}; stop with Ctrl-C", err=True)
        threading.Event().wait()
    click.echo(
        f"# answered {len(running.log)} requests, refused {len(running.leaks)} to unknown hosts", err=True
    )
    for leak in running.leaks:
        click.echo(f"# refused: {leak}", err=True)
