"""Opens media files: what they contain, and their frames one after the other. Nothing else decodes video."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from popdanceset.errors import InputError, MediaError

if TYPE_CHECKING:
    import av

    Picture = np.ndarray[Any, np.dtype[np.uint8]]


_TIME_STAMP_SLACK = 5e-4  # seconds: common containers round time stamps to a millisecond


@dataclass(frozen=True, slots=True)
class Probe:
    """What a media file contains.

    Attributes:
        width, height: of the frames as displayed (a rotation flag is applied), pixels.
        fps: mean frame rate, 1/s.
        duration: of the video track, seconds.
        frames: number of frames according to the container, 0 where it does not state it.
        rotation: degrees clockwise by which a player rotates the frames, one of 0, 90, 180, 270.
        sample_rate: of the audio, 1/s; 0 without audio.
        start: time stamp of the first frame, seconds.
        track: number of the video track in the file, from 0.
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

    @property
    def has_sound(self) -> bool:
        """Whether there is an audio track."""
        return self.sample_rate > 0


@dataclass(frozen=True, slots=True)
class Frame:
    """A video frame: `time` in seconds from the first one, `image` (height, width, 3) uint8 RGB, upright."""

    time: float
    image: Picture


def probe(path: str | Path) -> Probe:
    """Reads what a file contains from its headers and its first frame.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: it is empty, is not a video, or its first frame cannot be decoded.
    """
    with opened(path) as container:
        stream = _video_track(container, path)
        first = next(_decoded(container, stream, path), None)
        if first is None:
            raise MediaError("contains no frame", path, "fetch the file again")
        rotation = int(-first.rotation) % 360
        width, height = (first.height, first.width) if rotation % 180 else (first.width, first.height)
        if stream.duration is not None:
            duration = float(stream.duration * stream.time_base)
        else:
            duration = (container.duration or 0) / 1e6
        audio = container.streams.audio[0] if container.streams.audio else None
        return Probe(
            width=width,
            height=height,
            fps=float(stream.average_rate or stream.guessed_rate or 0),
            duration=duration,
            frames=stream.frames,
            rotation=rotation,
            sample_rate=audio.rate if audio else 0,
            start=float(first.time or 0.0),
            track=stream.index,
        )


def frames(path: str | Path, height: int | None = None, fps: float | None = None) -> Iterator[Frame]:
    """Yields the upright frames of a video, in order, decoded once.

    Args:
        path: the file.
        height: frames are reduced to this height (never enlarged), the width in proportion; None: as they
            are.
        fps: frames are sampled at the times k / fps from the first one, each the last frame shown by then, so
            that the result is evenly spaced whatever the source's rate; None: every frame.

    Raises:
        InputError, MediaError: as `probe`; damage in the middle of a file raises where it is met.
    """
    with opened(path) as container:
        stream = _video_track(container, path)
        stream.thread_type = "AUTO"
        pictures = _decoded(container, stream, path)
        if fps is None:
            start: float | None = None
            for picture in pictures:
                start = picture.time if start is None else start
                yield Frame(float(picture.time - start), _upright(picture, height))
            return
        for time, picture in _evenly(pictures, fps, float(1 / (stream.average_rate or fps))):
            yield Frame(time, _upright(picture, height))


def _evenly(pictures: Iterator[Any], fps: float, interval: float) -> Iterator[tuple[float, Any]]:
    """Yields (k / fps, frame shown at that time) for every k.

    `interval` is how long the last frame is shown, where the file does not state it.
    """
    index, start, end = 0, 0.0, 0.0
    shown = None
    for picture in pictures:
        if shown is None:
            start = float(picture.time)
        else:
            while index / fps < picture.time - start - _TIME_STAMP_SLACK:
                yield index / fps, shown
                index += 1
        shown = picture
        lasts = float(picture.duration * picture.time_base) if picture.duration else interval
        end = float(picture.time) - start + lasts
    while shown is not None and index / fps < end - _TIME_STAMP_SLACK:
        yield index / fps, shown
        index += 1


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[Any]:
    """Opens a media file as a PyAV container.

    Raises:
        InputError: there is no such file, it is a folder, or it may not be read.
        MediaError: it is empty, or neither video nor audio.
    """
    import av

    path = Path(path)
    if path.is_dir():
        raise InputError("is a folder, not a media file", path, "name a file")
    try:
        if path.stat().st_size == 0:
            raise MediaError("is empty", path, "fetch the file again")
        with av.open(str(path)) as container:
            yield container
    except FileNotFoundError as error:
        raise InputError("no such file", path, "check the path") from error
    except PermissionError as error:
        raise InputError("may not be read", path, "check its permissions") from error
    except av.FFmpegError as error:
        raise MediaError(
            f"is not a readable video or audio file: {error.strerror}", path, "fetch the file again"
        ) from error


def _video_track(container: Any, path: str | Path) -> Any:
    # Cover art of audio files is a video track too, of one frame.
    tracks = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
    if not tracks:
        raise MediaError("contains no video track", path, "name a video file")
    return tracks[0]


def _decoded(container: Any, stream: Any, path: str | Path) -> Iterator[Any]:
    import av

    try:
        for picture in container.decode(stream):
            if picture.time is not None:  # without a time stamp, nobody knows when to show it
                yield picture
    except av.FFmpegError as error:
        raise MediaError(f"is damaged: {error.strerror}", path, "fetch the file again") from error


def _upright(picture: av.VideoFrame, height: int | None) -> Picture:
    turned = int(-picture.rotation) % 360
    upright_height = picture.width if turned % 180 else picture.height
    if height is not None and height < upright_height:
        scale = height / upright_height
        picture = picture.reformat(
            width=max(2, round(picture.width * scale)),
            height=max(2, round(picture.height * scale)),
            format="rgb24",
        )
    image: Picture = picture.to_ndarray(format="rgb24")  # type: ignore[assignment]
    return np.ascontiguousarray(np.rot90(image, k=-turned // 90)) if turned else image
