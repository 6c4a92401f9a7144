"""Faults on demand: which requests fail, how often, and how.

A fault is a small declaration; it is counted, never random:

    Fault(match=STATISTICS, answer=Answer(status=412, html=True), times=3, after=20)

means that three statistics requests after the first twenty are answered with HTTP 412 and a web page. A storm
has times instead of numbers:

    Fault(match=STATISTICS, answer=Answer(status=412, html=True), times=None, since=30, until=3630)
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from popdanceset.errors import InputError
from popdanceset.simulator.response import Response, envelope, html

STATISTICS = r"api\.bilibili\.com/x/(web-interface/(?!nav)|relation/)"
PAGE = r"www\.bilibili\.com/video/"
PLAYURL = r"api\.bilibili\.com/x/player/wbi/playurl"
MEDIA = r"[\w-]+\.bilivideo\.com/"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that replaces the correct one, or a change of the correct one.

    With `html` a page with this content replaces the correct answer, with `code` a JSON envelope, with
    `challenge` an envelope with only a challenge for browsers, with `location` a redirection, and
    with only a `status` an empty body. Without any of them the answer is only delayed, shortened or cut off.
    """

    status: int | None = None
    code: int | None = None
    html: str = ""
    challenge: str = ""
    location: str = ""
    delay: float = 0.0  # seconds before the first byte
    keep: float = 1.0  # share of the body that is kept, declared as the whole body
    send: float = 1.0  # share of the body that is sent before the connection is closed

    def apply(self, response: Response) -> Response:
        """Returns the answer that is sent instead of `response`."""
        if self.html:
            response = html(self.html, self.status or 200)
        elif self.challenge:
            response = envelope({"v_voucher": self.challenge})
        elif self.location:
            response = Response(self.status or 302, b"", "text/html", {"Location": self.location})
        elif self.code is not None:
            response = envelope(code=self.code, status=self.status or 200)
        elif self.status is not None:
            response = Response(self.status, content_type="text/plain")
        kept = response.body[: round(len(response.body) * self.keep)]
        return replace(response, body=kept, delay=self.delay, send=self.send)


@dataclass(frozen=True, slots=True)
class Fault:
    """Makes matching requests fail.

    Args:
        match: regular expression, matched at the start of `host/path?query`.
        answer: how they fail.
        times: how many requests fail; None: all.
        after: how many matching requests are answered correctly first.
        each: count every `host/path` separately, so that `times=1` means the first request of each.
        since: start of the fault, in seconds after the simulator's start.
        until: end of the fault, in seconds after the simulator's start.
    """

    match: str
    answer: Answer
    times: int | None = 1
    after: int = 0
    each: bool = False
    since: float = 0.0
    until: float = math.inf


NAMED = {
    "412": Fault(
        STATISTICS, Answer(412, html="<p>The request was rejected because of the security policy.</p>")
    ),
    "412-json": Fault(STATISTICS, Answer(412, code=-412)),
    "-412": Fault(STATISTICS, Answer(code=-412)),
    "-352": Fault(STATISTICS, Answer(code=-352)),
    "-509": Fault(STATISTICS, Answer(code=-509)),
    "-799": Fault(STATISTICS, Answer(code=-799)),
    "-400": Fault(STATISTICS, Answer(code=-400)),
    "-403": Fault(STATISTICS, Answer(code=-403)),
    "-404": Fault(STATISTICS, Answer(code=-404)),
    "62002": Fault(STATISTICS, Answer(code=62002)),
    "62004": Fault(STATISTICS, Answer(code=62004)),
    "62012": Fault(STATISTICS, Answer(code=62012)),
    "429": Fault(STATISTICS, Answer(429)),
    "500": Fault(STATISTICS, Answer(500)),
    "truncated": Fault(STATISTICS, Answer(keep=0.5)),
    "slow": Fault(STATISTICS, Answer(delay=3.0)),
    "page-412": Fault(
        PAGE, Answer(412, html="<p>The request was rejected because of the security policy.</p>")
    ),
    "page-risk": Fault(PAGE, Answer(html='<script>window._riskdata_={"v_voucher":"voucher"}</script>')),
    "playurl-352": Fault(PLAYURL, Answer(code=-352)),
    "playurl-voucher": Fault(PLAYURL, Answer(challenge="voucher_simulated")),
    "page-episode": Fault(PAGE, Answer(location="https://www.bilibili.com/bangumi/play/ep1")),
    "page-festival": Fault(PAGE, Answer(location="https://www.bilibili.com/festival/gala2026")),
    "playurl-geo": Fault(PLAYURL, Answer(code=-10403)),
    "media-403": Fault(MEDIA, Answer(403)),
    "media-404": Fault(MEDIA, Answer(404)),
    "cut": Fault(MEDIA, Answer(send=0.5)),
    "slow-media": Fault(MEDIA, Answer(delay=3.0)),
}
"""Named faults, for the command line."""

_NAMED = re.compile(r"(?P<name>[\w-]+?)(:(?P<times>\d+s?|all))?(@(?P<after>\d+s?))?", re.ASCII)


def parse_fault(text: str) -> Fault:
    """Parses `NAME[:TIMES][@AFTER]`, e.g. `412:3@20`: three refusals after twenty correct answers.

    `all` has no end. With an `s` both are seconds: `412:3600s@30s` refuses everything for an hour, beginning
    half a minute after the start.

    Raises:
        InputError: the name is unknown, or the text has another form.
    """
    match = _NAMED.fullmatch(text)
    if not match or match["name"] not in NAMED:
        raise InputError(
            f"unknown fault {text!r}",
            "--fault",
            f"write NAME[:TIMES][@AFTER] with NAME one of {', '.join(NAMED)}",
        )
    times, after = match["times"] or "1", match["after"] or "0"
    since = float(after[:-1]) if after.endswith("s") else 0.0
    return replace(
        NAMED[match["name"]],
        times=None if times == "all" or times.endswith("s") else int(times),
        after=0 if after.endswith("s") else int(after),
        since=since,
        until=since + float(times[:-1]) if times.endswith("s") else math.inf,
    )


def parse_rate(text: str) -> tuple[int, float]:
    """Parses `NUMBER/SECONDS`, e.g. `10/1`.

    Raises:
        InputError: the text has another form, or one of the numbers is not positive.
    """
    number, _, seconds = text.partition("/")
    try:
        rate = int(number), float(seconds)
    except ValueError as error:
        raise InputError(f"cannot read rate {text!r}", "--rate", "write NUMBER/SECONDS, e.g. 10/1") from error
    if not all(0 < value < math.inf for value in rate):
        raise InputError(f"rate {text!r} is not positive", "--rate", "write NUMBER/SECONDS, e.g. 10/1")
    return rate


@dataclass
class FaultBook:
    """The active faults, with counts of the requests that they matched. Thread-safe.

    Args:
        faults: active from the start.
        clock: seconds since any origin, never decreasing.
    """

    faults: Iterable[Fault] = ()
    clock: Callable[[], float] = time.monotonic
    _seen: Counter[tuple[Fault, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.faults = tuple(self.faults)
        self._start = self.clock()

    def add(self, fault: Fault) -> None:
        """Activates another fault, after the others."""
        with self._lock:
            self.faults = (*self.faults, fault)

    def clear(self) -> None:
        """Removes all faults."""
        with self._lock:
            self.faults = ()

    def answer_for(self, host: str, path: str, query: str) -> Answer | None:
        """Returns the answer of the first fault that applies to this request; every matching fault counts
        it.
        """
        due: Answer | None = None
        passed = self.clock() - self._start
        with self._lock:
            for fault in self.faults:
                if not fault.since <= passed < fault.until:
                    continue
                if not re.match(fault.match, f"{host}{path}?{query}"):
                    continue
                key = (fault, f"{host}{path}" if fault.each else "")
                number = self._seen[key] - fault.after
                if due is not None and number >= 0:
                    continue  # another fault answers; this one waits for the next request
                self._seen[key] += 1
                if number >= 0 and (fault.times is None or number < fault.times):
                    due = fault.answer
        return due


class RateLimit:
    """Allows at most `number` requests within `seconds`; refused requests count too."""

    def __init__(self, number: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._times: deque[float] = deque(maxlen=number + 1)
        self._lock = threading.Lock()

    def exceeded(self) -> bool:
        """Counts one request, and returns whether it exceeds the limit."""
        now = self._clock()
        with self._lock:
            self._times.append(now)
            return len(self._times) == self._times.maxlen and now - self._times[0] < self._seconds
