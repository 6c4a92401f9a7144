"""The sound of a media file by time, whatever changes in the middle: channels, sample rate, gaps."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from popdanceset.errors import MediaError
from popdanceset.media.container import opened, read_packets
from popdanceset.media.timeline import timeline

log = logging.getLogger(__name__)

Samples = np.ndarray[Any, np.dtype[Any]]

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""Names of the layouts that a clip may have, by the number of channels; others become stereo."""

_RATES = range(1_000, 800_000)  # 1/s that are believed
_IN_STEP = 0.015  # seconds by which stamps may differ from the samples counted
_WARM_UP = 10.0  # seconds before a wanted sample at which decoding begins
_MOST_DAMAGED = 0.5  # share of the packets that may be damaged


class Block(NamedTuple):
    """`samples` (channels, n) that begin at `time`, seconds on the repaired clock of the file."""

    time: float
    samples: Samples


def blocks(
    path: str | Path, rate: int, layout: str = "mono", *, dtype: str = "float32", begin: float | None = None
) -> Iterator[Block]:
    """Yields the first audio track of a file, resampled and mixed. Nothing if it has none.

    A damaged packet is left out. Samples follow each other without a seam, unless a block's time says
    otherwise.

    Args:
        rate: of the result, 1/s.
        layout: of the result, as ffmpeg names it: "mono", "stereo", "5.1" …
        dtype: of the result: "float32" (-1..1) or "int16".
        begin: what ends before is left out; None: nothing is.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: more than half of the sound is damaged.
    """
    out = _Resampling("fltp" if dtype == "float32" else "s16p", layout, rate)
    for time, frame in _decoded(path, begin):
        yield from out.see(time, frame)
    yield from out.end()


def channels(path: str | Path, begin: float, end: float) -> int:
    """Returns the largest number of channels that the sound has between two times on the file's clock.

    Raises:
        InputError, MediaError: as `blocks`.
    """
    number = 0
    for time, frame in _decoded(path, begin):
        if time >= end:
            break
        number = max(number, frame.layout.nb_channels)
    return number


def placed(path: str | Path, rate: int, layout: str, begin: float, end: float) -> Samples:
    """Returns the sound between two times on the file's clock, sample by sample where it belongs.

    Where there is none it is silent; where two pieces overlap, the earlier one is heard to its end.

    Returns:
        (channels, round((end - begin) · rate)) float32.

    Raises:
        InputError, MediaError: as `blocks`.
    """
    import av

    number = round((end - begin) * rate)
    sound = np.zeros((av.AudioLayout(layout).nb_channels, number), np.float32)
    filled = 0
    for time, samples in blocks(path, rate, layout, begin=begin):
        first = round((time - begin) * rate)
        if first >= number:
            break
        skipped = max(0, filled - first)
        piece = samples[:, skipped : number - first]
        if piece.shape[1]:
            sound[:, first + skipped : first + skipped + piece.shape[1]] = piece
            filled = first + skipped + piece.shape[1]
    return sound


def _decoded(path: str | Path, begin: float | None) -> Iterator[tuple[float, Any]]:
    """Yields decoded frames of plausible rate with their times, except those that end before `begin`."""
    import av

    line = timeline(path)
    with opened(path) as container:
        if line.sound is None:
            return
        stream = container.streams[line.sound]
        if begin is not None and line.is_plain and begin - _WARM_UP > line.start:
            container.seek(round((begin - _WARM_UP) / stream.time_base), stream=stream)
        damaged, number, clock = 0, 0, _Clock()
        for packet in read_packets(container, path, stream):
            line.move(packet, number)
            number += packet.size > 0
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                damaged += 1
                continue
            for frame in frames:
                if frame.sample_rate not in _RATES or not frame.samples:
                    continue
                time = clock.see(frame.time, frame.samples / frame.sample_rate)
                if begin is None or clock.ends > begin:
                    yield time, frame
        if damaged > _MOST_DAMAGED * number:
            raise MediaError(
                f"its audio is damaged: {damaged} of {number} packets cannot be decoded",
                path,
                "fetch the file again",
            )
        if damaged:
            log.warning("%s: %d of %d packets of its audio are damaged, and silent", path, damaged, number)


class _Clock:
    """The time of each frame. Containers round stamps, often to a millisecond; the number of samples since
    the first one, and the mean of the stamps seen so far, say it exactly.

    Attributes:
        ends: when the last frame ends, seconds.
    """

    def __init__(self) -> None:
        self.ends = self._counted = self._sum = 0.0
        self._number = 0

    def see(self, stamp: float | None, lasts: float) -> float:
        """Takes the next frame's stamp and length; returns its time."""
        if stamp is not None and (not self._number or abs(stamp - self.ends) > _IN_STEP):
            self._number, self._sum, self._counted = 0, 0.0, 0.0
        if stamp is not None:
            self._sum += stamp - self._counted
            self._number += 1
        time = self._sum / max(1, self._number) + self._counted
        self._counted += lasts
        self.ends = time + lasts
        return time


class _Resampling:
    """Frames of any format become blocks of one format; where the format changes, the resampler does."""

    def __init__(self, kind: str, layout: str, rate: int) -> None:
        self._target = kind, layout, rate
        self._resampler: Any = None
        self._source: tuple[Any, ...] = ()
        self._next_in = self._begun = 0.0
        self._given = 0

    def see(self, time: float, frame: Any) -> Iterator[Block]:
        """Takes the next frame."""
        import av

        source = frame.format.name, frame.layout.name, frame.layout.nb_channels, frame.sample_rate
        in_step = self._resampler is not None and abs(time - self._next_in) < _IN_STEP
        if source != self._source or not in_step:
            yield from self.end()
            kind, layout, rate = self._target
            self._resampler = av.AudioResampler(kind, layout, rate)
            self._source, self._given = source, 0
            self._begun = self._next_in = self._next_in if in_step else time
        self._next_in += frame.samples / frame.sample_rate
        yield from self._blocks(frame)

    def end(self) -> Iterator[Block]:
        """Yields what the resampler still holds."""
        if self._resampler is not None:
            yield from self._blocks(None)
        self._resampler = None

    def _blocks(self, frame: Any) -> Iterator[Block]:
        import av

        try:
            pieces = self._resampler.resample(frame)
        except (av.FFmpegError, ValueError):  # channels that cannot be mixed: silent
            return
        for piece in pieces:
            samples = piece.to_ndarray()
            yield Block(self._begun + self._given / self._target[2], samples)
            self._given += samples.shape[1]
