"""Imports a set: each part of a video by itself, so that a run may be killed at any moment and run again.

In a part, the files of a clip are written in this order: its sound, its pose table, its verdict; then, for
all its clips together, the rows of the clip table. A clip without a row in that table does not exist for any
other stage, and one without a verdict is not published. If a clip has changed since it was imported, its
verdict is removed first. The manifest is written when all parts are done.

A pose table says from which files it was made (their hashes, and what the user stated). A clip whose files
are the same is not made again.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popdanceset import layout
from popdanceset.checksum import sha256_of
from popdanceset.errors import FailedError, InputError, SchemaError
from popdanceset.importers.archive import opened_set
from popdanceset.importers.items import SOURCE, Contents, Item, MotionSet, Options
from popdanceset.importers.kinds import open_set
from popdanceset.importers.manifests import add_to_manifest, read_or_new
from popdanceset.importers.placing import Axes, placed
from popdanceset.importers.sounds import check_sound, is_unknown, music_of
from popdanceset.importers.tables import Row, clip_row, how_made, left_out_row, pose_table, verdict_row
from popdanceset.progress import Advance, ignore
from popdanceset.safety import Net
from popdanceset.schema import CLIPS, FPS, FRAMES, VERDICTS, Reason
from popdanceset.video import derived
from popdanceset.video.clips import in_turn
from popdanceset.withdrawal.guard import respected
from popdanceset.withdrawal.tombstones import is_withdrawn

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.store import Store

STAGE = "import"

METHOD = 1
"""Raise it when imports of the same files give other rows."""

_log = logging.getLogger(__name__)

_BAD = (Reason.DAMAGED, Reason.FAILED)


@dataclass
class Summary:
    """What became of the sequences of a set.

    Attributes:
        imported: clips that are new in the store.
        replaced: clips that were imported before from other files.
        kept: clips that were there already.
        seconds: length of all three.
        left_out: reason → names of the sequences that are left out.
        notes: name → details of the reason, of those that are damaged or failed.
        refused: name → why it has no usable id.
        facts: about the set as a whole.
    """

    imported: int = 0
    replaced: int = 0
    kept: int = 0
    seconds: float = 0.0
    left_out: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def clips(self) -> int:
        """Clips of the set that are in the store now."""
        return self.imported + self.replaced + self.kept

    def leave_out(self, item: Item, reason: str, note: str = "") -> None:
        """Counts a sequence that is left out."""
        self.left_out.setdefault(reason, []).append(item.name)
        if note:
            self.notes[item.name] = note

    def check(self) -> None:
        """Does nothing if every file of the set could be used.

        Raises:
            FailedError: some are damaged, have no usable id or failed; the others are imported.
        """
        bad = {
            name: self.notes.get(name, "") for reason in _BAD for name in self.left_out.get(reason.value, ())
        }
        bad = self.refused | bad
        if bad:
            first, why = next(iter(bad.items()))
            raise FailedError(
                f"{len(bad)} of {len(bad) + self.clips} sequences could not be imported, the first: {why}",
                first, "mend or remove these files and import again",
            )  # fmt: skip


def import_set(
    kind: str,
    path: Path,
    settings: Settings,
    store: Store,
    manifest: Path,
    options: Options | None = None,
    axes: Axes = "floor",
    high_quality: bool = False,
    advance: Advance = ignore,
) -> Summary:
    """Imports a set into the store, and adds its videos to a manifest.

    Args:
        kind: one of `popdanceset.importers.kinds.KINDS`.
        path: folder of the set, a zip archive of it, or one file.
        settings: those of music count.
        store: receives the rows.
        manifest: folder of the manifest; created if it does not exist.
        options: what the user states about the set.
        axes: what is done to the path of the root.
        high_quality: leave out what the set's own list does not name.
        advance: called after each part of a video.

    Returns:
        What became of the sequences; call its `check`.

    Raises:
        InputError: the set, one of its lists or the manifest cannot be used; nothing is imported then.
        StoreError: the store cannot be read or written.
    """
    begun = time.monotonic()
    read_or_new(manifest)  # so that mistakes in it are reported before the work
    store.sweep()
    with respected(store, manifest), opened_set(path, store) as folder:
        motions = open_set(kind, folder, options or Options())
        if axes == "released" and motions.released_origin is None:
            raise InputError("there is no released loader of this kind of set", kind, "choose other --axes")
        contents = _chosen(motions.contents(), high_quality, path)
        run = _Run(motions, settings, store, axes)
        for items in _parts(contents.items):
            run.add_part(items)
            advance(1, items[0].clip.bvid)
    summary = run.summary
    summary.refused = dict(contents.refused)
    summary.facts = dict(contents.facts)
    if summary.clips:
        add_to_manifest(manifest, store, motions.kind, path.name, axes, run.videos, summary.facts)
    _log.info(
        "import %s: %d new, %d replaced, %d kept clips, %.1f s of motion, in %.1f s",
        kind, summary.imported, summary.replaced, summary.kept, summary.seconds, time.monotonic() - begun,
    )  # fmt: skip
    return summary


def _chosen(contents: Contents, high_quality: bool, path: Path) -> Contents:
    if not high_quality:
        return contents
    if all(item.high_quality is None for item in contents.items):
        raise InputError("has no list of clips of high quality", path, "leave out --high-quality")
    return replace(contents, items=[item for item in contents.items if item.high_quality])


def _parts(items: Iterable[Item]) -> list[list[Item]]:
    """The sequences of each part of a video, in order."""
    parts: dict[tuple[str, int], list[Item]] = {}
    for item in sorted(items, key=lambda item: item.clip):
        parts.setdefault((item.clip.bvid, item.clip.page), []).append(item)
    return list(parts.values())


class _Run:
    """One import, part by part.

    Args:
        motions: the set.
        settings: those of music count.
        store: receives the rows.
        axes: what is done to the path of the root.
    """

    def __init__(self, motions: MotionSet, settings: Settings, store: Store, axes: Axes) -> None:
        self.summary = Summary()
        self.videos: dict[str, str] = {}
        self._set, self._settings, self._store, self._axes = motions, settings, store, axes
        self._net = Net(STAGE, store, retry=True)
        self._rows: list[Row] = []

    def add_part(self, items: Sequence[Item]) -> None:
        """Imports the sequences of a part."""
        bvid, page = items[0].clip.bvid, items[0].clip.page
        if is_withdrawn(bvid, self._store):
            for item in items:
                self.summary.leave_out(item, Reason.WITHDRAWN)
            return
        with in_turn(bvid, self._store):
            name = layout.clip_rows(bvid, page)
            before: list[Row] = []
            if self._store.exists(name):
                before = self._store.read_table(name, CLIPS).to_pylist()
            others = {row["source"] for row in before} - {self._source}
            if others:
                whose = ", ".join(sorted(source or "acquire" for source in others))
                for item in items:
                    self.summary.leave_out(item, f"in the store already, from {whose}")
                return
            self._replace(name, items, before)
        accepted = [row for row in self._rows if row["accepted"]]
        if accepted:
            self.videos.setdefault(bvid, accepted[0]["source_name"])

    @property
    def _source(self) -> str:
        return f"{SOURCE}{self._set.kind}"

    def _replace(self, name: str, items: Sequence[Item], before: list[Row]) -> None:
        """Makes the clips of a part that are new or changed, and writes the part's rows."""
        made = {row["clip_id"]: row for row in before if row["accepted"]}
        named, ids = {item.name for item in items}, {str(item.clip) for item in items}
        rows = [row for row in before if row["source_name"] not in named and row["clip_id"] not in ids]
        counts: Counter[str] = Counter()
        for item in items:
            rows.append(self._row(item, made.get(str(item.clip)), counts))
        rows.sort(key=lambda row: (not row["accepted"], _number(row), row["source_name"]))
        rows = self._with_music(
            [{column: row.get(column) for column in CLIPS.names} for row in rows], made, counts
        )
        if rows != before:
            self._store.write_rows(name, rows, CLIPS)
        self._discard_unnamed(items[0], rows, made)
        self._rows = rows
        self.summary.imported += counts["imported"]
        self.summary.replaced += counts["replaced"]
        self.summary.kept += counts["kept"]

    def _row(self, item: Item, earlier: Row | None, counts: Counter[str]) -> Row:
        """Makes a clip, unless it is there already; returns its row."""
        if item.reason is Reason.MISSING and earlier:  # this copy of the set is a part of it
            counts["kept"] += 1
            return earlier
        if item.reason:
            return self._left_out(item, item.reason, item.note)
        key = str(item.clip)
        with self._net.under(key, item.clip.bvid):
            try:
                row, change = self._made(item, earlier)
            except SchemaError:  # a mistake of ours, not of the file
                raise
            except InputError as error:
                return self._left_out(item, Reason.DAMAGED, error.what)
            self._net.forget(key)
            counts[change] += 1
            self.summary.seconds += row["frames"] / FPS
            return row
        failed = self._left_out(item, Reason.FAILED, self._net.note(key))
        return earlier or failed

    def _left_out(self, item: Item, reason: Reason, note: str) -> Row:
        self.summary.leave_out(item, reason.value, note)
        return left_out_row(item, self._set.kind, reason, note)

    def _made(self, item: Item, earlier: Row | None) -> tuple[Row, str]:
        """Returns the row of a clip whose poses are in the store now, and what was done."""
        assert item.motion is not None
        key, store, kind = str(item.clip), self._store, self._set.kind
        digest = self._digest(item)
        there = how_made(key, store).get("digest") == digest and store.exists(layout.verdict(key))
        if there and earlier and (not earlier["music_path"] or store.exists(earlier["music_path"])):
            return clip_row(item, kind, earlier["frames"], earlier["music_path"]), "kept"
        if item.sound:
            check_sound(item.sound)
        take = self._set.read(item)
        body = placed(take, self._axes, self._set.released_origin)
        frames = len(body.root)
        derived.discard(key, store)
        music_path = ""
        if item.sound:
            music_path = f"{layout.clip_stem(item.clip.bvid, key, 0.0, frames)}.wav"
            with item.sound.open("rb") as source, store.open_write(music_path) as file:
                while chunk := source.read(1 << 20):
                    file.write(chunk)
        how = {
            "source": self._source,
            "name": item.name,
            "digest": digest,
            "read": take.how,
            "axes": self._axes,
            "smoothing": None,
            **body.done(),
        }
        table = pose_table(item, take, body, how)
        store.write_table(layout.poses(key), table, FRAMES.with_metadata(table.schema.metadata))
        store.write_rows(layout.verdict(key), [verdict_row(item, take, body)], VERDICTS)
        return clip_row(item, kind, frames, music_path), "replaced" if earlier else "imported"

    def _digest(self, item: Item) -> str:
        """A hash of everything that the rows of a clip are made from, except its labels."""
        files = [item.motion, item.sound, item.keypoints]
        parts = [str(METHOD), self._source, self._axes, self._set.identity, item.name]
        parts += [sha256_of(file) if file else "" for file in files]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _with_music(self, rows: list[Row], made: dict[str, Row], counts: Counter[str]) -> list[Row]:
        """The rows of a part with a music id; those whose set states none share the one of their sound."""
        unknown = [row for row in rows if row["music_path"] and is_unknown(row["music_id"])]
        if not unknown:
            return rows
        known = {made.get(row["clip_id"], {}).get("music_id") for row in unknown}
        same = not counts["imported"] and not counts["replaced"] and len(known) == 1 and None not in known
        sounds = [row["music_path"] for row in unknown]
        bvid, page = rows[0]["bvid"], rows[0]["page"]
        music_id = known.pop() if same else music_of(sounds, bvid, page, self._settings, self._store)
        return [row | {"music_id": music_id} if row in unknown else row for row in rows]

    def _discard_unnamed(self, item: Item, rows: Sequence[Row], made: dict[str, Row]) -> None:
        """Removes sounds of the part that no row names, and what was made from clips that are left out."""
        named = {row["music_path"] for row in rows}
        ours = layout.clip_files_of(item.clip.bvid, item.clip.page)
        for name in self._store.list(layout.video_folder(item.clip.bvid)):
            if name.startswith(ours) and name not in named:
                self._store.remove(name)
        for key in made.keys() - {row["clip_id"] for row in rows}:
            derived.discard(key, self._store)


def _number(row: Row) -> int:
    return int(row["clip_id"].rpartition("_")[2]) if row["clip_id"] else 0
