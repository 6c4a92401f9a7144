"""Ten thousand spoilt answers through the whole crawl: listings, `view`, followers, refusals, second runs."""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.bilibili.crawl import ask_followers, crawl
from popdanceset.bilibili.ledger import read_followers
from popdanceset.bilibili.records import NEEDED
from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.errors import RefusedError
from popdanceset.schema import COUNTS, STATISTICS, State
from popdanceset.settings import Settings
from popdanceset.simulator.api import ROUTES
from popdanceset.simulator.casting import with_mode
from popdanceset.simulator.catalogue import Catalogue
from popdanceset.simulator.population import population
from popdanceset.simulator.records import Mode
from popdanceset.store import Store
from tests.popdanceset.bilibili.conftest import Connect, Host, Query, Reply, Time, by_views

ANSWERS = 10_000
EXAMPLES = 300  # at most; an example spoils about 150 answers

HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd\0.parquet",
    "💃" * 2_500,  # ten kilobytes
    "\ud83d",  # half a pair
    "a\x00b\x1b[2J\r\nSet-Cookie: x",
    "\u202etxt.exe",
    "BV1" + "../" * 3,
    "--",
    "",
    "１２",
    "1e999",
    "-1",
    "NaN",
    "'; DROP TABLE statistics; --",
    "{{ 7*7 }}<script>alert(1)</script>",
]
NUMBERS = [
    0,
    -1,
    2**31,
    2**63 - 1,
    2**63,
    2**70,
    10**4000,
    -(2**70),
    0.5,
    -0.0,
    1e308,
    float("inf"),
    float("nan"),
]
junk = st.recursive(
    st.none() | st.booleans() | st.sampled_from(HOSTILE) | st.sampled_from(NUMBERS) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
STATUSES = [200, 200, 200, 204, 301, 403, 404, 412, 418, 429, 500, 502]
CODES = [
    -1,
    -101,
    -352,
    -400,
    -403,
    -404,
    -412,
    -509,
    -799,
    62002,
    62004,
    62012,
    10**9,
    "-404",
    "x",
    None,
    0.5,
]


@dataclass(frozen=True)
class Spoil:
    """One way to spoil an answer; `turn` moves the place from answer to answer.

    Attributes:
        kind: what is done.
        place: which child to take at each level, until it ends or there is none.
        value: what is put there.
        text: what takes the place of every text, if that is the kind.
        number: what takes the place of every number, if that is the kind.
        share: how much of the bytes is left.
    """

    kind: str
    place: tuple[int, ...]
    value: Any
    text: str
    number: float
    share: float
    status: int
    code: Any

    def __call__(self, reply: Reply, turn: int) -> tuple[int, bytes]:
        status, raw = reply
        body = json.loads(raw)
        match self.kind:
            case "replace" | "remove":
                place = [place + turn for place in self.place]
                inside = self.place[0] % 4 and isinstance(body["data"], dict)
                spoilt = (
                    {**body, "data": self._spoil(body["data"], place)} if inside else self._spoil(body, place)
                )
                return status, json.dumps(spoilt).encode("ascii")
            case "texts" | "numbers":
                return status, json.dumps({**body, "data": self._everywhere(body["data"])}).encode("ascii")
            case "code":
                return status, json.dumps({**body, "code": self.code}).encode()
            case "status":
                return self.status, raw
            case "cut":
                return status, raw[: round(len(raw) * self.share)]
            case "html":
                return self.status, "<html><body>访问被拒绝</body></html>".encode("gbk")
            case "junk":
                return status, json.dumps(self.value).encode("ascii")
            case "bytes":
                return status, bytes((byte * 7 + turn) % 256 for byte in raw[: round(200 * self.share)])
            case encoding:
                return status, raw.decode().encode(encoding, "replace")

    def _spoil(self, body: Any, place: list[int]) -> Any:
        if not place or not body or not isinstance(body, dict | list):
            return self.value
        index = place[0] % len(body)
        if isinstance(body, dict):
            key = sorted(body)[index]
            if self.kind == "remove" and (len(place) == 1 or not isinstance(body[key], dict | list)):
                return {name: value for name, value in body.items() if name != key}
            return {**body, key: self._spoil(body[key], place[1:])}
        if self.kind == "remove" and len(place) == 1:
            return body[:index] + body[index + 1 :]
        return [*body[:index], self._spoil(body[index], place[1:]), *body[index + 1 :]]

    def _everywhere(self, body: Any) -> Any:
        """Every title, name and tag replaced, or every number; the ids are kept, so that the video is
        recognised.
        """
        if isinstance(body, dict):
            return {k: v if k == "bvid" else self._everywhere(v) for k, v in body.items()}
        if isinstance(body, list):
            return [self._everywhere(v) for v in body]
        if self.kind == "texts" and isinstance(body, str):
            return self.text
        return self.number if self.kind == "numbers" and type(body) in (int, float) else body


ONE_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]{0,1000}")
# Half of them leave JSON whose fields have to be checked one by one.
KINDS = ["replace"] * 8 + ["remove"] * 4 + ["texts"] * 2 + ["numbers"] * 2
KINDS += ["code", "status", "cut", "html", "junk", "bytes", "gbk", "utf-16", "utf-8-sig", "utf-7"]
spoils = st.builds(
    Spoil,
    st.sampled_from(KINDS),
    st.lists(st.integers(0, 60), min_size=1, max_size=5).map(tuple),
    junk,
    st.sampled_from(HOSTILE) | st.text(),
    st.sampled_from(NUMBERS),
    st.floats(0, 1),
    st.sampled_from(STATUSES),
    st.sampled_from(CODES),
)


def section() -> Catalogue:
    """A hundred videos, some of them gone or hidden."""
    videos = population(100, seed=5)
    for mode in (Mode.DELETED, Mode.INVISIBLE, Mode.IN_REVIEW):
        videos = with_mode(videos, mode, 2)
    return Catalogue(videos)


SECTION = section()
RANGE = "range:1004:20100101-20991231"


def listed(host: Host, source: str) -> int | None:
    """Counts the elements in the readable answers of a listing, independently of the code."""
    path = {"newest": "newlist", RANGE[:5]: "newlist_rank", "ranking": "ranking/v2", "popular": "popular"}
    wanted = "/x/web-interface/" + path[source.partition(":")[0]]
    total = 0
    for (asked, _), (status, body) in zip(host.asked, host.given, strict=True):
        if asked != wanted or status != 200:
            continue
        try:
            envelope = json.loads(body)
        except (ValueError, RecursionError):
            continue
        if isinstance(envelope, dict) and envelope.get("code") in (0, "0") and envelope["code"] is not False:
            data = envelope.get("data")
            for key in ("list", "archives", "result"):
                if isinstance(data, dict) and isinstance(data.get(key), list):
                    total += len(data[key])
    return total


@pytest.mark.slow
def test_ten_thousand_spoilt_answers(
    settings: Settings,
    tmp_path: Path,
    connect: Connect,
    time: Time,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("popdanceset.store.os.fsync", lambda file: None)  # no power failure is simulated here
    caplog.set_level(logging.CRITICAL, "popdanceset")  # each of thousands of refusals is logged
    seen: Counter[str] = Counter()

    @hypothesis.settings(max_examples=EXAMPLES, derandomize=True, phases=[hypothesis.Phase.generate])
    @given(st.lists(spoils, min_size=3, max_size=12), st.sampled_from(["", "5", "9" * 30, "-1", "soon", "٣"]))
    def through_the_whole_crawl(chosen: list[Spoil], retry_after: str) -> None:
        if seen["spoilt"] >= ANSWERS:
            return

        def reply(path: str, query: Query) -> Reply:
            answer = ROUTES[path](SECTION, query)
            turn = len(host.asked)
            spoilt = chosen[turn % len(chosen)]((answer.status, answer.body), turn)
            seen["answers"] += 1
            seen["spoilt"] += spoilt != (answer.status, answer.body)
            return spoilt

        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            seen["examples"] += 1
            host = Host(reply)
            host.reply_headers = {"Retry-After": retry_after}
            go_through(settings, Path(folder), connect, host, time, seen)

    through_the_whole_crawl()
    assert seen["spoilt"] >= ANSWERS, seen
    assert min(seen[state.value] for state in State) > 20, seen  # every state occurred


def go_through(
    settings: Settings, folder: Path, connect: Connect, host: Host, time: Time, seen: Counter[str]
) -> None:
    """Crawls and requests followers, continues after refusals, and checks the files."""
    ids = folder / "ids.txt"
    ids.write_text("\n".join(SECTION.by_bvid))
    sources = (f"ids:{ids}", RANGE, "newest:2036", "ranking:2034", "popular")
    wanted = settings.model_copy(
        update={"crawl": settings.crawl.model_copy(update={"sources": sources, "max_videos": 150})}
    )
    store, runs, report = Store(folder / "store"), 0, None
    while report is None:
        runs += 1
        try:
            report = crawl(wanted, store, client=connect(host, refusals_before_stop=5))
        except RefusedError:
            time.passed += 7200
        assert runs < 500
    if runs == 1:
        rows = Counter(store.read_table("statistics", STATISTICS)["source"].to_pylist())
        skipped = Counter[str]()
        for reason, times in report.skipped.items():
            skipped[reason.partition(": ")[0]] += times
        for source in sources[1:]:
            assert rows[source] + skipped[source] == listed(host, source), source
    model = by_views(1)
    for _ in range(500):
        try:
            ask_followers(wanted, store, model, client=connect(host, refusals_before_stop=5))
            break
        except RefusedError:
            time.passed += 7200

    table = store.read_table("statistics", STATISTICS)
    for row in table.to_pylist():
        complete = row["state"] == State.PUBLIC and all(row[name] is not None for name in NEEDED)
        assert row["state"] in set(State)
        assert bool(row["note"]) is not complete  # accepted, or a reason
        for name in COUNTS:
            assert row[name] is None or 0 <= row[name] <= 2**53  # otherwise no model could use it
        for name in ("title", "owner", "tname", "note"):
            assert row[name] is None or re.fullmatch(
                r"[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]{0,1000}", row[name]
            )
    states = dict(zip(*latest_statistics(store).select(["bvid", "state"]).to_pydict().values(), strict=True))
    assert states.keys() >= SECTION.by_bvid.keys()
    seen.update(states.values())
    for row in read_followers(store).to_pylist():
        assert (row["follower"] is None) is bool(row["note"])

    # Everything requested is settled: a second run requests no `view` and no uploader.
    calm = Host(lambda path, query: ((a := ROUTES[path](SECTION, query)).status, a.body))
    crawl(wanted.model_copy(update={"crawl": wanted.crawl.model_copy(update={"sources": sources[:1]})}),
          store, day=report.day, client=connect(calm))  # fmt: skip
    assert calm.asked == []

    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path != ids]
    day = r"date=\d{4}-\d\d-\d\d"
    table = rf"((statistics|followers)/{day}|ledger/crawl)/[0-9A-Za-z-]+\.parquet"
    form = rf"store/({table}|crawl/{day}/[0-9A-Za-z-]+\.json|\.locks/crawl/{day})"
    assert [file for file in files if not re.fullmatch(form, file.as_posix())] == []
