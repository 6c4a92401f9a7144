"""The page's own files: index.html, scripts, styles. They are found once, so that no request names a path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from starlette.responses import Response

PAGE = Path(__file__).with_name("page")
INDEX = "index.html"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


class PageFiles:
    """The files below a folder, by their names in addresses.

    Args:
        folder: with `index.html`.
        more: name → another folder, whose files have names below it.
        index: name of the first page.
    """

    def __init__(
        self, folder: Path = PAGE, more: Mapping[str, Path] | None = None, index: str = INDEX
    ) -> None:
        self.index = index
        self._files = {
            (PurePosixPath(name) / path.relative_to(below).as_posix()).as_posix(): path
            for name, below in {"": folder, **(more or {})}.items()
            for path in below.rglob("*")
            if path.suffix in _TYPES and path.is_file() and not path.name.startswith(".")
        }

    def response(self, name: str, known: str | None = None) -> Response | None:
        """Answers a request for a file.

        Args:
            name: as in the address, below `/page/`.
            known: the If-None-Match header: what the browser has.

        Returns:
            None if there is no such file.
        """
        path = self._files.get(name)
        if path is None:
            return None
        try:
            state = path.stat()
            tag = f'"{state.st_size:x}-{state.st_mtime_ns:x}"'
            headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Type": _TYPES[path.suffix]}
            if known == tag:
                return Response(status_code=304, headers=headers)
            return Response(path.read_bytes(), headers=headers)
        except FileNotFoundError:
            return None
