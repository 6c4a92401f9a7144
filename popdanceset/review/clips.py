"""The list of a store's clips: joins the tables of all stages, and follows them while stages write."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from popdanceset import layout
from popdanceset.errors import ManifestError
from popdanceset.manifest import read_manifest
from popdanceset.release.tiers import quality
from popdanceset.review.rooms import ClipList, finite, worst_first
from popdanceset.review.watched import Row, WatchedTable
from popdanceset.schema import CLIPS, SELECTION, STATISTICS, VERDICTS
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import withdrawn

_CLIP_COLUMNS = (
    "clip_id", "bvid", "page", "start", "end", "frames", "path", "music_path", "music_id", "genre",
    "dancer_id", "accepted", "note", "planned_start", "planned_end", "reviewed",
)  # fmt: skip
_VERDICT_COLUMNS = (
    "clip_id", "frames", "mean_score", "jitter_after", "estimator", "accepted", "reason", "note", "score",
    "verdict", "reasons", "contact", "skate_after", "skating_after", "penetration", "floating",
)  # fmt: skip
_WITHOUT_POSES = dict.fromkeys(
    ("mean_score", "jitter", "skate", "skating", "penetration", "floating", "score"), None
) | {"verdict": "", "reasons": [], "tier": ""}


class StoreClips:
    """The clips of a store, or of the videos of a manifest. Threads may share it.

    Args:
        store: the store.
        manifest: folder of the manifest; None: all videos. If there is no such folder, the selection of this
            name is used.
        interval: seconds for which the list is taken as unchanged; None: one in a local store, more where
            looking costs requests.

    Raises:
        ManifestError: there is neither a manifest nor a selection of this name.
    """

    def __init__(self, store: Store, manifest: Path | None = None, interval: float | None = None) -> None:
        self._store, self._manifest = store, manifest
        self._interval = interval if interval is not None else 1.0 if store.is_local else 15.0
        self._clips = WatchedTable(store, layout.CLIPS, CLIPS, _CLIP_COLUMNS)
        self._verdicts = WatchedTable(store, layout.VERDICTS, VERDICTS, _VERDICT_COLUMNS)
        self._lock = threading.Lock()
        self._looked = -float("inf")
        self._gone: frozenset[str] = frozenset()
        self._list: ClipList | None = None
        self._version = 0
        self._described: tuple[frozenset[str], dict[str, Row]] = frozenset(), {}
        if manifest is not None:
            self._members(manifest)

    def list(self) -> ClipList:
        """Returns the list as it is now.

        Raises:
            ManifestError: the manifest was removed, or is damaged.
            StoreError: the store cannot be read.
        """
        with self._lock:
            if self._list is None or time.monotonic() - self._looked >= self._interval:
                gone = withdrawn(self._store)
                changed = [self._clips.refresh(), self._verdicts.refresh(), gone != self._gone]
                self._gone = gone
                if self._list is None or any(changed):
                    self._version += 1
                    self._list = ClipList(worst_first(self._rows()), str(self._version))
                self._looked = time.monotonic()
            return self._list

    def _rows(self) -> Iterable[Row]:
        clips = [
            row
            for row in self._clips.rows()
            if row["accepted"] and row["clip_id"] and row["bvid"] not in self._gone
        ]
        described: dict[str, Row] = {}
        if self._manifest is not None:
            described = self._members(self._manifest)
            clips = [row for row in clips if row["bvid"] in described]
        bvids = frozenset(row["bvid"] for row in clips)
        if bvids != self._described[0]:  # not with each verdict that is written: statistics are large
            self._described = bvids, self._texts(bvids, selected=self._manifest is None)
        texts = self._described[1]
        verdicts = {row["clip_id"]: row for row in self._verdicts.rows()}
        for clip in clips:
            known = texts.get(clip["bvid"], {}) | {
                name: value for name, value in described.get(clip["bvid"], {}).items() if value is not None
            }
            yield finite(_joined(clip, verdicts.get(clip["clip_id"]), known))

    def _members(self, folder: Path) -> dict[str, Row]:
        """Videos of the manifest with `title` and `pop`."""
        if folder.is_dir():
            return {
                video.bvid: {"title": video.title, "pop": video.pop} for video in read_manifest(folder).videos
            }
        name = layout.selection(folder.name)
        if not self._store.exists(name):
            raise ManifestError("there is no such manifest", folder, "see --manifest, or run `select`")
        rows = self._store.read_table(name, SELECTION, ["bvid", "title", "pop"], ds.field("accepted"))
        return {row["bvid"]: row for row in rows.to_pylist()}

    def _texts(self, bvids: Iterable[str], selected: bool) -> dict[str, Row]:
        """Videos with the newest `title` and `uploader`, and `pop` of the newest selection if asked for."""
        wanted = ds.field("bvid").isin([*bvids])
        found: dict[str, Row] = {}
        columns = ["bvid", "title", "owner", "snapshot_at"]
        rows = self._store.read_table(layout.STATISTICS, STATISTICS, columns, wanted).to_pylist()
        for row in sorted(rows, key=lambda row: row["snapshot_at"]):
            known = found.setdefault(row["bvid"], {})
            known |= {
                name: value for name, value in (("title", row["title"]), ("uploader", row["owner"])) if value
            }
        if selected:
            columns = ["bvid", "title", "pop", "snapshot_at"]
            rows = self._store.read_table(layout.SELECTION, SELECTION, columns, wanted).to_pylist()
            dated = ((row["snapshot_at"].timestamp() if row["snapshot_at"] else 0.0, row) for row in rows)
            for _, row in sorted(dated, key=lambda pair: pair[0]):
                known = found.setdefault(row["bvid"], {})
                known |= {name: row[name] for name in ("title", "pop") if row[name] is not None}
        return found


def _joined(clip: Row, verdict: Row | None, known: Mapping[str, Any]) -> Row:
    planned = (
        (clip["start"], clip["end"])
        if clip["planned_start"] is None or clip["planned_end"] is None
        else (clip["planned_start"], clip["planned_end"])
    )
    found = _WITHOUT_POSES if verdict is None else quality(verdict)
    reasons = found["reasons"] or ([verdict["reason"]] if verdict is not None and verdict["reason"] else [])
    accepted = verdict is None or verdict["accepted"]
    return {
        **{name: clip[name] for name in ("clip_id", "bvid", "page", "start", "end", "genre", "dancer_id")},
        **{name: clip[name] for name in ("music_id", "path", "music_path", "note", "reviewed")},
        **{name: found[name] for name in ("mean_score", "jitter", "skate", "skating", "score", "tier")},
        "verdict": found["verdict"] or ("" if verdict is None else "accept" if accepted else "reject"),
        "reasons": [*reasons],
        "title": known.get("title") or "",
        "uploader": known.get("uploader") or "",
        "pop": known.get("pop"),
        "seconds": clip["end"] - clip["start"],
        "frames": clip["frames"],
        "estimator": "" if verdict is None else verdict["estimator"],
        "accepted": accepted,
        "waiting": verdict is None,
        "has_video": bool(clip["path"]),
        "verdict_note": "" if verdict is None else verdict["note"],
        "planned": planned,
    }
