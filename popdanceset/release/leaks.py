"""Finds what the splits of a dataset share: clips, videos, music, dancers, uploaders, choreographies.

A clip leaks if something about it also occurs in a split that is trained on before it is used. So the splits
are ordered: first those named after training, then the others from the largest to the smallest; a clip leaks
if a clip of an earlier split shares something with it. Of each pair of splits, the leaks are thus counted
once, on the side that is held out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What clips can share.

    Attributes:
        CLIP: the same clip is listed twice, in one split or in two.
        VIDEO: clips of one video; of AIST++, the recordings of one dance by several cameras.
        MUSIC: clips with the same music.
        DANCER: clips with the same dancer; of a joint upload, each of its dancers counts.
        UPLOADER: clips whose videos have the same uploader.
        CHOREOGRAPHY: AIST++ sequences of one genre and situation with the same choreography number.
    """

    CLIP = "clip"
    VIDEO = "video"
    MUSIC = "music"
    DANCER = "dancer"
    UPLOADER = "uploader"
    CHOREOGRAPHY = "choreography"


CLAIMED = (Kind.VIDEO, Kind.MUSIC)
"""What no two splits may share (paper, Sec. 3.1: neither a dance nor a piece of music)."""


@dataclass(frozen=True, slots=True)
class ListedClip:
    """A clip of a split.

    Attributes:
        clip_id: its id.
        split: the split that lists it.
        keys: kind → names of what it may share; a kind that is unknown is missing.
    """

    clip_id: str
    split: str
    keys: Mapping[Kind, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Shared:
    """What occurs in several splits.

    Attributes:
        kind: what it is.
        key: its name, e.g. a bvid.
        clips: split → its clips that have it, in the order of the lists.
    """

    kind: Kind
    key: str
    clips: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Leak:
    """A clip that shares something with an earlier split; of kind CLIP, one that is listed again.

    Attributes:
        kind: what it shares.
        clip_id, split: the clip.
        shared: all of this kind that it shares.
        others: the earlier splits with which it shares that.
    """

    kind: Kind
    clip_id: str
    split: str
    shared: tuple[Shared, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeakReport:
    """The leaks between the splits of one dataset.

    Attributes:
        name: of the dataset, or of the family of lists.
        sizes: split → clips, training first.
        leaks: by kind, then in the order of the lists.
        unknown: kind → clips of which it is not known.
        failing: kinds of which no leak is allowed; the others are only reported. CLIP is one of them.
    """

    name: str
    sizes: Mapping[str, int]
    leaks: tuple[Leak, ...]
    unknown: Mapping[Kind, int]
    failing: tuple[Kind, ...]

    @property
    def failed(self) -> bool:
        """Whether there is a leak of a kind of which none is allowed."""
        return any(leak.kind in self.failing for leak in self.leaks)

    def counts(self, kind: Kind) -> dict[str, int]:
        """Returns split → clips that leak, for the splits that have any."""
        return dict(Counter(leak.split for leak in self.leaks if leak.kind == kind))

    def document(self) -> dict[str, Any]:
        """Returns the report as plain data. What is shared is listed once, however many clips share it."""
        shared = {(each.kind, each.key): each for leak in self.leaks for each in leak.shared}
        total = sum(self.sizes.values())
        return {
            "name": self.name,
            "failed": self.failed,
            "splits": dict(self.sizes),
            "kinds": {
                kind.value: {
                    "leaks": self.counts(kind),
                    "known": total - self.unknown.get(kind, 0),
                    "fails": kind in self.failing,
                }
                for kind in Kind
            },
            "leaks": [
                {
                    "kind": leak.kind.value,
                    "clip_id": leak.clip_id,
                    "split": leak.split,
                    "shared_with": list(leak.others),
                    "keys": [each.key for each in leak.shared],
                }
                for leak in self.leaks
            ],
            "shared": [
                {
                    "kind": each.kind.value,
                    "key": each.key,
                    "clips": {split: list(ids) for split, ids in each.clips.items()},
                }
                for each in shared.values()
            ],
        }


def find_leaks(name: str, clips: Sequence[ListedClip], failing: Iterable[Kind] = CLAIMED) -> LeakReport:
    """Finds every leak between the splits of a dataset.

    Args:
        name: of the dataset, for messages.
        clips: of all splits.
        failing: kinds of which no leak is allowed; CLIP always is one.
    """
    sizes = Counter(clip.split for clip in clips)
    order = sorted(sizes, key=lambda split: ("train" not in split.lower(), -sizes[split], split))
    rank = {split: number for number, split in enumerate(order)}
    leaks = _listed_again(clips)
    for kind in Kind:
        if kind is not Kind.CLIP:
            leaks += _shared_leaks(kind, clips, rank)
    unknown = {kind: sum(not clip.keys.get(kind) for clip in clips) for kind in Kind if kind is not Kind.CLIP}
    return LeakReport(
        name,
        {split: sizes[split] for split in order},
        tuple(leaks),
        {kind: count for kind, count in unknown.items() if count},
        tuple(dict.fromkeys((Kind.CLIP, *failing))),
    )


def _listed_again(clips: Sequence[ListedClip]) -> list[Leak]:
    listings: dict[str, list[str]] = {}
    for clip in clips:
        listings.setdefault(clip.clip_id, []).append(clip.split)
    leaks = []
    for clip_id, splits in listings.items():
        if len(splits) > 1:
            times = Counter(splits)
            shared = Shared(Kind.CLIP, clip_id, {split: (clip_id,) * n for split, n in times.items()})
            leaks.append(Leak(Kind.CLIP, clip_id, splits[-1], (shared,), tuple(dict.fromkeys(splits[:-1]))))
    return leaks


def _shared_leaks(kind: Kind, clips: Sequence[ListedClip], rank: Mapping[str, int]) -> list[Leak]:
    places: dict[str, dict[str, dict[str, None]]] = {}
    for clip in clips:
        for key in clip.keys.get(kind, ()):
            places.setdefault(key, {}).setdefault(clip.split, {})[clip.clip_id] = None
    shared = {
        key: Shared(
            kind, key, {split: tuple(splits[split]) for split in sorted(splits, key=rank.__getitem__)}
        )
        for key, splits in places.items()
        if len(splits) > 1
    }
    leaks: dict[tuple[str, str], Leak] = {}
    for clip in clips:
        mine = [shared[key] for key in clip.keys.get(kind, ()) if key in shared]
        mine = [each for each in mine if rank[next(iter(each.clips))] < rank[clip.split]]
        if mine:
            earlier = {split for each in mine for split in each.clips if rank[split] < rank[clip.split]}
            others = tuple(sorted(earlier, key=rank.__getitem__))
            leaks[clip.clip_id, clip.split] = Leak(kind, clip.clip_id, clip.split, tuple(mine), others)
    return list(leaks.values())
