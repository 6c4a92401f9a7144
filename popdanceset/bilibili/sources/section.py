"""What the listings of a whole section have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from popdanceset.bilibili.sources.arguments import section_of
from popdanceset.bilibili.sources.protocol import slug_of
from popdanceset.settings import Settings


@dataclass(frozen=True)
class SectionListing:
    """A source named `KIND:SECTION`; a subclass sets `kind` and implements `page`."""

    kind: ClassVar[str]
    section: int

    @classmethod
    def parse(cls, argument: str, settings: Settings) -> Self:
        """Reads `SECTION`."""
        return cls(section_of(argument))

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.section}"

    @property
    def slug(self) -> str:
        return slug_of(self.name)
