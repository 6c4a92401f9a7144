"""What reviewers decided on clips, as `acquire` obeys it: labels, music, exchanged sides, new poses.

A clip's row notes in `reviewed` what was obeyed, last of all, so that a run that is killed does it again.
Spans are changed by `popdanceset.video.recut`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from popdanceset import layout
from popdanceset.clip_id import clip_order, part_id
from popdanceset.music.merges import name_same, take_back
from popdanceset.review.in_force import NOTHING, ClipReview, Reviews
from popdanceset.schema import CLIPS
from popdanceset.store import Store
from popdanceset.video.recut import Interval

log = logging.getLogger(__name__)

Row = dict[str, Any]

UNFINISHED = "unfinished"
"""`reviewed` of a row whose span is being changed."""
UNFINISHED_POSES = "unfinished poses"
"""`reviewed` of a row whose poses are being discarded; its span stays the same."""

_MUSIC = "music "
_IMPORTED = "as imported: "
"""What the note of an imported clip begins with whose labels a reviewer changed; they follow as JSON."""


def of_part(reviews: Reviews, bvid: str, page: int) -> dict[int, ClipReview]:
    """Returns clip number → what was decided, of one part of a video."""
    ids = {clip_id: clip_order(clip_id) for clip_id in reviews if clip_id.startswith(part_id(bvid, page))}
    return {number: reviews[clip_id] for clip_id, (*part, number) in ids.items() if part == [bvid, page]}


def labels(reviews: Iterable[ClipReview]) -> dict[str, str]:
    """Returns the columns that reviewers named.

    Args:
        reviews: of the clip, then of those that it was split from; the first name counts.
    """
    named: dict[str, str] = {}
    for review in reviews:
        for column, name in (("genre", review.genre), ("dancer_id", review.dancer)):
            if name:
                named.setdefault(column, name)
    return named


def swaps(reviews: Iterable[ClipReview], start: float, end: float) -> str | None:
    """Returns the column `swaps` of a clip from the spans in which left and right are exchanged.

    Args:
        reviews: of the clip and of those that it was split from, whose spans add up.
        start, end: of the clip in its part, seconds.
    """
    joined: list[Interval] = []
    for first, until in sorted(span for review in reviews for span in review.swaps):
        left, right = max(first, start) - start, min(until, end) - start
        if joined and left <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], right)
        elif left < right:
            joined.append((left, right))
    return "+".join(f"{left:.3f}-{right:.3f}" for left, right in joined) or None


def wants_new_poses(before: Row, now: Row, review: ClipReview) -> bool:
    """Returns whether the poses of a clip that shows the same frames have to be made again.

    Args:
        before, now: its earlier row and its new one.
        review: what was decided on it.
    """
    if before["reviewed"] == UNFINISHED_POSES:
        return True
    redo = replace(NOTHING, redo=review.redo).changes
    is_new = bool(redo) and (before["reviewed"] or "").split("; ")[0] != redo
    return is_new or (before["swaps"] or "") != (now["swaps"] or "")


def obeyed(row: Row, reviews: Reviews, store: Store) -> ClipReview:
    """Returns what of a clip's review can be obeyed; the rest is logged.

    The music of a clip that is not in the store cannot, and an imported clip has no video that could be cut
    or looked at again.
    """
    review = reviews.get(row["clip_id"], NOTHING)
    possible = _possible(row, review, store)
    _log_refused(row, review, possible)
    return possible


def is_outstanding(rows: Sequence[Row], reviews: Reviews, store: Store) -> bool:
    """Returns whether some clip of a part lacks changes that its reviewers want, or has others.

    If not, changes that still cannot be made are logged again.
    """
    refused: list[tuple[Row, ClipReview, ClipReview]] = []
    for row in rows:
        review = reviews.get(row["clip_id"], NOTHING)
        noted = row["reviewed"] or ""
        if row["accepted"] and noted != review.changes:
            possible = _possible(row, review, store)
            if noted != possible.changes:
                return True
            refused.append((row, review, possible))
    for each in refused:
        _log_refused(*each)
    return False


def _possible(row: Row, review: ClipReview, store: Store) -> ClipReview:
    if row.get("source"):
        review = ClipReview(genre=review.genre, dancer=review.dancer, music=review.music)
    if review.music and not (row["music_id"] and music_of(review.music, store)):
        review = replace(review, music="")
    return review


def _log_refused(row: Row, review: ClipReview, possible: ClipReview) -> None:
    clip_id, only_music = row["clip_id"], ClipReview(music=review.music)
    cutting = replace(review, judgement=None, genre="", dancer="", music="")
    if row.get("source") and cutting != NOTHING:
        log.warning(
            "%s: it was imported and has no video; cannot obey its reviewer: %s", clip_id, cutting.changes
        )
    if review.music != possible.music:
        log.warning(
            "%s: cannot obey its reviewer: %s: one of the two is not in the store, or has no music (correct "
            "reviews.csv, or acquire the clip)",
            clip_id,
            only_music.changes,
        )


def music_of(clip_id: str, store: Store) -> str:
    """Returns the music id of a clip; empty if the store has no such clip, or the clip has no music."""
    bvid, page, _ = clip_order(clip_id)
    name = layout.clip_rows(bvid, page)
    if page < 1 or not store.exists(name):
        return ""
    rows = store.read_table(name, CLIPS, ["clip_id", "music_id"]).to_pylist()
    return next((row["music_id"] for row in rows if row["clip_id"] == clip_id), "")


def match_music(
    before: Mapping[str, Row],
    now: Mapping[str, Row],
    wanted: Mapping[str, ClipReview],
    reviews: Reviews,
    store: Store,
) -> None:
    """Merges the music of clips that reviewers named as the same, and takes back what they no longer say.

    Args:
        before, now: rows of a part's clips by their ids, as they were and as they will be.
        wanted: what can be obeyed of the reviews of these clips (`obeyed`).
        reviews: of all clips.

    Raises:
        StoreError: the store is not writable.
    """
    for clip_id in sorted(before.keys() | now):
        said = _music_in((before.get(clip_id) or {}).get("reviewed"))
        says = wanted.get(clip_id, NOTHING).music
        row = now.get(clip_id) or before[clip_id]
        if said not in ("", says, reviews.get(clip_id, NOTHING).music):
            other = music_of(said, store)
            if other and not _is_named(row["music_id"], other, clip_id, reviews, store):
                take_back(store, row["music_id"], other)
        if says and name_same(store, row["music_id"], music_of(says, store), row["bvid"], row["page"]):
            log.info("%s has the music of %s, a reviewer says", clip_id, says)


def relabelled(rows: Sequence[Row], reviews: Reviews, store: Store) -> list[Row]:
    """Returns the rows of an imported part with the labels that reviewers named, and the others as they were
    imported: the note keeps them. Merges their music.

    Raises:
        StoreError: the store is not writable.
    """
    clips = {row["clip_id"]: row for row in rows if row["clip_id"]}
    wanted = {clip_id: obeyed(row, reviews, store) for clip_id, row in clips.items()}
    match_music(clips, clips, wanted, reviews, store)
    return [_relabelled(row, wanted[row["clip_id"]]) if row["clip_id"] else row for row in rows]


def _relabelled(row: Row, review: ClipReview) -> Row:
    note = row["note"] or ""
    own = {"genre": row["genre"], "dancer_id": row["dancer_id"]}
    if note.startswith(_IMPORTED):
        own, note = json.loads(note.removeprefix(_IMPORTED)), ""
    named = labels([review])
    if named:
        note = _IMPORTED + json.dumps(own, ensure_ascii=False)
    return row | own | named | {"note": note or None, "reviewed": review.changes or None}


def _music_in(reviewed: str | None) -> str:
    """The clip whose music a text of `reviewed` names, which comes last in it."""
    last = (reviewed or "").rpartition("; ")[2]
    return last.removeprefix(_MUSIC) if last.startswith(_MUSIC) else ""


def _is_named(one: str, other: str, clip_id: str, reviews: Reviews, store: Store) -> bool:
    """Whether the review of another clip says that two music ids are the same."""
    pair = {one, other}
    for each, review in reviews.items():
        if (
            each != clip_id
            and review.music
            and {music_of(name, store) for name in (each, review.music)} == pair
        ):
            return True
    return False
