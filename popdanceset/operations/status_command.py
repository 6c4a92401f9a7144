"""`popdanceset status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import UserPath, with_settings

if TYPE_CHECKING:
    from popdanceset.operations.status import Status
    from popdanceset.settings import Settings
    from popdanceset.store import Store


@click.command(short_help="Show what waits, runs and failed at each stage.")
@click.option(
    "--watch",
    is_flag=False,
    flag_value=10.0,
    type=click.FloatRange(min=1),
    metavar="[SECONDS]",
    help="Show it again every SECONDS (10 by default) until interrupted.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--prometheus", type=UserPath(), metavar="FILE", help="Also write Prometheus metrics to FILE.")
@click.option("--alert", is_flag=True, help="Evaluate the alerts once, and send the new ones.")
@with_settings
def status(
    settings: Settings, watch: float | None, as_json: bool, prometheus: Path | None, alert: bool
) -> None:
    """Show what waits, runs and failed at each stage, its speed, and the disk use of the store.

    Reads listings and a few columns only. With --alert, exits with 1 if a new alert cannot be delivered.
    """
    if watch and as_json:
        raise click.UsageError("--watch and --json exclude each other.")
    from popdanceset.operations.status_text import text
    from popdanceset.store import Store

    store = Store(settings.store)
    if watch:
        _watch(settings, store, watch, prometheus)
        return
    found = _found(settings, store, prometheus)
    if as_json:
        import json

        click.echo(json.dumps(found.document(), ensure_ascii=False, indent=2))
    else:
        click.echo(text(found))
    if alert:
        _alert(settings, store, found, quiet=as_json)


def _found(settings: Settings, store: Store, prometheus: Path | None) -> Status:
    from popdanceset.operations.prometheus import write_metrics
    from popdanceset.operations.status import status as find_out

    found = find_out(settings, store)
    if prometheus is not None:
        write_metrics(prometheus, found)
    return found


def _watch(settings: Settings, store: Store, seconds: float, prometheus: Path | None) -> None:
    import time

    from rich.live import Live
    from rich.text import Text

    from popdanceset.operations.status_text import text

    with Live(auto_refresh=False) as live:
        while True:
            live.update(Text(text(_found(settings, store, prometheus))), refresh=True)
            time.sleep(seconds)


def _alert(settings: Settings, store: Store, found: Status, quiet: bool) -> None:
    from popdanceset.errors import FailedError
    from popdanceset.operations.alerts import raise_alerts

    done = raise_alerts(settings, store, found)
    if not quiet:
        click.echo("\nalerts" if done.alerts else "\nno alerts")
        for each in done.alerts:
            click.echo(f"  {'new' if each in done.sent else 'known'}  {each.text}")
    if done.undelivered:
        raise FailedError("a new alert cannot be delivered", do=done.undelivered[0])
