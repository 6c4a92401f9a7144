"""`ranking:SECTION`: a section's ranking, one page of at most a hundred videos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.records import from_video_object
from popdanceset.bilibili.sources.arguments import section_of
from popdanceset.bilibili.sources.protocol import Page, listed, slug_of


@dataclass(frozen=True)
class Ranking:
    """Complete counts, best videos first."""

    section: int

    @classmethod
    def parse(cls, argument: str) -> Self:
        """From `SECTION`."""
        return cls(section_of(argument))

    @property
    def name(self) -> str:
        return f"ranking:{self.section}"

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    def page(self, number: int, client: Client) -> Page:
        """The ranking; there is one page only."""
        answer = client.get("/x/web-interface/ranking/v2", {"rid": self.section, "type": "all"})
        records, skipped, _ = listed(answer, "list", self.name, client.clock.now(), from_video_object)
        return Page(records, skipped, last=True, pages=1)
