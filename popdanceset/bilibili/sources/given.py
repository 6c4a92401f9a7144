"""`ids:FILE` and `manifest:NAME`: listed videos, whose numbers all come from `view`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.ids import find_bvid, is_bvid, read_ids
from popdanceset.bilibili.records import VideoRecord
from popdanceset.bilibili.sources.arguments import required
from popdanceset.bilibili.sources.protocol import Page, slug_of
from popdanceset.manifest import find_manifest, read_manifest
from popdanceset.settings import Settings

PAGE_SIZE = 50


@dataclass(frozen=True)
class Given:
    """A list of ids, divided into pages that need no request, except one for each short link (b23.tv).

    Attributes:
        name: as in the settings.
        ids: video ids and short links.
    """

    name: str
    ids: tuple[str, ...]

    @classmethod
    def from_file(cls, argument: str, settings: Settings) -> Self:
        """Reads a text file with one id, address or short link a line."""
        return cls(f"ids:{argument}", read_ids(Path(required(argument, "ids:FILE"))))

    @classmethod
    def from_manifest(cls, argument: str, settings: Settings) -> Self:
        """Reads an earlier manifest, given by its name or folder."""
        manifest = read_manifest(find_manifest(required(argument, "manifest:NAME"), settings))
        return cls(f"manifest:{argument}", tuple(video.bvid for video in manifest.videos))

    @property
    def slug(self) -> str:
        """Contains a digest of the ids, so that a changed list is a new listing."""
        digest = hashlib.sha256("\n".join(self.ids).encode()).hexdigest()[:8]
        return f"{slug_of(self.name)[-40:].strip('-')}-{digest}"

    def page(self, number: int, client: Client) -> Page:
        """Returns fifty ids, as records without any counts."""
        chosen = self.ids[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        found = {text: text if is_bvid(text) else find_bvid(client.resolve(text)) for text in chosen}
        when = client.clock.now()
        bvids = dict.fromkeys(bvid for bvid in found.values() if bvid)
        records = tuple(VideoRecord(bvid, when, self.name).noted() for bvid in bvids)
        skipped = tuple(f"{self.name}: {text} leads to no video" for text, bvid in found.items() if not bvid)
        pages = -(-len(self.ids) // PAGE_SIZE)
        return Page(records, skipped, last=number >= pages, pages=pages)
