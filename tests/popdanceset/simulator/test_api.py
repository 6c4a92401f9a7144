"""The statistics endpoints, requested through the proxy as the crawler does."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
import requests

from popdanceset.simulator.population import population
from popdanceset.simulator.records import CHINA, Mode, SimulatedVideo
from popdanceset.simulator.server import Simulator

VIDEOS = population(300, 5, date(2026, 3, 1))
API = "https://api.bilibili.com"
Get = Callable[..., Any]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    modes = [*(mode for mode in Mode if mode is not Mode.OK)]
    videos = [replace(v, mode=mode) for v, mode in zip(VIDEOS, modes, strict=False)] + VIDEOS[len(modes) :]
    with Simulator(videos) as running:
        yield running
    assert not running.leaks


@pytest.fixture
def get(simulator: Simulator, session_to: Callable[[Simulator], requests.Session]) -> Iterator[Get]:
    """Requests a path and returns the envelope's data."""
    with session_to(simulator) as session:

        def ask(path: str, code: int = 0, **query: object) -> Any:
            answer = session.get(API + path, params=query, timeout=10)
            assert answer.headers["Content-Type"].startswith("application/json")
            envelope = answer.json()
            assert envelope.keys() == {"code", "message", "ttl", "data"}
            assert envelope["code"] == code
            return envelope["data"]

        yield ask


def of_mode(simulator: Simulator, mode: Mode) -> SimulatedVideo:
    return next(video for video in simulator.catalogue.videos if video.mode is mode)


@pytest.mark.parametrize("rid", [0, 129, 1004, 20, 2028, 154])
def test_ranking_gives_the_best_hundred_of_a_section(get: Get, rid: int) -> None:
    listed = get("/x/web-interface/ranking/v2", rid=rid, type="all")["list"]
    section = [v for v in VIDEOS if rid in (0, 129, 1004, v.section.tid, v.section.tid_v2)]
    assert len(listed) == min(100, len(section))
    assert [v["score"] for v in listed] == sorted((v["score"] for v in listed), reverse=True)
    assert {v["bvid"] for v in listed} <= {v.bvid for v in section}
    assert all(rid in (0, 129, 1004, v["tid"], v["tid_v2"]) for v in listed)


def test_a_video_object_tells_everything(get: Get) -> None:
    video = VIDEOS[50]
    data = get("/x/web-interface/view", bvid=video.bvid)
    assert data == get("/x/web-interface/view", aid=video.aid)
    assert data["owner"] == {"mid": video.mid, "name": video.author, "face": ""}
    counts = {name: data["stat"][name] for name in video.counts._fields}
    assert counts == video.counts._asdict()
    assert (data["pubdate"], data["duration"], data["title"]) == (video.pubdate, video.duration, video.title)
    assert (data["tid"], data["tid_v2"]) == (video.section.tid, video.section.tid_v2)
    assert [page["cid"] for page in data["pages"]] == [video.cid] == [data["cid"]]


def test_popular_ends(get: Get) -> None:
    seen, page = [], 1
    while True:
        data = get("/x/web-interface/popular", pn=page, ps=50)
        seen += [v["bvid"] for v in data["list"] if "goto" not in v]
        if data["no_more"]:
            break
        page += 1
    assert page == 4
    assert len(seen) == len(set(seen)) == 200
    assert get("/x/web-interface/popular", pn=5, ps=50) == {"list": [], "no_more": True}


def test_popular_mixes_the_forms_in_which_sections_are_written(get: Get) -> None:
    items = [v for n in range(1, 5) for v in get("/x/web-interface/popular", pn=n, ps=50)["list"]]
    assert {item["goto"] for item in items if "goto" in item} == {"ad", "live"}
    videos = [item for item in items if "goto" not in item]
    assert not any("tid_v2" in item for item in videos)
    assert {("tidv2" in item, item["tid"] == 0) for item in videos} == {
        (True, False), (True, True), (False, True),
    }  # fmt: skip
    assert any(item["tid"] == 255 for item in videos)


def test_the_lists_of_an_uploader_and_of_a_collection(get: Get) -> None:
    mid = max({v.mid for v in VIDEOS}, key=lambda mid: sum(v.mid == mid for v in VIDEOS))
    mine = [v.bvid for v in sorted(VIDEOS, key=lambda v: -v.pubdate) if v.mid == mid]
    data = get("/x/series/recArchivesByKeywords", mid=mid, keywords="", pn=1, ps=2)
    assert [item["bvid"] for item in data["archives"]] == mine[:2]
    assert data["page"] == {"num": 1, "size": 2, "total": len(mine)}
    query = {"mid": 0, "season_id": mid, "page_num": 1, "page_size": 100}
    data = get("/x/polymer/space/seasons_archives_list", **query)
    assert [item["bvid"] for item in data["archives"]] == mine
    get("/x/polymer/space/seasons_archives_list", code=-404, mid=0, season_id=5)


def test_a_favourites_folder_is_public_or_not(get: Get) -> None:
    pages = [get("/x/v3/fav/resource/list", media_id=1, pn=n, ps=20) for n in range(1, 5)]
    assert [len(page["medias"]) for page in pages] == [20, 20, 20, 1]
    assert [page["has_more"] for page in pages] == [True, True, True, False]
    get("/x/v3/fav/resource/list", code=-403, media_id=2)


@pytest.mark.parametrize("path", ["/x/web-interface/newlist", "/x/web-interface/dynamic/region"])
def test_newest_lists_every_video_once(get: Get, path: str) -> None:
    pages = [get(path, rid=129, type=0, pn=number, ps=50) for number in range(1, 8)]
    assert [len(page["archives"]) for page in pages] == [50] * 6 + [0]
    assert pages[2]["page"] == {"num": 3, "size": 50, "count": 300}
    dates = [v["pubdate"] for page in pages for v in page["archives"]]
    assert dates == sorted(dates, reverse=True)
    assert {v["bvid"] for page in pages for v in page["archives"]} == {v.bvid for v in VIDEOS}
    assert get(path, rid=129, ps=999)["page"]["size"] == 50


def test_ordered_list_is_poor_and_dated(get: Get) -> None:
    query = {"search_type": "video", "view_type": "hot_rank", "order": "click", "cate_id": 1004}
    days = {"time_from": "20260210", "time_to": "20260212"}
    data = get("/x/web-interface/newlist_rank", **query, **days, page=1, pagesize=30)
    wanted = {
        v.bvid
        for v in VIDEOS
        if date(2026, 2, 10) <= datetime.fromtimestamp(v.pubdate, CHINA).date() <= date(2026, 2, 12)
    }
    assert data["numResults"] == len(wanted) > 30
    assert (data["numPages"], len(data["result"])) == (-(-len(wanted) // 30), 30)
    rest = get("/x/web-interface/newlist_rank", **query, **days, page=2, pagesize=30)["result"]
    found = data["result"] + rest
    assert {v["bvid"] for v in found} == wanted
    assert all(isinstance(v["play"], str) for v in found)
    views = [int(v["play"]) for v in found]
    assert views == sorted(views, reverse=True)
    assert not {"coin", "like", "share", "stat"} & found[0].keys()
    day = datetime.fromtimestamp(found[0]["senddate"], CHINA)
    assert found[0]["pubdate"] == day.strftime("%Y-%m-%d %H:%M:%S")


def test_followers(get: Get) -> None:
    video = VIDEOS[3]
    assert get("/x/relation/stat", vmid=video.mid)["follower"] == video.follower
    get("/x/relation/stat", vmid=1, code=-404)


@pytest.mark.parametrize(
    ("mode", "code"),
    [("deleted", -404), ("invisible", 62002), ("in_review", 62004), ("owner_only", 62012), ("login", -403)],
)
def test_modes_that_hide_a_video(get: Get, simulator: Simulator, mode: str, code: int) -> None:
    video = of_mode(simulator, Mode(mode))
    assert get("/x/web-interface/view", bvid=video.bvid, code=code) is None
    listed = [get("/x/web-interface/newlist", rid=129, pn=n, ps=50)["archives"] for n in range(1, 7)]
    assert video.bvid in {v["bvid"] for page in listed for v in page}


@pytest.mark.parametrize("mode", ["paid", "paid_preview"])
def test_paid_videos_say_so(get: Get, simulator: Simulator, mode: str) -> None:
    assert get("/x/web-interface/view", bvid=of_mode(simulator, Mode(mode)).bvid)["is_upower_exclusive"]


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/x/web-interface/view", {"bvid": "BV1nowhere00"}, -404),
        ("/x/web-interface/view", {"aid": "7"}, -404),
        ("/x/web-interface/view", {}, -400),
        ("/x/web-interface/view", {"aid": "²"}, -400),
        ("/x/web-interface/ranking/v2", {"rid": 4}, -404),
        ("/x/web-interface/ranking/v2", {"rid": "dance"}, -400),
        ("/x/web-interface/newlist", {}, -400),
        ("/x/web-interface/newlist", {"rid": 36}, -404),
        ("/x/web-interface/newlist", {"rid": 129, "pn": 0}, -400),
        ("/x/web-interface/newlist", {"rid": 129, "pn": -1}, -400),
        ("/x/web-interface/newlist_rank", {"cate_id": 36}, -404),
        ("/x/web-interface/newlist_rank", {"cate_id": 20, "time_from": "2026", "time_to": "20260301"}, -400),
        ("/x/relation/stat", {}, -400),
        ("/x/player/wbi/playurl", {"bvid": VIDEOS[0].bvid}, -352),
        ("/x/nothing", {}, -404),
    ],
)
def test_unknown_or_wrong(get: Get, path: str, query: dict[str, object], code: int) -> None:
    get(path, code=code, **query)
