"""HTTP: one request, one typed answer. The client waits after refusals and outages, and finally stops.

The retries are this module's own, not those of urllib3 or tenacity: every attempt has to pass the gate that
all requests share (`Politeness`), which counts it against the day's budget and makes other threads wait too.
urllib3's `Retry` sends its attempts beneath `requests`, past that gate.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from popdanceset.bilibili.budget import DailyBudget
from popdanceset.bilibili.politeness import Clock, Politeness
from popdanceset.bilibili.text import one_line
from popdanceset.errors import SettingsError, TransferError
from popdanceset.ledger import count
from popdanceset.settings import NetworkSettings, Settings
from popdanceset.store import Store

API = "https://api.bilibili.com"
REFUSALS = frozenset({-412, -352, -799, -509, -429})
"""Codes by which the host asks us to stay away."""

REFUSED_STATUS = frozenset({412, 429})
"""HTTP statuses that mean the same."""

MAX_BYTES = 16 << 20
"""No real answer is nearly this long."""

UNREADABLE_TRIES = 3
LONGEST_RETRY_AFTER = 86_400.0
"""Seconds; a host that asks for a longer pause is asked again after a day."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """An answer of the host.

    Attributes:
        code: 0 if there is data, otherwise the host's error code; None if the answer could not be read.
        message: the host's message, or why the answer could not be read.
        data: unchecked JSON of any form.
    """

    code: int | None
    message: str = ""
    data: Any = None

    @property
    def ok(self) -> bool:
        """Whether there is data."""
        return self.code == 0

    @property
    def is_voucher(self) -> bool:
        """Whether there is nothing but a voucher for a captcha: the host refuses, whatever the code says."""
        return self.ok and isinstance(self.data, dict) and self.data.keys() == {"v_voucher"}

    @property
    def summary(self) -> str:
        """Code and message, for notes and messages."""
        return self.message if self.code is None else f"{self.code}: {self.message}".removesuffix(": ")


class Client:
    """Sends requests to api.bilibili.com politely: without cookies, signatures, redirects, or credentials
    from the environment.

    Args:
        network: proxy, certificate and time limit.
        politeness: the gate that all requests share; it holds the User-Agent.
        adapter: a transport of `requests` that replaces the network, for tests.

    Raises:
        SettingsError: the certificate file does not exist.
    """

    def __init__(
        self,
        network: NetworkSettings,
        politeness: Politeness,
        adapter: requests.adapters.BaseAdapter | None = None,
    ) -> None:
        ca_file = str(Path(network.ca_file).expanduser()) if network.ca_file else ""
        if ca_file and not Path(ca_file).is_file():
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
        if ca_file:
            self._session.verify = ca_file
        if adapter is not None:
            self._session.mount("https://", adapter)

    def get(self, path: str, params: Mapping[str, str | int]) -> Answer:
        """Returns the answer to one request, repeated after a pause if it was refused, failed or unreadable.

        Args:
            path: below the API's host, e.g. `/x/web-interface/view`.
            params: the query.

        Raises:
            RefusedError: too many refusals in a row, or the day's requests are used up.
            TransferError: the host cannot be reached, or answered too often with a server error (5xx).
        """
        return self._exchange(API + path, params, UNREADABLE_TRIES)[1]

    def resolve(self, short_link: str) -> str:
        """Returns the address to which a short link (`https://b23.tv/…`) leads; "" if it leads nowhere.

        The link is opened as it was given, once, and not followed.

        Raises:
            RefusedError, TransferError: as `get`.
        """
        headers, _ = self._exchange(short_link, {}, 1)
        return headers.get("Location", "")

    def _exchange(
        self, url: str, params: Mapping[str, str | int], unreadable_tries: int
    ) -> tuple[Mapping[str, str], Answer]:
        """Returns headers and answer of one request, repeated as `get` describes."""
        parts = urlsplit(url)
        path = parts.path if url.startswith(API) else f"{parts.netloc}{parts.path}"
        host = f"{parts.scheme}://{parts.netloc}"
        outages = unreadable = 0
        while True:
            self.politeness.wait()
            count(requests=1)
            try:
                status, headers, body = self._fetch(url, params)
            except requests.exceptions.SSLError as error:
                raise TransferError(
                    f"no secure connection: {_innermost(error)}", host, "check network.ca_file and the clock"
                ) from error
            except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
                raise SettingsError(
                    f"not a usable address: {error}", "network.proxy", "write http://host:port"
                ) from error
            except requests.exceptions.RequestException as error:
                outages += 1
                if outages >= self.politeness.settings.refusals_before_stop:
                    raise TransferError(
                        f"cannot be reached: {_innermost(error)}",
                        host,
                        "check the connection and network.proxy, then run again: what was collected is kept",
                    ) from error
                log.warning("%s: the connection failed (%s); trying again", path, _innermost(error))
                self.clock.sleep(min(2.0**outages, self.politeness.settings.cool_down))
                continue
            answer = read_answer(status, body)
            requested = retry_after(headers.get("Retry-After", ""), self.clock.now())
            if status in REFUSED_STATUS or answer.code in REFUSALS or answer.is_voucher:
                why = answer.summary if answer.code is not None else f"HTTP {status}"
                why = "code 0 with only a v_voucher" if answer.is_voucher else why
                count(refused=1)
                pause = self.politeness.refused(why, requested)
                log.warning("%s: refused (%s); pausing for %.0f s", path, why, pause)
                continue
            if status >= 500:
                outages += 1
                pause = self.politeness.cool_down(outages, requested)
                if outages >= self.politeness.settings.refusals_before_stop:
                    raise TransferError(
                        f"the server failed {outages} times in a row (HTTP {status})",
                        host,
                        "run again later: what was collected is kept and not requested again",
                    )
                log.warning("%s: the server failed (HTTP %d); pausing for %.0f s", path, status, pause)
                continue
            self.politeness.accepted()
            if answer.code is None:
                unreadable += 1
                if unreadable < unreadable_tries:
                    continue
            return headers, answer

    def close(self) -> None:
        """Closes the connections and returns unused requests to the day's budget."""
        self._session.close()
        self.politeness.close()

    def _fetch(self, url: str, params: Mapping[str, str | int]) -> tuple[int, Mapping[str, str], bytes]:
        with self._session.get(
            url, params=dict(params), timeout=self._timeout, allow_redirects=False, stream=True
        ) as response:
            body = b""
            for block in response.iter_content(1 << 16):
                body += block
                if len(body) > MAX_BYTES:
                    break
            count(bytes_received=len(body))
            return response.status_code, response.headers, body


def open_client(settings: Settings, store: Store) -> Client:
    """Returns a client built from the settings. All clients of a store share the day's requests."""
    if not settings.network.contact:
        log.warning("network.contact is empty: set it to an address at which the host can reach you")
    clock = Clock()
    budget = DailyBudget(store, settings.crawl.requests_per_day, clock.now)
    polite = Politeness(settings.crawl, clock, contact=settings.network.contact, budget=budget)
    return Client(settings.network, polite)


def read_answer(status: int, body: bytes) -> Answer:
    """Reads Bilibili's envelope `{"code", "message", "data"}`; anything else becomes an answer without a
    code.
    """
    if len(body) > MAX_BYTES:
        return Answer(None, f"HTTP {status}, too long")
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return Answer(None, f"HTTP {status}, not JSON")
    if not isinstance(envelope, dict):
        return Answer(None, f"HTTP {status}, not a JSON object")
    code = envelope.get("code")
    if isinstance(code, str) and code.removeprefix("-").isdecimal() and len(code) < 10:
        code = int(code)
    if not isinstance(code, int) or isinstance(code, bool):
        return Answer(None, f"HTTP {status}, without a code")
    if code == 0 and status != 200:
        return Answer(None, f"HTTP {status}")
    return Answer(code, (one_line(envelope.get("message")) or "")[:200], envelope.get("data"))


def retry_after(header: str, now: datetime) -> float:
    """Returns the seconds for which a `Retry-After` header asks (RFC 9110, Sec. 10.2.3).

    Args:
        header: a number of seconds, or an HTTP date.
        now: the current time, with its zone.

    Returns:
        0 if the header is empty, unreadable or in the past; at most `LONGEST_RETRY_AFTER`.
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return 0.0
        seconds = ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _innermost(error: Exception) -> str:
    """Returns the message of the cause that requests and urllib3 wrapped."""
    cause: object = error.args[0] if error.args else error
    for name in ("reason", "original_error"):
        cause = getattr(cause, name, cause)
    return " ".join(str(cause).split())[:200]
