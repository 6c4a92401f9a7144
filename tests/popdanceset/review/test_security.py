"""Only rightful requests are answered: no foreign pages, no strangers, no files outside."""

import http.client
import socket
from urllib.parse import urlsplit

import pytest

from popdanceset.errors import InputError
from popdanceset.review.security import COOKIE, LONGEST_BODY, Access, is_loopback

FIRST = "BV1_Clip_1"
TOKEN = "a-token-of-24-characters"
ACCEPT = {"reviewer": "anna", "clip_ids": [FIRST], "kind": "accept"}
HOME = "http://127.0.0.1:8765"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "::1", "[::1]"])
def test_loopback_addresses(host):
    assert is_loopback(host)
    assert Access(host).token == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "localhost.example.org"])
def test_other_addresses_need_a_token(host):
    with pytest.raises(InputError, match="needs a token"):
        Access(host)
    assert Access(host, TOKEN).token == TOKEN


def test_short_tokens_are_refused():
    with pytest.raises(InputError, match="15 characters") as raised:
        Access("127.0.0.1", "x" * 15)
    assert "xxx" not in str(raised.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "localhost", "[::1]:8765"])
def test_names_of_this_machine_are_served(client, host):
    assert client.get("/api/room", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8765", "", "localhost@evil", "[::1"]
)
def test_foreign_names_that_lead_here_are_not(client, host):
    for address in ("/", "/api/room", f"/media/{FIRST}/video"):
        assert client.get(address, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
    ],
)
def test_foreign_pages_change_nothing(client, headers):
    answer = client.post("/api/decisions", json=ACCEPT, headers=headers)
    assert answer.status_code == 403
    assert client.get("/api/clips").json()["latest"] == 0


def test_the_rooms_own_page_changes_something(client):
    headers = {
        "Origin": HOME,
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/json; charset=utf-8",
    }
    assert client.post("/api/decisions", json=ACCEPT, headers=headers).status_code == 200


def test_every_answer_restricts_what_pages_may_do(client):
    for address in ("/", "/page/main.js", "/api/room", "/api/nothing", f"/media/{FIRST}/audio"):
        headers = client.get(address).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["media-src"] == "'self'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == (
            "no-cache" if "api" not in address and "media" not in address else "no-store"
        )
    refused = client.get("/", headers={"Host": "evil.example"})
    assert "content-security-policy" in refused.headers
    assert "access-control-allow-origin" not in refused.headers


def test_without_the_cookie_only_the_pages_files_are_served(make_client):
    client = make_client(token=TOKEN)
    for address in (
        "/api/room",
        "/api/clips",
        f"/api/clips/{FIRST}",
        f"/media/{FIRST}/video",
        "/api/nothing",
    ):
        assert client.get(address).status_code == 401
    assert client.post("/api/decisions", json=ACCEPT).status_code == 401
    assert client.get("/page/main.js").status_code == 200
    assert client.get(f"/?token={TOKEN}").status_code == 200
    assert client.get("/api/room").status_code == 401  # tokens do not belong in addresses


def test_the_token_opens_the_room(make_client):
    client = make_client(token=TOKEN)
    answer = client.post("/api/login", json={"token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert TOKEN not in cookie
    assert client.get("/api/room").status_code == 200
    assert client.post("/api/decisions", json=ACCEPT).status_code == 200

    again = make_client(token=TOKEN)  # a server started again
    again.cookies = client.cookies
    assert again.get("/api/room").status_code == 200
    other = make_client(token=TOKEN + "!")
    other.cookies = client.cookies
    assert other.get("/api/room").status_code == 401


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "\ud800", "Ä" * 30])
def test_other_tokens_do_not(make_client, token):
    import json

    client = make_client(token=TOKEN)
    headers = {"Content-Type": "application/json"}
    answer = client.post("/api/login", content=json.dumps({"token": token}), headers=headers)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    for value in (token.encode("utf-8", "replace"), TOKEN.encode(), b"; ;=", b'"'):
        cookie = {"Cookie": COOKIE.encode() + b"=" + value}
        assert client.get("/api/room", headers=cookie).status_code == 401


def test_large_requests_are_refused(client):
    large = {**ACCEPT, "note": "x" * LONGEST_BODY}
    assert client.post("/api/decisions", json=large).status_code == 413

    def chunks():
        for _ in range(20):
            yield b"x" * (LONGEST_BODY // 10)

    headers = {"Content-Type": "application/json"}
    answer = client.post("/api/decisions", content=chunks(), headers=headers)
    assert (answer.status_code, [*answer.json()]) == (413, ["error"])
    assert (
        client.post(
            "/api/decisions", content=b"", headers={**headers, "Content-Length": "9" * 5000}
        ).status_code
        == 413
    )


PATHS = (
    "/../pyproject.toml", "/page/../api.py", "/page/..%2fapi.py", "/page/%2e%2e/api.py",
    "/page/%2e%2e%2fapi.py",
    "/page/....//api.py", "/page//etc/passwd", "/page/%2fetc%2fpasswd", "/page/..%5capi.py", "/page/%00",
    "/page/main.js%00.txt", "/page/", "/page", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
    "/media/../review/decisions.sqlite", "/media/..%2f..%2fetc%2fpasswd/video", "/media/%2e%2e/video",
    "/api/clips/..%2f..%2fetc%2fpasswd", "/api/clips/%2e%2e/joints.f32", "/api/clips/%00/joints.f32",
    "/api/clips/BV1_Clip_1%00/joints.f32", "/api/clips/BV1_Clip_1/joints.f32?source=../../etc/passwd",
    "/api/clips/%ff%fe/joints.f32", "/review/decisions.sqlite", "/page/__init__.py", "/page/../__init__.py",
)  # fmt: skip


def test_no_path_of_a_request_becomes_a_path_of_the_disk(start_server, reviewed):
    """Sent byte by byte, since clients tidy such addresses up."""
    server = start_server("--store", reviewed.address)
    place = urlsplit(server.address)
    for path in PATHS:
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        connection.putrequest("GET", path, skip_host=False)
        connection.endheaders()
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status in (307, 400, 404), (path, answer.status, content[:80])
        assert b"root:" not in content
        assert b"import" not in content
        connection.close()


def test_the_token_is_neither_printed_nor_logged(start_server, reviewed, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    server = start_server("--store", reviewed.address, "--token-file", str(file))
    server.post("/api/login", {"token": TOKEN})
    place = urlsplit(server.address)
    with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
        connection.sendall(b"GET /?token=" + TOKEN.encode() + b" HTTP/1.1\r\nHost: x y\r\n\r\n\x00")
        assert connection.recv(1000)
    server.process.terminate()
    assert server.process.wait(timeout=60) == 0
    assert TOKEN not in server.output
    assert "http://127.0.0.1" in server.output
