"""Pictures and sound into one mp4: H.264 4:2:0 and stereo AAC."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.studio.music import RATE

SOUND_BITRATE = 64_000


def write(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    sound: NDArray[np.float32],
    size: tuple[int, int],
    fps: int,
    crf: int,
) -> None:
    """Writes a film; the name appears only when it is complete.

    Args:
        pictures: (height, width, 3) uint8 RGB, one a frame.
        sound: (samples, 2) float32 at `music.RATE`, as long as the pictures.
        size: width and height, pixels, even.
        crf: quality of the pictures; lower is better and larger.
    """
    partial = path.with_name(f".partial-{path.name}")
    try:
        with av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            video = container.add_stream("libx264", rate=fps)
            video.width, video.height = size
            video.pix_fmt = "yuv420p"
            # One thread, so that the same pictures give the same bytes on every machine.
            video.options = {"crf": str(crf), "preset": "veryslow", "threads": "1"}
            audio = container.add_stream("aac", rate=RATE, layout="stereo")
            audio.bit_rate = SOUND_BITRATE
            for number, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, fps)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            for first in range(0, len(sound), 1024):
                block = np.ascontiguousarray(sound[first : first + 1024].T)
                samples = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                samples.sample_rate, samples.pts, samples.time_base = RATE, first, Fraction(1, RATE)
                container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
