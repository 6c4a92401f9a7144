"""Adds imported videos to a manifest, next to those that a selection chose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popdanceset import layout
from popdanceset.importers.items import SOURCE
from popdanceset.manifest import IMPORTS, Manifest, ManifestVideo, read_manifest, write_manifest
from popdanceset.video.clip_list import list_clips

if TYPE_CHECKING:
    from popdanceset.store import Store


def read_or_new(folder: Path) -> Manifest:
    """Reads the manifest of a folder, or returns an empty one with the folder's name.

    Raises:
        ManifestError: there is one, and it cannot be read.
    """
    if (folder / layout.MANIFEST_DOCUMENT).is_file():
        return read_manifest(folder)
    return Manifest(folder.name, ())


def add_to_manifest(
    folder: Path,
    store: Store,
    kind: str,
    name: str,
    axes: str,
    videos: Mapping[str, str],
    facts: Mapping[str, Any],
) -> None:
    """Adds videos to a manifest, says where they come from, and brings its clip list up to date.

    Lines that are there stay as they are. The same import gives the same bytes.

    Args:
        folder: of the manifest; created if it does not exist.
        store: with the clips.
        kind: of the set.
        name: of the set's folder or archive.
        axes: what was done to the path of the root.
        videos: id → name in the set.
        facts: about the set.

    Raises:
        ManifestError: the manifest cannot be read.
        StoreError: the folder is not writable.
    """
    manifest = read_or_new(folder)
    known = {video.bvid for video in manifest.videos}
    added = [
        ManifestVideo(bvid, None, title=None if title.startswith(bvid) else title, source=f"{SOURCE}{kind}")
        for bvid, title in videos.items()
        if bvid not in known
    ]
    entry = {"kind": kind, "set": name, "axes": axes, "videos": len(videos), **facts}
    entries = [e for e in manifest.provenance.get(IMPORTS, []) if (e["kind"], e["set"]) != (kind, name)]
    provenance = {**manifest.provenance, IMPORTS: [*entries, entry]}
    changed = Manifest(manifest.name, tuple(manifest.videos) + tuple(added), provenance)
    write_manifest(folder, changed)
    list_clips(folder, changed, store)
