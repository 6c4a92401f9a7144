"""Other motions of the same clips, to be seen side by side: another store, a release, a folder of files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.review.decisions import checked_name
from popdanceset.schema import FPS, FRAMES, shape_of
from popdanceset.store import Store
from popdanceset.tables import fold
from popdanceset.wording import counted

if TYPE_CHECKING:
    from popdanceset.release.reader import Release

Floats = NDArray[np.floating[Any]]

_JOINTS = ("joints3d", "smpl_trans")


class Source(ABC):
    """Motions by clip id.

    Attributes:
        label: what it is, for people.
    """

    label: str

    @abstractmethod
    def has(self, clip_id: str) -> bool:
        """Returns whether it has a motion of a clip.

        Raises:
            StoreError: it cannot be reached.
        """

    @abstractmethod
    def joints(self, clip_id: str) -> Floats:
        """Reads the SMPL joints of one of its clips: (T, 24, 3) in the world, metres, z up, at 30 fps.

        Raises:
            PopDanceSetError: they are not readable.
        """


class StoreSource(Source):
    """The poses of another store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.label = f"store {store}"

    def has(self, clip_id: str) -> bool:
        return self._store.exists(layout.poses(clip_id))

    def joints(self, clip_id: str) -> Floats:
        table = self._store.read_table(layout.poses(clip_id), FRAMES, [*_JOINTS])
        return _world({name: fold(table[name], shape_of(FRAMES.field(name))) for name in _JOINTS})


class ReleaseSource(Source):
    """The motions of a release."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self.label = f"release {release.version}"

    def has(self, clip_id: str) -> bool:
        return clip_id in self._clips

    @cached_property
    def _clips(self) -> frozenset[str]:
        return frozenset(self._release.clip_ids())

    def joints(self, clip_id: str) -> Floats:
        return _world(self._release.frames(clip_id, _JOINTS))


class FolderSource(Source):
    """Motion files named by their clips, of any kind that `popdanceset.motion` reads.

    Raises:
        InputError: the folder cannot be read, or contains no motion.
    """

    def __init__(self, folder: Path) -> None:
        from popdanceset.motion.formats import endings, is_motion, stem

        try:
            entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        except OSError as error:
            raise InputError(f"not readable: {error.strerror}", folder, "give a folder of motions") from error
        self._files = {stem(entry): entry for entry in entries if is_motion(entry)}
        if not self._files:
            raise InputError(
                "is neither a store nor a release, and contains no motion",
                folder,
                f"give a store, a release or a folder of {endings()} files",
            )
        self.label = f"{counted(len(self._files), 'motion')} in {folder.name}"

    def has(self, clip_id: str) -> bool:
        return clip_id in self._files

    def joints(self, clip_id: str) -> Floats:
        from popdanceset.motion.files import read_motion
        from popdanceset.motion.joint_motion import resampled

        return np.asarray(resampled(read_motion(self._files[clip_id]), FPS).joints)


def read_sources(assignments: Iterable[str]) -> dict[str, Source]:
    """Opens what `--compare NAME=PATH` names.

    Raises:
        InputError: an assignment is not of this form, names one twice, or there is nothing to compare with.
        StoreError: an address cannot be reached.
    """
    found: dict[str, Source] = {}
    for assignment in assignments:
        name, equals, address = assignment.partition("=")
        if not (equals and address):
            raise InputError(f"{assignment[:80]!r} is not NAME=PATH", "--compare", "as blazepose=other-store")
        name = checked_name(name)
        if name in found:
            raise InputError(f"{name!r} is given twice", "--compare", "give each a name of its own")
        found[name] = _source(address)
    return found


def _source(address: str) -> Source:
    store = Store(address)
    if store.exists(layout.RELEASE_INFO):
        from popdanceset.release.reader import Release

        return ReleaseSource(Release(address))
    if not store.is_local or Path(address).expanduser().joinpath(layout.POSES).is_dir():
        return StoreSource(store)
    return FolderSource(Path(address).expanduser())


def _world(frames: Mapping[str, Floats]) -> Floats:
    return np.asarray(frames["joints3d"] + frames["smpl_trans"][:, None])
