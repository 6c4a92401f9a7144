"""The `popdanceset` command. Its commands are the entry points of group `popdanceset.commands`."""

from __future__ import annotations

import logging
from importlib.metadata import entry_points
from typing import NoReturn

import click

from popdanceset import __version__
from popdanceset.commands import run
from popdanceset.errors import PopDanceSetError

GROUP = "popdanceset.commands"
ORDER = (
    *("demo", "crawl", "fit", "select", "acquire", "extract", "features", "review", "publish", "report"),
    *("train", "sample", "evaluate", "bench", "convert", "render"),
)


class _Commands(click.Group):
    """Finds commands by name. Lists them in the order of the pipeline, and the others alphabetically."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = {point.name for point in entry_points(group=GROUP)}
        return [n for n in ORDER if n in names] + sorted(names - set(ORDER))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for point in entry_points(group=GROUP, name=cmd_name):
            try:
                command = point.load()
            except (ImportError, AttributeError) as error:
                return _broken(cmd_name, point.value, error)
            assert isinstance(command, click.Command)
            return command
        return None


def _broken(name: str, where: str, error: Exception) -> click.Command:
    """Replaces a command whose package cannot be imported, so that the other commands still work."""

    def complain(args: tuple[str, ...]) -> NoReturn:
        raise PopDanceSetError(f"command {name!r} cannot be loaded: {error}", where, "reinstall its package")

    arguments = click.Argument(["args"], nargs=-1, type=click.UNPROCESSED)
    return click.Command(
        name,
        callback=complain,
        params=[arguments],
        short_help="(cannot be loaded)",
        context_settings={"ignore_unknown_options": True},
        add_help_option=False,
    )


@click.command(cls=_Commands)
@click.version_option(__version__, prog_name="popdanceset")
@click.option("-v", "--verbose", is_flag=True, help="Log what each stage does.")
def popdanceset(verbose: bool) -> None:
    """Keep a popular-dance dataset alive: crawl, score, clip, pose, publish; train on it."""
    if verbose:
        for package in ("popdanceset", "hybrik_runner", "training"):  # not the HTTP client of Prefect
            logging.getLogger(package).setLevel(logging.INFO)


def main() -> NoReturn:
    """Runs the command line."""
    run(popdanceset, "popdanceset")
