"""The day's budget of requests, kept in the store and shared by all runs of the day.

    budget/date=YYYY-MM-DD/{run}.json    requests that one run has taken from that day (UTC)

Each run writes its own file, so that two runs at once never overwrite each other's count.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from popdanceset import layout
from popdanceset.errors import RefusedError, StoreError
from popdanceset.store import Store

BLOCK = 10
"""Requests are taken in blocks, and unused ones are returned: one write serves ten requests, and a killed run
wastes at most nine of the day's requests."""


class DailyBudget:
    """One run's share of the day's requests. It is not thread-safe; the gate that uses it (`Politeness`) is.

    Args:
        store: holds the counts of all runs of the day.
        limit: requests a day.
        now: returns the current time, with its zone.
    """

    def __init__(self, store: Store, limit: int, now: Callable[[], datetime]) -> None:
        self.limit = limit
        self._store = store
        self._now = now
        self._run = secrets.token_hex(8)
        self._day = self._today()
        self._taken = self._spent = self._of_others = 0

    @property
    def left(self) -> int:
        """Requests left for today, as far as this run knows what other runs have taken."""
        return max(self.limit - self._of_others - self._spent, 0)

    def spend(self) -> None:
        """Counts one request. Call it before sending the request.

        Raises:
            RefusedError: the day's requests are used up.
        """
        if self._day != self._today():
            self.close()
            self._day, self._taken, self._spent = self._today(), 0, 0
        if self._spent == self._taken:
            self._take(BLOCK)
        if self._spent == self._taken:
            tomorrow = datetime.combine(self._day + timedelta(days=1), time(), UTC)
            retry_at = tomorrow.astimezone().isoformat(timespec="minutes")
            raise RefusedError(
                f"the {self.limit} requests that crawl.requests_per_day allows are used up",
                do=f"try again after {retry_at}; what was collected is kept and not requested again",
                retry_at=retry_at,
            )
        self._spent += 1

    def close(self) -> None:
        """Returns the requests that were taken and not used."""
        if self._taken > self._spent:
            self._write(self._spent)

    def _take(self, number: int) -> None:
        # Take first, then read what other runs have taken: two runs may both get too few, never too many.
        self._write(self._spent + number)
        self._of_others = sum(
            self._read(name) for name in self._store.list(self._folder, ".json") if name != self._name
        )
        if number > self.left:
            self._write(self._spent + self.left)

    def _read(self, name: str) -> int:
        count = self._store.read_json(name)
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise StoreError("not a number of requests", name, "delete it")
        return count

    def _write(self, count: int) -> None:
        self._store.write_json(self._name, count)
        self._taken = count

    def _today(self) -> date:
        return self._now().astimezone(UTC).date()

    @property
    def _folder(self) -> str:
        return layout.budget_of(self._day)

    @property
    def _name(self) -> str:
        return f"{self._folder}/{self._run}.json"
