"""`popdanceset plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from popdanceset.operations.plan import Plan, StagePlan
    from popdanceset.settings import Settings


@click.command(short_help="Compute what more videos would take: hours, storage, cost.")
@click.option(
    "--videos", required=True, type=click.IntRange(min=1), metavar="N", help="Number of selected videos."
)
@click.option("--deadline", metavar="TIME", help="Time for every stage, as 12h, 7d or 2w.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@with_settings
def plan(settings: Settings, videos: int, deadline: str | None, as_json: bool) -> None:
    """Compute what N more selected videos would take: hours, requests, storage and cost.

    Every figure comes from the runs of this store. What was never measured is listed, and not in the sums.
    Prices are settings (prices.cpu_hour, prices.gpu_hour, prices.storage_gb_month).
    """
    from popdanceset.operations.plan import parse_deadline
    from popdanceset.operations.plan import plan as compute
    from popdanceset.store import Store

    hours = parse_deadline(deadline) if deadline else None
    found = compute(settings, Store(settings.store), videos, hours)
    if as_json:
        import json

        click.echo(json.dumps(found.document(), ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(_lines(found)))


def _lines(found: Plan) -> Iterator[str]:
    from popdanceset.operations.status_text import size, span

    seen = "" if found.seen is None else f" of {found.seen:,.0f} seen"
    yield f"videos    {found.videos:,}{seen}"
    if found.clips is not None:
        hours = "" if found.released_hours is None else f", {found.released_hours:,.1f} h of dance"
        yield f"result    {found.clips:,.0f} clips{hours}"
    yield ""
    yield "stage       device         hours  core hours  GPU hours    requests    received  workers"
    for stage in found.stages:
        yield _stage_line(stage)
    for stage in found.alternatives:
        yield f"{_stage_line(stage)}  (instead)"
    yield ""
    for stage in found.stages:
        if stage.late and found.deadline_hours is not None:
            yield (
                f"{stage.stage} cannot be divided and takes {span(3600 * stage.hours)}, "
                f"longer than {span(3600 * found.deadline_hours)}"
            )
    if found.storage_bytes is not None:
        yield f"storage   {size(found.storage_bytes)}"
    if found.computing_price is not None:
        yield f"computing {found.computing_price:,.2f} {found.currency}".rstrip()
    if found.storage_price is not None:
        yield f"storage   {found.storage_price:,.2f} {found.currency} a month".rstrip()
    if found.unknown:
        yield f"unknown   {', '.join(found.unknown)}: never measured here, and not part of the sums"
    yield "\nassumptions"
    for line in found.assumptions:
        yield f"  {line}"


def _stage_line(stage: StagePlan) -> str:
    from popdanceset.operations.status_text import size

    return (
        f"{stage.stage:<12}{stage.device:<10}{stage.hours:>10,.1f}{stage.cpu_hours:>12,.1f}"
        f"{stage.gpu_hours:>11,.1f}{stage.requests:>12,.0f}{size(stage.bytes_received):>12}{stage.workers:>9}"
    )
