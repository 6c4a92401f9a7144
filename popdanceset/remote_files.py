"""Files of other machines, read in ranges: `https://` with requests, everything else through fsspec.

A web server cannot list folders and a reader does not need it to: a release's `meta/info.json` names its
files. fsspec's own http file system needs aiohttp and reads ahead; this one needs requests, which the crawler
uses anyway, and fetches exactly the bytes that a parquet reader asks for.
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

import fsspec
import pyarrow as pa
import pyarrow.fs as pafs
import requests
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from popdanceset import __version__

ATTEMPTS = 4
"""Requests for the same bytes before a read fails; the pauses between them grow from PAUSE, in seconds."""

PAUSE = 0.5
LONGEST_PAUSE = 30.0
TIMEOUT = (10.0, 30.0)
"""Seconds until a connection, and from one piece of an answer to the next."""

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)")
_BUSY = (408, 425, 429, 500, 502, 503, 504)


class RemoteError(OSError):
    """A server did not give what was asked for. The text is for people and contains no address."""

    def __init__(self, what: str) -> None:
        super().__init__(errno.EIO, what)

    def __str__(self) -> str:
        return str(self.strerror)


def remote_files(address: str) -> tuple[pafs.FileSystem, str]:
    """Returns a pyarrow file system for an address with a scheme, and the root folder in it.

    Raises:
        ValueError, ImportError, OSError: fsspec does not know the scheme, or lacks the package for it.
    """
    if address.startswith(("http://", "https://")):
        scheme, host, path, query, _ = urlsplit(address)
        if not host:
            raise ValueError("it names no host")
        files, root = HttpFiles(scheme=scheme, query=query), f"{host}{path}".rstrip("/")
    else:
        files, root = fsspec.core.url_to_fs(address)
    return pafs.PyFileSystem(_Handler(files)), root


class HttpFiles(AbstractFileSystem):  # type: ignore[misc]
    """A read-only file system of one web server that answers requests for ranges.

    Paths are `host/path`, without the scheme.

    Args:
        scheme: `https` or `http`.
        query: added to every request, for servers that grant access by it.
    """

    protocol = "https"

    def __init__(self, scheme: str = "https", query: str = "", **options: Any) -> None:
        super().__init__(**options)
        self._scheme, self._query = scheme, query
        self._local = threading.local()
        self._sizes: dict[str, int] = {}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size and type of a file; asks the server for its first byte.

        Raises:
            FileNotFoundError: there is no such file.
            RemoteError: the server does not answer, refuses, or ignores ranges.
        """
        if path not in self._sizes:
            self.read_range(path, 0, 1)
        return {"name": path, "size": self._sizes[path], "type": "file"}

    def ls(self, path: str, detail: bool = True, **_: Any) -> NoReturn:
        """Raises RemoteError: a web server does not list its folders."""
        raise RemoteError("a web server does not list its folders")

    def isdir(self, path: str) -> NoReturn:
        """Raises RemoteError: a web server has no folders."""
        self.ls(path)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> _HttpFile:
        if mode != "rb":
            raise RemoteError("a web server is read-only; give a folder or s3://bucket/prefix")
        return _HttpFile(self, path, mode, size=self.info(path)["size"], **options)

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """Bytes start … end - 1 of a file; an interrupted answer is continued where it ended.

        Raises:
            FileNotFoundError: there is no such file.
            RemoteError: the server does not answer, refuses, or ignores ranges.
        """
        received = bytearray()
        attempt = 0
        while len(received) < end - start:
            before = len(received)
            try:
                if not self._receive(path, start, end, received):
                    return bytes(received)  # the file ends here
            except _PassingError as error:
                attempt = 1 if len(received) > before else attempt + 1
                if attempt >= ATTEMPTS:
                    raise RemoteError(str(error)) from error
                time.sleep(min(error.pause or PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE))
        return bytes(received)

    def _receive(self, path: str, start: int, end: int, received: bytearray) -> bool:
        """One request for what is missing; false if the file has nothing more."""
        first = start + len(received)
        try:
            with self._session().get(
                self._url(path),
                headers={"Range": f"bytes={first}-{end - 1}", "Accept-Encoding": "identity"},
                stream=True,
                timeout=TIMEOUT,
            ) as answer:
                last, size = _checked(answer, path, first)
                if self._sizes.setdefault(path, size) != size:
                    raise RemoteError("the file changed while it was read")
                if last < first:
                    return False
                missing = min(last + 1, end) - first
                while missing and (piece := answer.raw.read(min(missing, 1 << 20))):
                    received += piece
                    missing -= len(piece)
                if missing:
                    raise _PassingError("the connection was lost")
                return last + 1 >= end or last + 1 < size
        except requests.exceptions.SSLError as error:
            raise RemoteError(f"TLS: {_innermost(error)}") from error
        except requests.exceptions.Timeout as error:
            raise _PassingError("the server does not answer in time") from error
        except requests.exceptions.ConnectionError as error:
            raise _PassingError(f"no connection: {_innermost(error)}") from error
        except requests.exceptions.RequestException as error:
            raise RemoteError(f"the request failed: {type(error).__name__}") from error
        except (OSError, _transport_errors()) as error:
            if isinstance(error, FileNotFoundError | RemoteError | PermissionError):
                raise
            raise _PassingError("the connection was lost") from error

    def _url(self, path: str) -> str:
        host, _, below = path.partition("/")
        query = f"?{self._query}" if self._query else ""
        return f"{self._scheme}://{host}/{quote(below, safe='/%:@~+$,;=!*()&')}{query}"

    def _session(self) -> requests.Session:
        # One for each thread, and new ones after a fork: a connection cannot be shared.
        own: tuple[int, requests.Session] | None = getattr(self._local, "session", None)
        if own is None or own[0] != os.getpid():
            session = requests.Session()
            session.headers["User-Agent"] = f"popdanceset/{__version__}"
            own = self._local.session = (os.getpid(), session)
        return own[1]

    def __reduce__(self) -> tuple[Any, ...]:
        return (HttpFiles, (self._scheme, self._query))


class _HttpFile(AbstractBufferedFile):  # type: ignore[misc]
    def _fetch_range(self, start: int, end: int) -> bytes:
        data: bytes = self.fs.read_range(self.path, start, end)
        return data


class _PassingError(Exception):
    """Another attempt may succeed.

    Args:
        pause: seconds that the server asks to wait; 0: it does not say.
    """

    def __init__(self, what: str, pause: float = 0.0) -> None:
        super().__init__(what)
        self.pause = pause


def _checked(answer: requests.Response, path: str, first: int) -> tuple[int, int]:
    """Returns the last byte that an answer contains, first - 1 if none, and the size of the file."""
    status = answer.status_code
    if status in (404, 410):
        raise FileNotFoundError(path)
    if status in (401, 403):
        raise PermissionError(f"the server refuses access (HTTP {status})")
    if status in _BUSY:
        with suppress(ValueError):
            raise _PassingError(f"HTTP {status}", float(answer.headers.get("Retry-After", "")))
        raise _PassingError(f"the server is busy (HTTP {status})")
    if status == 200:
        raise RemoteError(
            "the server does not support range requests; copy the release to a folder, or ask for another "
            "server"
        )
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if status not in (206, 416) or not found or (status == 206) != bool(found[1]):
        raise RemoteError(f"unexpected answer of the server (HTTP {status})")
    if status == 416:
        return first - 1, int(found[3])
    if int(found[1]) != first or answer.headers.get("Content-Encoding", "identity") != "identity":
        raise RemoteError("the server sent another range than the one requested")
    return int(found[2]), int(found[3])


def _innermost(error: BaseException) -> str:
    """The reason at the bottom of nested exceptions; the outer ones repeat the address, with its query."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        nested = [getattr(error, "reason", None), *error.args, error.__cause__, error.__context__]
        error = next((e for e in nested if isinstance(e, BaseException) and id(e) not in seen), error)
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:200]


def _transport_errors() -> type[BaseException]:
    from urllib3.exceptions import HTTPError

    return HTTPError


class _Handler(pafs.FSSpecHandler):  # type: ignore[misc]
    """An fsspec file system in pyarrow that reads exactly what is asked for, and fails with OSError only."""

    def open_input_file(self, path: str) -> pa.PythonFile:
        with _faults():
            return pa.PythonFile(_File(self.fs.open(path, mode="rb", cache_type="none")), mode="r")

    def open_input_stream(self, path: str) -> pa.PythonFile:
        with _faults():
            return pa.PythonFile(_File(self.fs.open(path, mode="rb")), mode="r")

    def get_file_info(self, paths: list[str]) -> list[pafs.FileInfo]:
        with _faults():
            found: list[pafs.FileInfo] = super().get_file_info(paths)
        return found

    def get_file_info_selector(self, selector: pafs.FileSelector) -> list[pafs.FileInfo]:
        with _faults():
            found: list[pafs.FileInfo] = super().get_file_info_selector(selector)
        return found


class _File:
    """A file whose reads fail with OSError only."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.seek: Callable[..., int] = file.seek
        self.tell: Callable[[], int] = file.tell
        self.close: Callable[[], None] = file.close

    @property
    def closed(self) -> bool:
        return bool(self._file.closed)

    def read(self, size: int = -1) -> bytes:
        with _faults():
            data: bytes = self._file.read(size)
        return data

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False


@contextmanager
def _faults() -> Any:
    """Turns the exceptions of other libraries (httpx, botocore, …) into OSError."""
    try:
        yield
    except (OSError, NotImplementedError):
        raise
    except Exception as error:
        raise RemoteError(f"{type(error).__name__}: {error}".splitlines()[0][:300]) from error
