"""`popdanceset settings`: prints every setting as TOML, ready to be saved and edited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings

if TYPE_CHECKING:
    from pydantic import BaseModel

    from popdanceset.settings import Settings


@click.command()
@with_settings
def settings(settings: Settings) -> None:
    """Print every setting with its meaning, as TOML.

    Settings with their default are commented out; those that the file, the environment or --set changed are
    not. Save the output as popdanceset.toml and edit it.
    """
    click.echo(as_toml(settings))


def as_toml(settings: Settings) -> str:
    """Formats the settings as a TOML document that loads to the same settings."""
    return "\n\n".join("\n".join(paragraph) for paragraph in _paragraphs(settings, ""))


def _paragraphs(group: BaseModel, path: str) -> Iterator[list[str]]:
    """Yields the group's own settings, then one paragraph for each group inside it."""
    from pydantic import BaseModel, SecretStr

    lines = [f"# {' '.join((type(group).__doc__ or '').split())}", f"[{path}]"] if path else []
    inner = {}
    for name, field in type(group).model_fields.items():
        value, default = getattr(group, name), field.default
        if isinstance(value, BaseModel):
            inner[f"{path}.{name}".lstrip(".")] = value
            continue
        if field.description:
            lines.append(f"# {field.description}")
        if isinstance(value, SecretStr):
            lines.append(f"# {name}: {'set, and not shown' if value.get_secret_value() else 'not set'}")
            continue
        assignment = f"{name} = {_literal(value)}"
        lines.append(
            f"# {assignment}" if value == default else f"{assignment}  # default: {_literal(default)}"
        )
    yield lines
    for name, value in inner.items():
        yield from _paragraphs(value, name)


def _literal(value: object) -> str:
    # The JSON literals of these types are also TOML literals, except that JSON allows the character DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
