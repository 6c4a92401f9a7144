"""What a room says of itself and its clips, as plain data: for the server and for a static export."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from popdanceset.errors import PopDanceSetError
from popdanceset.review.database import Stored
from popdanceset.review.decisions import MAX_NAME, MAX_NOTE, REASONS, Kind
from popdanceset.review.details import timeline
from popdanceset.review.rooms import COLUMNS, Media, Room, Row
from popdanceset.review.states import NOTHING, State
from popdanceset.schema import FPS, Reason
from popdanceset.skeleton import COCO_BONES, SMPL_PARENTS

Document = dict[str, Any]

MOST_NEIGHBOURS = 50
"""Clips of the same music that a clip names."""

log = logging.getLogger(__name__)


def room_document(room: Room) -> Document:
    """Describes the room."""
    clips = room.clips()
    return {
        "mode": room.mode,
        "title": room.title,
        "reviewer": room.reviewer,
        "reviewer_required": room.mode == "review",
        "kinds": [{"kind": str(kind), "meaning": kind.meaning, "many": kind.many} for kind in Kind],
        "judgement_reasons": [{"reason": str(reason), "meaning": reason.meaning} for reason in REASONS],
        "genres": [*room.genres],
        "estimators": sorted({row["estimator"] for row in clips.rows} - {""}),
        "sources": [{"name": name, "label": source.label} for name, source in room.sources.items()],
        "clips": len(clips.rows),
        "fps": FPS,
        "note_limit": MAX_NOTE,
        "name_limit": MAX_NAME,
    }


def clips_document(room: Room, states: Mapping[str, State] | None = None, latest: int = 0) -> Document:
    """Lists the clips, the worst first.

    Args:
        room: the room.
        states: what reviewers said, by clip.
        latest: number of the newest change in them.
    """
    clips, states = room.clips(), states or {}
    plain = [name for name in COLUMNS if name != "state"]
    where = COLUMNS.index("state")
    rows = []
    for row in clips.rows:
        cells = [row[name] for name in plain]
        cells.insert(where, states.get(row["clip_id"], NOTHING))
        rows.append(cells)
    return {"columns": [*COLUMNS], "rows": rows, "latest": latest, "list": clips.mark}


def clip_document(
    room: Room,
    clip_id: str,
    state: State | None = None,
    decisions: Iterable[Stored] = (),
    reviewer: str = "",
) -> Document:
    """Describes a clip. Poses or a film that cannot be read are left out, and a note says so.

    Args:
        room: the room.
        clip_id: of the clip.
        state: what reviewers said.
        decisions: all of them.
        reviewer: who asks; empty: the one whom the room proposes.

    Raises:
        UnknownClipError: there is no such clip.
    """
    clips = room.clips()
    row = clips[clip_id]
    address = f"/api/clips/{quote(clip_id, safe='')}"
    notes = [row["note"]] if row["note"] else []
    found: Document = {"motion": None, "timeline": None, "video": None, "audio": None, "beats": None}
    for part in (_motion, _media, _beats):
        try:
            found |= part(room, row, address)
        except PopDanceSetError as error:
            log.warning("%s", error)
            notes.append(error.what)
    reviewer = reviewer or room.reviewer
    return {
        "row": {**{name: row[name] for name in COLUMNS if name != "state"}, "state": state or {**NOTHING}},
        "note": "; ".join(notes),
        "verdict_note": row["verdict_note"],
        "planned": {"start": row["planned"][0], "end": row["planned"][1]},
        "reviewed": row["reviewed"] or "",
        "decisions": [_decision(each, reviewer) for each in decisions],
        "beats_url": f"{address}/beats" if found["beats"] is None and row["music_path"] else None,
        "same_music": [other for other in clips.by_music[row["music_id"]] if other != clip_id][
            :MOST_NEIGHBOURS
        ],
        "distribution": clips.distribution,
        "sources": [name for name, source in room.sources.items() if source.has(clip_id)],
        **found,
    }


def _motion(room: Room, row: Row, address: str) -> Document:
    if row["waiting"]:
        return {}
    motion = room.motion(row["clip_id"])
    return {
        "motion": {
            "frames": len(motion.root),
            "joints_url": f"{address}/joints.f32",
            "keypoints_url": None if motion.keypoints is None else f"{address}/keypoints.f32",
            "scores_url": None if motion.scores is None else f"{address}/scores.f32",
            "parents": [*SMPL_PARENTS],
            "coco_edges": [[*edge] for edge in COCO_BONES],
            "contacts_url": None,
            "floor": 0,
        },
        "timeline": timeline(motion),
    }


def _media(room: Room, row: Row, _: str) -> Document:
    address = f"/media/{quote(row['clip_id'], safe='')}"
    audio = room.audio(row["clip_id"])
    found: Document = {"audio": f"{address}/audio" if audio is not None else None}
    video = room.video(row["clip_id"])
    if video is not None:
        found["video"] = {"url": f"{address}/video", **_measured(video)}
    return found


def _measured(media: Media) -> Document:
    from popdanceset.media import probe

    with media.store.local(media.name) as path:
        film = probe(path)
    return {
        "width": film.width,
        "height": film.height,
        "fps": film.fps,
        "frames": film.frames,
        "start_offset": film.start,
    }


def _beats(room: Room, row: Row, _: str) -> Document:
    return {"beats": room.beats(row["clip_id"])}


def _decision(stored: Stored, reviewer: str) -> Document:
    decision = stored.decision
    known = decision.kind is Kind.REJECT and decision.value in set(Reason)
    return {
        "id": stored.id,
        "kind": str(decision.kind),
        "value": decision.value,
        "reason_meaning": Reason(decision.value).meaning if known else "",
        "note": decision.note,
        "reviewer": decision.reviewer,
        "decided_at": decision.decided_at,
        "revoked_at": stored.revoked_at,
        "mine": bool(reviewer) and decision.reviewer == reviewer,
    }
