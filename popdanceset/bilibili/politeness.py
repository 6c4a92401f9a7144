"""How a polite guest behaves: it identifies itself, keeps to a low rate and a daily number of requests,
pauses after refusals, and stops when it is refused repeatedly.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from popdanceset import __version__
from popdanceset.bilibili.budget import DailyBudget
from popdanceset.errors import RefusedError
from popdanceset.settings import CrawlSettings

RECENT = 30
"""Requests over which the rate is averaged: enough to even out the jitter, few enough to forget a pause."""


@dataclass(frozen=True)
class Clock:
    """The clock of a crawl; tests replace it.

    Attributes:
        monotonic: seconds since any origin, never decreasing.
        now: the current time, with its zone.
        sleep: waits for a number of seconds.
    """

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    sleep: Callable[[float], None] = time.sleep


class Politeness:
    """The gate that every request passes. Threads share its rate, its cool-down and the day's budget.

    Args:
        settings: rate, jitter, cool-down, and how many refusals in a row end the crawl.
        clock: measures pauses and gives the time of the next try.
        rng: source of the jitter.
        contact: address at which the host can reach the user.
        budget: the day's requests; None: no limit.

    Attributes:
        user_agent: value of the User-Agent header.
        requests: number of requests let through.
        refusals: number of requests that the host refused.
    """

    def __init__(
        self,
        settings: CrawlSettings,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        contact: str = "",
        budget: DailyBudget | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.user_agent = f"popdanceset/{__version__}" + (f" (+{contact})" if contact else "")
        self.budget = budget
        self.requests = 0
        self.refusals = 0
        self._rng = rng or random.Random()
        self._lock = threading.Lock()
        self._next = self.clock.monotonic()
        self._sent: deque[float] = deque(maxlen=RECENT)
        self._in_a_row = 0

    @property
    def rate(self) -> float:
        """Requests a second over the last few, pauses included; at most the rate of the settings."""
        expected = self.settings.requests_per_second / (1 + self.settings.jitter / 2)
        with self._lock:
            passed = self.clock.monotonic() - self._sent[0] if self._sent else 0.0
            return min(len(self._sent) / passed, expected) if passed > 0 else expected

    def wait(self) -> None:
        """Waits until the next request may be sent: after the rate's pause and any cool-down.

        Raises:
            RefusedError: the day's requests are used up.
        """
        while True:
            with self._lock:
                pause = self._next - self.clock.monotonic()
                if pause <= 0:
                    if self.budget is not None:
                        self.budget.spend()
                    interval = self._jittered(1 / self.settings.requests_per_second)
                    self._next = self.clock.monotonic() + interval
                    self._sent.append(self.clock.monotonic())
                    self.requests += 1
                    return
            # Sleep without the lock, then check again: another thread may have been refused meanwhile.
            self.clock.sleep(pause)

    def accepted(self) -> None:
        """Records that a request was answered, which ends a row of refusals."""
        with self._lock:
            self._in_a_row = 0

    def refused(self, why: str, retry_after: float = 0.0) -> float:
        """Records that a request was refused. No request is sent until the cool-down is over, which doubles
        with each refusal in a row.

        Args:
            why: the host's message or code.
            retry_after: seconds for which the host asked.

        Returns:
            The cool-down in seconds.

        Raises:
            RefusedError: as many refusals in a row as `crawl.refusals_before_stop` allows.
        """
        with self._lock:
            self.refusals += 1
            self._in_a_row += 1
            pause = self._cool_down(self._in_a_row, retry_after)
            if self._in_a_row < self.settings.refusals_before_stop:
                return pause
            # After several refusals in a row a guest should stay away for longer than a pause.
            again = self.clock.now() + timedelta(seconds=max(pause * 2, 3600.0))
            retry_at = again.astimezone().isoformat(timespec="minutes")
        raise RefusedError(
            f"the host refused {self._in_a_row} requests in a row ({why})",
            do=f"try again after {retry_at}; what was collected is kept and not requested again",
            retry_at=retry_at,
        )

    def cool_down(self, failures: int, retry_after: float = 0.0) -> float:
        """Sends no request until the cool-down after a failure of the server is over.

        Args:
            failures: failures in a row, including this one; the cool-down doubles with each.
            retry_after: seconds for which the host asked.

        Returns:
            The cool-down in seconds.
        """
        with self._lock:
            return self._cool_down(failures, retry_after)

    def close(self) -> None:
        """Returns unused requests to the day's budget."""
        with self._lock:
            if self.budget is not None:
                self.budget.close()

    def _cool_down(self, in_a_row: int, retry_after: float) -> float:
        pause = max(self._jittered(self.settings.cool_down * 2 ** (in_a_row - 1)), retry_after)
        self._next = max(self._next, self.clock.monotonic() + pause)
        return pause

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 + self.settings.jitter * self._rng.random())
