"""Shows the splits that a publication would make, without writing anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popdanceset import layout
from popdanceset.manifest import find_manifest
from popdanceset.release.dividing import dancers_of, divide, split_rule
from popdanceset.release.members import members, release_videos
from popdanceset.release.splits import Split, length_class
from popdanceset.release.versions import published
from popdanceset.schema import FPS, RELEASE_CLIPS
from popdanceset.settings import ReleaseSettings, Settings
from popdanceset.store import Store

_SPLITS: tuple[Split, ...] = ("train", "test")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SplitPreview:
    """The splits of a release that was not written.

    Attributes:
        clips: rows of its clip table.
        splits: clip id → split.
        rule: the settings.
        newest: name of the newest release; None if there is none.
        before: clip id → split in that release.
    """

    clips: Sequence[Row]
    splits: Mapping[str, Split]
    rule: ReleaseSettings
    newest: str | None
    before: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """Returns the sizes of the splits and the clips that move since the newest release."""
        moved = Counter(
            f"from {self.before[clip_id]} to {split}"
            for clip_id, split in self.splits.items()
            if self.before.get(clip_id, split) != split
        )
        return {
            "rule": split_rule(self.rule).model_dump(),
            "splits": {name: self._sizes(name) for name in _SPLITS},
            "newest": self.newest,
            "moved": dict(sorted(moved.items())),
        }

    def _sizes(self, split: Split) -> dict[str, Any]:
        rows = [row for row in self.clips if self.splits[row["clip_id"]] == split]

        def seconds_by(label: Callable[[Row], str]) -> dict[str, float]:
            frames: Counter[str] = Counter()
            for row in rows:
                frames[label(row)] += row["frames"]
            return {name: round(count / FPS, 3) for name, count in sorted(frames.items())}

        return {
            "clips": len(rows),
            "seconds": round(sum(row["frames"] for row in rows) / FPS, 3),
            "videos": len({row["bvid"] for row in rows}),
            "music": len({row["music_id"] or row["bvid"] for row in rows}),
            "dancers": len({name for row in rows for name in dancers_of(row["dancer_id"], row["bvid"])}),
            "genres": seconds_by(lambda row: str(row["genre"])),
            "lengths": seconds_by(lambda row: length_class(row["frames"])),
            "tiers": dict(sorted(Counter(row["tier"] for row in rows).items())),
        }


def preview_splits(settings: Settings, store: Store, manifest: str | Path) -> SplitPreview:
    """Divides the clips that `popdanceset.release.writer.publish` would publish.

    Args:
        settings: those of `release` count.
        store: is only read.
        manifest: name or folder of the manifest.

    Raises:
        InputError: no clip is accepted, or the size of the test split leaves nothing for training.
        StoreError: something is missing.
    """
    rule = settings.release
    videos = release_videos(store, find_manifest(manifest, settings))
    clips = members(store, videos, rule.min_score, rule.min_tier).clips
    releases = published(store)
    newest = releases[-1].version if releases else None
    before: dict[str, str] = {}
    if newest:
        name = f"{layout.release(newest)}/{layout.RELEASE_CLIPS}"
        table = store.read_table(name, RELEASE_CLIPS, ["clip_id", "split"])
        before = dict(zip(table["clip_id"].to_pylist(), table["split"].to_pylist(), strict=True))
    return SplitPreview(clips, divide(store, rule, clips), rule, newest, before)
