"""Copies outside the store that this machine keeps by itself: caches of training, and temporary files."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from popdanceset import layout
from popdanceset.store import Store

_COPY = re.compile(rf"{layout.TEMPORARY}[a-z0-9_]{{8}}")
"""Folders of temporary copies, as `tempfile` names them."""


def training_caches(contents: Iterable[str], folder: Path | None = None) -> list[Path]:
    """Returns the cached arrays of releases. They hold every frame and no id, so the releases name them.

    Args:
        contents: hashes of the releases' contents (`popdanceset.release.info.ReleaseInfo`).
        folder: of the caches; None: the user's cache folder.
    """
    root = folder or user_caches()
    return sorted({path for content in contents for path in root.glob(f"{layout.cache_stem(content)}-*")})


def user_caches() -> Path:
    """Returns the folder in which training caches arrays of releases, unless another one is named."""
    from platformdirs import user_cache_path

    return user_cache_path("popdanceset") / layout.TRAINING_CACHE


def machine_folders(store: Store) -> Iterator[Path]:
    """Yields folders in which stages leave unfinished work about a store that is not on this machine."""
    if not store.is_local:
        yield store.workplace(layout.MEDIA).parent
        temporary = Path(tempfile.gettempdir())
        yield from sorted(path for path in temporary.iterdir() if _COPY.fullmatch(path.name))


def remove(path: Path) -> None:
    """Deletes a cache. It is renamed first, so that nobody opens half of it."""
    aside = path.with_name(f".partial-{path.name}")
    shutil.rmtree(aside, ignore_errors=True)
    if path.is_dir():
        path.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
