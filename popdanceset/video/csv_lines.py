"""Reads the CSV files of a manifest that people may edit: each line is checked by a pydantic model."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from popdanceset.errors import ManifestError


class Line(BaseModel):
    """A line; its fields are columns, and columns that are not fields are ignored.

    A field with a default is a column that may be missing, or blank.
    """

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)


Model = TypeVar("Model", bound=Line)


def read_lines(path: Path, model: type[Model]) -> Iterator[tuple[str, Model]]:
    """Yields each line of a file with its place, for messages; nothing if the file does not exist.

    Raises:
        ManifestError: the file is unreadable, lacks a column, or a cell has a wrong value.
    """
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    optional = [name for name in model.model_fields if name not in required]
    try:
        reader = csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""), strict=True)
        if lacking := [name for name in required if name not in (reader.fieldnames or ())]:
            raise ManifestError(f"columns {', '.join(lacking)} are missing", path, "add them")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            try:
                cells = {name: row[name] or "" for name in required}
                line = model.model_validate(cells | {name: row[name] for name in optional if row.get(name)})
            except ValidationError as error:
                first = error.errors()[0]
                column = str(first["loc"][0]) if first["loc"] else ""
                wrong = f"{column} cannot be {str(row[column])[:40]!r}" if column else first["msg"]
                raise ManifestError(wrong, where, "correct or remove the line") from error
            yield where, line
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"cannot be read: {error}", path, "correct the file") from error
