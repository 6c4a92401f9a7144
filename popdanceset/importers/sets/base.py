"""What every set of files keeps: its path, and what the user states about it."""

from __future__ import annotations

from pathlib import Path

from popdanceset.importers.items import Options


class FileSet:
    """A set in a folder or file.

    Args:
        path: of the set.
        options: the user's.
    """

    def __init__(self, path: Path, options: Options) -> None:
        self._path, self._options = path, options

    @property
    def identity(self) -> str:
        """What the user states about the files."""
        return repr(self._options.conventions)
