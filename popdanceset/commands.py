"""What every command shares: the settings options, and where its results go."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from popdanceset.settings import Settings


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--store`, `--config` and `--set`, and hands the command its `settings` as first argument."""

    @click.option("--store", metavar="ADDRESS", help="Folder or s3:// address of tables and media.")
    @click.option("--config", metavar="FILE", help="TOML file of settings (default: popdanceset.toml).")
    @click.option(
        "--set", "assignments", metavar="NAME=VALUE", multiple=True, help="A setting; may be repeated."
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any, store: str | None, config: str | None, assignments: tuple[str, ...], **options: Any
    ) -> Any:
        from popdanceset.settings import Settings, parse_assignments

        overrides = parse_assignments(assignments)
        if store is not None:
            overrides["store"] = store
        return command(Settings.load(config, overrides), *args, **options)

    return wrapper


def with_values(settings: Settings, group: str, **values: Any) -> Settings:
    """Settings in which options given on the command line (not None) replace the group's values.

    Raises:
        SettingsError: a value does not fit.
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
