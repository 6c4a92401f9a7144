"""When each packet of a file is shown: the tracks, their lengths, and time stamps that jump or begin again.

All packets are looked at once, without decoding. Their stamps are then judged as a whole:

* A step of more than `_HELD` seconds between two pictures is a picture that is held, if sound accompanies it,
  or if the other pictures are held as long. Otherwise the stamps jump, as where two recordings are joined, or
  after a live stream was interrupted. A step backwards is such a joint too. At a joint, the following packets
  of all tracks are moved so that the picture goes on; their sound stays in step with it.
* Where stamps are missing, or only number the packets as they are stored, the pictures are shown in order.
* What remains must be plausible: a file of a few pictures or bytes does not last for hours.
"""

from __future__ import annotations

import functools
import logging
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import InputError, MediaError
from popdanceset.media.container import opened, read_packets

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_HELD = 10.0  # seconds for which a picture may be held without further evidence
_LONGEST_HELD = 600.0  # seconds for which it may be held without sound
_FEW_LONG = 100.0  # multiple of the usual step: a larger one stands out
_BACK = 0.1  # seconds: smaller steps backwards are rounding
_REORDERED = 16  # pictures that a codec stores before earlier ones
_ABSURD = 60.0  # seconds between the times of decoding and of showing a picture
_ACCOMPANIED = 0.5  # share of a step that sound must fill
_LONGEST_BLOCK = 1.0  # seconds of sound in one packet that are believed
_FEW_JOINTS, _MOST_JOINTS = 10, 0.05  # joints of a file: this many, or this share of its packets, at most
_OTHER_RATE = 10  # tracks with fewer pictures by this factor are stills
_FREE_SECONDS = 60.0  # a file may last this long whatever is in it
_LEAST_BYTES = 10.0  # a second: a still picture compresses to more
_MISSING = 0.5  # seconds that may be missing at the end
_USUAL = 1 / 25  # seconds between pictures where nothing is known
_ESTIMATED = {"mpegts", "mpeg", "h264", "hevc", "m4v", "mpegvideo", "flv"}
"""Formats whose headers do not state the length of a track."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """The packets of a file by time. Times are seconds on the repaired clock of the file.

    Attributes:
        video, sound: numbers of the tracks in the file; None where there is none.
        pictures: packets of the video track that are shown.
        start, end: from the first picture to the end of the last.
        announced: length of the picture that the header states, seconds, if the file ends earlier; else None.
        usual: usual step between two pictures, seconds.
        in_order: (pictures,) time of the k-th picture, where stamps are missing or in no order; else None.
        joints: where the stamps jump, on the repaired clock.
        heard: seconds of sound.
    """

    video: int | None
    sound: int | None
    pictures: int
    start: float
    end: float
    announced: float | None
    usual: float
    in_order: Floats | None
    joints: tuple[float, ...]
    heard: float
    _moved: dict[int, tuple[Ints, Floats]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Length of the picture."""
        return self.end - self.start

    @property
    def is_cut_off(self) -> bool:
        """Whether the file ends before the time that its header states."""
        return self.announced is not None

    @property
    def is_plain(self) -> bool:
        """Whether the stamps are those of the file, so that it may be entered anywhere."""
        return self.in_order is None and not self._moved

    def move(self, packet: Any, number: int) -> None:
        """Puts a packet on the repaired clock.

        Args:
            number: of the packet in its track.
        """
        known = self._moved.get(packet.stream_index)
        if known is None or packet.time_base is None:
            return
        begins, shifts = known
        shift = float(shifts[int(np.searchsorted(begins, number, side="right")) - 1])
        ticks = round(shift / float(packet.time_base))
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is not None:
            packet.dts += ticks


def timeline(path: str | Path) -> Timeline:
    """Reads the packets of a file; what was read of an unchanged file is kept for a while.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: it is not a media file, or its stamps can be neither used nor repaired.
    """
    try:
        state = Path(path).stat()
    except OSError:
        with opened(path):  # which says what is wrong
            raise InputError("cannot be read", path, "check the path") from None
    return _read(str(path), state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _read(path: str, size: int, changed: int) -> Timeline:
    with opened(path) as container:
        tracks = _tracks(container, path)
        videos = [t for t in tracks.values() if t.kind == "video" and len(t.stamps)]
        most = max((t.number for t in videos), default=0)
        video = next((t for t in videos if t.number * _OTHER_RATE >= most), None)
        sounds = [s.index for s in container.streams.audio if s.codec_context is not None]
        sound = tracks.get(sounds[0]) if sounds else None
        if sound is not None and not len(sound.stamps):
            sound = None
        if video is None:
            shifts = _sound_alone(sound) if sound is not None else {}
            heard = _heard(sound) if sound is not None else 0.0
            return Timeline(
                None, sounds[0] if sounds else None, 0, 0.0, 0.0, None, _USUAL, None, (), heard, shifts
            )
        stream = container.streams[video.index]
        made = _judged(video, sound, bool(stream.codec_context.has_b_frames), path)
        cut_off = not made["joints"] and made["in_order"] is None
        announced = _announced(container, stream, tracks) if cut_off else None
        result = Timeline(video=video.index, sound=sounds[0] if sounds else None, announced=announced, **made)
    seconds, lasting = result.seconds, _FREE_SECONDS + _HELD * result.pictures + result.heard
    if seconds > lasting or seconds > _FREE_SECONDS + size / _LEAST_BYTES:
        what = f"shows {result.pictures} pictures of {size:,} bytes in {seconds:,.0f} s"
        raise MediaError(f"{what}; its time stamps are wrong", path, "fetch the file again")
    if result.joints:
        where = ", ".join(f"{joint:.2f}" for joint in result.joints[:5])
        log.warning("%s: its time stamps jump after %s s; the picture goes on there", path, where)
    return result


class _Track:
    """The packets of one track, in the order of the file.

    Attributes:
        index: of the track; kind: "video" or another.
        stamps: (n,) seconds: when a packet is decoded, if the container says so, else shown; NaN unknown.
        reorders: whether they are those of showing, which are not in order.
        decoded: (n,) seconds: when it is decoded; NaN unknown.
        shown: (n,) seconds: when it is shown; NaN unknown.
        lasts: (n,) seconds; 0 unknown.
        order: (n,) numbers in the file.
        counts: (n,) whether it is shown at all (edit lists hide some).
        number: of packets that are shown.
        ends: seconds at which the last packet ends.
    """

    def __init__(self, stream: Any, rows: list[tuple[Any, ...]], trusted: bool) -> None:
        self.index, self.kind = stream.index, stream.type
        base = float(stream.time_base or Fraction(1, 90_000))
        table = np.array(rows, np.float64).reshape(-1, 5)
        self.decoded, self.shown = table[:, 0] * base, table[:, 1] * base
        self.lasts = np.clip(table[:, 2] * base, 0, None)
        self.order, self.counts = table[:, 3].astype(np.int64), table[:, 4] == 0
        known = ~np.isnan(self.decoded)
        self.stamps = self.decoded if trusted and known.mean() > 0.5 else self.shown
        self.reorders = self.stamps is self.shown
        self.stamps = _filled(self.stamps)
        self.number = int(self.counts.sum())
        self.ends = float(np.nanmax(np.fmax(self.stamps, self.shown) + self.lasts, initial=-np.inf))


def _filled(stamps: Floats) -> Floats:
    """The stamps with unknown ones replaced by the one before."""
    known = ~np.isnan(stamps)
    if known.all() or not known.any():
        return stamps
    last = np.maximum.accumulate(np.where(known, np.arange(len(stamps)), -1))
    return np.asarray(np.where(last < 0, stamps[known][0], stamps[np.maximum(last, 0)]))


def _tracks(container: Any, path: str) -> dict[int, _Track]:
    rows: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    nan = float("nan")
    for number, packet in enumerate(read_packets(container, path)):
        if packet.size or packet.dts is not None or packet.pts is not None:
            decoded = nan if packet.dts is None else packet.dts
            shown = nan if packet.pts is None else packet.pts
            row = decoded, shown, packet.duration or 0, number, packet.is_discard
            rows[packet.stream_index].append(row)
    # Matroska only keeps when packets are shown; ffmpeg guesses when they are decoded, wrongly at a joint.
    trusted = "matroska" not in container.format.name
    tracks = {}
    for stream in container.streams:
        cover = stream.type == "video" and stream.disposition & stream.disposition.attached_pic
        if stream.index in rows and not cover and getattr(stream, "codec_context", None) is not None:
            tracks[stream.index] = _Track(stream, rows[stream.index], trusted)
    return tracks


def _judged(video: _Track, sound: _Track | None, reorders: bool, path: str) -> dict[str, Any]:
    """The picture's times, as arguments of `Timeline`."""
    number = len(video.stamps)
    steps = np.diff(video.stamps)
    possible = (steps, video.lasts, np.array([_USUAL]))
    usual = next(float(np.median(s)) for each in possible if len(s := each[(each > 0) & (each <= _HELD)]))
    heard = _heard(sound) if sound is not None else 0.0
    shown = np.where(np.isnan(video.shown), video.stamps, video.shown)
    absurd = np.abs(shown - video.stamps) > _ABSURD
    shown[absurd] = video.stamps[absurd]
    if np.isnan(video.shown[video.counts]).mean() > 0.5 and np.isnan(video.stamps).any():
        times = np.cumsum(np.where(video.lasts > 0, np.minimum(video.lasts, _HELD), usual))
        times = np.concatenate([[0.0], times])[: video.number + 1]
        return {
            "pictures": video.number, "start": 0.0, "end": float(times[-1]), "usual": usual,
            "in_order": times[:-1], "joints": (), "heard": heard,
        }  # fmt: skip
    begins = _joints(video, sound, usual)
    if len(begins) > min(max(_FEW_JOINTS, _MOST_JOINTS * number), number / 3):
        raise MediaError(
            f"its time stamps jump {len(begins)} times, so their order is unknown", path,
            "fetch the file again",
        )  # fmt: skip
    lasts = np.where(video.lasts > 0, video.lasts, usual)
    lasts[begins - 1] = np.minimum(lasts[begins - 1], usual)
    lasts[-1:] = np.where(lasts[-1:] > _HELD, usual, lasts[-1:])
    shifts, joints = [0.0], []
    pieces = np.concatenate([[0], begins, [number]])
    for n in range(1, len(pieces) - 1):
        before = slice(pieces[n - 1], pieces[n])
        here = slice(pieces[n], min(pieces[n] + _REORDERED, pieces[n + 1]))
        goes_on = float((shown[before] + lasts[before]).max()) + shifts[-1]
        shifts.append(goes_on - float(shown[here].min()))
        joints.append(goes_on)
    moved: dict[int, tuple[Ints, Floats]] = {}
    if joints:
        parts = np.concatenate([[0], begins]).astype(np.int64)
        moved[video.index] = parts, np.array(shifts)
        part = np.searchsorted(parts, np.arange(number), side="right") - 1
        shown = shown + np.array(shifts)[part]
        lasts = np.minimum(lasts, _HELD)
        if sound is not None:
            moved[sound.index] = _follow(sound, video, np.array(shifts)[part])
    elif sound is not None:
        moved |= _sound_alone(sound)
    counted = video.counts if video.counts.any() else np.ones(number, bool)
    delay = (shown - video.decoded)[counted & ~np.isnan(video.decoded)]
    plain = len(delay) > 2 and reorders and np.ptp(delay) < 1e-6 and not joints
    times = np.sort(shown[counted])
    start, end = float(times[0]), float((shown + lasts)[counted].max())
    return {
        "pictures": int(counted.sum()),
        "start": start,
        "end": end,
        "usual": usual,
        # Containers that do not know of reordering number the packets as they are stored.
        "in_order": times if plain else None,
        "joints": tuple(joint - start for joint in joints),
        "heard": heard,
        "_moved": moved,
    }


def _joints(video: _Track, sound: _Track | None, usual: float) -> Ints:
    """Numbers of the packets before which the stamps of the picture jump or begin again."""
    stamps = video.stamps
    steps = np.diff(stamps)
    back = -max(_BACK, _REORDERED * usual if video.reorders else 0.0)
    joints = list(np.flatnonzero(steps < back))
    short = float(steps[(steps > 0) & (steps <= _HELD)].sum())
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else usual
    for n in np.flatnonzero(steps > _HELD):
        before, after, step = stamps[n], stamps[n + 1], steps[n]
        if sound is not None and _accompanied(sound, before, after):
            continue
        stands_out = step > _FEW_LONG * usual and step > short
        if step > _LONGEST_HELD or stands_out or (sound is not None and _jumps_too(sound, before, after)):
            joints.append(n)
    return np.array(sorted(joints), np.int64) + 1


def _accompanied(sound: _Track, before: float, after: float) -> bool:
    inside = (sound.stamps >= before) & (sound.stamps < after)
    return float(_believed(sound)[inside].sum()) >= _ACCOMPANIED * (after - before)


def _jumps_too(sound: _Track, before: float, after: float) -> bool:
    steps = np.diff(sound.stamps)
    over = (sound.stamps[:-1] < before + _HELD / 2) & (sound.stamps[1:] > after - _HELD / 2)
    return bool((over & (steps > _HELD / 2)).any())


def _believed(sound: _Track) -> Floats:
    """(n,) seconds that each packet of sound lasts."""
    steps = np.diff(sound.stamps, append=sound.stamps[-1:])
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    return np.minimum(np.where(sound.lasts > 0, sound.lasts, usual), _LONGEST_BLOCK)


def _heard(sound: _Track) -> float:
    return float(_believed(sound).sum())


def _parts(sound: _Track, longest: float) -> Ints:
    """Numbers of the packets with which a piece of sound begins, after a gap of more than some seconds."""
    gap = np.diff(sound.stamps) - _believed(sound)[:-1]
    return np.concatenate([[0], np.flatnonzero((gap > longest) | (gap < -_BACK)) + 1]).astype(np.int64)


def _follow(sound: _Track, video: _Track, shifts: Floats) -> tuple[Ints, Floats]:
    """How the pieces of the sound are moved, given the shift of every picture.

    A piece is moved with the pictures that are stored beside it and have like stamps; without any, it goes on
    where the piece before it ended.
    """
    begins = _parts(sound, _MISSING)
    lasts, moved = _believed(sound), []
    for n, first in enumerate(begins):
        at = int(np.searchsorted(video.order, sound.order[first]))
        beside = [k for k in (at - 1, at) if 0 <= k < len(video.order)]
        best = min(beside, key=lambda k: abs(video.stamps[k] - sound.stamps[first]))
        if n == 0 or abs(video.stamps[best] - sound.stamps[first]) < _HELD:
            moved.append(float(shifts[best]))
        else:
            ended = float(sound.stamps[first - 1] + lasts[first - 1]) + moved[-1]
            moved.append(ended - float(sound.stamps[first]))
    return begins, np.array(moved)


def _sound_alone(sound: _Track) -> dict[int, tuple[Ints, Floats]]:
    """How sound is moved whose own stamps jump while those of the picture do not: its long gaps are kept as
    they are, and what begins again goes on."""
    begins = _parts(sound, _HELD)
    lasts, moved = _believed(sound), [0.0]
    for first in begins[1:]:
        here = float(sound.stamps[first])
        ended = float(sound.stamps[first - 1] + lasts[first - 1]) + moved[-1]
        gap = here + moved[-1] - ended
        moved.append(moved[-1] if -_HELD < gap < _LONGEST_HELD else ended - here)
    return {sound.index: (begins, np.array(moved))} if np.any(moved) else {}


def _announced(container: Any, stream: Any, tracks: dict[int, _Track]) -> float | None:
    """Length of the picture that the header states, if the file ends earlier; else None."""
    if stream.duration is not None and _ESTIMATED.isdisjoint(container.format.name.split(",")):
        stated, judged = float(stream.duration * stream.time_base), [tracks[stream.index]]
    elif container.duration is not None and container.format.name not in _ESTIMATED - {"flv"}:
        # The header states the length of the longest track. If any track reaches it, the file is complete.
        stated, judged = container.duration / 1e6, list(tracks.values())
    else:
        return None
    begins = min(float(np.nanmin(t.stamps, initial=0.0)) for t in judged)
    ends = max(t.ends for t in judged)
    return None if max(ends, ends - begins) >= stated - _MISSING else stated
