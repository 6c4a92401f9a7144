"""The proxy: what it answers, refuses and records."""

import http.client
import logging
import os
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import requests

from popdanceset.errors import InputError, MediaError
from popdanceset.simulator.casting import Media, cast
from popdanceset.simulator.faults import NAMED, Answer, parse_fault
from popdanceset.simulator.media_host import address
from popdanceset.simulator.population import aged, population
from popdanceset.simulator.server import Simulator

VIDEOS = population(40, 2, date(2026, 3, 1))
API = "https://api.bilibili.com"
RANKING = f"{API}/x/web-interface/ranking/v2?rid=1004&type=all"
FROM_PAGE = {"Referer": "https://www.bilibili.com/video/"}
Connect = Callable[[Simulator], requests.Session]


@pytest.fixture
def playing(media: dict[str, Media]) -> Simulator:
    return Simulator(cast(VIDEOS, media), media)


def test_every_request_is_logged(session_to: Connect) -> None:
    before = time.time()
    with Simulator(VIDEOS) as simulator, session_to(simulator) as client:
        client.get(RANKING, headers={"User-Agent": "popdanceset/0"})
        client.head(f"{API}/x/nothing?a=&b=1")
    first, second = simulator.log
    assert before <= first.time <= second.time <= time.time()
    assert first[1:6] == (
        "GET", "api.bilibili.com", "/x/web-interface/ranking/v2", {"rid": "1004", "type": "all"}, 200,
    )  # fmt: skip
    assert first.headers["user-agent"] == "popdanceset/0"
    assert second[1:6] == ("HEAD", "api.bilibili.com", "/x/nothing", {"a": "", "b": "1"}, 404)
    assert simulator.leaks == []


@pytest.mark.parametrize(
    "url", ["https://example.org/a", "https://bilibili.com.example.org/", "http://example.org/b"]
)
def test_unknown_hosts_are_refused_and_written_down(session_to: Connect, url: str) -> None:
    with Simulator(VIDEOS) as simulator, session_to(simulator) as client:
        if url.startswith("https"):
            with pytest.raises(requests.exceptions.ProxyError, match="502"):
                client.get(url)
        else:
            assert client.get(url).status_code == 502
    assert len(simulator.leaks) == 1
    assert "example.org" in simulator.leaks[0]
    assert simulator.log == []


@pytest.mark.parametrize(
    "url", ["https://api.bilibili.com:8443/", "http://api.bilibili.com/x/web-interface/nav"]
)
def test_known_hosts_are_spoken_to_over_tls_only(session_to: Connect, url: str) -> None:
    with Simulator(VIDEOS) as simulator, session_to(simulator) as client:
        if url.startswith("https"):
            with pytest.raises(requests.exceptions.ProxyError):
                client.get(url)
        else:
            assert client.get(url).status_code == 502
    assert len(simulator.leaks) == 1


def test_only_its_own_authority_vouches_for_it(session_to: Connect, tmp_path: Path) -> None:
    ca = tmp_path / "deep" / "ca.pem"
    with Simulator(VIDEOS, ca_file=ca) as simulator, session_to(simulator) as client:
        assert simulator.ca_file == str(ca)
        assert client.get(RANKING).status_code == 200
        with session_to(simulator) as stranger:
            stranger.verify = True
            with pytest.raises(requests.exceptions.SSLError):
                stranger.get(RANKING)
    assert not simulator.leaks  # it connected, but did not trust the certificate


def test_one_connection_carries_many_requests(session_to: Connect) -> None:
    with Simulator(VIDEOS) as simulator:
        host, port = simulator.proxy_url.removeprefix("http://").split(":")
        trust = ssl.create_default_context(cafile=simulator.ca_file)
        connection = http.client.HTTPSConnection(host, int(port), context=trust, timeout=10)
        connection.set_tunnel("api.bilibili.com", 443)
        for _ in range(3):
            connection.request("GET", "/x/web-interface/nav")
            assert connection.getresponse().read().startswith(b'{"code":-101')
        sock = connection.sock
        assert sock is not None
    assert sock.recv(1) == b""  # the end of the simulator closes open connections
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=1)


def test_only_reading_is_served(session_to: Connect) -> None:
    with Simulator(VIDEOS) as simulator, session_to(simulator) as client:
        assert client.post(RANKING, data="{}").status_code == 405
        assert client.get(RANKING).status_code == 200
    assert [line.status for line in simulator.log] == [405, 200]


def test_many_clients_at_once(playing: Simulator, session_to: Connect) -> None:
    files = {
        (video.media, track): address(video.bvid, str(video.cid), track)
        for video in playing.catalogue.videos
        for track in (64, 30280)
    }

    def fetch(key: tuple[str, int]) -> tuple[tuple[str, int], bytes]:
        with session_to(playing) as client:
            return key, client.get(files[key], headers=FROM_PAGE).content

    with playing, ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(fetch, list(files) * 4))
    assert len(set(bodies)) == len(files) == 4  # each file is always the same, and differs from the others
    assert len(playing.log) == 16


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-100", 206, slice(-100, None)),
        ("bytes=100-99999999", 206, slice(100, None)),
        ("bytes=99999999-", 416, slice(0, 0)),
        ("bytes=20-10", 416, slice(0, 0)),
        ("bytes=-0", 416, slice(0, 0)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
    ],
)
def test_ranges(playing: Simulator, session_to: Connect, wanted: str, status: int, part: slice) -> None:
    with playing, session_to(playing) as client:
        video = playing.catalogue.videos[0]
        url = address(video.bvid, str(video.cid), 64)
        whole = client.get(url, headers=FROM_PAGE).content
        answer = client.get(url, headers={**FROM_PAGE, "Range": wanted})
    assert answer.status_code == status
    assert answer.content == whole[part]
    if status == 206:
        start, stop, _ = part.indices(len(whole))
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
    if status == 416:
        assert answer.headers["Content-Range"] == f"bytes */{len(whole)}"


def test_media_are_not_for_everybody(playing: Simulator, session_to: Connect) -> None:
    with playing, session_to(playing) as client:
        video = playing.catalogue.videos[0]
        url = address(video.bvid, str(video.cid), 64)
        assert client.get(url).status_code == 403
        assert client.get(address(video.bvid, "1", 16), headers=FROM_PAGE).status_code == 404
        assert client.get(address("BV1nowhere00", "1", 64), headers=FROM_PAGE).status_code == 404
        assert client.get("https://x.bilivideo.com/else", headers=FROM_PAGE).status_code == 404


def test_small_hosts_answer(session_to: Connect) -> None:
    with Simulator(VIDEOS) as simulator, session_to(simulator) as client:
        assert client.get("https://comment.bilibili.com/1.xml").text.endswith("</i>")
        assert client.get("https://i0.hdslb.com/a.jpg").headers["Content-Type"] == "image/jpeg"
        assert client.get("https://www.bilibili.com/").status_code == 404
        assert client.get(f"{API}/x/player/pagelist?bvid={VIDEOS[0].bvid}").json()["data"][0]["cid"]
        assert client.get(f"{API}/x/player/pagelist?bvid=BV1nowhere00").json()["code"] == -404
    assert not simulator.leaks


STATUS = {"412": 412, "412-json": 412, "429": 429, "500": 500}


@pytest.mark.parametrize("name", [n for n, f in NAMED.items() if "relation" in f.match and n != "slow"])
def test_faults_of_statistics(session_to: Connect, name: str) -> None:
    with Simulator(VIDEOS, faults=[parse_fault(f"{name}:2@1")]) as simulator, session_to(simulator) as client:
        good, *bad, again = [client.get(RANKING) for _ in range(4)]
    assert good.json()["code"] == again.json()["code"] == 0
    for answer in bad:
        assert answer.status_code == STATUS.get(name, 200)
        if name == "412":
            assert answer.headers["Content-Type"].startswith("text/html")
        elif name == "truncated":
            assert good.text.startswith(answer.text)
            assert 0 < len(answer.text) < len(good.text)
        elif name not in ("429", "500"):
            assert answer.json()["code"] == int(name.removesuffix("-json") if name[0] != "4" else -412)


def test_a_slow_answer(session_to: Connect) -> None:
    slow = replace(NAMED["slow"], answer=Answer(delay=5.0))
    with Simulator(VIDEOS, faults=[slow]) as simulator, session_to(simulator) as client:
        with pytest.raises(requests.exceptions.ReadTimeout):
            client.get(RANKING, timeout=0.2)
        assert client.get(RANKING, timeout=5).status_code == 200


def test_a_cut_connection_is_resumed_by_range(playing: Simulator, session_to: Connect) -> None:
    with playing, session_to(playing) as client:
        video = playing.catalogue.videos[0]
        url = address(video.bvid, str(video.cid), 64)
        whole = client.get(url, headers=FROM_PAGE).content
        playing.faults.add(NAMED["cut"])
        with client.get(url, headers=FROM_PAGE, stream=True) as answer:
            assert int(answer.headers["Content-Length"]) == len(whole)
            chunks: list[bytes] = []
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                chunks.extend(answer.iter_content(1))
        first = b"".join(chunks)
        rest = client.get(url, headers={**FROM_PAGE, "Range": f"bytes={len(first)}-"})
    assert len(first) == round(len(whole) / 2)
    assert first + rest.content == whole


def test_too_many_requests(session_to: Connect) -> None:
    with Simulator(VIDEOS, rate=(3, 3600)) as simulator, session_to(simulator) as client:
        codes = [client.get(RANKING).status_code for _ in range(5)]
        assert client.get("https://i0.hdslb.com/a.jpg").status_code == 200  # only the API counts
    assert codes == [200, 200, 200, 412, 412]


def test_days_pass(session_to: Connect) -> None:
    view = f"{API}/x/web-interface/view?bvid={VIDEOS[0].bvid}"
    with Simulator(VIDEOS) as simulator, session_to(simulator) as client:
        simulator.advance(7)
        assert client.get(view).json()["data"]["stat"]["view"] == aged(VIDEOS, 7)[0].counts.view


def test_what_cannot_be_started(media: dict[str, Media], tmp_path: Path) -> None:
    with Simulator(VIDEOS) as running:
        port = int(running.proxy_url.rpartition(":")[2])
        with pytest.raises(InputError, match="in use"), Simulator(VIDEOS, port=port):
            pass
    with pytest.raises(InputError, match="port"), Simulator(VIDEOS, port=70_000):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="ca-file"), Simulator(VIDEOS, ca_file=tmp_path / "file" / "ca.pem"):
        pass
    with pytest.raises(InputError, match="unknown media: crowd"):
        Simulator(cast(VIDEOS, media), {"waltz": media["waltz"]})


def test_a_broken_medium_is_reported(
    media: dict[str, Media], tmp_path: Path, session_to: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "waltz.mp4"
    broken.write_bytes(b"no video")
    names = {"waltz": replace(media["waltz"], path=broken)}
    with Simulator(cast(VIDEOS, names), names) as simulator, session_to(simulator) as client:
        video = simulator.catalogue.videos[0]
        with caplog.at_level(logging.ERROR), pytest.raises(requests.exceptions.ConnectionError):
            client.get(address(video.bvid, str(video.cid), 64), headers=FROM_PAGE)
    assert MediaError.__name__ in caplog.text
    assert str(broken) in caplog.text


def test_nothing_is_left_behind(playing: Simulator) -> None:
    with playing:
        folder = Path(playing.ca_file).parent
        assert os.listdir(folder) == ["ca.pem"]
    assert not folder.exists()


def test_the_package_hands_out_its_simulator() -> None:
    import popdanceset.simulator

    assert popdanceset.simulator.Simulator is Simulator
    with pytest.raises(AttributeError, match="Simulacrum"):
        _ = popdanceset.simulator.Simulacrum
