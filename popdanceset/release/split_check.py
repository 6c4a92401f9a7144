"""Checks the splits of a release, or of lists of clip ids, for leaks."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.release.dividing import dancers_of
from popdanceset.release.leaks import CLAIMED, Kind, LeakReport, ListedClip, find_leaks
from popdanceset.release.reader import Release
from popdanceset.release.split_lists import read_split_lists
from popdanceset.store import Store

PUBLISHED = "published_split"
"""Column of the clip table with the split that the authors of imported clips published; null for others."""


def check_splits(paths: Sequence[str], failing: Sequence[Kind] = ()) -> list[LeakReport]:
    """Checks a release, or lists of clip ids.

    Args:
        paths: one release (a folder, or an address with `://`), one folder with lists, or the lists.
        failing: kinds of which no leak is allowed; none: video and music, and those that the release
            itself says it holds out.

    Returns:
        One report for each family of splits. A release that contains imported clips has two: its own splits,
        and those that came with the clips.

    Raises:
        InputError: there is no such release or list, a line is not a clip id, or a kind of `failing` is not
            known of any clip.
    """
    if len(paths) == 1 and ("://" in paths[0] or Path(paths[0], layout.RELEASE_INFO).is_file()):
        with Release(paths[0]) as release:
            reports = _check_release(release, failing)
    else:
        families = read_split_lists([Path(path).expanduser() for path in paths])
        reports = [find_leaks(name, clips, failing or CLAIMED) for name, clips in families.items()]
    for report in reports:
        for kind in failing:
            if report.unknown.get(kind) == sum(report.sizes.values()):
                raise InputError(
                    f"does not state the {kind.value} of any clip, so leaks by {kind.value} cannot be found",
                    report.name,
                    "check other kinds, or a release that states it",
                )
    return reports


def release_clips(release: Release, split: str = "split") -> list[ListedClip]:
    """Returns the clips of a release with everything that they may share.

    Args:
        release: the release.
        split: column of the clip table that names the splits; clips without one are left out.
    """
    uploaders = _uploaders(release)
    return [
        ListedClip(row["clip_id"], row[split], _keys(row, uploaders))
        for row in release.clips.to_pylist()
        if row[split]
    ]


def _check_release(release: Release, failing: Sequence[Kind]) -> list[LeakReport]:
    reports = [find_leaks(release.path, release_clips(release), failing or _held_out(release))]
    if PUBLISHED in release.clips.column_names:
        published = release_clips(release, PUBLISHED)
        if published:
            reports.append(find_leaks(f"{release.path}, splits as imported", published, failing or CLAIMED))
    return reports


def _held_out(release: Release) -> tuple[Kind, ...]:
    """Returns the kinds that the release's own splits do not share, by its description."""
    rule = release.info.split_rule
    return tuple(Kind(name) for name in rule.held_out if name in set(Kind)) if rule else CLAIMED


def _keys(row: Mapping[str, Any], uploaders: Mapping[str, str]) -> dict[Kind, tuple[str, ...]]:
    bvid = row["bvid"]
    keys = {
        Kind.VIDEO: (bvid,),
        Kind.MUSIC: (row["music_id"],) if row["music_id"] else (),
        Kind.DANCER: dancers_of(row["dancer_id"], bvid),
        Kind.UPLOADER: (uploaders[bvid],) if uploaders.get(bvid) else (),
    }
    return {kind: names for kind, names in keys.items() if names}


def _uploaders(release: Release) -> dict[str, str]:
    """Returns bvid → uploader, from the copy of the manifest; empty if the release has none."""
    store, name = Store(release.path), f"{layout.RELEASE_MANIFEST}/{layout.MANIFEST_VIDEOS}"
    if not store.exists(name):
        return {}
    lines = csv.DictReader(io.StringIO(store.read_bytes(name).decode("utf-8", "replace")))
    return {line["bvid"]: line["mid"] for line in lines if line.get("bvid") and line.get("mid")}
