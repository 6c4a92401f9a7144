"""What all commands share: the options for settings, and the way errors end a program."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from popdanceset.errors import PopDanceSetError

if TYPE_CHECKING:
    from popdanceset.settings import Settings


class UserPath(click.Path):
    """A path given by the user, in which `~` is the home folder wherever the shell left it."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Returns the path."""
        found = Path(str(super().convert(value, param, ctx)))
        try:
            return found.expanduser()
        except RuntimeError:  # a user who does not exist: then it is a name that begins with ~
            return found


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--store`, `--config` and `--set`; passes the command its `settings` as first argument."""

    @click.option("--store", metavar="ADDRESS", help="Folder or s3:// address of the store.")
    @click.option("--config", metavar="FILE", help="TOML file with settings (default: popdanceset.toml).")
    @click.option(
        "--set",
        "assignments",
        metavar="NAME=VALUE",
        multiple=True,
        help="Override a setting; may be repeated.",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any, store: str | None, config: str | None, assignments: tuple[str, ...], **options: Any
    ) -> Any:
        from popdanceset.logs import configure
        from popdanceset.settings import Settings, parse_assignments

        overrides = parse_assignments(assignments)
        if store is not None:
            overrides["store"] = store
        settings = Settings.load(config, overrides)
        configure(settings.log.format)
        return command(settings, *args, **options)

    return wrapper


def with_values(settings: Settings, group: str, **values: Any) -> Settings:
    """Returns settings in which the given command-line options (not None) replace a group's values.

    Raises:
        SettingsError: a value is invalid.
    """
    from pydantic import ValidationError

    from popdanceset.errors import SettingsError

    given = {name: value for name, value in values.items() if value is not None}
    current = getattr(settings, group)
    try:
        changed = type(current).model_validate(current.model_dump() | given)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"setting '{group}.{first['loc'][0]}': {first['msg']}") from error
    return settings.model_copy(update={group: changed})


def run(command: click.Command, name: str) -> NoReturn:
    """Runs a command line. An error becomes one line on standard error and its exception's exit code.

    Args:
        command: the command to run.
        name: the name that the user typed, for messages.
    """
    from popdanceset.logs import configure

    configure()
    try:
        code = command(prog_name=name, standalone_mode=False) or 0
    except PopDanceSetError as error:
        click.echo(f"{name}: {error}", err=True)
        code = error.exit_code
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"{name}: interrupted; finished work is kept", err=True)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)
