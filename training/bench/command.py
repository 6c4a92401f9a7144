"""`popdanceset bench`: trains, samples and compares the models that a file names.

    popdanceset bench training/bench/ablations.yaml --release RELEASE --out out/ablations
    popdanceset bench training/bench/comparison.yaml --release RELEASE --out out/comparison --check

`python -m training.bench` is the same program. It can be stopped at any time; the same line continues it.
"""

from __future__ import annotations

from pathlib import Path

import click

from popdanceset.commands import UserPath
from popdanceset.errors import FailedError

PATH = UserPath()


@click.command(
    context_settings={"max_content_width": 110},
    short_help="Train, sample and compare several models; write the tables.",
)
@click.argument("plan", type=PATH, metavar="FILE")
@click.option(
    "--out", required=True, type=PATH, metavar="DIR", help="Output folder of runs, tables and page."
)
@click.option(
    "--release", "releases", multiple=True, metavar="DIR",
    help="Folder or address of a release, in place of those that FILE names; may be repeated.",
)  # fmt: skip
@click.option(
    "--check", "only_check", is_flag=True, help="Check everything and list the runs; start nothing."
)
@click.option("--retry-failed", is_flag=True, help="Try failed runs again.")
@click.option("--store", metavar="STORE", help="Store of the releases, whose sound the page plays.")
@click.option("--device", help="cpu, cuda, cuda:1, mps … (default: cuda if available, else cpu).")
@click.option(
    "--cache", type=PATH, metavar="DIR", help="Folder of cached arrays (default: the user's cache folder)."
)
def bench(
    plan: Path,
    out: Path,
    releases: tuple[str, ...],
    only_check: bool,
    retry_failed: bool,
    store: str | None,
    device: str | None,
    cache: Path | None,
) -> None:
    """Train, sample and compare the models that FILE names, and write the tables.

    FILE is YAML: releases, models, seeds, budget, protocol and tables. training/README.md describes it.
    """
    from popdanceset.devices import find_device
    from training.bench.checks import check
    from training.bench.elsewhere import run_elsewhere
    from training.bench.plan import read_plan
    from training.bench.running import run_all

    wanted = read_plan(plan, releases)
    place = device or "" if wanted.runs_on else find_device(device, "--device")
    runs = check(wanted, out)
    if only_check:
        for each in runs:
            click.echo(f"{each.title}: {each.state}")
        return
    if wanted.runs_on:
        run_elsewhere(wanted, runs, out, place, retry_failed)
    else:
        run_all(runs, place, cache, retry_failed)
    from training.bench.writing import write_results  # and with it matplotlib, which runs do not wait for

    for path in write_results(wanted, runs, out, store):
        click.echo(path)
    failed = [each for each in runs if each.failure]
    if failed:
        first = failed[0]
        raise FailedError(
            f"{len(failed)} of {len(runs)} runs failed; {first.title}: {first.failure}",
            out,
            "repair the cause, then use --retry-failed",
        )
