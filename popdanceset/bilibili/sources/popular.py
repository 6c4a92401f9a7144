"""`popular`: dance videos among those that the home page recommends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.records import VideoRecord, from_video_object
from popdanceset.bilibili.sources.arguments import no_argument
from popdanceset.bilibili.sources.protocol import Page, listed, slug_of
from popdanceset.settings import Settings

PAGE_SIZE = 20

DANCE = frozenset({129, 20, 154, 156, 198, 199, 200})
"""Dance and its sections in the old scheme (`tid`)."""

DANCE_V2 = frozenset({1004, *range(2028, 2037)})
"""Dance and its sections in the scheme of 2025 (`tid_v2`)."""


@dataclass(frozen=True)
class Popular:
    """Videos with complete counts; the host marks the last page."""

    @classmethod
    def parse(cls, argument: str, settings: Settings) -> Self:
        """Accepts no argument."""
        no_argument(argument)
        return cls()

    @property
    def name(self) -> str:
        return "popular"

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    def page(self, number: int, client: Client) -> Page:
        """Requests twenty videos, and skips those of other sections."""
        answer = client.get("/x/web-interface/popular", {"pn": number, "ps": PAGE_SIZE})
        records, skipped, data = listed(answer, "list", self.name, client.clock.now(), _dance_only)
        return Page(records, skipped, last=data.get("no_more") is True or not (records or skipped))


def _dance_only(item: Any, source: str, when: datetime) -> VideoRecord | str:
    record = from_video_object(item, source, when)
    if isinstance(record, str) or record.tid in DANCE or record.tid_v2 in DANCE_V2:
        return record
    if record.tid is None and record.tid_v2 is None:  # may be a dance video
        return record
    return f"{source}: {record.bvid} is in another section"
