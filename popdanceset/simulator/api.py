"""The statistics endpoints of api.bilibili.com: rankings, listings, one video, one uploader; short links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from popdanceset.simulator.catalogue import SECTION_NUMBERS, Catalogue, of_section
from popdanceset.simulator.records import (
    CHINA,
    Json,
    Mode,
    SimulatedVideo,
    archive_object,
    episode_object,
    favourite_object,
    ordered_list_object,
    popular_object,
    score,
    staff_objects,
    video_object,
)
from popdanceset.simulator.response import Response, envelope

Query = dict[str, str]
Route = Callable[[Catalogue, Query], Response]

RANKING_LENGTH = 100
POPULAR_LENGTH = 200
PAGE_LIMIT = 50
ORDERED_PAGE_LIMIT = 30
ARCHIVE_PAGE_LIMIT = 100
FAVOURITES_PAGE_LIMIT = 20
FOLDER = 1
"""The public favourites folder."""
FOLDER_LENGTH = 60

REFUSING_MODES = {
    Mode.DELETED: -404,
    Mode.INVISIBLE: 62002,
    Mode.IN_REVIEW: 62004,
    Mode.OWNER_ONLY: 62012,
    Mode.LOGIN: -403,
}
"""Modes in which `view` and the video page return an error code instead of the video."""


class BadRequest(ValueError):
    """A parameter is missing or malformed: code -400."""


def ranking(catalogue: Catalogue, query: Query) -> Response:
    """`/x/web-interface/ranking/v2?rid=&type=all`: the section's best videos by score."""
    section = _section(query, "rid", default="0")
    if section is None:
        return envelope(code=-404)
    best = of_section(catalogue.by_score, section)[:RANKING_LENGTH]
    objects = [{**video_object(video), "score": round(score(video))} for video in best]
    return envelope({"note": "根据稿件内容质量、近期的数据综合展示", "list": objects})


def popular(catalogue: Catalogue, query: Query) -> Response:
    """`/x/web-interface/popular?pn=&ps=`: videos that the home page recommends."""
    listed = catalogue.by_score[:POPULAR_LENGTH]
    number, size = _page(query, "pn", "ps", default=20, limit=PAGE_LIMIT)
    page = _cut(listed, number, size)
    items: list[Json] = [popular_object(video) for video in page]
    # Adverts and live rooms stand between the videos.
    items[5:5] = [{"goto": "ad", "is_ad": True, "title": "买它"}] if len(items) > 5 else []
    items[9:9] = [{"goto": "live", "roomid": 7, "bvid": "", "title": "在播"}] if len(items) > 9 else []
    return envelope({"list": items, "no_more": number * size >= len(listed)})


def newest(catalogue: Catalogue, query: Query) -> Response:
    """`/x/web-interface/newlist` and `/x/web-interface/dynamic/region?rid=&pn=&ps=`: newest first."""
    section = _section(query, "rid")
    if section is None:
        return envelope(code=-404)
    number, size = _page(query, "pn", "ps", default=14, limit=PAGE_LIMIT)
    listed = of_section(catalogue.by_date, section)
    archives = [video_object(video) for video in _cut(listed, number, size)]
    return envelope({"archives": archives, "page": {"num": number, "size": size, "count": len(listed)}})


def ordered(catalogue: Catalogue, query: Query) -> Response:
    """`/x/web-interface/newlist_rank?cate_id=&page=&pagesize=&time_from=&time_to=`: most viewed first."""
    section = _section(query, "cate_id")
    if section is None:
        return envelope(code=-404)
    number, size = _page(query, "page", "pagesize", default=ORDERED_PAGE_LIMIT, limit=ORDERED_PAGE_LIMIT)
    start = _midnight(query, "time_from")
    end = _midnight(query, "time_to") + timedelta(days=1).total_seconds()
    listed = [v for v in of_section(catalogue.by_views, section) if start <= v.pubdate < end]
    return envelope(
        {
            "exp_list": None,
            "result": [ordered_list_object(video) for video in _cut(listed, number, size)],
            "numPages": -(-len(listed) // size),
            "numResults": len(listed),
            "page": number,
            "pagesize": size,
        }
    )


def view(catalogue: Catalogue, query: Query) -> Response:
    """`/x/web-interface/view?bvid=` (or `aid=`): one video."""
    video = find(catalogue, query)
    if video is None:
        return envelope(code=-404)
    if video.mode in REFUSING_MODES:
        return envelope(code=REFUSING_MODES[video.mode])
    return envelope({**video_object(video), **_joint(video), **_season(catalogue.collection(video.mid))})


def _joint(video: SimulatedVideo) -> Json:
    return {"staff": staff_objects(video)} if video.staff else {}


def _season(videos: Sequence[SimulatedVideo]) -> Json:
    if not videos:
        return {}
    half, mid = len(videos) // 2, videos[0].mid
    return {
        "ugc_season": {
            "id": mid,
            "mid": mid,
            "title": videos[0].author,
            "ep_count": len(videos),
            "sections": [
                {"id": number, "episodes": [episode_object(video) for video in some]}
                for number, some in enumerate((videos[:half], videos[half:]))
            ],
        }
    }


def uploads(catalogue: Catalogue, query: Query) -> Response:
    """`/x/series/recArchivesByKeywords?mid=&keywords=&pn=&ps=`: the videos of an uploader, newest first."""
    listed = catalogue.of_uploader.get(_integer(query, "mid"), ())
    number, size = _page(query, "pn", "ps", default=30, limit=ARCHIVE_PAGE_LIMIT)
    return _archives(listed, number, size, {"num": number, "size": size, "total": len(listed)})


def season(catalogue: Catalogue, query: Query) -> Response:
    """`/x/polymer/space/seasons_archives_list?mid=&season_id=&page_num=&page_size=`: a collection."""
    _integer(query, "mid")
    listed = catalogue.collection(_integer(query, "season_id"))
    if not listed:
        return envelope(code=-404)
    number, size = _page(query, "page_num", "page_size", default=30, limit=ARCHIVE_PAGE_LIMIT)
    return _archives(listed, number, size, {"page_num": number, "page_size": size, "total": len(listed)})


def _archives(listed: Sequence[SimulatedVideo], number: int, size: int, page: Json) -> Response:
    archives = [archive_object(video) for video in _cut(listed, number, size)]
    return envelope({"aids": [item["aid"] for item in archives], "archives": archives, "page": page})


def favourites(catalogue: Catalogue, query: Query) -> Response:
    """`/x/v3/fav/resource/list?media_id=&pn=&ps=`: a folder.

    Folder 1 has the sixty videos with the highest score and an audio; every other folder is private.
    """
    if _integer(query, "media_id") != FOLDER:
        return envelope(code=-403)
    number, size = _page(query, "pn", "ps", default=20, limit=FAVOURITES_PAGE_LIMIT)
    listed = [favourite_object(video) for video in catalogue.by_score[:FOLDER_LENGTH]]
    listed.insert(2, {"id": 9, "type": 12, "title": "一首歌", "bvid": ""})
    items = listed[(number - 1) * size : number * size]
    return envelope(
        {
            "info": {"id": FOLDER, "title": "舞蹈", "media_count": len(listed)},
            "medias": items or None,
            "has_more": number * size < len(listed),
        }
    )


def short_link(catalogue: Catalogue, path: str) -> Response:
    """`b23.tv/CODE`: leads to the video whose id ends with the code."""
    code = path.strip("/")
    found = [bvid for bvid in catalogue.by_bvid if code and bvid.endswith(code)]
    if len(found) != 1:
        return envelope(code=-404, status=404)
    address = f"https://www.bilibili.com/video/{found[0]}?share_source=copy_web"
    return Response(302, content_type="text/html", headers={"Location": address})


def relation(catalogue: Catalogue, query: Query) -> Response:
    """`/x/relation/stat?vmid=`: an uploader's followers."""
    mid = _integer(query, "vmid")
    if mid not in catalogue.followers:
        return envelope(code=-404)
    follower = catalogue.followers[mid]
    return envelope({"mid": mid, "following": mid % 500, "whisper": 0, "black": 0, "follower": follower})


ROUTES: dict[str, Route] = {
    "/x/web-interface/ranking/v2": ranking,
    "/x/web-interface/popular": popular,
    "/x/web-interface/newlist": newest,
    "/x/web-interface/dynamic/region": newest,
    "/x/web-interface/newlist_rank": ordered,
    "/x/web-interface/view": view,
    "/x/relation/stat": relation,
    "/x/series/recArchivesByKeywords": uploads,
    "/x/polymer/space/seasons_archives_list": season,
    "/x/v3/fav/resource/list": favourites,
}


def find(catalogue: Catalogue, query: Query) -> SimulatedVideo | None:
    """Returns the video with the `bvid` or `aid` of the query; None if it does not exist.

    Raises:
        BadRequest: the query has neither.
    """
    if bvid := query.get("bvid"):
        return catalogue.by_bvid.get(bvid)
    return catalogue.by_aid.get(_integer(query, "aid"))


def _integer(query: Query, name: str, default: str | None = None) -> int:
    text = query.get(name, default)
    if text is None or not text.isascii() or not text.isdigit():
        raise BadRequest(name)
    return int(text)


def _section(query: Query, name: str, default: str | None = None) -> int | None:
    """Returns the requested section, or None if it is not a dance section."""
    number = _integer(query, name, default)
    return number if number in SECTION_NUMBERS else None


def _page(query: Query, number: str, size: str, default: int, limit: int) -> tuple[int, int]:
    """Returns number (from 1) and size of the requested page; the size is limited."""
    wanted = _integer(query, number, "1"), _integer(query, size, str(default))
    if min(wanted) < 1:
        raise BadRequest(number)
    return wanted[0], min(wanted[1], limit)


def _cut(videos: Sequence[SimulatedVideo], number: int, size: int) -> Sequence[SimulatedVideo]:
    return videos[(number - 1) * size : number * size]


def _midnight(query: Query, name: str) -> float:
    try:
        return datetime.strptime(query.get(name, ""), "%Y%m%d").replace(tzinfo=CHINA).timestamp()
    except ValueError as error:
        raise BadRequest(name) from error
