"""What a crawl tells: while it runs, at its end, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from popdanceset.bilibili.politeness import Politeness

REQUESTS_PER_VIDEO = 2
"""What a crawl without listings would send: one `view` and one `relation/stat`."""


@dataclass(frozen=True)
class CrawlReport:
    """What a crawl did.

    Attributes:
        day: the day whose files it wrote.
        videos: different videos that have a row of this day, from earlier runs too.
        settled: videos of which this run learned all there is to learn that day.
        rows: rows this run wrote.
        requests: questions this run asked, repeated ones included.
        refusals: how many of them were refused.
        tombstones: videos that this run found gone or hidden.
        unreadable: videos of which this run got nothing usable.
        skipped: elements of listings that were no video, with how often each reason came.
        failures: sources that ended early, and why.
        seconds: by the clock.
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
        """What the run cost, in a line."""
        return economy(self.requests, self.settled)


@dataclass(frozen=True)
class FollowersReport:
    """What asking for followers did.

    Attributes:
        day: the day whose files it wrote.
        promising: uploaders with a video near or above the threshold.
        asked: how many of them this run asked for; the others were asked earlier that day.
        unknown: how many of those asked have no number.
        requests: questions asked, repeated ones included.
        refusals: how many of them were refused.
        seconds: by the clock.
    """

    day: date
    promising: int
    asked: int
    unknown: int
    requests: int
    refusals: int
    seconds: float


def economy(requests: int, videos: int) -> str:
    """Requests for videos, and their share of what one `view` and one `relation/stat` a video would take."""
    told = f"{requests} requests for {videos} videos"
    if not videos:
        return told
    share = requests / (REQUESTS_PER_VIDEO * videos)
    return f"{told}: {share:.1%} of one view and one relation/stat a video"


def pace(gate: Politeness, left: float | None) -> str:
    """Rate, refusals and estimated end, e.g. `0.5/s, 2 refused, about 3 h left`.

    Args:
        gate: what all requests passed.
        left: requests still to come; None if nobody knows.
    """
    told = f"{gate.rate:.2g}/s, {gate.refusals} refused"
    if left is None:
        return told
    if gate.budget is not None and left > gate.budget.left:
        return f"{told}, the day's requests last for {_about(gate.budget.left / gate.rate)}"
    return f"{told}, {_about(left / gate.rate)} left"


def _about(seconds: float) -> str:
    for unit, size, from_ in (("days", 86400, 36 * 3600), ("h", 3600, 90 * 60), ("min", 60, 90)):
        if seconds >= from_:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {seconds:.0f} s"
