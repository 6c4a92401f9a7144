"""`newest:SECTION`: a section's uploads, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.records import from_video_object, whole
from popdanceset.bilibili.sources.arguments import section_of
from popdanceset.bilibili.sources.protocol import Page, listed, slug_of

PAGE_SIZE = 50


@dataclass(frozen=True)
class Newest:
    """Complete counts, fifty a page. New uploads push old ones to the next page; readers drop doubles."""

    section: int

    @classmethod
    def parse(cls, argument: str) -> Self:
        """From `SECTION`."""
        return cls(section_of(argument))

    @property
    def name(self) -> str:
        return f"newest:{self.section}"

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    def page(self, number: int, client: Client) -> Page:
        """Fifty videos."""
        params = {"rid": self.section, "type": 0, "pn": number, "ps": PAGE_SIZE}
        answer = client.get("/x/web-interface/newlist", params)
        records, skipped, data = listed(answer, "archives", self.name, client.clock.now(), from_video_object)
        pages = _pages(data.get("page"))
        ended = not (records or skipped) or (pages is not None and number >= pages)
        return Page(records, skipped, ended, pages)


def _pages(page: Any) -> int | None:
    count = whole(page.get("count")) if isinstance(page, dict) else None
    return None if count is None else -(-count // PAGE_SIZE)
