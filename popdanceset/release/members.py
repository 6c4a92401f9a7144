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
from popdanceset.release.reviewed import ACCEPT, WAITING, is_accepted, waiting_for_changes, why_rejected
from popdanceset.release.tiers import quality, tier_of
from popdanceset.review.decisions import Decision
from popdanceset.review.in_force import NOTHING, ClipReview, in_force, read_decisions
from popdanceset.schema import CAMERA_COLUMNS, CLIPS, SELECTION, VERDICTS
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import withdrawn
from popdanceset.wording import counted

_log = logging.getLogger(__name__)


class ReleaseVideos(NamedTuple):
    """The videos whose clips go into a release.

    Attributes:
        manifest: name of the manifest.
        pops: bvid → Pop, if known.
        provenance: everything else that `manifest.yaml` states.
        decisions: of reviewers, in force; None if they are not known.
    """

    manifest: str
    pops: dict[str, float | None]
    provenance: dict[str, Any]
    decisions: tuple[Decision, ...] | None = None


def release_videos(store: Store, folder: Path) -> ReleaseVideos:
    """Reads the videos of a manifest and the decisions of reviewers from its folder, which people may edit.

    On a machine that has the store but not the folder, the selection from which the manifest was written
    is used instead, and there are no decisions; a warning says so.

    Withdrawn videos are left out, also if the folder still names them.

    Args:
        store: with the selection.
        folder: of the manifest; its last part is the manifest's name.

    Raises:
        ManifestError: the folder is not a manifest, or the decisions contradict each other.
        StoreError: there is neither a folder nor a selection.
    """
    name = folder.name
    if folder.is_dir():
        manifest = read_manifest(folder)
        pops = {video.bvid: video.pop for video in manifest.videos}
        return ReleaseVideos(name, _allowed(pops, store), manifest.provenance, tuple(read_decisions(folder)))
    selected = store.read_table(
        layout.selection(name), SELECTION, ["bvid", "pop"], pc.field("accepted")
    ).to_pylist()
    _log.warning(
        "%s: there is no such folder, so all accepted videos of the selection are used, and no decision of a "
        "reviewer is known",
        folder,
    )
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

    Reviewers decide instead of verdict and score: a clip that they rejected is left out, and one that they
    accepted is published if it has poses and its tier suffices. A clip that does not have the changes that
    they asked for yet is left out; a warning lists these.

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
    reviews = in_force(videos.decisions or ())
    changing = waiting_for_changes(clips, reviews) if videos.decisions is not None else frozenset()
    if changing:
        _log.warning(
            "%s left out until reviewers' changes are made (run `popdanceset acquire %s` and see what it "
            "warns of): %s",
            counted(len(changing), "clip"),
            videos.manifest,
            " ".join(sorted(changing, key=clip_order)),
        )
    waiting = [clip["clip_id"] for clip in clips if clip["clip_id"] not in verdicts]
    if waiting:
        _log.warning(
            "%d clips wait for their poses and are left out (run `popdanceset extract`): %s",
            len(waiting),
            " ".join(waiting),
        )
    accepted = _accepted(store, reviews, verdicts)

    def why(clip_id: str) -> str:
        if rejected := why_rejected(reviews.get(clip_id, NOTHING)):
            return rejected
        if clip_id in changing:
            return WAITING
        return _why_left_out(verdicts.get(clip_id), clip_id in accepted, min_score, min_tier)

    whys = {clip["clip_id"]: why(clip["clip_id"]) for clip in clips}
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
            **quality(verdicts[clip["clip_id"]], ACCEPT if clip["clip_id"] in accepted else ""),
            **_camera(verdicts[clip["clip_id"]]),
            **({"reviewed": clip["reviewed"]} if clip["reviewed"] else {}),
            "has_music": clip["clip_id"] in with_music,
        }
        for clip in sorted(chosen, key=lambda clip: clip_order(clip["clip_id"]))
    ]
    return Members(published, left_out, {clip_id: why for clip_id, why in whys.items() if why})


def _camera(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the columns of the clip's camera; none if an importer or an older program wrote it."""
    if verdict["camera_to_world"] is None:
        return {}
    return {name: verdict[name] for name in CAMERA_COLUMNS}


def _accepted(
    store: Store, reviews: Mapping[str, ClipReview], verdicts: Mapping[str, Mapping[str, Any]]
) -> frozenset[str]:
    """Returns the clips that people accepted and that have poses."""
    wanted = [clip_id for clip_id in reviews if is_accepted(reviews[clip_id]) and clip_id in verdicts]
    found = [
        clip_id
        for clip_id in wanted
        if verdicts[clip_id]["accepted"]
        or (verdicts[clip_id]["frames"] and store.exists(layout.poses(clip_id)))
    ]
    if lacking := sorted({*wanted} - {*found}, key=clip_order):
        _log.warning("reviewers accepted clips that have no poses to publish: %s", " ".join(lacking))
    return frozenset(found)


def _why_left_out(verdict: Mapping[str, Any] | None, by_people: bool, min_score: float, min_tier: str) -> str:
    """Returns why a clip that screening accepted is left out; empty if it is published.

    Args:
        verdict: row of VERDICTS, if there is one.
        by_people: whether people accepted its poses.
    """
    if verdict is None:
        return "waiting for poses"
    if not by_people:
        if not verdict["accepted"]:
            return str(verdict["reason"]) or "rejected"
        score = verdict["score"]
        if score is not None and score < min_score:
            return f"score below {min_score:g}"
    tier = tier_of(quality(verdict, ACCEPT if by_people else ""))
    return "" if tier.reaches(min_tier) else f"tier below {min_tier}"


def music_extractors(store: Store) -> dict[str, list[str]]:
    """Returns clip id → names of the extractors whose features of the clip are in the store, sorted."""
    found: dict[str, list[str]] = {}
    for name in store.list(layout.MUSIC, layout.PARQUET):
        path = PurePosixPath(name)
        if name == layout.music_features(path.stem, path.parent.name):
            found.setdefault(path.stem, []).append(path.parent.name)
    return found
