"""A host and a clock for the crawl's tests: answers and time are simulated, and nothing leaves the
process.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.politeness import Clock, Politeness
from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.popularity.model import PopularityModel
from popdanceset.popularity.normalise import LogNormaliser
from popdanceset.settings import CrawlSettings, NetworkSettings, Settings
from popdanceset.simulator.server import Simulator
from popdanceset.store import Store

Query = dict[str, str]
Connect = Callable[..., Client]
Reply = tuple[int, Any]  # HTTP status, and bytes or what becomes JSON
FAST = {"requests_per_second": 10_000, "cool_down": 0.001, "jitter": 0}
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Time:
    """Time that passes only during sleep."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.passed += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.passed, lambda: START + timedelta(seconds=self.passed), self.sleep)


class Host(requests.adapters.BaseAdapter):
    """Replaces the network, and records the requests.

    `reply(path, query)` gives status and body; `before(n)` is called before the n-th answer and may raise.
    """

    def __init__(self, reply: Callable[[str, Query], Reply]) -> None:
        super().__init__()
        self.reply = reply
        self.before: Callable[[int], None] = lambda n: None
        self.asked: list[tuple[str, Query]] = []
        self.given: list[Reply] = []
        self.headers: list[dict[str, str]] = []
        self.reply_headers: dict[str, str] = {}

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        self.before(len(self.asked) + 1)
        url = urlsplit(request.url or "")
        query = dict(parse_qsl(str(url.query)))
        self.asked.append((str(url.path), query))
        self.headers.append(dict(request.headers))
        status, body = self.reply(str(url.path), query)
        self.given.append((status, body))
        response = requests.Response()
        response.status_code = status
        response.request, response.url = request, request.url or ""
        response.headers.update(self.reply_headers)
        response.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        return response

    def close(self) -> None:
        pass


def bvid(number: int) -> str:
    """Returns a valid id."""
    return f"BV{number:010d}"


def video(number: int, **changes: Any) -> dict[str, Any]:
    """A complete video object."""
    stat = {"view": 1000 + number, "danmaku": 7, "reply": 6, "favorite": 5, "coin": 4, "share": 3, "like": 2}
    return {
        "bvid": bvid(number),
        "aid": number,
        "cid": number + 5,
        "videos": 1,
        "tid": 20,
        "tid_v2": 2028,
        "tname": "宅舞",
        "copyright": 1,
        "title": f"dance {number}",
        "pubdate": 1_700_000_000 + number,
        "duration": 61,
        "state": 0,
        "owner": {"mid": number % 7 + 1, "name": "up"},
        "stat": stat,
        **changes,
    }


def ok(data: Any) -> Reply:
    return 200, {"code": 0, "message": "0", "ttl": 1, "data": data}


def says(code: int, message: str = "") -> Reply:
    return 200, {"code": code, "message": message, "ttl": 1, "data": None}


class Section:
    """A section of complete videos 1..n, newest first, listed as Bilibili does; a callable for `Host`.

    `tombstones` maps a video's number to the code with which `view` answers.
    """

    def __init__(self, n: int, tombstones: dict[int, int] | None = None) -> None:
        self.n = n
        self.tombstones = tombstones or {}

    def __call__(self, path: str, query: Query) -> Reply:
        match path:
            case "/x/web-interface/ranking/v2":
                return ok({"list": [video(i) for i in range(1, min(self.n, 100) + 1)]})
            case "/x/web-interface/newlist":
                first, last = self._bounds(query["pn"], query["ps"])
                page = {"num": int(query["pn"]), "size": int(query["ps"]), "count": self.n}
                return ok({"archives": [video(i) for i in range(first, last)], "page": page})
            case "/x/web-interface/newlist_rank":
                first, last = self._bounds(query["page"], query["pagesize"])
                pages = -(-self.n // int(query["pagesize"]))
                return ok({"result": [ordered(i) for i in range(first, last)], "numPages": pages})
            case "/x/web-interface/view":
                number = int(query["bvid"][2:])
                if number in self.tombstones:
                    return says(self.tombstones[number], "not here")
                return ok(video(number)) if number <= self.n else says(-404, "啥都木有")
            case "/x/relation/stat":
                return ok({"mid": int(query["vmid"]), "follower": int(query["vmid"]) * 100})
        return says(-404)

    def _bounds(self, number: str, size: str) -> tuple[int, int]:
        first = (int(number) - 1) * int(size) + 1
        return first, min(first + int(size), self.n + 1)


def ordered(number: int) -> dict[str, Any]:
    """Returns the smaller object of `newlist_rank`."""
    whole = video(number)
    return {
        "id": number,
        "bvid": whole["bvid"],
        "mid": whole["owner"]["mid"],
        "author": "up",
        "title": whole["title"],
        "senddate": whole["pubdate"],
        "duration": 61,
        "play": str(whole["stat"]["view"]),
        "video_review": 7,
        "favorites": 5,
        "review": 6,
    }


def by_views(threshold_views: int) -> PopularityModel:
    """Returns a model with Pop = 0.85 at this number of views."""
    scale = LogNormaliser({"view": 10**6})
    at_threshold = float(scale([[threshold_views]], ["view"])[0, 0])
    return PopularityModel("views", {"view": 0.85 / at_threshold}, 0.0, scale, "made up")


def directed(settings: Settings, simulator: Simulator, *sources: str) -> Settings:
    """Returns settings that direct a crawl to the simulator."""
    network = settings.network.model_copy(update={"proxy": simulator.proxy_url, "ca_file": simulator.ca_file})
    changed = settings.crawl.model_copy(update={**FAST, "sources": sources})
    return settings.model_copy(update={"network": network, "crawl": changed})


def facts(store: Store) -> list[dict[str, Any]]:
    """Returns the latest statistics without their times."""
    return [{**row, "snapshot_at": None} for row in latest_statistics(store).to_pylist()]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def connect(time: Time) -> Connect:
    """Returns a client of a simulated host with simulated time."""

    def connected(host: Host, **changes: Any) -> Client:
        polite = Politeness(CrawlSettings(**changes), time.clock, contact="me@example.org")
        return Client(NetworkSettings(), polite, host)

    return connected
