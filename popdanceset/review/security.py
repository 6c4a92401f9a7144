"""Who may use the room: the machine's own users, or those who know the token; and no foreign page.

- Without a token the server listens on loopback addresses only, and answers only requests that name one of
  them as their host. So a foreign page cannot reach it, not even by a name that it lets point to 127.0.0.1.
- With a token everything but the page's own files and the login needs a cookie. Scripts cannot read it, and
  other sites cannot make a browser send it. It is derived from the token, so that it outlives a restart.
- Requests that change something must be JSON and come from the room's own pages.
- Pages may load only what the server itself serves; nothing inline is run.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from popdanceset.errors import InputError

COOKIE = "popdanceset_review"
SHORTEST_TOKEN = 16
LONGEST_BODY = 1_000_000
"""Bytes of a request."""

_TOO_LARGE = f"the request has more than {LONGEST_BODY:,} bytes"
_SAFE = ("GET", "HEAD")
_OPEN = ("/", "/api/login", "/favicon.ico")
_OPEN_FOLDER = "/page/"

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Returns whether an address is one that only this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Access:
    """Who may use a server.

    Args:
        host: address on which it listens.
        token: what users must know; empty: nothing.

    Raises:
        InputError: the token is too short, or the address is not a loopback address and there is no token.
    """

    host: str = "127.0.0.1"
    token: str = ""

    def __post_init__(self) -> None:
        if self.token and len(self.token) < SHORTEST_TOKEN:
            raise InputError(
                f"the token has {len(self.token)} characters, and at least {SHORTEST_TOKEN} are needed",
                do="make one with: python -c 'import secrets; print(secrets.token_urlsafe(24))'",
            )
        if not self.token and not is_loopback(self.host):
            raise InputError(
                "other machines could reach the room there, so it needs a token",
                f"--host {self.host}",
                "give --token-file FILE or set POPDANCESET_REVIEW_TOKEN",
            )

    @property
    def cookie(self) -> str:
        """What the cookie of somebody who knows the token contains."""
        return hmac.digest(self.token.encode(), b"popdanceset review session", hashlib.sha256).hex()

    def knows(self, token: str) -> bool:
        """Returns whether this is the token, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(
            hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest(),
            hashlib.sha256(self.token.encode()).digest(),
        )

    def admits(self, cookies: str) -> bool:
        """Returns whether the Cookie header of a request shows that its sender knows the token."""
        if not self.token:
            return True
        try:
            found = SimpleCookie(cookies).get(COOKIE)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self.cookie.encode())

    def serves(self, host: str) -> bool:
        """Returns whether a request's Host header names this server.

        With a token any name will do: the server may be known under many, and the cookie belongs to the name
        under which the user logged in.
        """
        return bool(host) and (bool(self.token) or is_loopback(_hostname(host)))


class Guard:
    """Lets only rightful requests pass, and adds the headers that restrict what pages may do.

    Args:
        app: what is guarded.
        access: who may use it.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or passes it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        if scope["type"] != "http":
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        refused = self._refusal(scope["method"], scope["path"], headers)
        if refused is not None:
            await _answer(send, *refused)
            return
        await self._app(scope, _limited(receive), _restricted(send))

    def _refusal(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._access.serves(host):
            return 403, "this server has another name; open the address that it printed"
        if method not in _SAFE:
            if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                return 403, "only JSON is accepted"
            origin = headers.get("origin")
            foreign = headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
            if foreign or (origin is not None and urlsplit(origin).netloc != host):
                return 403, "the request comes from another site"
            if not _fits(headers.get("content-length", "0")):
                return 413, _TOO_LARGE
        public = path in _OPEN or path.startswith(_OPEN_FOLDER)
        if not public and not self._access.admits(headers.get("cookie", "")):
            return 401, "log in with the room's token"
        return None


def _limited(receive: Receive) -> Receive:
    got = 0

    async def limited() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > LONGEST_BODY:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return limited


def _restricted(send: Send) -> Send:
    async def restricted(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = [(name.lower(), value) for name, value in message["headers"]]
            message["headers"] = [*present, *_added({name.decode() for name, _ in present})]
        await send(message)

    return restricted


def _added(present: Iterable[str]) -> list[tuple[bytes, bytes]]:
    wanted = {**_HEADERS, "Cache-Control": "no-store"}
    return [(n.lower().encode(), v.encode()) for n, v in wanted.items() if n.lower() not in present]


async def _answer(send: Send, status: int, line: str) -> None:
    body = json.dumps({"error": line}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *_added(())]})
    await send({"type": "http.response.body", "body": body})


def _fits(length: str) -> bool:
    return length.isascii() and length.isdigit() and len(length) < 12 and int(length) <= LONGEST_BODY


def _hostname(host: str) -> str:
    """The name of a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
