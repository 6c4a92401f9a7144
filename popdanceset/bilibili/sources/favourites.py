"""`favourites:ID`: the videos of a public favourites folder, last added first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.numbers import whole
from popdanceset.bilibili.records import from_favourite
from popdanceset.bilibili.sources.arguments import number_of
from popdanceset.bilibili.sources.protocol import Page, listed, slug_of
from popdanceset.settings import Settings

PAGE_SIZE = 20
FORM = "favourites:ID, the number after fid= in the folder's address"


@dataclass(frozen=True)
class Favourites:
    """Videos of every section without counts, twenty a page; `view` fills them in.

    The host marks the last page. It answers a private folder with an error.
    """

    folder: int

    @classmethod
    def parse(cls, argument: str, settings: Settings) -> Self:
        """Reads `ID`, or the address of a folder."""
        return cls(number_of(argument, FORM, r"(?:[?&]fid=|[?&]media_id=|(?:^|/)ml)(\d+)"))

    @property
    def name(self) -> str:
        return f"favourites:{self.folder}"

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    def page(self, number: int, client: Client) -> Page:
        """Requests twenty videos."""
        answer = client.get(
            "/x/v3/fav/resource/list",
            {"media_id": self.folder, "pn": number, "ps": PAGE_SIZE, "platform": "web"},
        )
        records, skipped, data = listed(answer, "medias", self.name, client.clock.now(), from_favourite)
        last = data.get("has_more") is False or not (records or skipped)
        return Page(records, skipped, last, _pages(data.get("info")))


def _pages(info: Any) -> int | None:
    count = whole(info.get("media_count")) if isinstance(info, dict) else None
    return None if count is None else -(-count // PAGE_SIZE)
