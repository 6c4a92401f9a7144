"""`range:SECTION:YYYYMMDD-YYYYMMDD`: a section's uploads in a date range, most viewed first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.numbers import whole
from popdanceset.bilibili.records import from_ordered_object
from popdanceset.bilibili.sources.arguments import date_range_of, section_of
from popdanceset.bilibili.sources.protocol import Page, listed, numbered_page, slug_of
from popdanceset.settings import Settings

PAGE_SIZE = 30


@dataclass(frozen=True)
class OrderedRange:
    """Videos without coins, shares and likes, thirty a page; `view` fills in the missing counts.

    The range includes both days, in China's time zone.
    """

    section: int
    first: date
    last: date

    @classmethod
    def parse(cls, argument: str, settings: Settings) -> Self:
        """Reads `SECTION:YYYYMMDD-YYYYMMDD`."""
        section, _, days = argument.partition(":")
        return cls(section_of(section), *date_range_of(days))

    @property
    def name(self) -> str:
        return f"range:{self.section}:{self.first:%Y%m%d}-{self.last:%Y%m%d}"

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    def page(self, number: int, client: Client) -> Page:
        """Requests thirty videos."""
        answer = client.get(
            "/x/web-interface/newlist_rank",
            {
                "search_type": "video",
                "view_type": "hot_rank",
                "order": "click",
                "cate_id": self.section,
                "page": number,
                "pagesize": PAGE_SIZE,
                "time_from": f"{self.first:%Y%m%d}",
                "time_to": f"{self.last:%Y%m%d}",
            },
        )
        records, skipped, data = listed(answer, "result", self.name, client.clock.now(), from_ordered_object)
        return numbered_page(records, skipped, number, whole(data.get("numPages")))
