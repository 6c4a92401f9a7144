"""The videos of the simulator, indexed for its endpoints."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from popdanceset.simulator.records import SECTIONS, WHOLE_DANCE, SimulatedVideo, score

SECTION_NUMBERS = WHOLE_DANCE | {number for s in SECTIONS for number in (s.tid, s.tid_v2)}


class Catalogue:
    """An immutable set of videos, safe to read from several threads."""

    def __init__(self, videos: Iterable[SimulatedVideo]) -> None:
        self.videos = tuple(videos)
        self.by_bvid = {video.bvid: video for video in self.videos}
        self.by_aid = {video.aid: video for video in self.videos}
        self.followers = {video.mid: video.follower for video in self.videos}

    @cached_property
    def of_uploader(self) -> dict[int, tuple[SimulatedVideo, ...]]:
        """Uploader → his videos, newest first."""
        found: dict[int, list[SimulatedVideo]] = {}
        for video in self.by_date:
            found.setdefault(video.mid, []).append(video)
        return {mid: tuple(videos) for mid, videos in found.items()}

    def collection(self, number: int) -> tuple[SimulatedVideo, ...]:
        """Returns the videos of a collection: each uploader of two videos or more has one, under his id."""
        videos = self.of_uploader.get(number, ())
        return videos if len(videos) > 1 else ()

    @cached_property
    def by_score(self) -> tuple[SimulatedVideo, ...]:
        """Highest recommendation score first."""
        return tuple(sorted(self.videos, key=score, reverse=True))

    @cached_property
    def by_views(self) -> tuple[SimulatedVideo, ...]:
        """Most viewed first."""
        return tuple(sorted(self.videos, key=lambda video: video.counts.view, reverse=True))

    @cached_property
    def by_date(self) -> tuple[SimulatedVideo, ...]:
        """Newest first."""
        return tuple(sorted(self.videos, key=lambda video: video.pubdate, reverse=True))


def of_section(videos: Iterable[SimulatedVideo], number: int) -> list[SimulatedVideo]:
    """Returns the videos of section `number`, in the given order."""
    return [video for video in videos if video.in_section(number)]
