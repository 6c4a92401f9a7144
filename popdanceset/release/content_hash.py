"""Hashes of a release's content that do not depend on the files it is written to."""

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
        """Adds names, types and values of all columns, but not how they are chunked or compressed.

        A column of nulls adds nothing: a table has the same hash before and after a newer schema adds a
        column that it does not fill.
        """
        for field, column in zip(table.schema, table.columns, strict=True):
            if column.null_count == len(column):
                continue
            values = column.combine_chunks()
            words = pa.types.is_dictionary(values.type) or pa.types.is_string(values.type)
            if pa.types.is_dictionary(values.type):
                values = values.dictionary_decode()
            self._digest.update(f"{field.name} {values.type} {len(values)}\n".encode())
            if values.null_count:
                self._digest.update(values.is_valid().to_numpy(zero_copy_only=False).tobytes())
                values = values.drop_null()
            if words:
                # Words repeat: each one once, then which of them follow each other.
                encoded = values.dictionary_encode()
                self.add_document(encoded.dictionary.to_pylist())
                values = encoded.indices
            elif pa.types.is_fixed_size_list(values.type):
                values = values.flatten()
            self._digest.update(values.to_numpy(zero_copy_only=False).tobytes())

    def add_document(self, document: Any) -> None:
        """Adds plain data."""
        self._digest.update(json.dumps(document, sort_keys=True).encode())

    def __str__(self) -> str:
        return f"sha256:{self._digest.hexdigest()}"


def rows_hash(rows: pa.Table) -> str:
    """Returns the hash of a clip's rows of one table."""
    content = ContentHash()
    content.add_table(rows)
    return str(content)
