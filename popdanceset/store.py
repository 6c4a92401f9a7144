"""The store of tables, documents and media: a local folder or an object store, with atomic writes.

A table is a folder of parquet files. Each stage writes whole files under names that its inputs determine
(`popdanceset.layout`), so that writing again replaces a file and never doubles its rows. In a local store a
file appears by a rename after fsync; in an object store by the single request that completes its upload. A
half-written file is never visible.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import IO, Any, TypeVar

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from popdanceset import layout
from popdanceset.atomic import PARTIAL, atomic_write, sync_folder
from popdanceset.conditional import ConditionalFiles, conditional_files
from popdanceset.errors import SchemaError, StoreError
from popdanceset.locks import abandoned, hold, locked
from popdanceset.tables import conform, from_rows

T = TypeVar("T")

log = logging.getLogger(__name__)


class Store:
    """A folder or object-store address that holds the dataset's tables, documents and media.

    Args:
        address: a local path, `s3://bucket/prefix` (with `?endpoint_override=…&scheme=http` for other S3
            servers), `https://host/path` or `hf://datasets/ORG/NAME` (to read), or any other address fsspec
            knows, e.g. `memory://name`.

    Attributes:
        bytes_written: bytes that were written through this object.

    Raises:
        StoreError: the address has an unknown scheme or cannot be reached.
    """

    def __init__(self, address: str | Path) -> None:
        self.address = str(address)
        self.bytes_written = 0
        self._conditional: ConditionalFiles | None = None
        try:
            self._fs, self._root = _resolve(self.address)
        except (pa.ArrowInvalid, ValueError, ImportError, OSError) as error:
            raise StoreError(
                f"cannot use this address: {error}", self, "give a folder or s3://bucket/prefix"
            ) from error
        if self.is_local and Path(self._root).exists() and not Path(self._root).is_dir():
            raise StoreError("is a file, not a store", self, "give a folder or s3://bucket/prefix")

    def __str__(self) -> str:
        """The address without the access keys it may contain, for messages and logs."""
        return re.sub(r"(?<=://)[^/?@]*@|\?.*", "", self.address) if "://" in self.address else self.address

    @property
    def is_local(self) -> bool:
        """Whether the store is a folder of this machine."""
        return isinstance(self._fs, pafs.LocalFileSystem)

    def address_of(self, name: str) -> str:
        """Returns the address of a file or folder, which opens it as a store or release of its own."""
        if self.is_local and "://" not in self.address:
            return self._path(name)
        place, mark, options = self.address.partition("?")
        return f"{place.rstrip('/')}/{name}{mark}{options}"

    def _path(self, name: str) -> str:
        pure = PurePosixPath(name)
        parts = pure.parts
        if not parts or pure.is_absolute() or ".." in parts or "\0" in name:
            raise StoreError(f"{name!r} is not a name inside the store", self)
        return str(PurePosixPath(self._root, *parts))

    # -- names

    def exists(self, name: str) -> bool:
        """Returns whether a complete file of this name exists."""
        with self._readable(name):
            return bool(self._fs.get_file_info(self._path(name)).type == pafs.FileType.File)

    def list(self, folder: str, suffix: str = "") -> list[str]:
        """Lists the complete files below a folder, sorted; empty if the folder does not exist."""
        return [name for name in self.sizes(folder) if name.endswith(suffix)]

    def sizes(self, folder: str) -> dict[str, int]:
        """Returns the complete files below a folder with their sizes in bytes, in order of their names."""
        return {name: int(info.size or 0) for name, info in self._files(folder).items()}

    def marks(self, folder: str) -> dict[str, str]:
        """Returns the complete files below a folder with a mark that differs when a file was replaced."""
        return {name: f"{info.size}@{info.mtime_ns}" for name, info in self._files(folder).items()}

    def _files(self, folder: str) -> dict[str, pafs.FileInfo]:
        selector = pafs.FileSelector(self._path(folder), allow_not_found=True, recursive=True)
        with self._readable(folder):
            found = self._fs.get_file_info(selector)
        # Plain text: objects of paths would take longer than the listing itself.
        files = {
            info.path.removeprefix(self._root).lstrip("/"): info
            for info in found
            if info.type == pafs.FileType.File
        }
        return {n: files[n] for n in sorted(files) if not _hidden(n)}

    def walk(self, folder: str = "") -> Iterator[tuple[str, bool]]:
        """Yields every file and folder below a folder, also hidden and unfinished ones, which `list` omits.

        Names of one folder at the top of the store are in memory at once.

        Yields:
            The name, and whether it is a file. A folder follows everything in it.
        """
        path = self._path(folder) if folder else self._root
        selector = pafs.FileSelector(path, allow_not_found=True, recursive=bool(folder))
        with self._readable(folder or "."):
            found = self._fs.get_file_info(selector)
        for info in sorted(found, key=lambda info: info.path, reverse=True):
            name = str(PurePosixPath(info.path).relative_to(self._root))
            is_file = info.type == pafs.FileType.File
            if not folder and not is_file:
                yield from self.walk(name)
            yield name, is_file

    def remove_folder(self, name: str) -> None:
        """Deletes a folder and everything in it, if it exists."""
        try:
            self._fs.delete_dir(self._path(name))
        except FileNotFoundError:
            return
        except OSError as error:
            if self._fs.get_file_info(self._path(name)).type != pafs.FileType.NotFound:
                raise StoreError(
                    f"cannot be deleted: {error}", self._path(name), "check permissions"
                ) from error

    def modified(self, name: str) -> datetime:
        """Returns when the file was last written; the earliest datetime where that is not recorded.

        Raises:
            StoreError: the file is missing or not readable.
        """
        with self._readable(name):
            info = self._fs.get_file_info(self._path(name))
            if info.type != pafs.FileType.File:
                raise FileNotFoundError(name)
        return info.mtime or datetime.min.replace(tzinfo=UTC)

    def remove(self, name: str) -> None:
        """Deletes a file, if it exists."""
        if self.exists(name):
            self._fs.delete_file(self._path(name))

    # -- bytes and documents

    @contextlib.contextmanager
    def open_write(self, name: str) -> Iterator[IO[bytes]]:
        """Opens a binary file that becomes visible, complete, when the block ends without an exception."""
        path = self._path(name)
        try:
            if self.is_local:
                with atomic_write(Path(path)) as file:
                    yield file
                    self.bytes_written += file.tell()
            else:
                # Buffered first: closing an upload stream after an error would publish a partial object.
                with tempfile.SpooledTemporaryFile(max_size=1 << 26) as buffer:
                    yield buffer
                    self.bytes_written += buffer.tell()
                    buffer.seek(0)
                    with self._fs.open_output_stream(path) as stream:
                        shutil.copyfileobj(buffer, stream, 1 << 20)
        except OSError as error:
            raise StoreError(f"not writable: {error}", path, "check permissions and free space") from error

    def write_bytes(self, name: str, data: bytes) -> None:
        """Writes a file."""
        with self.open_write(name) as file:
            file.write(data)

    def read_bytes(self, name: str, limit: int | None = None) -> bytes:
        """Reads the whole content of a file.

        Args:
            name: of the file.
            limit: largest size in bytes; None: any.

        Raises:
            StoreError: the file is missing, not readable or larger than the limit.
        """
        with self._readable(name), self._fs.open_input_file(self._path(name)) as file:
            if limit is not None and file.size() > limit:
                raise StoreError(f"has {file.size()} bytes, and at most {limit} are read", f"{self}/{name}")
            return bytes(file.read())

    def write_json(self, name: str, document: Any) -> None:
        """Writes a JSON document, indented and with its keys in the given order."""
        self.write_bytes(name, _as_json(document))

    def read_json(self, name: str, limit: int | None = None) -> Any:
        """Reads a JSON document.

        Args:
            name: of the document.
            limit: largest size in bytes; None: any.

        Raises:
            StoreError: the file is missing, not readable, larger than the limit or not JSON.
        """
        data = self.read_bytes(name, limit)
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise StoreError(
                f"not JSON: {error}", self._path(name), "delete it and run the stage again"
            ) from error

    # -- conditional writes: for what several machines must agree on (`popdanceset.conditional`)

    def create(self, name: str, data: bytes) -> str | None:
        """Writes a file that does not exist yet. Of several writers, on any machines, one succeeds.

        Args:
            name: of the file.
            data: unlike what other writers write, e.g. because it names this one.

        Returns:
            The file's version, for `replace`; None if the file exists.

        Raises:
            StoreError: the store is not writable, or has no conditional writes.
        """
        return self._conditionally(name, lambda files, path: files.create(path, data))

    def create_json(self, name: str, document: Any) -> bool:
        """Writes a JSON document that does not exist yet, as `create`; returns whether it did."""
        return self.create(name, _as_json(document)) is not None

    def create_rows(self, name: str, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> bool:
        """Writes a file of a table that does not exist yet, as `create`; returns whether it did."""
        buffer = pa.BufferOutputStream()
        pq.write_table(from_rows(rows, schema, name), buffer, compression="zstd")
        return self.create(name, buffer.getvalue().to_pybytes()) is not None

    def read_version(self, name: str) -> tuple[bytes, str] | None:
        """Reads a file with its version; None if it does not exist.

        Raises:
            StoreError: the store is not readable, or has no conditional writes.
        """
        return self._conditionally(name, lambda files, path: files.read(path))

    def replace(self, name: str, data: bytes, version: str) -> str | None:
        """Replaces a file that is still as it was read or written (compare and swap).

        Args:
            name: of the file.
            data: as in `create`.
            version: that `create`, `read_version` or `replace` returned.

        Returns:
            The new version; None if the file is gone or has another version.

        Raises:
            StoreError: the store is not writable, or has no conditional writes.
        """
        return self._conditionally(name, lambda files, path: files.replace(path, data, version))

    def drop(self, name: str) -> None:
        """Deletes a file that was written conditionally, if it exists: one request to an object store."""
        self._conditionally(name, lambda files, path: files.remove(path))

    def _conditionally(self, name: str, act: Callable[[ConditionalFiles, str], T]) -> T:
        path = self._path(name)
        if self._conditional is None:
            lock = Path(self._root, layout.CONDITIONAL_LOCK) if self.is_local else None
            self._conditional = conditional_files(self.address, self._fs, self._root, lock)
        try:
            return act(self._conditional, path)
        except OSError as error:
            raise StoreError(f"not writable: {error}", path, "check permissions and free space") from error

    # -- tables

    def write_table(self, name: str, table: pa.Table, schema: pa.Schema) -> None:
        """Writes one parquet file of a table, after checking it against the schema.

        Raises:
            SchemaError: columns or types differ from the schema.
            StoreError: the store is not writable, or full.
        """
        self._write_parquet(name, conform(table, schema, name))

    def write_rows(self, name: str, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
        """Writes one parquet file of a table from one mapping a row.

        Returns:
            The table as written.

        Raises:
            SchemaError: columns or values do not fit the schema.
            StoreError: the store is not writable, or full.
        """
        table = from_rows(rows, schema, name)
        self._write_parquet(name, table)
        return table

    def _write_parquet(self, name: str, table: pa.Table) -> None:
        with self.open_write(name) as file:
            pq.write_table(table, file, compression="zstd")

    def read_table(
        self,
        name: str | Sequence[str],
        schema: pa.Schema,
        columns: Sequence[str] | None = None,
        filter: ds.Expression | None = None,
    ) -> pa.Table:
        """Reads a table from one file, or from all parquet files below a folder in the order of their names.

        A folder that was never written is an empty table, not an error. Instead of a folder, several of its
        files may be named.

        Raises:
            SchemaError: a file lacks columns of the schema.
            StoreError: the named file is missing, or a file is not readable.
        """
        if isinstance(name, str):
            names = [name] if name.endswith(".parquet") else self.list(name, ".parquet")
        else:
            names, name = [*name], name[0] if name else ""
        if not names:
            return schema.empty_table().select(schema.names if columns is None else [*columns])
        try:
            with self._readable(name), self._intact():
                dataset = ds.dataset([self._path(n) for n in names], schema, "parquet", self._fs)
                table = dataset.to_table(columns=None if columns is None else [*columns], filter=filter)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError) as error:
            raise SchemaError(
                str(error),
                self._path(self._damaged(names, schema) or name),
                "delete the damaged file and run its stage again",
            ) from error
        # pyarrow reads a column that a file lacks as nulls.
        if incomplete := _incomplete(table):
            raise SchemaError(
                f"columns {incomplete} of {schema.metadata[b'table'].decode()!r} are missing or have nulls",
                self._path(self._damaged(names, schema) or name),
                "delete the damaged file and run its stage again",
            )
        return table

    @contextlib.contextmanager
    def _intact(self) -> Iterator[None]:
        """Raises ArrowInvalid for a damaged local file, for which pyarrow often raises OSError."""
        try:
            yield
        except OSError as error:
            if self.is_local and error.errno is None and not isinstance(error, FileNotFoundError):
                raise pa.ArrowInvalid(str(error)) from error
            raise

    def _damaged(self, names: Sequence[str], schema: pa.Schema) -> str:
        """Returns the first file that cannot be read as a table, or lacks columns; empty if none."""
        for name in names:
            try:
                table = ds.dataset([self._path(name)], schema, "parquet", self._fs).to_table()
            except (pa.ArrowException, OSError):
                return name
            if _incomplete(table):
                return name
        return ""

    # -- media

    def put(self, local: Path, name: str) -> None:
        """Moves a complete local file into the store.

        Raises:
            StoreError: the file does not exist, or the store is not writable.
        """
        path = self._path(name)
        if not local.is_file():
            raise StoreError("cannot move this file into the store: it does not exist", local)
        try:
            if self.is_local:
                target = Path(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                with local.open("rb") as file:
                    os.fsync(file.fileno())
                if local.stat().st_dev == target.parent.stat().st_dev:
                    self.bytes_written += local.stat().st_size
                    local.replace(target)
                    sync_folder(target.parent)
                    return
            with local.open("rb") as source, self.open_write(name) as file:
                shutil.copyfileobj(source, file, 1 << 20)
            local.unlink()
        except OSError as error:
            raise StoreError(f"not writable: {error}", path, "check permissions and free space") from error

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Yields a local path to a file; a temporary copy if the store is remote."""
        if self.is_local:
            if not self.exists(name):
                raise StoreError("file is missing", self._path(name), "run the stage that makes it")
            yield Path(self._path(name))
            return
        with tempfile.TemporaryDirectory(prefix=layout.TEMPORARY) as folder:
            copy = Path(folder, PurePosixPath(name).name)
            with (
                self._readable(name),
                self._fs.open_input_stream(self._path(name)) as source,
                copy.open("wb") as file,
            ):
                shutil.copyfileobj(source, file, 1 << 20)
            yield copy

    @contextlib.contextmanager
    def open_read(self, name: str) -> Iterator[pa.NativeFile]:
        """Opens a file for reading at any position, without copying it.

        Raises:
            StoreError: the file is missing or not readable.
        """
        with self._readable(name), self._fs.open_input_file(self._path(name)) as file:
            yield file

    def share(self, name: str, local: Path) -> None:
        """Makes a stored file, which nobody will change any more, available under a local path.

        It is the same file on a local store's own disk (a hard link), so that it costs no write; elsewhere a
        copy.

        Raises:
            StoreError: the file is missing or not readable, or the local path is not writable.
        """
        local.parent.mkdir(parents=True, exist_ok=True)
        if self.is_local:
            try:
                os.link(self._path(name), local)
                return
            except OSError:  # another disk, or a file system without hard links
                local.unlink(missing_ok=True)
        with self.open_read(name) as source, local.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)

    # -- unfinished work

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yields an empty folder for unfinished files, removed at the end.

        It lies on a local store's own disk, so that `put` is a rename. `sweep` removes what a killed process
        leaves behind.

        Raises:
            StoreError: the store is not writable.
        """
        parent = Path(self._root, layout.SCRATCH) if self.is_local else None
        try:
            if parent:
                parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=parent))
        except OSError as error:
            raise StoreError(f"not writable: {error}", self, "check permissions and free space") from error
        with _held_folder(folder):
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def workplace(self, name: str) -> Path:
        """Returns the path of work that a later run continues: the same for the same name. Not created.

        It lies inside a local store, so that `put` is a rename, otherwise in the user's cache. A name with a
        part that begins with a dot is never listed.
        """
        if self.is_local:
            return Path(self._path(name))
        from platformdirs import user_cache_path

        own = hashlib.sha256(self.address.encode()).hexdigest()[:16]
        return user_cache_path("popdanceset") / own / name

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[Path]:
        """Yields `workplace(name)` as a folder, held by one thread or process at a time.

        Of a local store: of this machine. Of an object store: of any machine (`popdanceset.leases`).

        Raises:
            StoreError: the store is not writable.
        """
        folder = self.workplace(name)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _held_folder(folder)
        except OSError as error:
            raise StoreError(f"not writable: {error}", folder, "check permissions and free space") from error
        from popdanceset.leases import leased

        with lock, contextlib.nullcontext() if self.is_local else leased(self, layout.lease(name)):
            yield folder

    @contextlib.contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Waits until no other thread or process of this machine has this turn, and has it for the block.

        On a file system without locks nobody waits, and a warning says so.

        Raises:
            StoreError: the store is not writable.
        """
        path = self.workplace(layout.lock(name))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise StoreError(f"not writable: {error}", path, "check permissions and free space") from error
        with contextlib.ExitStack() as lock:
            try:
                lock.enter_context(locked(path, lambda: log.info("%s: waiting for another process", name)))
            except OSError as error:
                log.warning("%s: no locks here (%s); let one process at a time do this", path, error)
            yield

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """As `turn`, and in an object store also among all machines (`popdanceset.leases`).

        Raises:
            StoreError: the store is not writable.
        """
        from popdanceset.leases import leased

        with self.turn(name), contextlib.nullcontext() if self.is_local else leased(self, layout.lease(name)):
            yield

    def sweep(self) -> None:
        """Removes the unfinished files of processes that no longer run. Does nothing in an object store."""
        if not self.is_local:
            return
        root = Path(self._root)
        for leftover in (*root.glob(f"{layout.SCRATCH}/*"), *root.rglob(f"{PARTIAL}*")):
            with abandoned(leftover) as free:
                if free and leftover.is_dir():
                    shutil.rmtree(leftover, ignore_errors=True)
                elif free:
                    leftover.unlink(missing_ok=True)

    # -- whole folders

    def put_folder(
        self, local: Path, name: str, last: str, shared: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Moves a complete local folder, one inside `scratch`, into the store as a whole.

        In a local store it appears by one rename. An object store has no folders: there the file `last` is
        written after all others, and readers take its existence as the sign that the folder is complete.

        Args:
            local: the folder; everything in it is moved, at any depth.
            name: its name in the store.
            last: relative name of the file that is written last.
            shared: relative names of files that are in the store already (see `share`), and their names
                there. An object store copies them itself.

        Raises:
            StoreError: a complete folder of this name exists already, or the store is not writable.
        """
        path = self._path(name)
        if self.exists(f"{name}/{last}"):
            raise StoreError("already exists", path, "choose another name")
        files = sorted(file for file in local.rglob("*") if file.is_file())
        try:
            if self.is_local:
                new = (file for file in files if file.relative_to(local).as_posix() not in shared)
                self.bytes_written += sum(file.stat().st_size for file in new)
                for item in (*files, *(folder for folder in local.rglob("*") if folder.is_dir()), local):
                    sync_folder(item)
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                local.rename(path)
                sync_folder(Path(path).parent)
                return
            self._upload(files, local, name, last, shared)
        except OSError as error:
            raise StoreError(f"not writable: {error}", path, "check permissions and free space") from error

    def _upload(
        self, files: Sequence[Path], local: Path, name: str, last: str, shared: Mapping[str, str]
    ) -> None:
        """Moves files into a folder of an object store, as the only one who does."""
        from popdanceset.leases import leased

        with leased(self, layout.lease(name)) as lease:
            if self.exists(f"{name}/{last}"):
                raise StoreError("already exists", self._path(name), "choose another name")
            for leftover in self.list(name):  # from an attempt that was killed
                self.remove(leftover)
            for file in files:
                relative = file.relative_to(local).as_posix()
                if relative == last:
                    continue
                if relative in shared:
                    self._fs.copy_file(self._path(shared[relative]), self._path(f"{name}/{relative}"))
                else:
                    self.put(file, f"{name}/{relative}")
            # Whoever was stopped for longer than a lease has lost it, and another one writes this folder.
            if not lease.held() or self.create(f"{name}/{last}", (local / last).read_bytes()) is None:
                raise StoreError("another process published it meanwhile", self._path(name), "run again")
            (local / last).unlink()

    def reading(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Turns the failures of a block that reads a file from `open_read` into StoreError."""
        return self._readable(name)

    @contextlib.contextmanager
    def _readable(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            do = "check the address" if "://" in self.address else "run the stage that makes it"
            raise StoreError("file is missing", self._shown(name), do) from error
        except OSError as error:
            raise StoreError(
                f"not readable: {error}", self._shown(name), "check address and permissions"
            ) from error

    def _shown(self, name: str) -> str:
        """The name for messages: a path, or an address with its scheme."""
        return self._path(name) if "://" not in self.address else f"{self}/{name}"


def _incomplete(table: pa.Table) -> list[str]:
    """Names of the columns that may have no nulls and do."""
    return [field.name for field in table.schema if not field.nullable and table[field.name].null_count]


def _as_json(document: Any) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def _hidden(name: str) -> bool:
    return name.startswith(".") or "/." in name


def _resolve(address: str) -> tuple[pafs.FileSystem, str]:
    scheme, separator, _ = address.partition("://")
    if not separator:
        return pafs.LocalFileSystem(), str(Path(address).expanduser().absolute())
    if scheme in ("file", "s3", "gs", "gcs", "hdfs", "abfs"):
        filesystem, root = _s3(address) if scheme == "s3" else pafs.FileSystem.from_uri(address)
        if not root:
            raise ValueError("it does not name a bucket or folder")
        return filesystem, root
    from popdanceset.remote_files import remote_files

    return remote_files(address)


def _s3(address: str) -> tuple[pafs.FileSystem, str]:
    # One request for a small file instead of the three of an upload in parts.
    option = "allow_delayed_open=true"
    try:
        files, root = pafs.FileSystem.from_uri(f"{address}{'&' if '?' in address else '?'}{option}")
    except pa.ArrowInvalid:  # an older pyarrow, or the address is wrong, which this one says
        files, root = pafs.FileSystem.from_uri(address)
    return files, root


@contextlib.contextmanager
def _held(descriptor: int) -> Iterator[None]:
    try:
        hold(descriptor)
        yield
    finally:
        os.close(descriptor)


def _held_folder(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Opens a folder at once; holds it for the block."""
    return _held(os.open(folder, os.O_RDONLY))
