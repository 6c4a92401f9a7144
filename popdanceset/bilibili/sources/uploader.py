"""`uploader:MID`: the videos of one uploader, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.sources.arguments import number_of
from popdanceset.bilibili.sources.protocol import Page, counted_page, slug_of
from popdanceset.settings import Settings

PAGE_SIZE = 100
FORM = "uploader:MID, the number in https://space.bilibili.com/MID"


@dataclass(frozen=True)
class Uploader:
    """Videos of every section with their views, a hundred a page; `view` fills in the rest.

    The list of a person's page (`space/wbi/arc/search`) needs a signature. This one, which finds a
    person's videos by keywords, is public; without a keyword it has every video.
    """

    mid: int

    @classmethod
    def parse(cls, argument: str, settings: Settings) -> Self:
        """Reads `MID`, or the address of an uploader's page."""
        return cls(number_of(argument, FORM, r"space\.bilibili\.com/(\d+)"))

    @property
    def name(self) -> str:
        return f"uploader:{self.mid}"

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    def page(self, number: int, client: Client) -> Page:
        """Requests a hundred videos."""
        answer = client.get(
            "/x/series/recArchivesByKeywords",
            {"mid": self.mid, "keywords": "", "orderby": "pubdate", "pn": number, "ps": PAGE_SIZE},
        )
        return counted_page(answer, self.name, number, PAGE_SIZE, client)
