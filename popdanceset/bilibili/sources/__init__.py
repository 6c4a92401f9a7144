"""Sources of videos. Each source has its own file here and a line in `SOURCES`; see ../README.md."""

from __future__ import annotations

from collections.abc import Callable

from popdanceset.bilibili.sources.collection import Collection
from popdanceset.bilibili.sources.favourites import Favourites
from popdanceset.bilibili.sources.given import Given
from popdanceset.bilibili.sources.newest import Newest
from popdanceset.bilibili.sources.ordered import OrderedRange
from popdanceset.bilibili.sources.popular import Popular
from popdanceset.bilibili.sources.protocol import Page, Source
from popdanceset.bilibili.sources.ranking import Ranking
from popdanceset.bilibili.sources.uploader import Uploader
from popdanceset.errors import SettingsError
from popdanceset.settings import Settings

__all__ = ["SOURCES", "Page", "Source", "parse_source"]

SOURCES: dict[str, Callable[[str, Settings], Source]] = {
    "ranking": Ranking.parse,
    "popular": Popular.parse,
    "newest": Newest.parse,
    "range": OrderedRange.parse,
    "uploader": Uploader.parse,
    "favourites": Favourites.parse,
    "collection": Collection.parse,
    "ids": Given.from_file,
    "manifest": Given.from_manifest,
}


def parse_source(text: str, settings: Settings) -> Source:
    """Returns the source that `name:argument` describes, e.g. `ranking:1004` or `ids:my.txt`.

    Args:
        text: the name of a source and its argument.
        settings: where manifests are found by name.

    Raises:
        SettingsError: the source is unknown, or its argument does not fit.
        InputError: the file that the argument names cannot be used.
    """
    name, _, argument = text.strip().partition(":")
    if name in ("search", "keyword"):
        raise SettingsError(
            "there is no keyword search: the host answers it only with a signature or a visitor's cookie",
            "crawl.sources",
            "search on the website, and crawl ids:FILE, favourites:ID, uploader:MID or collection:BVID",
        )
    if name not in SOURCES:
        raise SettingsError(f"unknown source {name!r}", "crawl.sources", f"use one of {', '.join(SOURCES)}")
    return SOURCES[name](argument, settings)
