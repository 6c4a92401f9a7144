"""A hash of a release's content that does not depend on the files it is written to."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pyarrow as pa


class ContentHash:
    """Hashes tables and documents; the same inputs in the same order have the same hash."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add_table(self, table: pa.Table) -> None:
        """Adds names, types and values of all columns, but not how they are chunked or compressed."""
        for field, column in zip(table.schema, table.columns, strict=True):
            values = column.combine_chunks()
            if pa.types.is_dictionary(values.type):
                values = values.dictionary_decode()
            self._digest.update(f"{field.name} {values.type} {len(values)}\n".encode())
            if values.null_count:
                self._digest.update(values.is_null().to_numpy(zero_copy_only=False).tobytes())
            if pa.types.is_fixed_size_list(values.type):
                values = values.flatten()
            if pa.types.is_string(values.type):
                self.add_document(values.to_pylist())
            else:
                self._digest.update(values.to_numpy(zero_copy_only=False).tobytes())

    def add_document(self, document: Any) -> None:
        """Adds plain data."""
        self._digest.update(json.dumps(document, sort_keys=True).encode())

    def __str__(self) -> str:
        return f"sha256:{self._digest.hexdigest()}"
