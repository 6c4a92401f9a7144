"""A web server that serves a folder in ranges, counts what it sends, and can misbehave."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Web(ThreadingHTTPServer):
    """Serves `folder` below `/`.

    Attributes:
        requests: (path with query, first byte, number of bytes) of every answer with content.
        faults: what happens to the next requests, one after the other: a status, `cut` (the connection ends
            in the middle of the answer), or `whole` (ranges are ignored). "" is an ordinary answer.
        ranges: whether ranges are served; otherwise every answer is the whole file.
        latency: seconds before each answer.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.requests: list[tuple[str, int, int]] = []
        self.faults: list[str] = []
        self.ranges = True
        self.headers: dict[str, str] = {}
        self.latency = 0.0
        self.gone = False
        self.dataset = ""

    @property
    def address(self) -> str:
        """Address of the folder."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def sent(self) -> int:
        """Bytes of content sent so far."""
        return sum(count for _, _, count in self.requests)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Web

    def do_GET(self) -> None:
        if self.server.gone:
            self.close_connection = True
            return
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if self.server.latency:
            threading.Event().wait(self.server.latency)
        file = self.server.folder / unquote(urlsplit(self.path).path).lstrip("/")
        if fault.isdigit():
            self._answer(int(fault), b"", self.server.headers)
            return
        if not file.is_file():
            self._answer(404, b"", {})
            return
        data = file.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked or not self.server.ranges or fault == "whole":
            self._count(0, len(data))
            self._answer(200, data, {})
            return
        first = int(asked[1])
        last = min(int(asked[2] or len(data)), len(data) - 1)
        if first > last:
            self._answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        part = data[first : last + 1]
        headers = {"Content-Range": f"bytes {first}-{last}/{len(data)}"}
        if fault == "cut":
            self._count(first, len(part) // 2)
            self._answer(206, part[: len(part) // 2], headers, length=len(part))
            self.close_connection = True
            return
        self._count(first, len(part))
        self._answer(206, part, headers)

    def _count(self, first: int, count: int) -> None:
        self.server.requests.append((self.path, first, count))

    def _answer(self, status: int, data: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        with suppress(ConnectionError):  # the reader may stop early
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@contextmanager
def serve(folder: Path) -> Iterator[Web]:
    """Serves a folder for the block."""
    with Web(folder) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield web
        finally:
            web.gone = True  # for connections that are still open
            web.shutdown()
            thread.join()


class _HubHandler(_Handler):
    """The calls of Hugging Face's hub that reading makes, for one dataset."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        found = re.fullmatch(
            rf"/api/datasets/{self.server.dataset}(?:/(?:revision|tree)/([^/]+)(/.*)?)?", path
        )
        if found and "/tree/" in path:
            self._json(self._tree(unquote(found[2] or "").strip("/")))
        elif found:
            self._json({"id": self.server.dataset, "sha": "1" * 40, "siblings": []})
        elif match := re.fullmatch(rf"/datasets/{self.server.dataset}/resolve/[^/]+(/.*)", path):
            self.path = match[1]
            super().do_GET()
        else:
            self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _tree(self, folder: str) -> list[dict[str, object]]:
        root = self.server.folder
        return [
            {
                "type": "directory" if item.is_dir() else "file",
                "path": item.relative_to(root).as_posix(),
                "oid": "2" * 40,
                "size": 0 if item.is_dir() else item.stat().st_size,
            }
            for item in sorted((root / folder).iterdir())
        ]

    def _json(self, document: object) -> None:
        self._answer(200, json.dumps(document).encode(), {"Content-Type": "application/json"})


@contextmanager
def serve_hub(folder: Path, dataset: str) -> Iterator[Web]:
    """Serves a folder as a dataset of the hub for the block."""
    with serve(folder) as web:
        web.dataset = dataset
        web.RequestHandlerClass = _HubHandler
        yield web
