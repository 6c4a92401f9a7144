"""What a video file contains, and its frames in order, upright, with square pixels, at true times."""

from __future__ import annotations

import functools
import itertools
import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from popdanceset.errors import MediaError
from popdanceset.media.container import opened, read_packets
from popdanceset.media.draft import draft
from popdanceset.media.geometry import MOST_PIXELS, Geometry, Image, same_shape, too_large
from popdanceset.media.timeline import Timeline, timeline

log = logging.getLogger(__name__)

Span = tuple[float, float]
"""Start and end, seconds from the first frame."""

_TIME_STAMP_SLACK = 5e-4  # seconds: common containers round time stamps to a millisecond
_SEEK_BACK = 2.0  # seconds before a wanted frame at which decoding begins
_SAME_RATE = 0.02  # relative: what a header says is exact
_LEAST_STEP = 1e-3  # seconds between two frames whose stamps are the same
_MOST_DAMAGED = 0.5  # share of the packets that may be damaged


@dataclass(frozen=True, slots=True)
class Probe:
    """What a media file contains.

    Attributes:
        width, height: of the frames as displayed (rotation and pixel shape are applied), pixels.
        fps: mean frame rate, 1/s.
        duration: of the video track, seconds; if the file was cut off, as its header states it.
        frames: number of frames.
        rotation: degrees clockwise by which a player rotates the frames, one of 0, 90, 180, 270.
        sample_rate: of the audio, 1/s; 0 without audio.
        start: time stamp of the first frame, seconds.
        track: number of the video track in the file, from 0.
        mirrored: whether a player mirrors the frames (left and right) before it rotates them.
        pixel_ratio: width of a stored pixel over its height.
        available: seconds of the video track that are in the file.
    """

    width: int
    height: int
    fps: float
    duration: float
    frames: int
    rotation: int
    sample_rate: int
    start: float
    track: int = 0
    mirrored: bool = False
    pixel_ratio: float = 1.0
    available: float = 0.0

    @property
    def has_sound(self) -> bool:
        """Whether there is an audio track."""
        return self.sample_rate > 0


@dataclass(frozen=True, slots=True)
class Frame:
    """A video frame: `time` in seconds from the first one, `image` (height, width, 3) uint8 RGB, upright.

    All frames of a video have one size. `new_shape` says that the source's aspect ratio changes with this
    frame, so that what it shows has another scale.
    """

    time: float
    image: Image
    new_shape: bool = False


class Picture(NamedTuple):
    """A decoded frame.

    Attributes:
        time: on the repaired clock of the file, seconds.
        frame: as PyAV has it.
        geometry: says how it is displayed.
    """

    time: float
    frame: Any
    geometry: Geometry

    def image(self, height: int | None = None, rough: bool = False) -> Image:
        """(height, width, 3) uint8 RGB as displayed, reduced to a height, never enlarged; rough: `draft`."""
        place = self.geometry.place(self.frame, height)
        width, height = place.coded
        if rough and (quick := draft(self.frame, width, height)) is not None:
            return place.apply(quick)
        scaled = self.frame.reformat(width=width, height=height, format="rgb24")
        return place.apply(scaled.to_ndarray(format="rgb24"))


def probe(path: str | Path) -> Probe:
    """Reads what a file contains from its headers, its packets and its first frame.

    What was read of an unchanged file is kept for a while.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: it is empty, is not a video, its first frames cannot be decoded, or its time stamps can be
            neither used nor repaired.
    """
    line = timeline(path)
    state = Path(path).stat()
    return _probe(str(path), line, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _probe(path: str, line: Timeline, size: int, changed: int) -> Probe:
    with opened(path) as container:
        stream = _video_track(container, line, path)
        geometry = Geometry(stream, path)
        first = next(_decoded(container, stream, geometry, line, path), None)
        if first is None:
            raise MediaError("contains no frame", path, "fetch the file again")
        audio = container.streams[line.sound] if line.sound is not None else None
        width, height = geometry.size
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        if line.seconds > 0 and not (rate and line.is_plain):
            counted = line.pictures / line.seconds
            rate = rate if rate and abs(counted / rate - 1) < _SAME_RATE else counted
        return Probe(
            width=width,
            height=height,
            fps=rate,
            duration=line.announced if line.announced is not None else line.seconds,
            frames=line.pictures,
            rotation=geometry.orientation.rotation,
            sample_rate=audio.rate if audio is not None else 0,
            start=first.time,
            track=stream.index,
            mirrored=geometry.orientation.mirrored,
            pixel_ratio=geometry.pixel_ratio,
            available=line.end - first.time,
        )


def frames(
    path: str | Path,
    height: int | None = None,
    fps: float | None = None,
    damage: list[Span] | None = None,
    rough: bool = False,
) -> Iterator[Frame]:
    """Yields the upright frames of a video, in order, decoded once.

    A damaged packet costs its frame: the one before it is shown on. If more than half of the packets are
    damaged, the video is.

    Args:
        path: the file.
        height: frames are reduced to this height (never enlarged), the width in proportion; None: as they
            are.
        fps: frames are sampled at the times k / fps from the first one, each the last frame shown by then, so
            that the result is evenly spaced whatever the source's rate; None: every frame.
        damage: filled with the spans in which damaged data are shown: from a damaged packet to the next frame
            that does not depend on others. The decoder then also reports what it would conceal.
        rough: saves a third of the time: colours may be off by a few per cent (`draft`), and frames on which
            no other depends are not smoothed at the edges of their blocks.

    Raises:
        InputError, MediaError: as `probe`; much damage in a file raises where it is met.
    """
    line = timeline(path)
    with opened(path) as container:
        stream = _video_track(container, line, path)
        pictures = _decoded(container, stream, Geometry(stream, path), line, path, damage, rough)
        shape: float | None = None
        if fps is None:
            start: float | None = None
            for picture in pictures:
                start = picture.time if start is None else start
                now = picture.geometry.shape(picture.frame)
                yield Frame(
                    picture.time - start, picture.image(height, rough), not same_shape(now, shape or now)
                )
                shape = now
            return
        last: tuple[Picture, Image] | None = None
        first = next(pictures, None)
        if first is None:
            return
        number = math.ceil((line.end - first.time - _TIME_STAMP_SLACK) * fps)
        times = (first.time + k / fps + _TIME_STAMP_SLACK for k in range(max(1, number)))
        for k, picture in enumerate(sampled(itertools.chain((first,), pictures), times)):
            now = picture.geometry.shape(picture.frame)
            again = last is not None and picture is last[0]
            image = last[1].copy() if again and last is not None else picture.image(height, rough)
            yield Frame(k / fps, image, not same_shape(now, shape or now))
            last, shape = (picture, image), now


def pictures(path: str | Path, begin: float) -> Iterator[Picture]:
    """Yields the decoded frames in order, at least those from the one on that is shown at `begin` (seconds on
    the file's clock).

    Raises:
        InputError, MediaError: as `frames`.
    """
    line = timeline(path)
    with opened(path) as container:
        stream = _video_track(container, line, path)
        geometry = Geometry(stream, path)
        decoded = _decoded(container, stream, geometry, line, path)
        first = next(decoded, None)  # whose size holds for all of them
        if first is None:
            return
        if line.is_plain and begin - _SEEK_BACK > first.time:
            container.seek(round((begin - _SEEK_BACK) / stream.time_base), stream=stream)
            entered = _decoded(container, stream, geometry, line, path)
            if (found := next(entered, None)) is not None and found.time <= begin:
                yield found
                yield from entered
                return
            container.seek(0, stream=stream)  # its index is wrong
            decoded, first = _decoded(container, stream, geometry, line, path), None
        if first is not None:
            yield first
        yield from decoded


def sampled(pictures: Iterable[Picture], times: Iterable[float]) -> Iterator[Picture]:
    """Yields, for each of some ascending times on the file's clock, the last picture that began by then.

    Before the first picture, that one is shown; after the last, the last."""
    waiting = iter(times)
    time = next(waiting, None)
    last = None
    for picture in pictures:
        while last is not None and time is not None and time < picture.time:
            yield last
            time = next(waiting, None)
        if time is None:
            return
        last = picture
    while last is not None and time is not None:
        yield last
        time = next(waiting, None)


def _video_track(container: Any, line: Timeline, path: str | Path) -> Any:
    if line.video is None:
        raise MediaError("contains no video track", path, "name a video file")
    return container.streams[line.video]


def _decoded(
    container: Any,
    stream: Any,
    geometry: Geometry,
    line: Timeline,
    path: str | Path,
    damage: list[Span] | None = None,
    rough: bool = False,
) -> Iterator[Picture]:
    """Yields the frames from the present position, past damaged packets, at ascending times."""
    import av

    context = stream.codec_context
    if context.width * context.height > MOST_PIXELS:
        raise too_large(context.width, context.height, path)
    if not context.is_open:
        stream.thread_type = "AUTO"
        context.options = {"max_pixels": str(MOST_PIXELS)}
        if damage is not None:
            context.options |= {"err_detect": "explode"}
        if rough:
            context.options |= {"skip_loop_filter": "noref"}
    broken = _Damage()
    last, number, shown = -np.inf, 0, 0
    for packet in read_packets(container, path, stream):
        is_packet = packet.size > 0
        line.move(packet, number)
        number += is_packet
        try:
            decoded = packet.decode()
        except (av.FFmpegError, ValueError):
            decoded = []
            shown += line.in_order is not None
            broken.begin(packet, max(line.start, last + line.usual))
        for frame in decoded:
            if line.in_order is not None:
                time = float(line.in_order[min(shown, len(line.in_order) - 1)])
                time += line.usual * max(0, shown - len(line.in_order) + 1)
                shown += 1
            else:
                # No packet that was believed is shown after the end: such a stamp is damaged.
                known = frame.time is not None and frame.time <= line.end + line.usual
                time = frame.time if known else last + line.usual
                time = line.start if time == -np.inf else time
            last = max(time, last + _LEAST_STEP)
            geometry.place(frame)
            broken.see(frame, last)
            yield Picture(last, frame, geometry)
    if broken.packets > _MOST_DAMAGED * number:
        what = f"is damaged: {broken.packets} of {number} packets cannot be decoded"
        raise MediaError(what, path, "fetch the file again")
    broken.end(line.end)
    if broken.spans and damage is not None:
        damage += [(begin - line.start, end - line.start) for begin, end in broken.spans]
    elif broken.spans:
        words = "%s: %d of %d packets are damaged; the frames before are shown on"
        log.warning(words, path, broken.packets, number)


class _Damage:
    """Where damaged data are shown.

    Attributes:
        packets: that cannot be decoded.
        spans: on the file's clock.
    """

    def __init__(self) -> None:
        self.packets = 0
        self.spans: list[Span] = []
        self._since: float | None = None

    def begin(self, packet: Any, due: float) -> None:
        """Takes a packet that cannot be decoded, and when the next frame is due.

        Threads of the decoder report errors some packets late, so the packet that they report may be another.
        """
        self.packets += 1
        known = packet.pts if packet.pts is not None else packet.dts
        time = float(known * packet.time_base) if known is not None and packet.time_base else due
        self._since = min(time, due) if self._since is None else self._since

    def see(self, frame: Any, time: float) -> None:
        """Takes a decoded frame."""
        if self._since is not None and frame.key_frame and time > self._since:
            self.end(time)
        if frame.is_corrupt and self._since is None:
            self._since = time

    def end(self, time: float) -> None:
        """Takes the time from which on the frames are whole again."""
        if self._since is not None:
            self.spans.append((self._since, max(time, self._since)))
        self._since = None
