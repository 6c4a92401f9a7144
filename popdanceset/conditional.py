"""Conditional writes: files that one writer alone can create, or replace as it has read them.

Everything that several machines must agree on rests on them: who extracts a clip (`popdanceset.leases`), who
publishes a release, whether a video was withdrawn before.

    folders          a hard link creates a file; a brief lock guards a replacement
    s3://            `If-None-Match: *` creates an object, `If-Match: ETAG` replaces it, through obstore
                     (extra `s3`), since pyarrow's client sends neither
    memory://        a lock of this process

Other addresses have no conditional writes. A server that ignores the conditions is found out before the first
of them is relied on.

S3 is addressed as pyarrow addresses it: keys and options in the address (`region`, `endpoint_override`,
`scheme`, `force_virtual_addressing`), AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL. Keys come from the address,
the AWS_… environment variables, the shared credentials file (static keys of AWS_PROFILE or `default`), a web
identity, or the container's or machine's role. Single sign-on, roles to assume and `credential_process` of a
profile are not supported here, although pyarrow knows them: export the keys to the environment.
"""

from __future__ import annotations

import configparser
import contextlib
import errno
import hashlib
import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from popdanceset.atomic import atomic_write, link_new
from popdanceset.errors import StoreError
from popdanceset.locks import locked_briefly

if TYPE_CHECKING:
    import pyarrow.fs as pafs

T = TypeVar("T")

ATTEMPTS = 6
"""Requests for the same write before it fails; the pauses between them grow from PAUSE, in seconds."""

PAUSE = 0.25
TIMEOUT = 20.0
"""Seconds for one request."""


class ConditionalFiles(Protocol):
    """Conditional writes below one store. A version is an opaque text that changes with the content.

    Data should be unlike everybody else's, e.g. name its writer: after an answer that was lost, what is
    stored is read to learn whether the write came through.
    """

    def create(self, path: str, data: bytes) -> str | None:
        """Writes a file that does not exist; returns its version, None if the file exists."""
        ...

    def read(self, path: str) -> tuple[bytes, str] | None:
        """Reads a file with its version; None if it does not exist."""
        ...

    def replace(self, path: str, data: bytes, version: str) -> str | None:
        """Replaces a file that has this version; returns the new one, None if it is gone or another."""
        ...

    def remove(self, path: str) -> None:
        """Deletes a file, if it exists."""
        ...


def conditional_files(
    address: str, files: pafs.FileSystem, root: str, lock: Path | None = None
) -> ConditionalFiles:
    """Returns the conditional writes of an address.

    Args:
        address: of the store.
        files: its pyarrow file system.
        root: its folder there; paths lie below it.
        lock: of a folder: file to lock while one of its files is replaced; None: not a folder.

    Raises:
        StoreError: the address has none, or the package obstore is missing.
    """
    if lock is not None:
        return _Folder(lock)
    if address.startswith("s3://"):
        return _S3(address, files, root)
    if address.startswith("memory://"):
        return _Memory(files)
    raise StoreError(
        "this kind of store has no conditional writes, so that two workers could do the same work",
        address.partition("?")[0],
        "use a folder or s3://bucket/prefix",
    )


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class _Folder:
    def __init__(self, lock: Path) -> None:
        self._lock = lock

    def create(self, path: str, data: bytes) -> str | None:
        try:
            return _hash(data) if link_new(Path(path), data) else None
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
                raise
        with locked_briefly(self._lock):  # a file system without hard links
            if Path(path).exists():
                return None
            return self._written(path, data)

    def read(self, path: str) -> tuple[bytes, str] | None:
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            return None
        return data, _hash(data)

    def replace(self, path: str, data: bytes, version: str) -> str | None:
        with locked_briefly(self._lock):
            found = self.read(path)
            return self._written(path, data) if found and found[1] == version else None

    def remove(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)

    def _written(self, path: str, data: bytes) -> str:
        with atomic_write(Path(path)) as file:
            file.write(data)
        return _hash(data)


_in_memory = threading.Lock()


class _Memory:
    def __init__(self, files: pafs.FileSystem) -> None:
        self._files = files

    def create(self, path: str, data: bytes) -> str | None:
        with _in_memory:
            return None if self._found(path) else self._written(path, data)

    def read(self, path: str) -> tuple[bytes, str] | None:
        with _in_memory:
            return self._found(path)

    def replace(self, path: str, data: bytes, version: str) -> str | None:
        with _in_memory:
            found = self._found(path)
            return self._written(path, data) if found and found[1] == version else None

    def remove(self, path: str) -> None:
        with _in_memory, contextlib.suppress(FileNotFoundError):
            self._files.delete_file(path)

    def _found(self, path: str) -> tuple[bytes, str] | None:
        try:
            with self._files.open_input_file(path) as file:
                data = bytes(file.read())
        except FileNotFoundError:
            return None
        return data, _hash(data)

    def _written(self, path: str, data: bytes) -> str:
        with self._files.open_output_stream(path) as stream:
            stream.write(data)
        return _hash(data)


# -- S3


class _PassingError(Exception):
    """Another attempt may succeed; this one may have come through."""


_checked: set[str] = set()
_checking = threading.Lock()


class _S3:
    """Objects of one bucket. Paths are `bucket/key`, as pyarrow's."""

    def __init__(self, address: str, files: pafs.FileSystem, root: str) -> None:
        self._address, self._root = address, root
        try:
            import obstore
            from obstore.exceptions import (
                AlreadyExistsError,
                BaseError,
                NotSupportedError,
                PermissionDeniedError,
                PreconditionError,
                UnauthenticatedError,
            )
            from obstore.store import S3Store
        except ImportError as error:
            raise StoreError(
                "an s3:// store needs the package obstore, so that two workers never do the same work",
                f"s3://{self._root}",
                "pip install 'popdanceset[s3]'",
            ) from error
        self._obstore, self._exists, self._changed = obstore, AlreadyExistsError, PreconditionError
        self._refused = (PermissionDeniedError, UnauthenticatedError)
        self._unsupported, self._any = NotSupportedError, BaseError
        self._objects = S3Store(
            root.partition("/")[0],
            # Retried here, where it is known whether an earlier attempt may have come through.
            retry_config={"max_retries": 0},
            client_options={
                "allow_http": True,
                "timeout": timedelta(seconds=TIMEOUT),
                "connect_timeout": timedelta(seconds=5),
            },
            **s3_options(address, getattr(files, "region", "")),
        )

    def create(self, path: str, data: bytes) -> str | None:
        self._check()
        return self._write(path, data, "create")

    def replace(self, path: str, data: bytes, version: str) -> str | None:
        self._check()
        return self._write(path, data, {"e_tag": version})

    def read(self, path: str) -> tuple[bytes, str] | None:
        def get() -> tuple[bytes, str] | None:
            try:
                found = self._obstore.get(self._objects, self._key(path))
                return bytes(found.bytes()), str(found.meta["e_tag"])
            except FileNotFoundError:
                return None

        return self._retried(path, get)[0]

    def remove(self, path: str) -> None:
        def delete() -> None:
            with contextlib.suppress(FileNotFoundError):
                self._obstore.delete(self._objects, self._key(path))

        self._retried(path, delete)

    def _write(self, path: str, data: bytes, mode: Any) -> str | None:
        def put() -> str | None:
            try:
                return str(self._obstore.put(self._objects, self._key(path), data, mode=mode)["e_tag"])
            except self._changed:
                return None
            except self._exists as error:
                if mode != "create":  # another request is replacing it at this moment
                    raise _PassingError(_first_line(error)) from error
                return None

        version, again = self._retried(path, put)
        if version is None and again and (found := self.read(path)) and found[0] == data:
            return found[1]  # an earlier attempt came through, and its answer was lost
        return version

    def _retried(self, path: str, request: Callable[[], T]) -> tuple[T, bool]:
        """Returns the result of a request, and whether it took several attempts."""
        attempt = 0
        while True:
            try:
                return request(), attempt > 0
            except (*self._refused, self._unsupported) as error:
                raise self._failed(path, error) from error
            except (self._any, OSError, _PassingError) as error:
                attempt += 1
                if attempt == ATTEMPTS:
                    raise self._failed(path, error) from error
                time.sleep(PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))

    def _failed(self, path: str, error: Exception) -> StoreError:
        return StoreError(
            f"not readable or writable: {_first_line(error)}",
            f"s3://{path}",
            "check address, keys and permissions, and run again: finished work is kept",
        )

    def _key(self, path: str) -> str:
        return path.partition("/")[2]

    def _check(self) -> None:
        """Finds out once whether the server honours the conditions.

        Raises:
            StoreError: it ignores or refuses them.
        """
        with _checking:
            if self._address in _checked:
                return
            path = f"{self._root}/.probe-{secrets.token_hex(8)}"
            try:
                version = self._write(path, b"first", "create")
                honoured = version is not None and self._write(path, b"second", "create") is None
                honoured = honoured and self._write(path, b"third", {"e_tag": '"another"'}) is None
            except StoreError as error:
                if "501" not in error.what and "NotImplemented" not in error.what:
                    raise
                honoured = False
            finally:
                with contextlib.suppress(StoreError):
                    self.remove(path)
            if not honoured:
                raise StoreError(
                    "this server ignores If-None-Match or If-Match: two workers could do the same work",
                    f"s3://{self._root}",
                    "use a server with conditional writes, e.g. Amazon S3 or a current MinIO, or a folder",
                )
            _checked.add(self._address)


def s3_options(address: str, region: str = "") -> dict[str, Any]:
    """Returns obstore's options for an address that pyarrow understands.

    Args:
        address: `s3://[KEY:SECRET@]bucket/prefix[?option=value&…]`.
        region: the bucket's, as pyarrow has found it; the address wins.
    """
    url = urlsplit(address)
    query = dict(parse_qsl(url.query))
    endpoint = query.get("endpoint_override", "")
    if endpoint and "://" not in endpoint:
        endpoint = f"{query.get('scheme', 'https')}://{endpoint}"
    endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    virtual = query.get("force_virtual_addressing", "").lower() in ("1", "true") or not endpoint
    options: dict[str, Any] = {"virtual_hosted_style_request": virtual}
    options["region"] = query.get("region") or region or "us-east-1"
    if endpoint:
        scheme, _, host = endpoint.partition("://")
        options["endpoint"] = f"{scheme}://{url.hostname}.{host}" if virtual else endpoint
    if url.username:
        options["access_key_id"] = unquote(url.username)
        options["secret_access_key"] = unquote(url.password or "")
    elif "AWS_ACCESS_KEY_ID" not in os.environ:
        options |= _of_profile(os.environ)
    return options


def _of_profile(environment: Mapping[str, str]) -> dict[str, str]:
    """Static keys of the shared credentials file; empty if it has none."""
    named = environment.get("AWS_SHARED_CREDENTIALS_FILE")
    path = Path(named).expanduser() if named else Path.home() / ".aws" / "credentials"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise StoreError("not a file of AWS keys", path, "correct it, or set AWS_ACCESS_KEY_ID") from error
    profile = environment.get("AWS_PROFILE", "default")
    if not parser.has_option(profile, "aws_access_key_id"):
        return {}
    names = ("access_key_id", "secret_access_key", "session_token")
    section = parser[profile]
    return {name: section[f"aws_{name}"] for name in names if f"aws_{name}" in section}


def _first_line(error: Exception) -> str:
    """What an error says, without the server's document and the client's internals."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line.partition(": <")[0][:300]
