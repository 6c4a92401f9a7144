"""`ranking:SECTION`: a section's ranking, one page of at most a hundred videos."""

from __future__ import annotations

from dataclasses import dataclass

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.records import from_video_object
from popdanceset.bilibili.sources.protocol import Page, listed
from popdanceset.bilibili.sources.section import SectionListing


@dataclass(frozen=True)
class Ranking(SectionListing):
    """Videos with complete counts, best first."""

    kind = "ranking"

    def page(self, number: int, client: Client) -> Page:
        """Requests the ranking, which has only one page."""
        answer = client.get("/x/web-interface/ranking/v2", {"rid": self.section, "type": "all"})
        records, skipped, _ = listed(answer, "list", self.name, client.clock.now(), from_video_object)
        return Page(records, skipped, last=True, pages=1)
