"""Writes videos: frames as H.264, with audio if there is any."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from popdanceset.atomic import atomic_path
from popdanceset.errors import InputError

Picture = np.ndarray[Any, np.dtype[np.uint8]]

_SOUND_BLOCK = 1 << 16


class Sound(NamedTuple):
    """Audio: samples (n, channels) float32 in -1..1, one or two channels, and their rate, 1/s."""

    samples: np.ndarray[Any, np.dtype[np.float32]]
    rate: int


def write_film(target: Path, pictures: Iterable[Picture], fps: int, sound: Sound | None = None) -> int:
    """Writes frames as an MP4 file, which appears when it is complete.

    Args:
        target: the file.
        pictures: frames (height, width, 3) uint8 RGB, all of one size; an odd last row or column is left out,
            since the usual pixel format cannot hold it.
        fps: frames a second.
        sound: audio that starts with the first frame; it is cut where the frames end.

    Returns:
        Number of frames written.

    Raises:
        InputError: there are no frames, or the file cannot be written.
    """
    import av

    if not target.parent.is_dir():
        raise InputError("not writable: its folder does not exist", target, "name another folder")
    rest = iter(pictures)
    first = next(rest, None)
    if first is None:
        raise InputError("a video needs at least one frame", target)
    height, width = (n // 2 * 2 for n in first.shape[:2])
    count = 0
    try:
        with (
            atomic_path(target) as partial,
            av.open(f"file:{partial}", "w", format="mp4", options={"movflags": "faststart"}) as container,
        ):
            stream = container.add_stream(
                "libx264", rate=Fraction(fps), options={"crf": "23", "preset": "veryfast"}
            )
            stream.pix_fmt, stream.height, stream.width = "yuv420p", height, width
            track = None if sound is None else container.add_stream("aac", rate=sound.rate)
            if track is not None and sound is not None:
                track.layout = "mono" if sound.samples.shape[1] == 1 else "stereo"
            for picture in itertools.chain([first], rest):
                even = np.ascontiguousarray(picture[:height, :width])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(even, "rgb24")))
                count += 1
            container.mux(stream.encode())
            if track is not None and sound is not None:
                for block in _blocks(sound, seconds=count / fps):
                    container.mux(track.encode(block))
                container.mux(track.encode())
    except OSError as error:
        raise InputError(f"not writable: {error.strerror}", target, "name another folder") from error
    return count


def _blocks(sound: Sound, seconds: float) -> Any:
    import av

    samples = sound.samples[: round(seconds * sound.rate)]
    for start in range(0, len(samples), _SOUND_BLOCK):
        block = np.ascontiguousarray(samples[start : start + _SOUND_BLOCK].T, np.float32)
        frame = av.AudioFrame.from_ndarray(block, "fltp", "mono" if len(block) == 1 else "stereo")
        frame.sample_rate, frame.pts = sound.rate, start
        frame.time_base = Fraction(1, sound.rate)
        yield frame
