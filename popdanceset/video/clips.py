"""A part's clips: planned from its screening report, cut, and listed.

A clip's files are named after the span they show, so that a row and the files it names belong together at
whatever moment a run ends. A new plan takes the place of an older one in this order:

1. the files of new spans are put beside the old ones;
2. what later stages made of clips whose span changes is discarded, while the old rows still stand: those
   clips then wait for their poses, with their old files, as if nothing had been done to them yet;
3. the part's table is replaced, by one rename;
4. files that no row names are removed, and what was made of them while that went on is discarded too.

A stage that writes of a clip looks afterwards whether the file it read is still there, and takes its work
back if it is not. So it need not wait for a plan in work, nor the plan for it.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from popdanceset.clip_id import clip_id, part_id
from popdanceset.genre import UNKNOWN, genre
from popdanceset.schema import CLIPS, Reason
from popdanceset.tables import from_rows
from popdanceset.video import derived
from popdanceset.video.beats import beats
from popdanceset.video.cutting import cut, frame_count
from popdanceset.video.dancers import dancer_of
from popdanceset.video.planning import Known, Span, is_divided, pauses, plan

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.store import Store
    from popdanceset.video.clip_list import Listed
    from popdanceset.video.screening.report import Screening

Row = dict[str, Any]


@dataclass
class Tally:
    """Clips counted.

    Attributes:
        clips: accepted ones.
        seconds: their length together.
        rejected: spans by reason.
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
    """What must be known of a video; `popdanceset.manifest.ManifestVideo` is one."""

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


def clips_name(bvid: str, page: int = 1) -> str:
    """Where the clip rows of a part lie in the store. They are written last: their part is then done."""
    return f"clips/{part_id(bvid, page)}.parquet"


def screening_name(bvid: str, page: int = 1) -> str:
    """Where the screening report of a part lies in the store."""
    return f"media/{bvid}/p{page}.screening.json"


def read_rows(bvid: str, page: int, store: Store) -> list[Row] | None:
    """The rows of a part, None if it is not done.

    Raises:
        SchemaError, StoreError: the table is damaged or not readable.
    """
    name = clips_name(bvid, page)
    if not store.exists(name):
        return None
    rows: list[Row] = store.read_table(name, CLIPS).to_pylist()
    return rows


@contextlib.contextmanager
def turn(bvid: str, store: Store) -> Iterator[None]:
    """Waits until no other thread or process of this machine is at work on the video.

    Raises:
        StoreError: the store is not writable.
    """
    with store.held(f"media/{bvid}"):
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
) -> list[Row]:
    """Plans a part and cuts its clips into the store.

    Every second of the part is in one row. A clip that shows the same pictures as its row of an earlier plan
    keeps its files; they are not made again.

    Args:
        source: gives the video's file; called only if something must be cut, or beats be found.
        listed, before: clips of the manifest's list, and rows of the store: their numbers are kept, those in
            the store going before those in the list.

    Raises:
        MediaError: the file is damaged.
        StoreError: the store is not writable, or full.
    """
    shared = {
        "music_id": music_id,
        "cuts_per_minute": 60 * (len(screening.cuts) + len(screening.transitions)) / screening.duration,
        "bars": _share(screening.overlays.bars),
    }
    made = {row["clip_id"]: row for row in before if row["accepted"]}
    rows = []
    for span in _planned(source, screening, settings, _known(listed, before)):
        row = blank_row(video, page, span.start, span.end, span.reason) | shared | span.measures
        if span.accepted:
            row |= {"clip_id": clip_id(video.bvid, span.number, page)}
            row |= {"frames": frame_count(span.start, span.end)}
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
) -> list[Row]:
    """Puts a part's rows in the place of those before, and discards what no longer fits them.

    Args:
        rows: whose clips are in the store.
        tags: of the video, for its genre.
        dancers: what a reviewer said (`popdanceset.video.dancers`).
        listed, before: as in `cut_clips`.

    Returns:
        The rows as they are in the table.

    Raises:
        SettingsError: the rules for genres are wrong.
        StoreError: the store is not writable, or full.
    """
    name = clips_name(video.bvid, page)
    kind = genre(video.tid, video.tid_v2, video.title, tags, settings.music.genres)
    who = [dancer_of(video.bvid, row["clip_id"], video.mid, dancers) for row in rows]
    labels = [{"genre": kind, "dancer_id": dancer} for dancer in who]
    table = from_rows([row | label for row, label in zip(rows, labels, strict=True)], CLIPS, name)
    now, made = ({row["clip_id"]: row for row in some if row["accepted"]} for some in (rows, before))
    ids = {*now, *made, *(clip_id(video.bvid, line.clip.number, page) for line in listed)}
    for each in sorted(ids):
        if each not in now or each not in made or not shows_same(now[each], made[each]):
            derived.discard(each, store)
    store.write_table(name, table, CLIPS)
    _sweep(video.bvid, page, rows, store)
    written: list[Row] = table.to_pylist()
    return written


def shows_same(one: Row, other: Row) -> bool:
    """Whether two rows of one clip show the same pictures: as many, from the same millisecond on."""
    return _stem(one) == _stem(other)


def blank_row(video: Video, page: int, start: float, end: float, reason: Reason) -> Row:
    """A row of which nothing is measured yet."""
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
        "genre": UNKNOWN,
        "dancer_id": "",
        "cuts_per_minute": None,
        "shake": None,
        "dancers": None,
        "visibility": None,
        "accepted": reason is Reason.NONE,
        "reason": reason,
    }


def _known(listed: Sequence[Listed], before: Sequence[Row]) -> list[Known]:
    """Clips of earlier plans. The list may be older than the store: a run may have ended between the two."""
    known = {line.clip.number: line.clip for line in listed}
    for row in before:
        if row["accepted"]:
            number = int(row["clip_id"].rpartition("_")[2])
            known[number] = Known(number, row["start"], row["end"])
    return [known[number] for number in sorted(known)]


def _planned(
    source: Callable[[], Path], screening: Screening, settings: Settings, known: Sequence[Known]
) -> list[Span]:
    """The plan; the beats of the sound are looked for only where a clip must be divided."""
    spans = plan(screening, settings, (), known)
    if not is_divided(spans):
        return spans
    moments = beats(source()) or pauses(screening)
    return plan(screening, settings, moments, known)


def _stem(row: Row) -> str:
    """The name of a clip's files, which says what `cut` was asked for."""
    return f"{row['clip_id']}.{round(1000 * row['start'])}ms.{row['frames']}f"


def _has_files(row: Row, store: Store) -> bool:
    return all(store.exists(row[key]) for key in ("path", "music_path") if row[key])


def _files(row: Row, source: Path, store: Store) -> Row:
    """Cuts a clip into the store; what its row says of the files."""
    name = f"media/{row['bvid']}/{_stem(row)}"
    with store.scratch() as folder:
        picture, sound = folder / "clip.mp4", folder / "clip.wav"
        cut(source, row["start"], row["end"], picture, sound)
        has_sound = sound.exists()
        if has_sound:
            store.put(sound, f"{name}.wav")
        store.put(picture, f"{name}.mp4")
    return {"path": f"{name}.mp4", "music_path": f"{name}.wav" if has_sound else ""}


def _sweep(bvid: str, page: int, rows: Sequence[Row], store: Store) -> None:
    """Removes the files of clips that no row names, then what stages in work made of them meanwhile."""
    named = {row[key] for row in rows for key in ("path", "music_path")}
    ours = f"media/{bvid}/{part_id(bvid, page)}_Clip_"
    old = [name for name in store.list(f"media/{bvid}") if name.startswith(ours) and name not in named]
    for name in old:
        store.remove(name)
    for clip in sorted({Path(name).name.partition(".")[0] for name in old}):
        derived.discard(clip, store)


def _share(bars: tuple[float, float, float, float]) -> float:
    """Share of the picture that lies under the bars."""
    above, below, left, right = bars
    return 1 - max(0.0, 1 - above - below) * max(0.0, 1 - left - right)
