"""Typed records from the host's answers, which may contain anything.

A field may be missing, a string, `"--"`, negative or of a wrong type. What cannot be used becomes None, never
a guess. A record that lacks something lists it in its note, and an element without a usable id is skipped
with a reason.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from popdanceset.bilibili.client import Answer
from popdanceset.bilibili.ids import is_bvid
from popdanceset.bilibili.numbers import whole
from popdanceset.bilibili.sections import section, section_v2
from popdanceset.bilibili.staff import dancers_of, is_joint, staff_of
from popdanceset.bilibili.text import one_line
from popdanceset.schema import COUNTS, State

CHINA = timezone(timedelta(hours=8))
"""The time zone of times that the host writes as text."""

NEEDED = (*COUNTS, "mid", "title", "duration", "pubdate")
"""A record that lacks one of these is incomplete, and `view` is requested for it."""

TERMINAL = {-404: State.GONE, 62002: State.HIDDEN, 62004: State.HIDDEN, 62012: State.HIDDEN}
"""Codes after which a video is not requested again, and the state that they mean."""

_SECTION_NAMES = ("tname", "tname_v2", "tnamev2")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", re.ASCII)


@dataclass(frozen=True)
class VideoRecord:
    """One row of `popdanceset.schema.STATISTICS`, which documents the fields."""

    bvid: str
    snapshot_at: datetime
    source: str
    state: State = State.PUBLIC
    note: str = ""
    aid: int | None = None
    cid: int | None = None
    pages: int | None = None
    mid: int | None = None
    owner: str | None = None
    title: str | None = None
    tid: int | None = None
    tid_v2: int | None = None
    tname: str | None = None
    copyright: int | None = None
    pubdate: datetime | None = None
    duration: float | None = None
    view: int | None = None
    danmaku: int | None = None
    reply: int | None = None
    favorite: int | None = None
    coin: int | None = None
    share: int | None = None
    like: int | None = None
    staff: str | None = None
    dancers: str | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the needed fields that a public video's record lacks."""
        return tuple(n for n in NEEDED if getattr(self, n) is None) if self.state is State.PUBLIC else ()

    def noted(self) -> VideoRecord:
        """Returns the record with a note of what it lacks."""
        return replace(self, note=f"missing: {', '.join(self.missing)}") if self.missing else self

    def row(self) -> dict[str, Any]:
        """Returns the record as a row of the table."""
        return {**vars(self), "state": self.state.value}


def from_video_object(item: Any, source: str, when: datetime) -> VideoRecord | str:
    """Reads a video object.

    Args:
        item: unchecked element of a listing, or the data of `view`.
        source: name of the listing.
        when: time of the answer.

    Returns:
        The record, or the reason why the element is not a video.
    """
    if problem := _problem(item, source):
        return problem
    owner, stat, parts = _mapping(item.get("owner")), _mapping(item.get("stat")), item.get("pages")
    pages = whole(item.get("videos"), "int32")
    state = item.get("state")
    hidden = isinstance(state, int) and state < 0
    staff = staff_of(item)
    return VideoRecord(
        bvid=item["bvid"],
        snapshot_at=when,
        source=source,
        state=State.HIDDEN if hidden else State.PUBLIC,
        note=f"state {state}"[:40] if hidden else "",
        aid=whole(item.get("aid")),
        cid=whole(item.get("cid")),
        pages=len(parts) if pages is None and isinstance(parts, list) and parts else pages,
        mid=whole(owner.get("mid")),
        owner=one_line(owner.get("name")),
        title=one_line(item.get("title")),
        tid=section(item),
        tid_v2=section_v2(item),
        tname=next((name for key in _SECTION_NAMES if (name := one_line(item.get(key)))), None),
        copyright=whole(item.get("copyright"), "int8"),
        pubdate=moment(item.get("pubdate")),
        duration=seconds(item.get("duration")),
        **{name: whole(stat.get(name), "count") for name in COUNTS},
        staff="+".join(map(str, staff)) if staff or is_joint(item) else None,
        dancers=dancers_of(staff, whole(owner.get("mid"))),
    ).noted()


def from_ordered_object(item: Any, source: str, when: datetime) -> VideoRecord | str:
    """Reads an element of `newlist_rank`, which lacks coins, shares and likes; otherwise as
    `from_video_object`.
    """
    if problem := _problem(item, source):
        return problem
    return VideoRecord(
        bvid=item["bvid"],
        snapshot_at=when,
        source=source,
        aid=whole(item.get("id")),
        mid=whole(item.get("mid")),
        owner=one_line(item.get("author")),
        title=one_line(item.get("title")),
        pubdate=moment(item.get("senddate")) or moment(item.get("pubdate")),
        duration=seconds(item.get("duration")),
        view=whole(item.get("play"), "count"),
        danmaku=whole(item.get("video_review"), "count"),
        reply=whole(item.get("review"), "count"),
        favorite=whole(item.get("favorites"), "count"),
    ).noted()


def from_favourite(item: Any, source: str, when: datetime) -> VideoRecord | str:
    """Reads an element of a favourites folder, which has no counts; otherwise as `from_video_object`."""
    if isinstance(item, dict) and item.get("type") not in (None, 2, "2"):
        return f"{source}: an item that is not a video (type {item.get('type')})"[:80]
    if problem := _problem(item, source):
        return problem
    upper = _mapping(item.get("upper"))
    return VideoRecord(
        bvid=item["bvid"],
        snapshot_at=when,
        source=source,
        aid=whole(item.get("id")),
        mid=whole(upper.get("mid")),
        owner=one_line(upper.get("name")),
        title=one_line(item.get("title")),
        pubdate=moment(item.get("pubtime")),
        duration=seconds(item.get("duration")),
    ).noted()


def from_episode(item: Any, source: str, when: datetime) -> VideoRecord | str:
    """Reads a video of a collection, as `view` lists it; otherwise as `from_video_object`."""
    if problem := _problem(item, source):
        return problem
    video = _mapping(item.get("arc"))
    stat = _mapping(video.get("stat"))
    favorite = stat.get("favorite", stat.get("fav"))
    return from_video_object(
        {
            **video,
            "bvid": item["bvid"],
            "title": item.get("title") or video.get("title"),
            "cid": item.get("cid"),
            "owner": video.get("author") or video.get("owner"),
            "tid": video.get("tid") or video.get("type_id"),
            "stat": {**stat, "favorite": favorite},
        },
        source,
        when,
    )


def from_view(bvid: str, answer: Answer, when: datetime) -> VideoRecord:
    """Returns the record in an answer to `view`: complete, a tombstone, or unreadable with the cause."""
    blank = VideoRecord(bvid=bvid, snapshot_at=when, source="view")
    if not answer.ok:
        state = TERMINAL.get(answer.code, State.UNREADABLE) if answer.code is not None else State.UNREADABLE
        return replace(blank, state=state, note=answer.summary or "no answer")
    record = from_video_object(answer.data, "view", when)
    if isinstance(record, str):
        return replace(blank, state=State.UNREADABLE, note=record)
    if record.bvid != bvid:
        return replace(
            blank, state=State.UNREADABLE, note=f"the answer is about another video, {record.bvid}"
        )
    return record


def followers(answer: Answer) -> tuple[int | None, str]:
    """Returns the follower count in an answer to `relation/stat`, or None and the reason."""
    if not answer.ok:
        return None, answer.summary or "no answer"
    count = whole(_mapping(answer.data).get("follower"), "count")
    return count, "" if count is not None else "the answer lacks a follower count"


def seconds(value: Any) -> float | None:
    """Returns a duration in seconds from a number, or from text such as `75` or `1:15`; otherwise None."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,4}(:\d{1,2}){1,2}", value.strip(), re.ASCII):
        total = 0
        for part in value.strip().split(":"):
            total = total * 60 + int(part)
        return float(total)
    if isinstance(value, float):
        return value if math.isfinite(value) and 0 <= value < 1e7 else None
    number = whole(value, "int32")
    return None if number is None else float(number)


def moment(value: Any) -> datetime | None:
    """Returns a time from seconds since 1970, or from `2022-09-01 12:00:00` in China's zone; otherwise
    None.
    """
    if isinstance(value, str) and _TIME.fullmatch(value.strip()):
        try:
            return datetime.fromisoformat(value.strip()).replace(tzinfo=CHINA).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    number = whole(value, "int64")
    return datetime.fromtimestamp(number, UTC) if number is not None and 0 < number < 2**33 else None


def _problem(item: Any, source: str) -> str:
    """Returns why an element of a listing is not a video; empty if it has a video id."""
    if not isinstance(item, dict):
        return f"{source}: a {type(item).__name__} instead of a video"
    if item.get("goto") not in (None, "", "av"):
        return f"{source}: {str(item['goto'])[:20]!r} instead of a video"
    bvid = item.get("bvid")
    return "" if is_bvid(bvid) else f"{source}: {str(bvid)[:40]!r} is not a video id"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
