"""What a source is: something that gives videos, page by page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from popdanceset.bilibili.client import Answer, Client
from popdanceset.bilibili.records import VideoRecord
from popdanceset.errors import InputError


@dataclass(frozen=True)
class Page:
    """One page of a listing.

    Attributes:
        records: the videos that could be read, in the listing's order.
        skipped: a reason for each element that could not.
        last: no page comes after this one.
        pages: how many pages the listing has, if it says so.
    """

    records: tuple[VideoRecord, ...]
    skipped: tuple[str, ...] = ()
    last: bool = False
    pages: int | None = None


class Source(Protocol):
    """A listing of videos.

    Attributes:
        name: as the settings write it, e.g. `ranking:1004`; stands in each row.
        slug: the part of file names that stands for it; another slug is another cursor.
    """

    @property
    def name(self) -> str: ...

    @property
    def slug(self) -> str: ...

    def page(self, number: int, client: Client) -> Page:
        """Page `number`, from 1.

        Raises:
            InputError: the host has no such listing, or what it gives is no listing.
            RefusedError, TransferError: as `Client.get`.
        """
        ...


def slug_of(name: str) -> str:
    """`ranking:1004` → `ranking-1004`: safe as part of a file's name."""
    return re.sub(r"[^0-9A-Za-z]+", "-", name).strip("-")


def listed(
    answer: Answer,
    key: str,
    source: str,
    when: datetime,
    read: Callable[[Any, str, datetime], VideoRecord | str],
) -> tuple[tuple[VideoRecord, ...], tuple[str, ...], dict[str, Any]]:
    """Records and reasons from the list under `key` of an answer's data, and the data itself for its page
    counts.

    Raises:
        InputError: the answer is a code instead of data, or holds no such list.
    """
    if not answer.ok:
        raise InputError(f"the host gives no listing ({answer.summary})", source, "check the section's number")
    data = answer.data if isinstance(answer.data, dict) else {}
    items = data.get(key)
    if items is None and key in data:
        items = []  # the host writes an empty list as null
    if not isinstance(items, list):
        raise InputError(
            f"the answer holds no list {key!r}", source, "the host may have changed; try another source"
        )
    records, skipped = _parted(read(item, source, when) for item in items)
    return records, skipped, data


def _parted(results: Iterable[VideoRecord | str]) -> tuple[tuple[VideoRecord, ...], tuple[str, ...]]:
    every = list(results)
    return (
        tuple(r for r in every if isinstance(r, VideoRecord)),
        tuple(r for r in every if isinstance(r, str)),
    )
