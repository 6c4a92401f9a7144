"""Manifests in the store, for stages on several machines that share nothing else: `store:NAME`.

A stage works on a folder of this machine. `at_hand` brings the manifest there, and sends back what the stage
changed, e.g. the list of clips. In a local store it is the folder in the store itself.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from popdanceset import layout
from popdanceset.errors import ManifestError
from popdanceset.manifest import find_manifest
from popdanceset.settings import Settings
from popdanceset.store import Store

PREFIX = "store:"
_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]*", re.ASCII)


def is_shared(manifest: str) -> bool:
    """Returns whether a manifest is one of the store."""
    return manifest.startswith(PREFIX)


@contextlib.contextmanager
def at_hand(manifest: str, store: Store) -> Iterator[str]:
    """Yields the manifest as `popdanceset.manifest.find_manifest` accepts it: by name or folder.

    Args:
        manifest: name or folder of a manifest of this machine, which is yielded as it is; or `store:NAME`.
        store: keeps manifests `store:NAME`. One that does not exist yet is an empty folder.

    Raises:
        ManifestError: NAME cannot be a folder's name.
        StoreError: the manifest cannot be read, or not written back.
    """
    if not is_shared(manifest):
        yield manifest
        return
    name = manifest.removeprefix(PREFIX)
    if not _NAME.fullmatch(name):
        raise ManifestError(
            f"{name[:40]!r} cannot be the name of a manifest", manifest[:80], "use letters, digits, _ . and -"
        )
    if store.is_local:
        yield str(store.workplace(layout.manifest(name)))
        return
    with store.scratch() as scratch:
        folder = scratch / name
        folder.mkdir()
        fetched = {}
        for stored in store.list(layout.manifest(name)):
            file = folder / Path(stored).name
            fetched[file.name] = store.read_bytes(stored)
            file.write_bytes(fetched[file.name])
        yield str(folder)
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            content = file.read_bytes()
            if content != fetched.get(file.name):
                store.write_bytes(f"{layout.manifest(name)}/{file.name}", content)


def copy_manifest(source: str, target: str, settings: Settings, store: Store) -> list[str]:
    """Copies the files of a manifest; those of the target that have the same names are replaced.

    Args:
        source, target: names or folders, or `store:NAME`.
        settings: name the folder of this machine's manifests.
        store: keeps manifests `store:NAME`.

    Returns:
        Names of the files.

    Raises:
        ManifestError: there is no such manifest.
        StoreError: a file cannot be read or written.
    """
    with at_hand(source, store) as given, at_hand(target, store) as wanted:
        folder, copies = find_manifest(given, settings), Store(find_manifest(wanted, settings))
        if not (folder / layout.MANIFEST_DOCUMENT).is_file():
            raise ManifestError("there is no such manifest", source, "create it with `popdanceset select`")
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        for file in files:
            copies.write_bytes(file.name, file.read_bytes())
    return [file.name for file in files]
