"""`popdanceset demo`, and the summary that it prints."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from popdanceset.store import Store


@click.command(short_help="Run the whole pipeline offline, on 400 simulated videos.")
@click.option("--out", default="popdanceset-demo", show_default=True, metavar="FOLDER", help="Output folder.")
@click.option(
    "--videos",
    default=400,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of videos in the simulated section.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the simulated section."
)
@click.option(
    "--steps",
    default=120,
    show_default=True,
    type=click.IntRange(min=0),
    help="Training steps at the end (120 take about a minute; 0 skips training).",
)
def demo(out: str, videos: int, seed: int, steps: int) -> None:
    """Run the whole pipeline offline, from 400 simulated videos to a release and a dance learned from it.

    Run it again with the same folder to resume; finished work is kept.
    """
    from rich.console import Console
    from rich.markdown import Markdown

    from flows.demo.accuracy import measure_accuracy
    from flows.demo.chain import MANIFEST, run_chain
    from flows.demo.training import train_and_dance
    from popdanceset.progress import display
    from popdanceset.report.page import write_report
    from popdanceset.store import Store

    started = time.monotonic()
    folder = Path(out).absolute()
    with display():
        finished = run_chain(folder, videos, seed)
        store = Store(finished.settings.store)
        accuracy = measure_accuracy(store, finished.section)
        report = write_report(
            store,
            finished.settings,
            MANIFEST,
            finished.release,
            folder / "report.html",
            {"accuracy": accuracy},
        )
        trained = train_and_dance(store, finished.release, folder / "training", steps) if steps else None
    console = Console()
    console.print(summary(store, MANIFEST, finished.release))
    for row in accuracy:
        console.print(f"{row['clip_id']}: {row['pa_mpjpe_mm']:.0f} mm PA-MPJPE from the known truth")
    if trained is not None:
        console.print(Markdown(trained.table))
    console.print(f"release  {folder / 'store' / finished.release}", soft_wrap=True)
    console.print(f"report   {report}", soft_wrap=True)
    if trained is not None:
        console.print(f"model    {trained.checkpoint}", soft_wrap=True)
        console.print(f"dance    {trained.video}", soft_wrap=True)
    console.print(f"seconds  {time.monotonic() - started:.0f}")


def summary(store: Store, manifest: str, release: str) -> Table:
    """Returns a table for the terminal: what remained after each stage, and what was rejected and why."""
    from rich.table import Table

    from popdanceset.report.data import collect

    content = collect(store, manifest, release)
    table = Table("stage", "left", "seconds", "rejected, by reason", title="From the section to the release")
    for stage in content.stages:
        losses = [*stage.losses, *((f"{reason} (spans)", count) for reason, count in stage.trimmed)]
        table.add_row(
            stage.name,
            f"{stage.count:,} {stage.unit}",
            f"{stage.seconds:,.1f}",
            ", ".join(f"{reason} {count}" for reason, count in losses),
        )
    return table
