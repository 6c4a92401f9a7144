"""The protocol of a source, which lists videos page by page, and helpers to implement one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from popdanceset.bilibili.client import Answer, Client
from popdanceset.bilibili.numbers import whole
from popdanceset.bilibili.records import VideoRecord, from_video_object
from popdanceset.errors import InputError


@dataclass(frozen=True)
class Page:
    """One page of a listing.

    Attributes:
        records: the videos that could be read, in the order of the listing.
        skipped: a reason for each element that could not be read.
        last: whether this is the last page.
        pages: number of pages of the listing; None if the host does not state it.
    """

    records: tuple[VideoRecord, ...]
    skipped: tuple[str, ...] = ()
    last: bool = False
    pages: int | None = None


class Source(Protocol):
    """A listing of videos.

    Attributes:
        name: as in the settings, e.g. `ranking:1004`; each row of the statistics has it as its source.
        slug: identifies the listing in file names; sources with different slugs are read independently.
    """

    @property
    def name(self) -> str: ...

    @property
    def slug(self) -> str: ...

    def page(self, number: int, client: Client) -> Page:
        """Requests page `number`, counted from 1.

        Raises:
            InputError: the host has no such listing, or its answer is not a listing.
            RefusedError, TransferError: as `Client.get`.
        """
        ...


def slug_of(name: str) -> str:
    """Turns `ranking:1004` into `ranking-1004`, which is safe in file names."""
    return re.sub(r"[^0-9A-Za-z]+", "-", name).strip("-")


def listed(
    answer: Answer,
    key: str,
    source: str,
    when: datetime,
    read: Callable[[Any, str, datetime], VideoRecord | str],
) -> tuple[tuple[VideoRecord, ...], tuple[str, ...], dict[str, Any]]:
    """Reads the list under `key` of an answer's data.

    Args:
        answer: the host's answer.
        key: name of the list in the data.
        source: name of the source.
        when: time of the answer.
        read: turns an element into a record, or into the reason why it is skipped.

    Returns:
        The records, the reasons for skipped elements, and the answer's data.

    Raises:
        InputError: the answer is an error code, or its data lack the list.
    """
    if not answer.ok:
        raise InputError(
            f"the host returned no listing ({answer.summary})", source, "check what follows its name"
        )
    data = answer.data if isinstance(answer.data, dict) else {}
    items = data.get(key)
    if items is None and key in data:
        items = []  # the host writes an empty list as null
    if not isinstance(items, list):
        raise InputError(
            f"the answer lacks the list {key!r}", source, "the API may have changed; try another source"
        )
    results = [read(item, source, when) for item in items]
    records = tuple(result for result in results if isinstance(result, VideoRecord))
    return records, tuple(result for result in results if isinstance(result, str)), data


def counted_page(answer: Answer, source: str, number: int, size: int, client: Client) -> Page:
    """Returns page `number` of a listing under `archives` whose `page` states the `total` of its videos.

    Raises:
        InputError: as `listed`.
    """
    records, skipped, data = listed(answer, "archives", source, client.clock.now(), from_video_object)
    page = data.get("page")
    total = whole(page.get("total")) if isinstance(page, dict) else None
    return numbered_page(records, skipped, number, None if total is None else -(-total // size))


def numbered_page(
    records: tuple[VideoRecord, ...], skipped: tuple[str, ...], number: int, pages: int | None
) -> Page:
    """Returns page `number` of a listing that ends at page `pages`, or with an empty page."""
    last = not (records or skipped) or (pages is not None and number >= pages)
    return Page(records, skipped, last, pages)
