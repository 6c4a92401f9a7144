"""Where videos come from. A source is a file of its own here, and a line in `SOURCES`."""

from __future__ import annotations

from collections.abc import Callable

from popdanceset.bilibili.sources.given import Given
from popdanceset.bilibili.sources.newest import Newest
from popdanceset.bilibili.sources.ordered import OrderedRange
from popdanceset.bilibili.sources.popular import Popular
from popdanceset.bilibili.sources.protocol import Page, Source
from popdanceset.bilibili.sources.ranking import Ranking
from popdanceset.errors import SettingsError

__all__ = ["SOURCES", "Page", "Source", "parse_source"]

SOURCES: dict[str, Callable[[str], Source]] = {
    "ranking": Ranking.parse,
    "popular": Popular.parse,
    "newest": Newest.parse,
    "range": OrderedRange.parse,
    "ids": Given.from_file,
    "manifest": Given.from_manifest,
}


def parse_source(text: str) -> Source:
    """The source that `name:argument` means, e.g. `ranking:1004` or `ids:my.txt`.

    Raises:
        SettingsError: there is no such source, or its argument does not fit.
        InputError: the file it names cannot be used.
    """
    name, _, argument = text.strip().partition(":")
    if name not in SOURCES:
        raise SettingsError(
            f"no source is called {name!r}", "crawl.sources", f"there are {', '.join(SOURCES)}"
        )
    return SOURCES[name](argument)
