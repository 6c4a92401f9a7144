"""`newest:SECTION`: a section's uploads, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.numbers import whole
from popdanceset.bilibili.records import from_video_object
from popdanceset.bilibili.sources.protocol import Page, listed, numbered_page
from popdanceset.bilibili.sources.section import SectionListing

PAGE_SIZE = 50


@dataclass(frozen=True)
class Newest(SectionListing):
    """Videos with complete counts, fifty a page.

    New uploads move old ones to the next page; readers of the statistics drop the duplicates.
    """

    kind = "newest"

    def page(self, number: int, client: Client) -> Page:
        """Requests fifty videos."""
        params = {"rid": self.section, "type": 0, "pn": number, "ps": PAGE_SIZE}
        answer = client.get("/x/web-interface/newlist", params)
        records, skipped, data = listed(answer, "archives", self.name, client.clock.now(), from_video_object)
        return numbered_page(records, skipped, number, _pages(data.get("page")))


def _pages(page: Any) -> int | None:
    count = whole(page.get("count")) if isinstance(page, dict) else None
    return None if count is None else -(-count // PAGE_SIZE)
