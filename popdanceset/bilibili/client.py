"""HTTP: one question, one typed answer. Refusals and broken connections are waited out, or end the crawl."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import requests

from popdanceset.bilibili.budget import DailyBudget
from popdanceset.bilibili.politeness import Clock, Politeness
from popdanceset.bilibili.text import one_line
from popdanceset.errors import SettingsError, TransferError
from popdanceset.settings import NetworkSettings, Settings
from popdanceset.store import Store

API = "https://api.bilibili.com"
REFUSALS = frozenset({-412, -352, -799, -509, -429})
"""Codes by which the host asks us to stay away."""

MAX_BYTES = 16 << 20
"""No true answer comes near this length."""

UNREADABLE_TRIES = 3
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What the host said.

    Attributes:
        code: 0 if there is data; the host's own code if not; None if the answer could not be read.
        message: the host's words, or why the answer could not be read.
        data: JSON, of any form: nothing about it has been checked.
    """

    code: int | None
    message: str = ""
    data: Any = None

    @property
    def ok(self) -> bool:
        """Whether there is data."""
        return self.code == 0

    @property
    def said(self) -> str:
        """Code and message, for a note."""
        return self.message if self.code is None else f"{self.code}: {self.message}".removesuffix(": ")


class Client:
    """Asks api.bilibili.com, politely. No cookies, no signature, no redirects, no credentials from the
    environment.

    Args:
        network: proxy, certificate and time limit.
        politeness: the gate shared with whoever else asks; it knows how we introduce ourselves.
        adapter: a requests transport that answers in place of the network.

    Raises:
        SettingsError: the certificate file is not there.
    """

    def __init__(
        self,
        network: NetworkSettings,
        politeness: Politeness,
        adapter: requests.adapters.BaseAdapter | None = None,
    ) -> None:
        if network.ca_file and not Path(network.ca_file).is_file():
            raise SettingsError("certificate file not found", network.ca_file, "check network.ca_file")
        self.politeness = politeness
        self.clock = politeness.clock
        self._timeout = network.timeout
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.clear()
        self._session.headers.update(
            {
                "User-Agent": politeness.user_agent,
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
            }
        )
        if network.proxy:
            self._session.proxies = {"http": network.proxy, "https": network.proxy}
        if network.ca_file:
            self._session.verify = network.ca_file
        if adapter is not None:
            self._session.mount("https://", adapter)

    def get(self, path: str, params: Mapping[str, str | int]) -> Answer:
        """The answer to one question, asked again after a pause if it was refused, cut off or not readable.

        Args:
            path: below the API's host, e.g. `/x/web-interface/view`.
            params: the query.

        Raises:
            RefusedError: too many refusals in a row, or the day's requests are used up.
            TransferError: the host cannot be reached.
        """
        broken = unreadable = 0
        while True:
            self.politeness.wait()
            try:
                status, headers, body = self._fetch(path, params)
            except requests.exceptions.SSLError as error:
                raise TransferError(
                    f"no secure connection: {_short(error)}", API, "check network.ca_file and the clock"
                ) from error
            except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
                raise SettingsError(
                    f"no usable address: {error}", "network.proxy", "write http://host:port"
                ) from error
            except requests.exceptions.RequestException as error:
                broken += 1
                if broken >= self.politeness.settings.refusals_before_stop:
                    raise TransferError(
                        f"cannot be reached: {_short(error)}",
                        API,
                        "check the connection and network.proxy, then run again: what was collected is kept",
                    ) from error
                log.warning("%s: connection failed (%s); another try follows", path, _short(error))
                self.clock.sleep(min(2.0**broken, self.politeness.settings.cool_down))
                continue
            answer = read_answer(status, body)
            if status in (412, 429) or status >= 500 or answer.code in REFUSALS:
                why = answer.said if answer.code is not None else f"HTTP {status}"
                pause = self.politeness.refused(why, _seconds(headers.get("Retry-After", "")))
                log.warning("%s: refused (%s); pausing for %.0f s", path, why, pause)
                continue
            self.politeness.accepted()
            if answer.code is None:
                unreadable += 1
                if unreadable < UNREADABLE_TRIES:
                    continue
            return answer

    def close(self) -> None:
        """Closes the connections, and gives unused requests of the day back."""
        self._session.close()
        self.politeness.close()

    def _fetch(self, path: str, params: Mapping[str, str | int]) -> tuple[int, Mapping[str, str], bytes]:
        with self._session.get(
            API + path, params=dict(params), timeout=self._timeout, allow_redirects=False, stream=True
        ) as response:
            body = b""
            for block in response.iter_content(1 << 16):
                body += block
                if len(body) > MAX_BYTES:
                    break
            return response.status_code, response.headers, body


def open_client(settings: Settings, store: Store) -> Client:
    """A client as the settings want it, which shares the day's requests with every other of this store."""
    if not settings.network.contact:
        log.warning("network.contact is empty: give an address at which the host can reach you")
    clock = Clock()
    budget = DailyBudget(store, settings.crawl.requests_per_day, clock.now)
    polite = Politeness(settings.crawl, clock, contact=settings.network.contact, budget=budget)
    return Client(settings.network, polite)


def read_answer(status: int, body: bytes) -> Answer:
    """Bilibili's envelope `{"code", "message", "data"}`; whatever else arrives is an answer without code."""
    if len(body) > MAX_BYTES:
        return Answer(None, f"HTTP {status}, longer than any true answer")
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return Answer(None, f"HTTP {status}, no JSON")
    if not isinstance(envelope, dict):
        return Answer(None, f"HTTP {status}, no JSON object")
    code = envelope.get("code")
    if isinstance(code, str) and code.removeprefix("-").isdecimal() and len(code) < 10:
        code = int(code)
    if not isinstance(code, int) or isinstance(code, bool):
        return Answer(None, f"HTTP {status}, without a code")
    if code == 0 and status != 200:
        return Answer(None, f"HTTP {status}")
    return Answer(code, (one_line(envelope.get("message")) or "")[:200], envelope.get("data"))


def _seconds(retry_after: str) -> float:
    """The header's seconds; a date, or nonsense, asks for nothing beyond our own pause. At most a day."""
    return min(float(retry_after), 86400.0) if retry_after.isascii() and retry_after.isdigit() else 0.0


def _short(error: Exception) -> str:
    """The innermost cause that requests and urllib3 wrapped."""
    cause: object = error.args[0] if error.args else error
    for name in ("reason", "original_error"):
        cause = getattr(cause, name, cause)
    return " ".join(str(cause).split())[:200]
