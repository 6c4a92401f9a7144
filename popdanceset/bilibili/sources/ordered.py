"""`range:SECTION:YYYYMMDD-YYYYMMDD`: a section's uploads between two days, most viewed first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.records import from_ordered_object, whole
from popdanceset.bilibili.sources.arguments import days_of, section_of
from popdanceset.bilibili.sources.protocol import Page, listed, slug_of

PAGE_SIZE = 30


@dataclass(frozen=True)
class OrderedRange:
    """Thirty a page, without coins, shares and likes: `view` fills them in.

    The days include both ends, in China's zone.
    """

    section: int
    first: date
    last: date

    @classmethod
    def parse(cls, argument: str) -> Self:
        """From `SECTION:YYYYMMDD-YYYYMMDD`."""
        section, _, days = argument.partition(":")
        return cls(section_of(section), *days_of(days))

    @property
    def name(self) -> str:
        return f"range:{self.section}:{self.first:%Y%m%d}-{self.last:%Y%m%d}"

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    def page(self, number: int, client: Client) -> Page:
        """Thirty videos."""
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
        pages = whole(data.get("numPages"))
        ended = not (records or skipped) or (pages is not None and number >= pages)
        return Page(records, skipped, ended, pages)
