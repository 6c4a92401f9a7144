"""The simulator's records of videos, and the JSON objects in which Bilibili describes them.

Field names are Bilibili's own, as its public clients read them. `video_object` and `ordered_list_object` stay
apart, although they share a few fields: each documents one answer as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, NamedTuple

CHINA = timezone(timedelta(hours=8), "CST")
"""The time zone of Bilibili's dates and printed times."""

Json = dict[str, Any]


class Mode(StrEnum):
    """Permanent state of a video, which determines how requests for it are answered."""

    OK = "ok"
    DELETED = "deleted"  # still listed; page, view and playurl return -404
    INVISIBLE = "invisible"  # 62002
    IN_REVIEW = "in_review"  # 62004
    OWNER_ONLY = "owner_only"  # 62012
    LOGIN = "login"  # -403: only for users who are logged in
    PAID = "paid"  # supporters only: no formats
    PAID_PREVIEW = "paid_preview"  # supporters only: a short file, but the statistics have the full duration
    GEO = "geo"  # playurl refuses the visitor's country


class Counts(NamedTuple):
    """The seven counts of a video."""

    view: int
    danmaku: int
    reply: int
    favorite: int
    coin: int
    share: int
    like: int


class Section(NamedTuple):
    """A dance section in the old scheme (`tid`) and in the scheme of 2025 (`tid_v2`)."""

    tid: int
    tname: str
    tid_v2: int
    tname_v2: str


SECTIONS = (
    Section(20, "宅舞", 2028, "宅舞"),
    Section(198, "街舞", 2029, "街舞"),
    Section(255, "手势·网红舞", 2030, "手势·网红舞"),
    Section(199, "明星舞蹈", 2031, "明星舞蹈"),
    Section(200, "国风舞蹈", 2032, "国风舞蹈"),
    Section(156, "舞蹈教程", 2033, "舞蹈教学"),
    Section(154, "舞蹈综合", 2034, "芭蕾舞"),
    Section(154, "舞蹈综合", 2035, "wota艺"),
    Section(154, "舞蹈综合", 2036, "其他舞蹈"),
)
WHOLE_DANCE = frozenset({0, 129, 1004})
"""Section numbers for all of dance: every section, old scheme, new scheme."""


class Partner(NamedTuple):
    """Somebody in a joint upload: an uploader, and what he did."""

    mid: int
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class SimulatedVideo:
    """A video. `follower` belongs to its uploader and is the same in all videos of one `mid`."""

    bvid: str
    aid: int
    cid: int
    mid: int
    author: str
    follower: int
    title: str
    tags: tuple[str, ...]
    section: Section
    copyright: int
    pubdate: int  # seconds since 1970, UTC
    duration: int  # seconds of each part
    counts: Counts
    parts: int = 1
    size: tuple[int, int] = (1280, 720)  # width and height of the frames, pixels
    staff: tuple[Partner, ...] = ()  # of a joint upload: everybody, the uploader first
    mode: Mode = Mode.OK
    media: str = ""  # name in the media index; empty: no media
    expected: str = ""  # the outcome that a correct pipeline reaches once it downloads this video

    def in_section(self, number: int) -> bool:
        """Returns whether section `number` of either scheme contains the video."""
        return number in WHOLE_DANCE or number in (self.section.tid, self.section.tid_v2)


def score(video: SimulatedVideo) -> float:
    """Returns Bilibili's recommendation score, which orders the ranking (weights: POPDG, Sec. 3.1 and 7, Eq.
    14).
    """
    c = video.counts
    return 0.4 * (c.coin + c.danmaku + c.reply + c.like) + 0.3 * c.favorite + 0.25 * c.view + 0.6 * c.share


def dimension(video: SimulatedVideo) -> Json:
    """Returns the size of the frames."""
    return {"width": video.size[0], "height": video.size[1], "rotate": 0}


def part_objects(video: SimulatedVideo) -> list[Json]:
    """Returns the parts ("pages") of a video."""
    return [
        {
            "cid": video.cid + index,
            "page": index + 1,
            "from": "vupload",
            "part": f"P{index + 1}" if video.parts > 1 else video.title,
            "duration": video.duration,
            "vid": "",
            "weblink": "",
            "dimension": dimension(video),
        }
        for index in range(video.parts)
    ]


def popular_object(video: SimulatedVideo) -> Json:
    """Returns the video object of the home page, where the new scheme has other names.

    Some objects lack the old number, and some state neither section.
    """
    item = video_object(video)
    item["tidv2"], item["tnamev2"] = item.pop("tid_v2"), item.pop("tname_v2")
    item |= {"pid_v2": 1004, "pid_name_v2": "舞蹈"}
    if video.aid % 5 < 2:
        item |= {"tid": 0, "tname": ""}
    if video.aid % 10 == 0:
        del item["tidv2"], item["tnamev2"], item["pid_v2"], item["pid_name_v2"]
    return item


def staff_objects(video: SimulatedVideo) -> list[Json]:
    """Returns the people of a joint upload, whom only `view` lists."""
    return [{"mid": each.mid, "title": each.title, "name": each.name, "face": ""} for each in video.staff]


def archive_object(video: SimulatedVideo) -> Json:
    """Returns the small object in the lists of an uploader and of a collection: views, but no other count."""
    return {
        "aid": video.aid,
        "bvid": video.bvid,
        "title": video.title,
        "pubdate": video.pubdate,
        "ctime": video.pubdate,
        "state": 0,
        "duration": video.duration * video.parts,
        "pic": f"https://i0.hdslb.com/bfs/archive/{video.bvid}.jpg",
        "stat": {"view": video.counts.view, "vt": 0},
    }


def favourite_object(video: SimulatedVideo) -> Json:
    """Returns an element of a favourites folder."""
    return {
        "id": video.aid,
        "type": 2,
        "title": video.title,
        "page": video.parts,
        "duration": video.duration * video.parts,
        "upper": {"mid": video.mid, "name": video.author, "face": ""},
        "attr": 0,
        "cnt_info": {
            "collect": video.counts.favorite,
            "play": video.counts.view,
            "danmaku": video.counts.danmaku,
        },
        "ctime": video.pubdate,
        "pubtime": video.pubdate,
        "fav_time": video.pubdate,
        "bvid": video.bvid,
        "bv_id": video.bvid,
    }


def episode_object(video: SimulatedVideo) -> Json:
    """Returns an element of a collection, as `view` lists it."""
    stat = video.counts._asdict()
    stat["fav"] = stat.pop("favorite")
    return {
        "aid": video.aid,
        "cid": video.cid,
        "bvid": video.bvid,
        "title": video.title,
        "arc": {
            "aid": video.aid,
            "videos": video.parts,
            "type_id": video.section.tid,
            "copyright": video.copyright,
            "title": video.title,
            "pubdate": video.pubdate,
            "state": 0,
            "duration": video.duration * video.parts,
            "rights": {"is_cooperation": int(bool(video.staff))},
            "author": {"mid": video.mid, "name": video.author, "face": ""},
            "stat": stat,
        },
    }


def video_object(video: SimulatedVideo) -> Json:
    """Returns the video object of rankings, listings and `view`."""
    return {
        "bvid": video.bvid,
        "aid": video.aid,
        "videos": video.parts,
        **video.section._asdict(),
        "copyright": video.copyright,
        "pic": f"https://i0.hdslb.com/bfs/archive/{video.bvid}.jpg",
        "title": video.title,
        "pubdate": video.pubdate,
        "ctime": video.pubdate,
        "desc": " ".join(f"#{tag}" for tag in video.tags),
        "state": 0,
        "duration": video.duration * video.parts,
        "rights": {
            "pay": 0,
            "no_reprint": 1,
            "is_stein_gate": 0,
            "is_cooperation": int(bool(video.staff)),
        },
        "owner": {"mid": video.mid, "name": video.author, "face": ""},
        "stat": {
            "aid": video.aid,
            **video.counts._asdict(),
            "dislike": 0,
            "now_rank": 0,
            "his_rank": 0,
        },
        "cid": video.cid,
        "dimension": dimension(video),
        "pages": part_objects(video),
        "is_upower_exclusive": video.mode in (Mode.PAID, Mode.PAID_PREVIEW),
    }


def ordered_list_object(video: SimulatedVideo) -> Json:
    """Returns the smaller object of `newlist_rank`: views as a string; no coins, likes or shares."""
    return {
        "id": video.aid,
        "bvid": video.bvid,
        "mid": video.mid,
        "author": video.author,
        "title": video.title,
        "tag": ",".join(video.tags),
        "description": "",
        "pubdate": datetime.fromtimestamp(video.pubdate, CHINA).strftime("%Y-%m-%d %H:%M:%S"),
        "senddate": video.pubdate,
        "duration": video.duration * video.parts,
        "play": str(video.counts.view),
        "video_review": video.counts.danmaku,
        "favorites": video.counts.favorite,
        "review": video.counts.reply,
    }
