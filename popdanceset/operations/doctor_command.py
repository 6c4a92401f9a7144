"""`popdanceset doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings

if TYPE_CHECKING:
    from popdanceset.settings import Settings


@click.command()
@click.option("--only", multiple=True, metavar="NAME", help="Run only this check; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@with_settings
def doctor(settings: Settings, only: tuple[str, ...], as_json: bool) -> None:
    """Check everything before anything starts, and print what to do.

    Exits with 1 if a check fails. Warnings do not stop anything.
    """
    from popdanceset.operations.doctor import examine
    from popdanceset.operations.findings import Verdict

    results = examine(settings, only)
    if as_json:
        import json
        from dataclasses import asdict

        checks = [{"name": result.name, **asdict(result.finding)} for result in results]
        failing = any(result.finding.verdict is Verdict.FAILED for result in results)
        click.echo(
            json.dumps({"schema": 1, "ok": not failing, "checks": checks}, ensure_ascii=False, indent=2)
        )
    else:
        width = max(len(result.name) for result in results)
        for result in results:
            finding = result.finding
            where = f"{finding.where}: " if finding.where else ""
            click.echo(f"{finding.verdict:<8} {result.name:<{width}}  {where}{finding.what}")
            if finding.do:
                click.echo(f"{'':<8} {'':<{width}}  → {finding.do}")
    if any(result.finding.verdict is Verdict.FAILED for result in results):
        raise click.exceptions.Exit(1)
