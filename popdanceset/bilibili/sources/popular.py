"""`popular`: dance videos among those that the home page recommends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.records import VideoRecord, from_video_object, from_view
from popdanceset.bilibili.sections import in_dance
from popdanceset.bilibili.sources.arguments import no_argument
from popdanceset.bilibili.sources.protocol import Page, listed, slug_of
from popdanceset.settings import Settings

PAGE_SIZE = 20


@dataclass(frozen=True)
class Popular:
    """Videos with complete counts; the host marks the last page.

    `view` decides where an element of the list does not state its section.
    """

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
        undecided: set[str] = set()

        def read(item: Any, source: str, when: datetime) -> VideoRecord | str:
            record = from_video_object(item, source, when)
            if isinstance(record, VideoRecord):
                if (dance := in_dance(item)) is False:
                    return _elsewhere(record.bvid)
                if dance is None:
                    undecided.add(record.bvid)
            return record

        records, skipped, data = listed(answer, "list", self.name, client.clock.now(), read)
        decided = [_decided(record, client) if record.bvid in undecided else record for record in records]
        return Page(
            tuple(each for each in decided if isinstance(each, VideoRecord)),
            (*skipped, *(each for each in decided if isinstance(each, str))),
            last=data.get("no_more") is True or not (records or skipped),
        )


def _decided(record: VideoRecord, client: Client) -> VideoRecord | str:
    """Requests `view`, and returns its record, or the reason why the video is skipped."""
    answer = client.get("/x/web-interface/view", {"bvid": record.bvid})
    found = from_view(record.bvid, answer, client.clock.now())
    dance = in_dance(answer.data) if answer.ok and isinstance(answer.data, dict) else None
    if dance is None:
        return f"popular: the section of {record.bvid} is unknown ({found.note or 'view does not state it'})"
    return replace(found, source=record.source) if dance else _elsewhere(record.bvid)


def _elsewhere(bvid: str) -> str:
    return f"popular: {bvid} is in another section"
