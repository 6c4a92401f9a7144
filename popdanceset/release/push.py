"""Sends a release to a dataset repository on a hub, so that the repository holds all of it or nothing.

The large files are sent to the hub's storage first, a few at a time; what arrives stays there. Then one
commit adds all new files and removes those of the release before. A push that was killed is run again and
sends only what the storage lacks.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from popdanceset import layout
from popdanceset.checksum import sha256_of
from popdanceset.errors import InputError
from popdanceset.progress import Advance, ignore
from popdanceset.release.hub import Hub, RemoteFile, RemoteState
from popdanceset.release.info import ReleaseInfo, parse_info
from popdanceset.schema import RELEASE_CLIPS
from popdanceset.store import Store
from popdanceset.wording import counted

AT_ONCE = 8
"""Files that are sent between two reports of progress."""

OF_A_RELEASE = (
    layout.CARD, layout.CROISSANT, layout.CHANGELOG, layout.RELEASE_DATA, layout.RELEASE_MUSIC,
    layout.RELEASE_META, layout.RELEASE_SPLITS, layout.RELEASE_FIGURES,
)  # fmt: skip
"""Files and folders of a repository that a push may replace or remove. It leaves all others alone."""


_log = logging.getLogger(__name__)


def place(release: str) -> tuple[Store, str]:
    """Returns the store that contains the folder of a release, and the name of the folder in it.

    Args:
        release: folder or address of the release.
    """
    if "://" not in release:
        folder = Path(release).expanduser().absolute()
        return Store(folder.parent), folder.name
    address, question_mark, options = release.partition("?")
    parent, _, name = address.rstrip("/").rpartition("/")
    return Store(f"{parent}{question_mark}{options}"), name


@dataclass(frozen=True, slots=True)
class PushSummary:
    """What was sent.

    Attributes:
        address: of the dataset.
        version: of the release.
        sent: number of files that were new or had changed.
        size: their size in bytes.
        kept: number of files that were there already.
        removed: number of files of an earlier release that were removed.
        commit: address of the commit; empty if nothing had to be changed.
    """

    address: str
    version: str
    sent: int
    size: int
    kept: int
    removed: int
    commit: str


def push_release(
    store: Store,
    name: str,
    hub: Hub,
    *,
    private: bool | None = None,
    drop_history: bool = False,
    withdrawn: Collection[str] = (),
    advance: Advance = ignore,
) -> PushSummary:
    """Makes a dataset repository hold a release, and nothing of another one.

    Args:
        store: contains the release.
        name: of the release's folder in the store.
        hub: the repository; created if it does not exist.
        private: whether only its owner may see it; None: as the owner's settings say.
        drop_history: also remove the earlier releases from the repository's history.
        withdrawn: ids of videos that must not be sent.
        advance: called after each file.

    Raises:
        InputError: it is not a complete release, a file differs from its checksum, or it has a withdrawn
            video; the repository holds something else, has another licence or other visibility; the token is
            not accepted.
        RefusedError: the hub got too many requests.
        StoreError: the release cannot be read, or the hub cannot be reached or has an error.
    """
    info = _description(store, name)
    hashes = _hashes(store, name)
    _check_withdrawn(store, name, withdrawn)
    state = hub.state()
    if state is not None:
        _check_fit(state, info, private, hub)
    else:
        hub.create(private)
        state = hub.state()
        if state is None:
            raise InputError("was created, but cannot be found", hub.address, "push again")
    with ExitStack() as stack:
        local = {file: stack.enter_context(store.local(f"{name}/{file}")) for file in hashes}
        _check_hashes(local, hashes, f"{store}/{name}")
        lacking = [
            file for file, path in local.items() if not _same(path, hashes[file], state.files.get(file))
        ]
        stale = sorted(file for file in state.files if file not in local and _of_a_release(file))
        commit = ""
        if lacking or stale:
            advance(len(local) - len(lacking))
            additions = []
            for first in range(0, len(lacking), AT_ONCE):
                some = lacking[first : first + AT_ONCE]
                additions += hub.upload({file: local[file] for file in some})
                advance(len(some), some[-1])
            commit = hub.commit(additions, stale, f"Release {info.version}", state.commit)
        if drop_history:
            hub.squash(f"Release {info.version}")
        size = sum(local[file].stat().st_size for file in lacking)
    done = PushSummary(
        str(hub.address), info.version, len(lacking), size, len(local) - len(lacking), len(stale), commit
    )
    _log.info("%s", done)
    return done


def _description(store: Store, name: str) -> ReleaseInfo:
    where = f"{name}/{layout.RELEASE_INFO}"
    if not name or not store.exists(where):
        raise InputError(
            f"is not a release: {layout.RELEASE_INFO} is missing", f"{store}/{name}", "publish it first"
        )
    return parse_info(store.read_json(where), f"{store}/{name}")


def _hashes(store: Store, name: str) -> dict[str, str]:
    """Returns file → SHA-256 that croissant.json states; for itself, "".

    Raises:
        InputError: files are missing, or there are others than croissant.json lists.
    """
    document = store.read_json(f"{name}/{layout.CROISSANT}")
    stated = dict(_checksums(document))
    there = {file.removeprefix(f"{name}/") for file in store.list(name)} - {layout.CROISSANT}
    if there != stated.keys():
        odd = min(there ^ stated.keys())
        wrong = "is missing" if odd in stated else f"is not listed in {layout.CROISSANT}"
        raise InputError(f"is incomplete or was changed: {odd} {wrong}", f"{store}/{name}", "publish again")
    return {**stated, layout.CROISSANT: ""}


def _checksums(document: Any) -> Iterator[tuple[str, str]]:
    entries = document.get("distribution", ()) if isinstance(document, Mapping) else ()
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("@type") == "cr:FileObject":
            yield str(entry.get("contentUrl")), str(entry.get("sha256"))


def _check_withdrawn(store: Store, name: str, withdrawn: Collection[str]) -> None:
    videos = store.read_table(f"{name}/{layout.RELEASE_CLIPS}", RELEASE_CLIPS, ["bvid"])["bvid"]
    count = len(set(videos.to_pylist()) & set(withdrawn))
    if count:
        raise InputError(
            f"has {counted(count, 'video')} withdrawn since", f"{store}/{name}", "publish a new release"
        )


def _check_hashes(local: Mapping[str, Path], hashes: Mapping[str, str], release: object) -> None:
    for file, path in local.items():
        if hashes[file] and sha256_of(path) != hashes[file]:
            raise InputError(f"{file} differs from its checksum", release, "fetch or publish it again")


def _check_fit(state: RemoteState, info: ReleaseInfo, private: bool | None, hub: Hub) -> None:
    """Refuses to change a repository that is not meant for this release."""
    foreign = [file for file in state.files if not file.startswith(".") and file != layout.CARD]
    if foreign and layout.RELEASE_INFO not in state.files:
        raise InputError(
            f"holds something else than a release: {min(foreign)}", hub.address, "choose another"
        )
    if state.license and state.license != info.license:
        raise InputError(
            f"has the licence {state.license!r}, and the release {info.license!r}",
            hub.address,
            "publish with release.license set, or first change the licence on the card of the repository",
        )
    if private is not None and state.private is not None and private != state.private:
        raise InputError(
            f"exists and is {'private' if state.private else 'public'}",
            hub.address,
            "change its visibility on the hub first",
        )


def _same(path: Path, sha256: str, remote: RemoteFile | None) -> bool:
    if remote is None or path.stat().st_size != remote.size:
        return False
    if remote.sha256 is not None:
        return remote.sha256 == (sha256 or sha256_of(path))
    return remote.git_id == _git_id(path)


def _git_id(path: Path) -> str:
    """Returns the id that git gives to the content of a file."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _of_a_release(file: str) -> bool:
    return PurePosixPath(file).parts[0] in OF_A_RELEASE
