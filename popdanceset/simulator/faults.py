"""Faults on demand: which requests go wrong, how often, and how.

A fault is a small declaration, counted, never random:

    Fault(match=STATISTICS, answer=Answer(status=412, html=True), times=3, after=20)

reads "the statistics requests after the first twenty: three of them answer with HTTP 412 and a web page".
A storm has hours instead of numbers:

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
    """What comes instead of the true answer, or how the true answer is spoilt.

    With `html` the true answer is replaced by a page of this content, with a `code` by the JSON envelope,
    with only a `status` by an empty body. Without any of them it is only delayed, shortened or cut.
    """

    status: int | None = None
    code: int | None = None
    html: str = ""
    delay: float = 0.0  # seconds before the first byte
    keep: float = 1.0  # share of the body that is left, announced as if it were all
    send: float = 1.0  # share of the body that is sent before the connection is cut

    def spoil(self, response: Response) -> Response:
        """The answer that is sent in place of `response`."""
        if self.html:
            response = html(self.html, self.status or 200)
        elif self.code is not None:
            response = envelope(code=self.code, status=self.status or 200)
        elif self.status is not None:
            response = Response(self.status, content_type="text/plain")
        kept = response.body[: round(len(response.body) * self.keep)]
        return replace(response, body=kept, delay=self.delay, send=self.send)


@dataclass(frozen=True, slots=True)
class Fault:
    """Spoils matching requests.

    Args:
        match: regular expression, searched at the start of `host/path?query`.
        answer: what happens to them.
        times: how many are spoilt; None: all.
        after: how many matching requests are answered well before.
        each: count every `host/path` apart, so that `times=1` means the first request of each.
        since: seconds from the simulator's start before which it does nothing.
        until: seconds from the simulator's start from which on it is over.
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
    "playurl-geo": Fault(PLAYURL, Answer(code=-10403)),
    "media-403": Fault(MEDIA, Answer(403)),
    "cut": Fault(MEDIA, Answer(send=0.5)),
    "slow-media": Fault(MEDIA, Answer(delay=3.0)),
}
"""Faults with a name for the command line."""

_NAMED = re.compile(r"(?P<name>[\w-]+?)(:(?P<times>\d+s?|all))?(@(?P<after>\d+s?))?", re.ASCII)


def parse_fault(text: str) -> Fault:
    """`NAME[:TIMES][@AFTER]`, e.g. `412:3@20`: three refusals after twenty good answers. `all` is for ever.

    With an `s` both are seconds: `412:3600s@30s` refuses everything for an hour, half a minute after the
    start.

    Raises:
        InputError: the name is unknown or the form is another.
    """
    match = _NAMED.fullmatch(text)
    if not match or match["name"] not in NAMED:
        raise InputError(
            f"fault {text!r} is unknown", "--fault", f"NAME[:TIMES][@AFTER] with NAME of {', '.join(NAMED)}"
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
    """`NUMBER/SECONDS`, e.g. `10/1`.

    Raises:
        InputError: it is of another form, or one of the two is not positive.
    """
    number, _, seconds = text.partition("/")
    try:
        rate = int(number), float(seconds)
    except ValueError as error:
        raise InputError(
            f"rate {text!r} cannot be read", "--rate", "write NUMBER/SECONDS, e.g. 10/1"
        ) from error
    if not all(0 < value < math.inf for value in rate):
        raise InputError(f"rate {text!r} is not positive", "--rate", "write NUMBER/SECONDS, e.g. 10/1")
    return rate


@dataclass
class FaultBook:
    """The faults in force and how often each has met a request. Safe to use from many threads.

    Args:
        faults: in force from the start.
        clock: seconds from any origin, never going back.
    """

    faults: Iterable[Fault] = ()
    clock: Callable[[], float] = time.monotonic
    _seen: Counter[tuple[Fault, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.faults = tuple(self.faults)
        self._start = self.clock()

    def add(self, fault: Fault) -> None:
        """Puts another fault into force, after the others."""
        with self._lock:
            self.faults = (*self.faults, fault)

    def clear(self) -> None:
        """From now on every request is answered well."""
        with self._lock:
            self.faults = ()

    def answer_for(self, host: str, path: str, query: str) -> Answer | None:
        """The answer of the first fault that is due for this request; every matching fault counts it."""
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
                    continue  # another fault answers; this one keeps its turn
                self._seen[key] += 1
                if number >= 0 and (fault.times is None or number < fault.times):
                    due = fault.answer
        return due


class RateLimit:
    """More than `number` requests within `seconds` are too many; refused ones count as well."""

    def __init__(self, number: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._times: deque[float] = deque(maxlen=number + 1)
        self._lock = threading.Lock()

    def exceeded(self) -> bool:
        """Counts one request and says whether it is one too many."""
        now = self._clock()
        with self._lock:
            self._times.append(now)
            return len(self._times) == self._times.maxlen and now - self._times[0] < self._seconds
