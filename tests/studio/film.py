"""Encodes frames and audio into an mp4 file: H.264 4:2:0 and stereo AAC."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from popdanceset.atomic import atomic_path
from tests.studio.music import RATE

AUDIO_BITRATE = 64_000


def write(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    audio: NDArray[np.float32],
    size: tuple[int, int],
    fps: int,
    crf: int,
    preset: str = "veryslow",
) -> None:
    """Writes a film, which becomes visible when it is complete.

    Args:
        path: output file.
        frames: (height, width, 3) uint8 RGB each.
        audio: (samples, 2) float32 at `music.RATE`, as long as the frames.
        size: width and height, pixels, even.
        fps: frames a second.
        crf: constant rate factor of the video; a lower one gives better and larger files.
        preset: of x264; a slower one gives smaller files.
    """
    with atomic_path(path) as partial:
        with av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            video = container.add_stream("libx264", rate=fps)
            video.width, video.height = size
            video.pix_fmt = "yuv420p"
            # One thread, so that the same frames give the same bytes on every machine.
            video.options = {"crf": str(crf), "preset": preset, "threads": "1"}
            stereo = container.add_stream("aac", rate=RATE, layout="stereo")
            stereo.bit_rate = AUDIO_BITRATE
            for number, image in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, fps)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            for first in range(0, len(audio), 1024):
                block = np.ascontiguousarray(audio[first : first + 1024].T)
                samples = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                samples.sample_rate, samples.pts, samples.time_base = RATE, first, Fraction(1, RATE)
                container.mux(stereo.encode(samples))
            container.mux(stereo.encode(None))
        with partial.open("rb") as written:
            os.fsync(written.fileno())
