"""How a guest behaves: it says who it is, asks slowly and not too often a day, pauses after refusals, and
leaves when told to.
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
"""Requests from which the rate is told: enough to even the jitter out, few enough to forget a pause."""


@dataclass(frozen=True)
class Clock:
    """Time as the crawl sees it; tests bring their own.

    Attributes:
        monotonic: seconds from any origin, never going back.
        now: the time of day, with its zone.
        sleep: waits so many seconds.
    """

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    sleep: Callable[[float], None] = time.sleep


class Politeness:
    """The one gate every request passes; threads share its rate, its cool-down and the day's budget.

    Args:
        settings: rate, jitter, cool-down and how many refusals in a row end the crawl.
        clock: for pauses and for the time of the next try.
        rng: source of the jitter.
        contact: where the host can reach whoever runs this.
        budget: the day's requests; None: no limit.

    Attributes:
        user_agent: how the guest introduces itself.
        requests: how many were let through.
        refusals: how many of them were refused.
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
        """Requests a second, pauses included, over the last few; at most what the settings promise."""
        expected = self.settings.requests_per_second / (1 + self.settings.jitter / 2)
        with self._lock:
            passed = self.clock.monotonic() - self._sent[0] if self._sent else 0.0
            return min(len(self._sent) / passed, expected) if passed > 0 else expected

    def wait(self) -> None:
        """Returns when the next request may go out: after the rate's pause, and after any cool-down.

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
            # Slept without the lock, and looked at again: another thread may have been refused meanwhile.
            self.clock.sleep(pause)

    def accepted(self) -> None:
        """A request was answered: the host bears with us."""
        with self._lock:
            self._in_a_row = 0

    def refused(self, why: str, retry_after: float = 0.0) -> float:
        """A request was refused: nobody sends one until the cool-down, doubled with each refusal in a row,
        is over.

        Args:
            why: the host's own words or code.
            retry_after: seconds for which the host itself asked.

        Returns:
            The cool-down in seconds.

        Raises:
            RefusedError: this was one refusal too many.
        """
        with self._lock:
            self.refusals += 1
            self._in_a_row += 1
            pause = max(self._jittered(self.settings.cool_down * 2 ** (self._in_a_row - 1)), retry_after)
            self._next = max(self._next, self.clock.monotonic() + pause)
            if self._in_a_row < self.settings.refusals_before_stop:
                return pause
            # Somebody who was refused several times in a row should stay away for longer than a pause.
            again = self.clock.now() + timedelta(seconds=max(pause * 2, 3600.0))
            retry_at = again.astimezone().isoformat(timespec="minutes")
        raise RefusedError(
            f"the host refused {self._in_a_row} requests in a row ({why})",
            do=f"try again after {retry_at}; what was collected is kept and not asked for again",
            retry_at=retry_at,
        )

    def close(self) -> None:
        """Gives unused requests of the day back."""
        with self._lock:
            if self.budget is not None:
                self.budget.close()

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 + self.settings.jitter * self._rng.random())
