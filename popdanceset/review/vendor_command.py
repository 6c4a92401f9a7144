"""The command `popdanceset review vendor`."""

from __future__ import annotations

import click

from popdanceset.review.vendoring import vendor as vendoring


@click.command()
@click.option(
    "--registry",
    metavar="ADDRESS",
    default="",
    help=f"npm registry (default: $npm_config_registry or {vendoring.REGISTRY}).",
)
def vendor(registry: str) -> None:
    """Fetch three.js for the pages, where installing could not."""
    from popdanceset.errors import AssetError

    try:
        fetched = vendoring.fetch(registry=registry)
    except OSError as error:
        raise AssetError(
            f"three.js could not be installed: {error}",
            do="check the network, or name a registry with --registry",
        ) from error
    state = "fetched into" if fetched else "is complete in"
    click.echo(f"three.js {vendoring.THREE.version} {state} {vendoring.FOLDER}")


def page_warning() -> str:
    """Returns one line that says what is wrong with the pages' files; empty if they are complete."""
    lacking = vendoring.missing()
    if not lacking:
        return ""
    return f"the page is incomplete: {', '.join(lacking)} missing or damaged; run `popdanceset review vendor`"
