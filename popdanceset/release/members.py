"""Chooses the clips of a release: those whose video is in the manifest and which every stage accepted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow.compute as pc

from popdanceset import layout
from popdanceset.clip_id import clip_order
from popdanceset.errors import InputError
from popdanceset.manifest import read_manifest
from popdanceset.release.tiers import quality, tier_of
from popdanceset.schema import CLIPS, SELECTION, VERDICTS
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import withdrawn

_log = logging.getLogger(__name__)


class ReleaseVideos(NamedTuple):
    """The videos whose clips go into a release.

    Attributes:
        manifest: name of the manifest.
        pops: bvid → Pop, if known.
        provenance: everything else that `manifest.yaml` states.
    """

    manifest: str
    pops: dict[str, float | None]
    provenance: dict[str, Any]


def release_videos(store: Store, folder: Path) -> ReleaseVideos:
    """Reads the videos of a manifest from its folder, which people may have edited.

    On a machine that has the store but not the folder, the selection from which the manifest was written
    is used instead; a warning says so.

    Withdrawn videos are left out, also if the folder still names them.

    Args:
        store: with the selection.
        folder: of the manifest; its last part is the manifest's name.

    Raises:
        ManifestError: the folder is not a manifest.
        StoreError: there is neither a folder nor a selection.
    """
    name = folder.name
    if folder.is_dir():
        manifest = read_manifest(folder)
        pops = {video.bvid: video.pop for video in manifest.videos}
        return ReleaseVideos(name, _allowed(pops, store), manifest.provenance)
    selected = store.read_table(
        layout.selection(name), SELECTION, ["bvid", "pop"], pc.field("accepted")
    ).to_pylist()
    _log.warning("%s: there is no such folder, so all accepted videos of the selection are used", folder)
    return ReleaseVideos(name, _allowed({row["bvid"]: row["pop"] for row in selected}, store), {})


def _allowed(pops: dict[str, float | None], store: Store) -> dict[str, float | None]:
    gone = withdrawn(store) & pops.keys()
    if gone:
        _log.info("%d videos of the manifest were withdrawn and are left out", len(gone))
    return {bvid: pop for bvid, pop in pops.items() if bvid not in gone}


class Members(NamedTuple):
    """The clips of a release.

    Attributes:
        clips: one mapping per clip, in the order of `popdanceset.clip_id.clip_order`: the columns of
            `popdanceset.schema.RELEASE_CLIPS` that are known before anything is written.
        left_out: why clips that screening accepted are left out → how many.
        whys: the same of each clip: clip id → why.
    """

    clips: list[dict[str, Any]]
    left_out: dict[str, int]
    whys: dict[str, str]


def members(store: Store, videos: ReleaseVideos, min_score: float = 0.0, min_tier: str = "C") -> Members:
    """Chooses the clips to be published.

    A clip is published if its video is in the manifest, screening accepted the clip, the extractor accepted
    its poses (or left them to a reviewer), and neither their score nor their tier is too low. Clips that
    still wait for their poses are left out; a warning lists them. Poses without a score, which older
    extractors wrote, are published; a warning counts them.

    Args:
        store: with the tables of all stages.
        videos: of the release.
        min_score: smallest score of published poses, 0..1.
        min_tier: lowest tier of published poses (`popdanceset.release.tiers`).

    Raises:
        InputError: no clip is accepted, or one is listed twice.
    """
    pops = videos.pops
    screened = store.read_table(layout.CLIPS, CLIPS, filter=pc.field("accepted")).to_pylist()
    clips = [clip for clip in screened if clip["bvid"] in pops]
    verdicts = {v["clip_id"]: v for v in store.read_table(layout.VERDICTS, VERDICTS).to_pylist()}
    twice = [clip_id for clip_id, n in Counter(clip["clip_id"] for clip in clips).items() if n > 1]
    if twice:
        raise InputError(
            f"clips {twice[:3]} are listed twice", f"{store}/{layout.CLIPS}", "remove one of the two files"
        )
    waiting = [clip["clip_id"] for clip in clips if clip["clip_id"] not in verdicts]
    if waiting:
        _log.warning(
            "%d clips wait for their poses and are left out (run `popdanceset extract`): %s",
            len(waiting),
            " ".join(waiting),
        )
    whys = {
        clip["clip_id"]: _why_left_out(verdicts.get(clip["clip_id"]), min_score, min_tier) for clip in clips
    }
    left_out = dict(Counter(why for why in whys.values() if why))
    chosen = [clip for clip in clips if not whys[clip["clip_id"]]]
    unscored = sum(verdicts[clip["clip_id"]]["score"] is None for clip in chosen)
    if unscored and min_score:
        _log.warning(
            "%d clips have poses without a score, so release.min_score does not apply to them", unscored
        )
    if not chosen:
        found = "".join(f"; {count} {why}" for why, count in sorted(left_out.items()))
        raise InputError(
            f"nothing to publish: {len(pops)} videos selected, {len(clips)} clips cut, no poses accepted"
            f"{found}",
            f"{store}, manifest {videos.manifest}",
            "see the reasons in the tables, or run the earlier stages",
        )
    with_music = music_extractors(store)
    kept = ("clip_id", "bvid", "page", "start", "end", "music_id", "genre", "dancer_id", "frames",
            "source", "source_name", "published_split", "high_quality")  # fmt: skip
    published = [
        {
            **{key: clip[key] for key in kept},
            "pop": pops[clip["bvid"]],
            "estimator": verdicts[clip["clip_id"]]["estimator"],
            **quality(verdicts[clip["clip_id"]]),
            "has_music": clip["clip_id"] in with_music,
        }
        for clip in sorted(chosen, key=lambda clip: clip_order(clip["clip_id"]))
    ]
    return Members(published, left_out, {clip_id: why for clip_id, why in whys.items() if why})


def _why_left_out(verdict: Mapping[str, Any] | None, min_score: float, min_tier: str) -> str:
    """Returns why a clip that screening accepted is left out; empty if it is published."""
    if verdict is None:
        return "waiting for poses"
    if not verdict["accepted"]:
        return str(verdict["reason"]) or "rejected"
    score = verdict["score"]
    if score is not None and score < min_score:
        return f"score below {min_score:g}"
    return "" if tier_of(quality(verdict)).reaches(min_tier) else f"tier below {min_tier}"


def music_extractors(store: Store) -> dict[str, list[str]]:
    """Returns clip id → names of the extractors whose features of the clip are in the store, sorted."""
    found: dict[str, list[str]] = {}
    for name in store.list(layout.MUSIC, layout.PARQUET):
        path = PurePosixPath(name)
        if name == layout.music_features(path.stem, path.parent.name):
            found.setdefault(path.stem, []).append(path.parent.name)
    return found
