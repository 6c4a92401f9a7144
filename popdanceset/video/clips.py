"""The clips of a part (one video file): planned from its screening report, cut, and listed.

A clip's files are named after the span they show, so that a row and the files it names belong together
whenever a run is stopped. A new plan replaces an older one in this order:

1. The files of new spans are put next to the old ones.
2. What later stages made from clips whose span changes is discarded, while the old rows are still there:
   those clips then wait for their poses, with their old files, as if nothing had been done with them yet.
3. The part's table is replaced, by one rename.
4. Files that no row names are removed, and what was made from them in the meantime is discarded too.
5. If reviewers changed clips, the table is replaced once more: only now it notes that they were obeyed, so
   that a run which is stopped before does all of it again.

Reviewers can also ask for new poses of a clip whose span stays the same; only those are discarded then.

A stage that writes something about a clip checks afterwards whether the file it read is still there, and
whether its row still says the same of reviewers; if not, it takes its work back. So it need not wait for a
plan in progress, nor the plan for it.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from popdanceset import layout
from popdanceset.clip_id import clip_id
from popdanceset.genre import genre
from popdanceset.review.in_force import NOTHING, ClipReview, Reviews
from popdanceset.schema import CLIPS, Reason
from popdanceset.video import derived, reviewed
from popdanceset.video.beats import beats
from popdanceset.video.cutting import cut, frame_count
from popdanceset.video.dancers import dancer_of
from popdanceset.video.history import history_of, plan_of
from popdanceset.video.measures import measure
from popdanceset.video.planning import Span, is_divided, pauses, plan
from popdanceset.video.recut import History, Piece, recut

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.store import Store
    from popdanceset.video.clip_list import Listed
    from popdanceset.video.screening.report import Screening

log = logging.getLogger(__name__)

Row = dict[str, Any]

NO_REVIEWS: Reviews = MappingProxyType({})


@dataclass
class Tally:
    """Counts of clips.

    Attributes:
        clips: accepted ones.
        seconds: their total length.
        rejected: rejected spans by reason.
    """

    clips: int = 0
    seconds: float = 0.0
    rejected: Counter[str] = field(default_factory=Counter)

    def count(self, rows: Iterable[Row]) -> None:
        """Counts rows of CLIPS."""
        for row in rows:
            if row["accepted"]:
                self.clips += 1
                self.seconds += row["end"] - row["start"]
            else:
                self.rejected[row["reason"]] += 1


class Video(Protocol):
    """What must be known about a video, as `popdanceset.manifest.ManifestVideo` has it."""

    @property
    def bvid(self) -> str: ...
    @property
    def duration(self) -> float | None: ...
    @property
    def pages(self) -> int | None: ...
    @property
    def mid(self) -> int | None: ...
    @property
    def tid(self) -> int | None: ...
    @property
    def tid_v2(self) -> int | None: ...
    @property
    def title(self) -> str | None: ...


def pages(video: Video) -> range:
    """Numbers of a video's parts, from 1."""
    return range(1, max(1, video.pages or 1) + 1)


def first_few(ids: Sequence[str], number: int = 5) -> str:
    """Ids for a message, no more than a few."""
    return ", ".join([*ids[:number], *(["…"] if len(ids) > number else [])])


def read_rows(bvid: str, page: int, store: Store) -> list[Row] | None:
    """Returns the rows of a part, None if it is not done.

    Raises:
        SchemaError, StoreError: the table is damaged or not readable.
    """
    name = layout.clip_rows(bvid, page)
    if not store.exists(name):
        return None
    rows: list[Row] = store.read_table(name, CLIPS).to_pylist()
    return rows


@contextlib.contextmanager
def in_turn(bvid: str, store: Store) -> Iterator[None]:
    """Waits until no other thread or process of this machine is working on the video.

    Raises:
        StoreError: the store is not writable.
    """
    with store.held(layout.video_folder(bvid)):
        yield


def cut_clips(
    video: Video,
    page: int,
    source: Callable[[], Path],
    screening: Screening,
    music_id: str,
    settings: Settings,
    store: Store,
    listed: Sequence[Listed] = (),
    before: Sequence[Row] = (),
    reviews: Reviews = NO_REVIEWS,
    keep_plan: bool = False,
) -> list[Row]:
    """Plans a part, lets reviewers change the plan, and cuts its clips into the store.

    Every second of the part is in one row. A clip that shows the same frames as its row of an earlier plan
    keeps its files.

    Args:
        source: returns the video's file; called only if a clip must be cut, or beats must be found.
        listed, before: clips of the manifest's list, and rows of the store: their numbers are kept. Where
            the two differ, the store is right.
        reviews: what reviewers decided on clips of the manifest.
        keep_plan: take the plan from the rows before, whatever the settings are now; only reviewers change
            it.

    Raises:
        MediaError: the file is damaged.
        StoreError: the store is not writable, or full.
    """
    decided = reviewed.of_part(reviews, video.bvid, page)

    def measured(start: float, end: float) -> dict[str, float | None]:
        return measure(screening, start, end, settings.screening)

    shared = {
        "music_id": music_id,
        "cuts_per_minute": 60 * (len(screening.cuts) + len(screening.transitions)) / screening.duration,
        "bars": _covered(screening.overlays.bars),
    }
    made = {row["clip_id"]: row for row in before if row["accepted"]}
    earlier_plans = history_of(listed, before, decided)
    spans = plan_of(before, measured) if keep_plan else _planned(source, screening, settings, earlier_plans)
    pieces = recut(spans, decided, earlier_plans, measured)
    _log_ignored(video, page, pieces, decided)
    rows = []
    for piece in pieces:
        span = piece.span
        row = blank_row(video, page, span.start, span.end, span.reason) | shared | span.measures
        if span.accepted:
            row |= {"clip_id": clip_id(video.bvid, span.number, page)}
            row |= {"frames": frame_count(span.start, span.end)}
            row |= _changes(piece, decided)
            earlier = made.get(row["clip_id"])
            if earlier and shows_same(earlier, row) and _has_files(earlier, store):
                row |= {key: earlier[key] for key in ("path", "music_path")}
            else:
                row |= _files(row, source(), store)
        rows.append(row)
    return rows


def list_rows(
    video: Video,
    page: int,
    rows: Sequence[Row],
    settings: Settings,
    store: Store,
    tags: Sequence[str] = (),
    dancers: Mapping[str, str] = MappingProxyType({}),
    listed: Sequence[Listed] = (),
    before: Sequence[Row] = (),
    reviews: Reviews = NO_REVIEWS,
) -> list[Row]:
    """Replaces a part's rows, and discards what later stages made from clips that have changed.

    Args:
        rows: the new ones; the files of their clips are in the store. They have the genre and the dancer if a
            reviewer named one.
        tags: of the video, for its genre.
        dancers: named by hand (`popdanceset.video.dancers`).
        listed, before, reviews: as in `cut_clips`.

    Returns:
        The rows as written.

    Raises:
        SettingsError: the rules for genres are wrong.
        StoreError: the store is not writable, or full.
    """
    name = layout.clip_rows(video.bvid, page)
    kind = genre(video.tid, video.tid_v2, video.title, tags, settings.music.genres)
    joint = getattr(video, "dancers", None)  # only a manifest's videos know of joint uploads
    labelled = [
        row
        | {
            "genre": row["genre"] or kind,
            "dancer_id": row["dancer_id"] or dancer_of(video.bvid, row["clip_id"], video.mid, dancers, joint),
        }
        for row in rows
    ]
    now, made = ({row["clip_id"]: row for row in some if row["accepted"]} for some in (labelled, before))
    wanted = {each: reviewed.obeyed(row, reviews, store) for each, row in now.items()}
    for each, row in now.items():
        row["reviewed"] = wanted[each].changes or None
    reviewed.match_music(made, now, wanted, reviews, store)
    ids = {*now, *made, *(clip_id(video.bvid, line.clip.number, page) for line in listed)}
    changed = {each for each in ids if not _stays(each, now, made)}
    same = now.keys() - changed
    again = {each for each in same if reviewed.wants_new_poses(made[each], now[each], wanted[each])}
    _discard(changed, again, store)
    noted = {each: made.get(each, {}).get("reviewed") for each in now}
    if changed | again and any((row["reviewed"] or "") != (noted[each] or "") for each, row in now.items()):
        unfinished = noted | dict.fromkeys(changed, reviewed.UNFINISHED)
        unfinished |= dict.fromkeys(again, reviewed.UNFINISHED_POSES)
        rows_so_far = [row | {"reviewed": unfinished.get(row["clip_id"])} for row in labelled]
        store.write_rows(name, rows_so_far, CLIPS)
        _remove_old_files(video.bvid, page, rows, store)
        _discard((), again, store)  # what running stages made from the earlier row
    written: list[Row] = store.write_rows(name, labelled, CLIPS).to_pylist()
    _remove_old_files(video.bvid, page, rows, store)
    return written


def shows_same(one: Row, other: Row) -> bool:
    """Returns whether two rows of one clip show the same frames: as many, from the same millisecond on."""
    return _stem(one) == _stem(other)


def blank_row(video: Video, page: int, start: float, end: float, reason: Reason) -> Row:
    """A row without measures."""
    return {
        "clip_id": None,
        "bvid": video.bvid,
        "page": page,
        "start": start,
        "end": end,
        "frames": 0,
        "path": "",
        "music_path": "",
        "music_id": "",
        "genre": "",
        "dancer_id": "",
        "cuts_per_minute": None,
        "shake": None,
        "dancers": None,
        "visibility": None,
        "accepted": reason is Reason.NONE,
        "reason": reason,
        "note": None,
        "planned_start": None,
        "planned_end": None,
        "swaps": None,
        "reviewed": None,
    }


def _planned(
    source: Callable[[], Path], screening: Screening, settings: Settings, history: History
) -> list[Span]:
    """The plan. The beats of the music are detected only if a clip must be divided."""
    spans = plan(screening, settings, (), history.planned, history.highest)
    if not is_divided(spans):
        return spans
    moments = beats(source()) or pauses(screening)
    return plan(screening, settings, moments, history.planned, history.highest)


def _changes(piece: Piece, decided: Mapping[int, ClipReview]) -> Row:
    """The columns of a clip that reviewers determine."""
    lineage = [decided.get(number, NOTHING) for number in piece.origin]
    planned = piece.planned if piece.is_changed else (None, None)
    return {
        "planned_start": planned[0],
        "planned_end": planned[1],
        "swaps": reviewed.swaps(lineage, piece.span.start, piece.span.end),
        "note": "; ".join(f"not obeyed: {each}" for each in piece.ignored) or None,
        **reviewed.labels(lineage),
    }


def _log_ignored(video: Video, page: int, pieces: Sequence[Piece], decided: Mapping[int, ClipReview]) -> None:
    for piece in pieces:
        for each in piece.ignored:
            name = clip_id(video.bvid, piece.span.number, page)
            log.warning("%s: cannot obey its reviewer: %s", name, each)
    made = {piece.span.number for piece in pieces}
    for number in sorted(decided.keys() - made):
        if decided[number].changes:
            name = clip_id(video.bvid, number, page)
            log.warning("%s: no such clip is made now; its reviewer's changes wait", name)


def _stays(clip_id: str, now: Mapping[str, Row], made: Mapping[str, Row]) -> bool:
    """Whether a clip shows the same frames as before, and no run was stopped while it changed."""
    if clip_id not in now or clip_id not in made:
        return False
    return shows_same(now[clip_id], made[clip_id]) and made[clip_id]["reviewed"] != reviewed.UNFINISHED


def _discard(changed: Collection[str], again: Collection[str], store: Store) -> None:
    """Discards what was made from clips that changed, and the poses that have to be made again."""
    for each in sorted(changed):
        derived.discard(each, store)
    for each in sorted(again):
        derived.discard_poses(each, store)


def _stem(row: Row) -> str:
    """The name of a clip's files without suffix, which states the arguments of `cut`."""
    return layout.clip_stem(row["bvid"], row["clip_id"], row["start"], row["frames"])


def _has_files(row: Row, store: Store) -> bool:
    return all(store.exists(row[key]) for key in ("path", "music_path") if row[key])


def _files(row: Row, source: Path, store: Store) -> Row:
    """Cuts a clip into the store; returns the columns of its row that name the files."""
    name = _stem(row)
    with store.scratch() as folder:
        video, audio = folder / "clip.mp4", folder / "clip.wav"
        cut(source, row["start"], row["end"], video, audio)
        has_audio = audio.exists()
        if has_audio:
            store.put(audio, f"{name}.wav")
        store.put(video, f"{name}.mp4")
    return {"path": f"{name}.mp4", "music_path": f"{name}.wav" if has_audio else ""}


def _remove_old_files(bvid: str, page: int, rows: Sequence[Row], store: Store) -> None:
    """Removes the files of clips that no row names, then what running stages made from them meanwhile."""
    named = {row[key] for row in rows for key in ("path", "music_path")}
    ours = layout.clip_files_of(bvid, page)
    files = store.list(layout.video_folder(bvid))
    old = [name for name in files if name.startswith(ours) and name not in named]
    for name in old:
        store.remove(name)
    for clip in sorted({layout.clip_of_file(name) for name in old}):
        derived.discard(clip, store)


def _covered(bars: tuple[float, float, float, float]) -> float:
    """Share of the frame that the bars cover."""
    above, below, left, right = bars
    return 1 - max(0.0, 1 - above - below) * max(0.0, 1 - left - right)
