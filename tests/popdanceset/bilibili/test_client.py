import json
import socket
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from popdanceset import __version__
from popdanceset.bilibili.client import (
    LONGEST_RETRY_AFTER,
    MAX_BYTES,
    Client,
    open_client,
    read_answer,
    retry_after,
)
from popdanceset.bilibili.politeness import Politeness
from popdanceset.errors import RefusedError, SettingsError, TransferError
from popdanceset.settings import CrawlSettings, NetworkSettings, Settings
from popdanceset.store import Store
from tests.popdanceset.bilibili.conftest import START, Connect, Host, Time, ok, says


def in_turn(*replies):
    """Returns a host that gives each reply once, and repeats the last."""
    left = list(replies)
    return Host(lambda path, query: left.pop(0) if len(left) > 1 else left[0])


def test_data_of_a_good_answer(connect: Connect) -> None:
    host = Host(lambda path, query: ok({"path": path, "query": query}))
    answer = connect(host).get("/x/web-interface/view", {"bvid": "BV1xx411c7mD"})
    assert answer.ok
    assert answer.data == {"path": "/x/web-interface/view", "query": {"bvid": "BV1xx411c7mD"}}


def test_the_guest_names_itself_and_keeps_no_cookies(connect: Connect) -> None:
    host = Host(lambda path, query: ok([]))
    host.reply_headers = {"Set-Cookie": "buvid3=abc; Domain=.bilibili.com; Path=/"}
    client = connect(host)
    client.get("/a", {})
    client.get("/b", {})
    for headers in host.headers:
        assert headers["User-Agent"] == f"popdanceset/{__version__} (+me@example.org)"
        assert "Cookie" not in headers
        assert "Referer" not in headers


@pytest.mark.parametrize(
    "refusal",
    [
        (412, b"<html>The request was rejected</html>"),
        (412, {"code": -412, "message": "banned"}),
        (429, b""),
        (503, {"code": -412}),
        says(-412),
        says(-352),
        says(-799),
        says(-509),
        (200, {"code": "-412"}),
        ok({"v_voucher": "voucher_1"}),
    ],
)
def test_a_refusal_is_waited_out(connect: Connect, time: Time, refusal) -> None:
    host = in_turn(refusal, ok("data"))
    client = connect(host, cool_down=60, jitter=0)
    assert client.get("/a", {}).data == "data"
    assert time.passed == 60
    assert client.politeness.refusals == 1


def test_refusals_end_in_an_error(connect: Connect, time: Time) -> None:
    host = in_turn(says(-352, "risk control"))
    with pytest.raises(RefusedError, match="-352: risk control"):
        connect(host, refusals_before_stop=3, cool_down=60, jitter=0).get("/a", {})
    assert len(host.asked) == 3
    assert time.passed == 60 + 120


@pytest.mark.parametrize("outage", [(500, b"oops"), (502, b"<html>"), (503, {"code": -500})])
def test_an_outage_is_waited_out_and_is_not_a_refusal(connect: Connect, time: Time, outage) -> None:
    host = in_turn(outage, outage, ok("data"))
    client = connect(host, cool_down=60, jitter=0)
    assert client.get("/a", {}).data == "data"
    assert time.passed == 60 + 120
    assert client.politeness.refusals == 0


def test_a_storm_of_outages_ends_in_an_error_worth_another_try(connect: Connect, time: Time) -> None:
    host = in_turn((503, b"overloaded"))
    with pytest.raises(TransferError, match=r"failed 3 times in a row.*HTTP 503.*is kept") as caught:
        connect(host, refusals_before_stop=3, cool_down=60, jitter=0).get("/a", {})
    assert caught.value.exit_code == 1
    assert len(host.asked) == 3
    assert time.passed == 60 + 120


def test_outages_and_refusals_in_turn_end_too(connect: Connect) -> None:
    host = Host(lambda path, query: (500, b"") if len(host.asked) % 2 else says(-412))
    with pytest.raises(TransferError):
        connect(host, refusals_before_stop=3).get("/a", {})
    assert len(host.asked) == 5


@pytest.mark.parametrize("status", [412, 429, 503])
@pytest.mark.parametrize("header", ["300", format_datetime(START + timedelta(seconds=300), usegmt=True)])
def test_the_host_may_ask_for_a_longer_pause(connect: Connect, time: Time, status: int, header: str) -> None:
    host = in_turn((status, b""), ok("data"))
    host.reply_headers = {"Retry-After": header}
    connect(host, cool_down=60, jitter=0).get("/a", {})
    assert time.passed == 300


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("120", 120),
        (" 7 ", 7),
        ("9" * 400, LONGEST_RETRY_AFTER),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("Sun, 01 Mar 2026 12:01:40 GMT", 100),
        ("Sunday, 01-Mar-26 12:01:40 GMT", 100),
        ("Sun, 01 Mar 2026 12:01:40 -0000", 100),
        ("Sun, 01 Mar 2026 20:01:40 +0800", 100),
        ("Sun, 01 Mar 2026 11:59:00 GMT", 0),
        ("Mon, 01 Mar 2027 12:00:00 GMT", LONGEST_RETRY_AFTER),
        ("Sun, 01 Mar 99999 12:00:00 GMT", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str, seconds: float) -> None:
    assert retry_after(header, START) == seconds


@given(st.text())
def test_no_retry_after_header_breaks_the_client(header: str) -> None:
    assert 0 <= retry_after(header, START) <= LONGEST_RETRY_AFTER


@pytest.mark.parametrize("code", [-404, -400, -403, 62002, 62004, 62012, 12345])
def test_other_codes_are_the_callers_business(connect: Connect, code: int) -> None:
    host = in_turn(says(code, "why"))
    answer = connect(host).get("/a", {})
    assert (answer.code, answer.summary, answer.ok) == (code, f"{code}: why", False)
    assert len(host.asked) == 1


def test_an_unreadable_answer_is_requested_again_then_reported(connect: Connect) -> None:
    host = in_turn((200, b'{"code": 0, "da'), ok("data"))
    assert connect(host).get("/a", {}).data == "data"
    host = in_turn((200, b"<html>"))
    answer = connect(host).get("/a", {})
    assert (answer.code, answer.message) == (None, "HTTP 200, not JSON")
    assert len(host.asked) == 3


def test_a_broken_connection_is_tried_again_then_reported(connect: Connect) -> None:
    host = Host(lambda path, query: ok("data"))

    def broken(n: int, until: int = 2) -> None:
        host.asked.append(("broken", {}))
        if n <= until:
            raise requests.exceptions.ConnectionError("reset")

    host.before = broken
    assert connect(host).get("/a", {}).data == "data"
    host = Host(lambda path, query: ok("data"))
    host.before = lambda n: (_ for _ in ()).throw(requests.exceptions.ConnectTimeout("too slow"))
    with pytest.raises(TransferError, match="too slow"):
        connect(host).get("/a", {})


def test_a_redirect_is_not_followed(connect: Connect) -> None:
    host = in_turn((302, b""))
    host.reply_headers = {"Location": "https://elsewhere.example/"}
    assert connect(host).get("/a", {}).code is None


def test_an_endless_answer_is_cut() -> None:
    assert read_answer(200, b" " * (MAX_BYTES + 1)).message.endswith("too long")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"code": true}',
        b'{"code": 0.5}',
        b'{"code": "x"}',
        b"[" * 200_000,
        b"\xff\xfe{",
    ],
)
def test_no_envelope_is_no_answer(body: bytes) -> None:
    assert read_answer(200, body).code is None


@given(
    st.binary()
    | st.recursive(
        st.none() | st.text() | st.integers() | st.floats(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_whatever_arrives_becomes_an_answer(content: object) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    answer = read_answer(200, body)
    assert answer.code is None or isinstance(answer.code, int)
    assert isinstance(answer.summary, str)


def test_a_missing_certificate_is_a_matter_of_settings(tmp_path: Path, store: Store) -> None:
    settings = Settings.load(overrides={"network": {"ca_file": str(tmp_path / "none.pem")}})
    with pytest.raises(SettingsError, match=r"none\.pem"):
        open_client(settings, store)


def test_without_a_contact_the_user_is_reported(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    open_client(Settings.load(overrides={"network": {"contact": "me@example.org"}}), store).close()
    assert caplog.text == ""
    open_client(Settings.load(), store).close()
    assert "network.contact" in caplog.text


def test_proxy_and_certificate_come_from_the_settings(tmp_path: Path) -> None:
    certificate = tmp_path / "ca.pem"
    certificate.write_text("")
    network = NetworkSettings(proxy="http://127.0.0.1:9", ca_file=str(certificate))
    client = Client(network, Politeness(CrawlSettings()))
    assert client._session.proxies["https"] == "http://127.0.0.1:9"
    assert client._session.verify == str(certificate)
    assert client._session.trust_env is False
    client.close()


def test_nobody_at_the_proxy() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        network = NetworkSettings(proxy=f"http://127.0.0.1:{taken.getsockname()[1]}")
        client = Client(network, Politeness(CrawlSettings(refusals_before_stop=1)))
        with pytest.raises(TransferError, match=r"cannot be reached: .*refused.*network\.proxy"):
            client.get("/a", {})


def test_a_proxy_that_is_no_address() -> None:
    with pytest.raises(SettingsError, match=r"network\.proxy"):
        Client(NetworkSettings(proxy="http://:0:0"), Politeness(CrawlSettings())).get("/a", {})


def test_an_untrusted_certificate_is_reported(connect: Connect) -> None:
    host = Host(lambda path, query: ok("data"))
    host.before = lambda n: (_ for _ in ()).throw(requests.exceptions.SSLError("self-signed"))
    with pytest.raises(TransferError, match=r"self-signed.*ca_file"):
        connect(host).get("/a", {})


def test_a_voucher_beside_data_is_no_refusal(connect: Connect) -> None:
    host = in_turn(ok({"v_voucher": "voucher_1", "list": []}))
    assert connect(host).get("/a", {}).ok


def test_a_storm_of_vouchers_ends_as_a_refusal(connect: Connect) -> None:
    with pytest.raises(RefusedError, match="only a v_voucher"):
        connect(in_turn(ok({"v_voucher": "voucher_1"})), refusals_before_stop=3, cool_down=1).get("/a", {})


def test_a_short_link_is_not_followed(connect: Connect) -> None:
    host = in_turn((302, b""))
    host.reply_headers = {"Location": "https://www.bilibili.com/video/BV1xx411c7mD"}
    assert connect(host).resolve("https://b23.tv/abc").endswith("BV1xx411c7mD")
    assert [path for path, _ in host.asked] == ["/abc"]
    host = in_turn((404, b""))
    assert connect(host).resolve("https://b23.tv/none") == ""
    assert len(host.asked) == 1
    with pytest.raises(RefusedError):
        connect(in_turn((412, b"")), cool_down=1).resolve("https://b23.tv/abc")


def test_a_certificate_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ca.pem").write_text("")
    client = Client(NetworkSettings(ca_file="~/ca.pem"), Politeness(CrawlSettings()))
    assert client._session.verify == str(tmp_path / "ca.pem")
    client.close()
