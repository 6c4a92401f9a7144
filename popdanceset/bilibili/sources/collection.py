"""`collection:BVID` or `collection:ID`: the videos of a collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.ids import find_bvid
from popdanceset.bilibili.records import VideoRecord, from_episode
from popdanceset.bilibili.sources.arguments import number_of, required
from popdanceset.bilibili.sources.protocol import Page, counted_page, slug_of
from popdanceset.errors import InputError
from popdanceset.settings import Settings

PAGE_SIZE = 100
FORM = "collection:ID, the number after /lists/ in its address, or collection:BVID with one of its videos"


@dataclass(frozen=True)
class Collection:
    """Videos of every section.

    `view` of one of them lists the whole collection with all counts in one answer. By its id it is listed
    with views only, a hundred a page, and `view` fills in the rest.

    Attributes:
        key: id of the collection, or of a video in it.
    """

    key: int | str

    @classmethod
    def parse(cls, argument: str, settings: Settings) -> Self:
        """Reads the id or address of the collection, or of any video in it."""
        bvid = find_bvid(required(argument, FORM))
        return cls(bvid or number_of(argument, FORM, r"/lists/(\d+)|[?&]sid=(\d+)"))

    @property
    def name(self) -> str:
        return f"collection:{self.key}"

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    def page(self, number: int, client: Client) -> Page:
        """Requests a hundred videos, or the video that lists them all."""
        if isinstance(self.key, int):
            # The host requires an uploader's id, but ignores it.
            query = {"mid": 0, "season_id": self.key, "page_num": number, "page_size": PAGE_SIZE}
            answer = client.get("/x/polymer/space/seasons_archives_list", query)
            return counted_page(answer, self.name, number, PAGE_SIZE, client)
        answer = client.get("/x/web-interface/view", {"bvid": self.key})
        if not answer.ok:
            raise InputError(f"the host returned no video ({answer.summary})", self.name, "check the id")
        season = answer.data.get("ugc_season") if isinstance(answer.data, dict) else None
        if not isinstance(season, dict):
            raise InputError(
                "the video belongs to no collection", self.name, "give a video of the collection"
            )
        when = client.clock.now()
        read = [from_episode(episode, self.name, when) for episode in _episodes(season)]
        return Page(
            tuple(each for each in read if isinstance(each, VideoRecord)),
            tuple(each for each in read if isinstance(each, str)),
            last=True,
            pages=1,
        )


def _episodes(season: dict[str, Any]) -> list[Any]:
    """Returns the elements of all sections of a collection."""
    sections = season.get("sections")
    found: list[Any] = []
    for section in sections if isinstance(sections, list) else []:
        episodes = section.get("episodes") if isinstance(section, dict) else None
        found += episodes if isinstance(episodes, list) else []
    return found
