"""The command `popdanceset review`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import UserPath, with_settings
from popdanceset.review.export_command import export
from popdanceset.review.statistics_command import statistics
from popdanceset.review.vendor_command import page_warning, vendor

if TYPE_CHECKING:
    from popdanceset.review.rooms import Room
    from popdanceset.review.security import Access
    from popdanceset.settings import Settings

TOKEN_VARIABLE = "POPDANCESET_REVIEW_TOKEN"  # nosec B105  # its name, not its value


@click.group(invoke_without_command=True)
@with_settings
@click.option("--manifest", metavar="NAME|FOLDER", help="Show only the videos of a manifest.")
@click.option(
    "--release",
    metavar="VERSION|FOLDER",
    help="Show a release, read-only; with --store also its titles, films and sounds.",
)
@click.option(
    "--compare",
    "compared",
    multiple=True,
    metavar="NAME=PATH",
    help="Store, release or folder of motion files to compare with; may be repeated.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8765,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port; 0 selects a free one.",
)
@click.option(
    "--database", type=UserPath(), metavar="FILE", help="Database of decisions (default: in the store)."
)
@click.option(
    "--token-file",
    type=UserPath(),
    metavar="FILE",
    help=f"File with the token that reviewers must enter (default: ${TOKEN_VARIABLE}).",
)
@click.option("--reviewer", default="", metavar="NAME", help="Name that the page proposes.")
@click.option(
    "--static", type=UserPath(), metavar="DIR", help="Write pages that need no server to a folder, and stop."
)
@click.option(
    "--media",
    is_flag=True,
    help="With --static: copy films and sounds too. They belong to their authors: do not publish them.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
@click.pass_context
def review(
    ctx: click.Context,
    settings: Settings,
    manifest: str | None,
    release: str | None,
    compared: tuple[str, ...],
    host: str,
    port: int,
    database: Path | None,
    token_file: Path | None,
    reviewer: str,
    static: Path | None,
    media: bool,
    open_browser: bool,
) -> None:
    """Look at clips and poses in a browser, and decide.

    Serves a page on this machine until Ctrl-C. Decisions are kept in a database; `popdanceset review export`
    writes those in force to the manifest, where the other commands obey them.
    """
    if ctx.invoked_subcommand is not None:
        _check_nothing_given(ctx)
        return
    from popdanceset.review.opening import open_release_room, open_store_room, read_token
    from popdanceset.review.security import Access

    access = Access(host, read_token(token_file, TOKEN_VARIABLE))
    if release is not None:
        if manifest or database or reviewer:
            raise click.UsageError(
                "a release is read-only: --manifest, --database and --reviewer have no use"
            )
        given = ctx.get_parameter_source("store") is click.core.ParameterSource.COMMANDLINE
        room = open_release_room(settings, release, given, compared)
    else:
        room = open_store_room(settings, manifest, database, compared, reviewer)
    if static is not None:
        _export(room, static, media)
        return
    _serve(room, access, port, open_browser)


for _command in (export, statistics, vendor):
    review.add_command(_command)


def _check_nothing_given(ctx: click.Context) -> None:
    """Does nothing if no option stands before the name of a subcommand, which would not see it.

    Raises:
        UsageError: one does.
    """
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"give {parameter.opts[0]} after `{ctx.invoked_subcommand}`, not before it"
            )


def _export(room: Room, out: Path, media: bool) -> None:
    from popdanceset.progress import display, track
    from popdanceset.review.static import export_static
    from popdanceset.wording import counted

    with display(), track("clips", len(room.clips().rows)) as advance:
        done = export_static(room, out, media, advance)
    what = "with" if media else "without"
    click.echo(
        f"{out / 'index.html'}  {counted(done.clips, 'clip')} {what} films and sounds, "
        f"{done.bytes / 1e6:.1f} MB; {done.kept} kept from before"
    )
    for clip_id in done.failed:
        click.echo(f"  left out {clip_id}")


def _serve(room: Room, access: Access, port: int, open_browser: bool) -> None:
    import threading
    import webbrowser

    from popdanceset.review.serving import address_of, check_uvicorn, listen, serve

    check_uvicorn()
    listening = listen(access.host, port)
    if warning := page_warning():
        click.echo(f"review: {warning}", err=True)

    def ready() -> None:
        address = address_of(listening)
        click.echo(f"{room.title}: {address} (Ctrl-C to stop)")
        if open_browser:
            webbrowser.open(address)

    from popdanceset.review.api import create_app

    # The list of a large store takes a second or two; the page need not wait for it.
    threading.Thread(target=room.preload, daemon=True).start()
    serve(create_app(room, access), listening, ready)
