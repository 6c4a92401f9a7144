"""Writes the clips of a release in another layout, clip by clip.

A run that was killed is continued by running it again: files that are already right are left alone. A clip
that cannot be written costs that clip. The folder states in `export.json` what it is; it is written twice,
before the first clip and, with the clips, after the last.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from popdanceset.errors import InputError, PopDanceSetError
from popdanceset.progress import Advance, ignore
from popdanceset.release.reader import Release
from popdanceset.safety import described, raise_of_run
from training.export.folder import Folder, opened
from training.export.kinds import Exporter, Options, exporter
from training.export.kinds.base import Array, Clip, Member, json_file
from training.export.sounds import Sounds

DOCUMENT = "export.json"

_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,119}", re.ASCII)
"""Clip ids that are safe as file names."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which clips are written: all, unless a split or clips are named.

    Attributes:
        splits: names of splits.
        clips: clip ids.
    """

    splits: Sequence[str] = ()
    clips: Sequence[str] = ()


@dataclass
class Exported:
    """What an export did.

    Attributes:
        members: the clips whose files are there.
        written, kept: numbers of files that were written, and that were already right.
        failed: clip id → why it could not be written.
        silent: clips whose sound is missing here, though the layout has a place for it.
        notes: what a user of the files must know.
    """

    members: list[Member] = field(default_factory=list)
    written: int = 0
    kept: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)
    notes: Sequence[str] = ()


def export_release(
    address: str,
    out: Path,
    kind: str,
    options: Options | None = None,
    selection: Selection | None = None,
    sounds: Sounds | None = None,
    advance: Advance = ignore,
) -> Exported:
    """Writes clips of a release in another layout.

    Args:
        address: of the release.
        out: the folder; it may contain a part of the same export.
        kind: one of `training.export.kinds.KINDS`.
        options: rate and features.
        selection: which clips.
        sounds: where the sound of clips is.
        advance: called after each clip.

    Raises:
        InputError: there is no such release, layout, split or clip, or the folder contains something else.
        AssetError: the layout needs a program that is missing.
        StoreError: a store or the folder cannot be read or written.
    """
    options, selection = options or Options(), selection or Selection()
    writer = exporter(kind, options)
    with contextlib.closing(writer), Release(address) as release, opened(out) as folder:
        rows = _chosen(release, selection)
        identity = {
            "kind": kind,
            "release": release.version,
            "content": release.content,
            "fps": options.fps or float(release.fps),
            "features": None if options.features is None else sorted(options.features),
            "splits": sorted(selection.splits),
            "only": sorted(selection.clips),
        }
        _begin(out, folder, identity, writer)
        features = _features(release, writer)
        done = Exported(notes=writer.notes)
        for row in rows:
            _export_clip(release, row, writer, features, sounds, folder, done)
            advance(1, row["clip_id"])
        for file in writer.lists(done.members, list(release.info.splits)):
            _count(done, folder.put(file))
        folder.put(json_file(DOCUMENT, _document(identity, writer, done, complete=True)))
    return done


def _export_clip(
    release: Release,
    row: dict[str, Any],
    writer: Exporter,
    features: Mapping[str, frozenset[str]],
    sounds: Sounds | None,
    folder: Folder,
    done: Exported,
) -> None:
    clip_id = row["clip_id"]
    try:
        if not _NAME.fullmatch(clip_id):
            raise InputError("its id cannot be a file name", repr(clip_id))
        wanted = sounds if writer.with_sound else None
        with wanted.of(row) if wanted is not None else contextlib.nullcontext() as sound:
            listed = row.get("high_quality")
            good = bool(listed) if listed is not None else row.get("tier") == "A"
            member = Member(clip_id, row["bvid"], row["split"], good, sound is not None)
            clip = Clip(
                member,
                float(release.fps),
                release.frames(clip_id, list(writer.columns)),
                _music(release, clip_id, features),
                sound,
                sound is not None or bool(row["has_music"]),
            )
            for file in writer.files(clip):
                _count(done, folder.put(file))
    # One clip must not stop those after it.
    except Exception as error:  # noqa: BLE001
        raise_of_run(error)
        done.failed[clip_id] = str(error) if isinstance(error, PopDanceSetError) else described(error)
        return
    done.members.append(member)
    if writer.with_sound and not member.sound:
        done.silent.append(clip_id)


def _count(done: Exported, written: bool) -> None:
    done.written += written
    done.kept += not written


def _music(release: Release, clip_id: str, features: Mapping[str, frozenset[str]]) -> dict[str, Array]:
    return {name: release.music(clip_id, name) for name, clips in features.items() if clip_id in clips}


def _features(release: Release, writer: Exporter) -> dict[str, frozenset[str]]:
    """The clips that have features of each extractor that is written."""
    names = release.extractors if writer.features is None else writer.features
    return {name: frozenset(release.clips_with_music(name)) for name in names}


def _chosen(release: Release, selection: Selection) -> list[dict[str, Any]]:
    """Rows of the clips that are written, in the release's order."""
    chosen: set[str] = set()
    for split in selection.splits:
        chosen.update(release.clip_ids(split))
    every = release.clip_ids()
    unknown = sorted(set(selection.clips) - set(every))
    if unknown:
        raise InputError(f"has no clip {unknown[0]!r}", release.path, "see its clip table")
    if not selection.splits:
        chosen.update(every)
    if selection.clips:
        chosen.intersection_update(selection.clips)
    rows: list[dict[str, Any]] = [row for row in release.clips.to_pylist() if row["clip_id"] in chosen]
    if not rows:
        raise InputError("no clip is in both the splits and the clips that were named", release.path)
    return rows


def _begin(out: Path, folder: Folder, identity: Mapping[str, Any], writer: Exporter) -> None:
    """Marks the folder as this export's.

    Raises:
        InputError: it contains another export.
    """
    path = out / DOCUMENT
    if path.exists():
        try:
            found = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError) as error:
            raise InputError(f"not readable: {error}", path, "name another folder") from error
        differing = [name for name, value in identity.items() if found.get(name) != value]
        if differing:
            name = differing[0]
            raise InputError(
                f"contains another export: {name} differs",
                out,
                "name another folder, or delete this one",
            )
        return
    folder.put(json_file(DOCUMENT, _document(identity, writer, Exported(), complete=False)))


def _document(
    identity: Mapping[str, Any], writer: Exporter, done: Exported, *, complete: bool
) -> dict[str, Any]:
    return {
        **identity,
        "complete": complete,
        "notes": list(writer.notes),
        "clips": [member.clip_id for member in done.members],
        "failed": done.failed,
        "without_sound": done.silent,
    }
