"""Reports of a crawl: its progress, its results, and the number of requests it needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from popdanceset.bilibili.politeness import Politeness

REQUESTS_PER_VIDEO = 2
"""Requests of a crawl without listings: one `view` and one `relation/stat`."""


@dataclass(frozen=True)
class CrawlReport:
    """The result of a crawl.

    Attributes:
        day: the day whose files it wrote.
        videos: distinct videos with a row of this day, including those of earlier runs.
        settled: videos that this run completed: they need no further request that day.
        rows: rows that this run wrote.
        requests: requests that this run sent, including repeated ones.
        refusals: requests that were refused.
        tombstones: videos that this run found gone or hidden.
        unreadable: videos whose answers were unusable.
        skipped: how often each reason for skipping an element of a listing occurred.
        failures: sources that ended early, with the reasons.
        seconds: elapsed time.
    """

    day: date
    videos: int
    settled: int
    rows: int
    requests: int
    refusals: int
    tombstones: int
    unreadable: int
    skipped: dict[str, int]
    failures: tuple[str, ...]
    seconds: float

    @property
    def economy(self) -> str:
        """The requests that the run needed, in one line."""
        return economy(self.requests, self.settled)


@dataclass(frozen=True)
class FollowersReport:
    """The result of requesting follower counts.

    Attributes:
        day: the day whose files it wrote.
        promising: uploaders with a video near or above the threshold.
        asked: uploaders requested in this run; the others were requested earlier that day.
        unknown: requested uploaders whose follower count is unknown.
        requests: requests sent, including repeated ones.
        refusals: requests that were refused.
        seconds: elapsed time.
    """

    day: date
    promising: int
    asked: int
    unknown: int
    requests: int
    refusals: int
    seconds: float


def economy(requests: int, videos: int) -> str:
    """Compares the requests with those of one `view` and one `relation/stat` a video, in one line."""
    text = f"{requests} requests for {videos} videos"
    if not videos:
        return text
    share = requests / (REQUESTS_PER_VIDEO * videos)
    return f"{text}: {share:.1%} of one view and one relation/stat a video"


def pace(gate: Politeness, left: float | None) -> str:
    """Describes rate, refusals and estimated end, e.g. `0.5/s, 2 refused, about 3 h left`.

    Args:
        gate: the gate of all requests.
        left: requests still to be sent; None if unknown.
    """
    text = f"{gate.rate:.2g}/s, {gate.refusals} refused"
    if left is None:
        return text
    if gate.budget is not None and left > gate.budget.left:
        return f"{text}, the day's requests last for {_about(gate.budget.left / gate.rate)}"
    return f"{text}, {_about(left / gate.rate)} left"


def _about(seconds: float) -> str:
    for unit, size, from_ in (("days", 86400, 36 * 3600), ("h", 3600, 90 * 60), ("min", 60, 90)):
        if seconds >= from_:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {seconds:.0f} s"
