"""Divides clips into a training and a test split that share no video and no music.

The paper (POPDG, Sec. 3.1) claims that neither a dance nor a piece of music of the test split occurs in
training; this module guarantees it. Clips that share a video or a piece of music (and, if dancers are held
out, a dancer), directly or through other clips, form a group, and a group is never divided.

**By piece**, the default. Every piece of music gets a random number in [0, 1) from a hash of its name and the
seed. A group is held out for testing if all its numbers are below the test share. So the decision on a piece
does not depend on the rest of the dataset. When clips are added, a group changes sides only if a new video
joins it to another group, and then only from test to training. A model trained on an older release is never
tested on clips it has seen.

**By size**, if a size is asked for, dancers are held out, or the split is stratified. Groups are held out
whose total is as near to the size as groups allow. Such a choice depends on the whole dataset, so the same
guarantee needs the earlier releases (`Earlier`): what one of them used for training stays there, what the
last ones tested stays in the test split as long as the size allows, and only new groups are chosen anew.
Without earlier releases, in another store say, a clip may be on another side than in a smaller dataset.

**Stratified**, groups are taken from each stratum (a genre, a class of length, or both) in proportion, in the
order of their numbers: every group has a place between 0 and 1 within its stratum, and those with the
smallest places come first. A group counts for the stratum of most of its frames, so genres within a group
are not balanced, and a stratum whose groups are all larger than its part of the test split may have none
there. What it costs: a clip's side depends on the genres and lengths of all clips, so a dataset that differs
in a few clips may be divided differently if it has no earlier release; and later releases can only balance
with what is new.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple

from popdanceset.errors import InputError
from popdanceset.release.groups import Group, SplitClip, groups_of
from popdanceset.release.nearest_subset import nearest_subset
from popdanceset.release.sizes import SplitSize
from popdanceset.schema import FPS

Split = Literal["train", "test"]
Stratum = Literal["genre", "length"]

SHORT, LONG = 12.0, 29.5
"""Seconds: clips below are called short, clips above long (paper, Sec. 3.1, and its later description)."""

_FAR = 0.1
"""Share of the wanted size by which a test split may differ from it without a warning."""

_log = logging.getLogger(__name__)


class Earlier(NamedTuple):
    """What earlier releases used, as `popdanceset.release.groups` names videos and music.

    Attributes:
        trained: what was in the training split of any of them.
        tested: what was in the test split of any of them.
    """

    trained: frozenset[str] = frozenset()
    tested: frozenset[str] = frozenset()


NO_EARLIER = Earlier()


def assign_splits(
    clips: Iterable[SplitClip],
    test_share: float,
    seed: int = 0,
    alike: Iterable[tuple[str, str]] = (),
    *,
    size: SplitSize | None = None,
    by_dancer: bool = False,
    stratify: Collection[Stratum] = (),
    earlier: Earlier = NO_EARLIER,
) -> dict[str, Split]:
    """Assigns every clip to a split.

    If there are two groups or more, neither split stays empty: if no group is to be held out, the shortest
    one is held out (unless the test share, or size, is 0); if all groups are, the longest one is kept for
    training. A single group is used for training, and so is everything if earlier releases trained on all
    groups; a warning says so.

    Args:
        clips: of the release, in any order.
        test_share: expected share of the pieces of music that is held out, 0..1; the share of the frames is
            about the same.
        seed: of the random numbers.
        alike: pairs of music ids that are, or were taken for, one piece: they stay together.
        size: of the test split, instead of the share; by size.
        by_dancer: hold out dancers, too; by size.
        stratify: what the splits should have in equal proportions; by size.
        earlier: what earlier releases used. What was trained on is not held out.

    Returns:
        clip id → `train` or `test`.

    Raises:
        InputError: the size leaves nothing for training.
    """
    members = list(clips)
    groups = groups_of(members, alike, seed, by_dancer=by_dancer)
    wanted = size or SplitSize(test_share, "share")
    splits: dict[str, Split] = dict.fromkeys((clip.clip_id for clip in members), "train")
    if not wanted.amount or not groups:
        return splits
    free = [group for group in groups if not group.names & earlier.trained]
    if len(groups) < 2 or not free:
        shared = "all clips share their " + ("videos, music or dancers" if by_dancer else "videos or music")
        used = "" if len(groups) < 2 else " with clips that an earlier release used for training"
        _log.warning("%s%s, so none can be held out for testing", shared, used)
        return splits
    by_size = bool(size or by_dancer or stratify)
    if by_size:
        held_out = _by_size(groups, free, wanted, stratify, earlier)
    else:
        held_out = [group for group in free if group.number < test_share]
    by_length = sorted(free, key=lambda group: (group.frames, group.name))
    if not held_out:
        held_out = by_length[:1]
    elif len(held_out) == len(groups):
        held_out = by_length[:-1]
    if by_size:
        _warn_if_far(wanted, groups, held_out)
    for group in held_out:
        splits |= dict.fromkeys((clip.clip_id for clip in group.clips), "test")
    return splits


def length_class(frames: int) -> str:
    """Returns `short`, `medium` or `long`."""
    seconds = frames / FPS
    return "short" if seconds < SHORT else "long" if seconds > LONG else "medium"


def _by_size(
    groups: Sequence[Group],
    free: Sequence[Group],
    wanted: SplitSize,
    stratify: Collection[Stratum],
    earlier: Earlier,
) -> list[Group]:
    """Chooses groups that may be held out, so that their total is as near to the wanted size as possible.

    What it returns for a dataset, it also returns if that result is an earlier release.
    """

    clips, frames = _extent(groups)
    target = wanted.target(clips, frames)
    if target >= wanted.measure(clips, frames):
        raise InputError(
            f"a test split of {wanted} leaves nothing for training: there are {clips} clips, "
            f"{frames / FPS:.0f} s",
            "release.test_size",
            "choose a smaller size",
        )
    measure_of = {group.name: wanted.measure(len(group.clips), group.frames) for group in groups}
    tested = {group.name for group in free if group.names & earlier.tested}
    ordered = _ordered(groups, free, tested, stratify, measure_of)
    kept = [group for group in ordered if group.name in tested]
    new = [group for group in ordered if group.name not in tested]
    missing = target - sum(measure_of[group.name] for group in kept)
    if missing >= 0:
        chosen = kept + [new[n] for n in nearest_subset([measure_of[g.name] for g in new], missing)]
    else:
        latest = kept[::-1]
        dropped = set(nearest_subset([measure_of[g.name] for g in latest], -missing))
        chosen = [group for n, group in enumerate(latest) if n not in dropped]
    # What is left must not improve by dropping another group: so the next release drops none, either.
    surplus = sum(measure_of[group.name] for group in chosen) - target
    for group in sorted(chosen, key=lambda group: -measure_of[group.name]):
        if 0 < measure_of[group.name] < 2 * surplus and len(chosen) > 1:
            chosen.remove(group)
            surplus -= measure_of[group.name]
    return chosen


def _extent(groups: Iterable[Group]) -> tuple[int, int]:
    """Returns the clips and the frames of groups."""
    counted = [(len(group.clips), group.frames) for group in groups]
    return sum(clips for clips, _ in counted), sum(frames for _, frames in counted)


def _warn_if_far(wanted: SplitSize, groups: Sequence[Group], held_out: Sequence[Group]) -> None:
    target, found = wanted.target(*_extent(groups)), wanted.measure(*_extent(held_out))
    if abs(found - target) > _FAR * target:
        _log.warning(
            "the test split has %s instead of %s: groups that share videos or music, and what earlier "
            "releases used for training, allow nothing nearer",
            wanted.words(found),
            wanted.words(target),
        )


def _ordered(
    groups: Sequence[Group],
    free: Sequence[Group],
    tested: Collection[str],
    stratify: Collection[Stratum],
    measure_of: dict[str, int],
) -> list[Group]:
    """Returns the groups that may be held out, in the order in which they are taken."""
    if not stratify:
        return sorted(free, key=lambda group: (group.number, group.name))
    strata: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        strata.setdefault(_stratum(group, stratify), []).append(group)
    names = {group.name for group in free}
    places: dict[str, float] = {}
    for own in strata.values():
        total = sum(measure_of[group.name] for group in own)
        before = 0
        # Groups that are tested already count first; what was trained on fills the rest of the stratum.
        for group in sorted(own, key=lambda g: (g.name not in tested, g.number, g.name)):
            if group.name in names:
                places[group.name] = (before + measure_of[group.name] / 2) / max(total, 1)
                before += measure_of[group.name]
    return sorted(free, key=lambda group: (places[group.name], group.number, group.name))


def _stratum(group: Group, stratify: Collection[Stratum]) -> tuple[str, ...]:
    """Returns the stratum of most frames of a group."""
    frames: Counter[tuple[str, ...]] = Counter()
    for clip in group.clips:
        of_clip = {"genre": clip.genre, "length": length_class(clip.frames)}
        frames[tuple(of_clip[each] for each in sorted(stratify))] += clip.frames
    return min(frames, key=lambda stratum: (-frames[stratum], stratum))
