"""Acquisition: from the videos of a manifest to clips, each video by itself."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from popdanceset.clip_id import clip_id, part_id
from popdanceset.errors import DownloadError, MediaError, StoreError
from popdanceset.genre import UNKNOWN, genre
from popdanceset.music.identity import identify
from popdanceset.schema import CLIPS, Reason, from_rows
from popdanceset.video.beats import beats
from popdanceset.video.clip_list import Listed, Part
from popdanceset.video.cutting import cut
from popdanceset.video.download import download, media_name, quarantine
from popdanceset.video.planning import Span, is_divided, pauses, plan
from popdanceset.video.screening.dancers import PersonDetector, load_detector
from popdanceset.video.screening.report import Screening
from popdanceset.video.screening.screen import fingerprint, screen

if TYPE_CHECKING:
    from popdanceset.manifest import Manifest
    from popdanceset.settings import Settings
    from popdanceset.store import Store

log = logging.getLogger(__name__)

Row = dict[str, Any]


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


@dataclass
class Summary:
    """What became of a manifest's videos.

    Attributes:
        videos: how many were worked on to the end, now or before.
        clips: accepted ones.
        seconds: their length together.
        rejected: spans by reason.
        unfinished: ids of videos whose download failed on the way; another run tries them again.
    """

    videos: int = 0
    clips: int = 0
    seconds: float = 0.0
    rejected: Counter[str] = field(default_factory=Counter)
    unfinished: list[str] = field(default_factory=list)

    def add(self, rows: list[Row]) -> None:
        """Counts the rows of one video."""
        accepted = [row for row in rows if row["accepted"]]
        self.videos += 1
        self.clips += len(accepted)
        self.seconds += sum(row["end"] - row["start"] for row in accepted)
        self.rejected.update(row["reason"] for row in rows if not row["accepted"])


def clips_name(bvid: str, page: int = 1) -> str:
    """Where the clip rows of a part lie in the store. They are written last: their part is then done."""
    return f"clips/{part_id(bvid, page)}.parquet"


def screening_name(bvid: str, page: int = 1) -> str:
    """Where the screening report of a part lies in the store."""
    return f"media/{bvid}/p{page}.screening.json"


def acquire(
    manifest: Manifest,
    settings: Settings,
    store: Store,
    advance: Callable[[int, str], None] = lambda steps, note: None,
    listed: Mapping[Part, Sequence[Listed]] = MappingProxyType({}),
) -> Summary:
    """Acquires every video of a manifest, one after the other; what is done already is only counted.

    Args:
        advance: told after each video, as `popdanceset.progress.track` yields it.
        listed: clips of earlier plans (`popdanceset.video.clip_list`), whose numbers are kept.

    Raises:
        RefusedError: the host asked us to stay away; what was finished before is saved.
        SettingsError, AssetError: the person detector cannot be had.
        StoreError: the store is not writable, or full.
    """
    summary = Summary()
    detector: PersonDetector | None = None
    for video in manifest.videos:
        if detector is None and not all(store.exists(clips_name(video.bvid, page)) for page in pages(video)):
            detector = load_detector(settings)
        try:
            summary.add(acquire_video(video, settings, store, detector, listed))
        except DownloadError as error:
            log.warning("%s", error)
            summary.unfinished.append(video.bvid)
        advance(1, video.bvid)
    return summary


def pages(video: Video) -> range:
    """Numbers of a video's parts, from 1."""
    return range(1, max(1, video.pages or 1) + 1)


def acquire_video(
    video: Video,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None = None,
    listed: Mapping[Part, Sequence[Listed]] = MappingProxyType({}),
) -> list[Row]:
    """Download, screening, planning, cutting, music and genre of one video, part by part.

    Every second of the video is in one row: clips and rejected spans. A part that could not be had, or is
    damaged, has one rejected row. Of a video that is gone or restricted only the first part is asked for.

    Args:
        detector: the caller's own; None: the one of the settings is loaded when it is needed.
        listed: clips of earlier plans, whose numbers are kept.

    Returns:
        Rows of `popdanceset.schema.CLIPS`, in order of parts and time.

    Raises:
        InputError: the id is none.
        RefusedError, TransferError: as `popdanceset.video.download.download`; no row of that part is written.
        SettingsError, AssetError: the person detector cannot be had.
        StoreError: the store is not writable, or full.
    """
    rows: list[Row] = []
    for page in pages(video):
        rows += _part(video, page, settings, store, detector, listed.get((video.bvid, page), ()))
        if rows[-1]["reason"] in (Reason.GONE, Reason.RESTRICTED):
            break
    return rows


def _part(
    video: Video,
    page: int,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None,
    listed: Sequence[Listed],
) -> list[Row]:
    name = clips_name(video.bvid, page)
    if store.exists(name):
        done: list[Row] = store.read_table(name, CLIPS).to_pylist()
        return done
    found = download(video.bvid, video.duration, settings, store, page)
    if found["accepted"]:
        try:
            rows = _clips(video, found, settings, store, detector, listed)
        except MediaError as error:
            log.warning("%s", error)
            quarantine(found, error.what, store)
            rows = [_row(video, page, 0.0, found["duration"], Reason.DAMAGED)]
    else:
        rows = [_row(video, page, 0.0, 0.0, Reason(found["reason"]))]
    known_as = genre(video.tid, video.tid_v2, video.title, rules=settings.music.genres)
    table = from_rows([row | {"genre": known_as} for row in rows], CLIPS, name)
    store.write_table(name, table, CLIPS)
    written: list[Row] = table.to_pylist()
    return written


def _clips(
    video: Video,
    found: Row,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None,
    listed: Sequence[Listed],
) -> list[Row]:
    page = found["page"]
    with store.local(media_name(video.bvid, page)) as path:
        screening = _screened(video.bvid, page, path, found["sha256"], settings, store, detector)
        shared = {
            "music_id": identify(path, video.bvid, page, settings, store),
            "cuts_per_minute": 60 * (len(screening.cuts) + len(screening.transitions)) / screening.duration,
            "bars": _share(screening.overlays.bars),
        }
        rows = []
        for span in _planned(path, screening, settings, listed):
            row = _row(video, page, span.start, span.end, span.reason) | shared
            row |= asdict(span.measures)
            rows.append(row | _made(video.bvid, page, path, span, store) if span.accepted else row)
    return rows


def _planned(path: Path, screening: Screening, settings: Settings, listed: Sequence[Listed]) -> list[Span]:
    """The plan; the beats of the sound are looked for only where a clip must be divided."""
    known = [line.clip for line in listed]
    spans = plan(screening, settings, (), known)
    if not is_divided(spans):
        return spans
    moments = beats(path) or pauses(screening)
    return plan(screening, settings, moments, known)


def _screened(
    bvid: str,
    page: int,
    path: Path,
    sha256: str,
    settings: Settings,
    store: Store,
    detector: PersonDetector | None,
) -> Screening:
    """The report of an earlier run if it still holds, else a new one."""
    name = screening_name(bvid, page)
    made_from = fingerprint(sha256, settings.screening)
    if store.exists(name):
        try:
            earlier = Screening.from_json(store.read_json(name))
            if earlier.made_from == made_from:
                return earlier
        except StoreError as error:
            log.warning("%s; screened again", error)
    screening = screen(path, settings.screening, detector or load_detector(settings), made_from)
    store.write_json(name, screening.as_json())
    return screening


def _made(bvid: str, page: int, source: Path, span: Span, store: Store) -> Row:
    """Cuts a clip into the store; what the row says of it."""
    name = clip_id(bvid, span.number, page)
    with store.scratch() as folder:
        picture, sound = folder / "clip.mp4", folder / "clip.wav"
        frames = cut(source, span.start, span.end, picture, sound)
        has_sound = sound.exists()
        if has_sound:
            store.put(sound, f"media/{bvid}/{name}.wav")
        store.put(picture, f"media/{bvid}/{name}.mp4")
    return {
        "clip_id": name,
        "frames": frames,
        "path": f"media/{bvid}/{name}.mp4",
        "music_path": f"media/{bvid}/{name}.wav" if has_sound else "",
    }


def _share(bars: tuple[float, float, float, float]) -> float:
    """Share of the picture that lies under the bars."""
    above, below, left, right = bars
    return 1 - max(0.0, 1 - above - below) * max(0.0, 1 - left - right)


def _row(video: Video, page: int, start: float, end: float, reason: Reason) -> Row:
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
        "dancer_id": str(video.mid) if video.mid else video.bvid,
        "cuts_per_minute": None,
        "shake": None,
        "dancers": None,
        "visibility": None,
        "accepted": reason is Reason.NONE,
        "reason": reason,
    }
