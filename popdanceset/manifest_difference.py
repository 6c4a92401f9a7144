"""The difference between two manifests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from popdanceset.manifest import Manifest, ManifestVideo

DIGITS = 6
"""Decimal places of Pop in a manifest."""


@dataclass(frozen=True)
class ManifestDifference:
    """Two manifests compared; videos are ordered by bvid.

    Attributes:
        a: the first manifest.
        b: the second manifest.
        added: videos in b but not in a.
        removed: videos in a but not in b.
        rescored: videos in both whose Pop differs, as pairs (in a, in b).
    """

    a: Manifest
    b: Manifest
    added: tuple[ManifestVideo, ...]
    removed: tuple[ManifestVideo, ...]
    rescored: tuple[tuple[ManifestVideo, ManifestVideo], ...]

    @property
    def unchanged(self) -> int:
        """Number of videos in both with the same Pop."""
        return len(self.b.videos) - len(self.added) - len(self.rescored)

    def as_document(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {
            "a": _head(self.a),
            "b": _head(self.b),
            "added": [_entry(video) for video in self.added],
            "removed": [_entry(video) for video in self.removed],
            "rescored": [
                {"bvid": b.bvid, "title": b.title, "pop_a": a.pop, "pop_b": b.pop} for a, b in self.rescored
            ],
            "unchanged": self.unchanged,
        }


def difference(a: Manifest, b: Manifest) -> ManifestDifference:
    """Compares two manifests."""
    of_a, of_b = ({video.bvid: video for video in each.videos} for each in (a, b))
    return ManifestDifference(
        a,
        b,
        tuple(of_b[bvid] for bvid in sorted(of_b.keys() - of_a.keys())),
        tuple(of_a[bvid] for bvid in sorted(of_a.keys() - of_b.keys())),
        tuple(
            (of_a[bvid], of_b[bvid])
            for bvid in sorted(of_a.keys() & of_b.keys())
            if _rounded(of_a[bvid].pop) != _rounded(of_b[bvid].pop)
        ),
    )


def _rounded(pop: float | None) -> float | None:
    return None if pop is None else round(pop, DIGITS)


def _head(manifest: Manifest) -> dict[str, Any]:
    provenance = manifest.provenance
    model = provenance.get("model")
    return {
        "name": manifest.name,
        "videos": len(manifest.videos),
        "model": model.get("name") if isinstance(model, dict) else None,
        "thresholds": provenance.get("thresholds"),
        "snapshot": provenance.get("snapshot"),
    }


def _entry(video: ManifestVideo) -> dict[str, Any]:
    return {"bvid": video.bvid, "title": video.title, "pop": video.pop}
