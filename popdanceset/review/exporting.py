"""Writes what reviewers decided into a manifest, where the pipeline reads it: `manifests/NAME/reviews.csv`.

People may edit the file. A line that the database knows nothing of is theirs and stays, until the database
has a newer decision about the same. So a maintainer can settle a tie by hand, and machines with databases of
their own can export into one file, one after the other.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from popdanceset import layout
from popdanceset.bilibili.text import one_line
from popdanceset.clip_id import video_of
from popdanceset.errors import InputError
from popdanceset.manifest import read_manifest
from popdanceset.review.database import ReviewDatabase, Stored, standing
from popdanceset.review.decisions import Decision, Kind, checked_value
from popdanceset.review.in_force import read_decisions, write_decisions
from popdanceset.review.in_store import clip_ids
from popdanceset.review.merging import JOINT, Disagreement, in_words, merge
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import withdrawn
from popdanceset.wording import counted

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Export:
    """What an export wrote.

    Attributes:
        path: of the file.
        decisions: all that is in it now.
        kept: lines of the file that the database knows nothing of.
        replaced: lines about which the database says something else, or something newer.
        removed: lines whose reviewers took them back or no longer agree, or whose video left the manifest.
        missing: decisions in the file on clips that the store does not have.
        elsewhere: number of decisions in the database about videos of other manifests.
        disagreements: between reviewers, on clips of this manifest.
    """

    path: Path
    decisions: tuple[Decision, ...]
    kept: tuple[Decision, ...]
    replaced: tuple[Decision, ...]
    removed: tuple[Decision, ...]
    missing: tuple[Decision, ...]
    elsewhere: int
    disagreements: tuple[Disagreement, ...]

    def lines(self) -> Iterator[str]:
        """Yields the summary, then a line for each thing that a person should look at."""
        kinds = Counter(each.kind for each in self.decisions)
        clips = len({each.clip_id for each in self.decisions})
        how = f" ({', '.join(f'{kinds[kind]} {kind}' for kind in Kind if kinds[kind])})" if kinds else ""
        yield f"{self.path}: {counted(len(self.decisions), 'decision')} on {counted(clips, 'clip')}{how}"
        for found, what in (
            (self.kept, "kept, not in the database"),
            (self.replaced, "replaced by the database"),
            (self.removed, "removed, taken back or no longer agreed"),
            (self.missing, "no such clip in the store"),
        ):
            yield from (f"  {what}: {_line(each)}" for each in found)
        if self.elsewhere:
            yield f"  {counted(self.elsewhere, 'decision')} on videos that the manifest does not have"
        open_ = sum(each.outcome is None for each in self.disagreements)
        yield f"{counted(len(self.disagreements), 'disagreement')}, {open_} open"
        yield from (f"  {one_line(str(each))}" for each in self.disagreements)


def export(folder: Path, store: Store, database: ReviewDatabase) -> Export:
    """Merges the decisions of all reviewers into a manifest's file. A second time changes no byte of it.

    Raises:
        ManifestError: the manifest, or its file of decisions, is missing or wrong.
        StoreError: the database or the store is not readable, or the file not writable.
    """
    gone = withdrawn(store)
    allowed = {video.bvid for video in read_manifest(folder).videos} - gone
    lines = [each for each in read_decisions(folder) if video_of(each.clip_id) not in gone]
    stored = database.decisions(everything=True)
    ours = [each for each in stored if video_of(each.decision.clip_id) in allowed]
    counting = [each.decision for each in standing(ours)]
    found = merge(filter(_is_usable, counting))
    decisions, kept, replaced, removed = with_lines(found.decisions, lines, stored)
    write_decisions(folder, decisions)
    clips = set(clip_ids(store, {video_of(each.clip_id) for each in decisions}))
    return Export(
        folder / layout.MANIFEST_REVIEWS,
        tuple(decisions),
        tuple(kept),
        tuple(replaced),
        tuple(removed),
        tuple(each for each in decisions if each.clip_id not in clips),
        len(standing(stored)) - len(counting),
        found.disagreements,
    )


def with_lines(
    decisions: Iterable[Decision], lines: Iterable[Decision], stored: Iterable[Stored]
) -> tuple[list[Decision], list[Decision], list[Decision], list[Decision]]:
    """Adds the lines of people to what the database says.

    Args:
        decisions: in force, of the database.
        lines: of the file.
        stored: everything that was ever decided, also what was taken back.

    Returns:
        All decisions, and those of the lines that were kept, replaced and removed.
    """
    made = {(each.clip_id, each.slot): each for each in decisions}
    known = {(each.decision.clip_id, each.decision.slot, each.decision.reviewer) for each in stored}
    kept, replaced, removed = [], [], []
    for line in lines:
        slot = line.clip_id, line.slot
        names = (line.reviewer, *line.reviewer.split(JOINT))
        theirs = not any((*slot, name) in known for name in names)
        new = made.get(slot)
        if theirs and (new is None or new.decided_at <= line.decided_at):
            made[slot] = line
            kept.append(line)
        elif new is None:
            removed.append(line)
        elif theirs or in_words(new) != in_words(line):
            replaced.append(line)
    return list(made.values()), kept, replaced, removed


def _is_usable(decision: Decision) -> bool:
    """Whether the file can hold a decision; a warning says so if not."""
    try:
        return checked_value(decision.kind, decision.value) == decision.value
    except InputError as error:
        _log.warning("%s: left out: %s", decision.clip_id, error)
        return False


def _line(decision: Decision) -> str | None:
    by = f" by {decision.reviewer}" if decision.reviewer else ""
    when = f", {decision.decided_at}" if decision.decided_at else ""
    return one_line(f"{decision.clip_id} {in_words(decision)}{by}{when}")
