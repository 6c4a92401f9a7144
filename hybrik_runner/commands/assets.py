"""`popdanceset assets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from popdanceset.commands import with_settings
from popdanceset.errors import AssetError

if TYPE_CHECKING:
    from hybrik_runner.assets import Finding
    from popdanceset.settings import Settings


@click.command(short_help="Check the model files, and say where missing ones come from.")
@click.option("--fetch", is_flag=True, help="Fetch missing files of the selected estimator where possible.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@with_settings
def assets(settings: Settings, fetch: bool, as_json: bool) -> None:
    """Check the model files: which are present, which are missing, and where they come from.

    Files whose hash is known are compared with it; others are read, and their content is compared with what
    the networks need. Exits with code 2 if the selected estimator cannot run, or if a file that is present is
    not what it should be.
    """
    from hybrik_runner.assets import State, model_folder, read_pins
    from hybrik_runner.blazepose import assets as blazepose
    from hybrik_runner.hybrik import assets as hybrik

    pins = read_pins(settings)
    if fetch:
        blazepose.ensure(settings, blazepose.needed_by(settings.pose.estimator))
    findings = [*blazepose.findings(settings, pins), *hybrik.findings(settings, pins)]
    chosen, folder = settings.pose.estimator, model_folder(settings)
    lacking = [f for f in findings if chosen in f.needed_by and f.state is not State.PRESENT]
    if as_json:
        import json

        files = [_document(finding, chosen) for finding in findings]
        document = {"folder": str(folder), "estimator": chosen, "can_run": not lacking, "files": files}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(findings, chosen, str(folder))
    unknown = sorted(pins.keys() - {finding.path.name for finding in findings})
    if unknown:
        click.echo(f"warning: pose.pins names unknown files: {', '.join(unknown)}", err=True)
    if lacking:
        names = ", ".join(finding.path.name for finding in lacking)
        raise AssetError(
            f"{chosen} cannot run: {names} {'is' if len(lacking) == 1 else 'are'} {lacking[0].state}",
            lacking[0].path.parent,
            f"{lacking[0].note}; {lacking[0].source}",
        )
    for finding in findings:
        if finding.state is State.DAMAGED:
            raise AssetError(finding.note, finding.path, finding.source)


def _document(finding: Finding, chosen: str) -> dict[str, Any]:
    """A finding as JSON."""
    from dataclasses import asdict

    return {
        "name": finding.path.name,
        **asdict(finding),
        "path": str(finding.path),
        "state": finding.state.value,
        "needed": chosen in finding.needed_by,
    }


def _print(findings: list[Finding], chosen: str, folder: str) -> None:
    """Prints a paragraph for each file, then the hashes of those that are present, as sha256sum writes
    them."""
    longest = max(len(finding.path.name) for finding in findings)
    click.echo(f"folder     {folder}\nestimator  {chosen}")
    for finding in findings:
        size = f"{finding.size / 1e6:.1f} MB" if finding.size >= 1e5 else f"{finding.size} B"
        here = f"{size:>10}" if finding.sha256 else ""
        needed = f"needed by {chosen}; " if chosen in finding.needed_by else ""
        click.echo(f"\n{finding.state:<9}  {finding.path.name:<{longest}}{here}".rstrip(" "))
        for label, text in (
            ("state", f"{needed}{finding.note}"),
            ("in", "" if str(finding.path.parent) == folder else str(finding.path.parent)),
            ("for", finding.purpose),
            ("licence", finding.licence),
            ("from", finding.source),
            ("without", finding.without),
        ):
            if text:
                click.echo(f"  {label:<9}{text}")
    if present := [finding for finding in findings if finding.sha256]:
        click.echo("\nTo pin these files, save the lines below and name the file in pose.pins.")
        for finding in present:
            click.echo(f"{finding.sha256}  {finding.path.name}")
