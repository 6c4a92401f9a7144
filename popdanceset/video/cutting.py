"""Cuts clips: frame-exact, at 30 frames a second, with the audio in step."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import MediaError, StoreError
from popdanceset.media import probe
from popdanceset.media.decoding import Picture, pictures, sampled
from popdanceset.media.sound import LAYOUTS, Samples, channels, placed
from popdanceset.safety import FULL
from popdanceset.schema import FPS

SAMPLE_RATE = 48_000  # 1/s
_SLACK = 0.002  # seconds: time stamps of common containers are rounded to a millisecond
_HELD = 0.5  # seconds for which the last frame may be shown on at the end of the source
_AAC_FRAME = 1024  # samples
_FULL, _LIMITED = 2, 1  # colour ranges as ffmpeg numbers them
_RGB = 0  # matrix, likewise: not one of 4:2:0
# With x264's macroblock tree, encoders that run at once in a process make different clips of the same frames,
# and a resumed run other poses than an undisturbed one. Without it, crf 20 is as good as crf 18 with.
_X264 = {"preset": "veryfast", "crf": "20", "x264-params": "mbtree=0"}


def frame_count(start: float, end: float) -> int:
    """Number of frames of a clip between two times in seconds."""
    return round((end - start) * FPS)


def cut(source: Path, start: float, end: float, target: Path, sound: Path | None) -> int:
    """Encodes a span of a video again, frame-exact (x264 veryfast, crf 20; AAC).

    The clip's time 0 is `start`; frame k is the one that is shown nearest to `start + k / 30`. The audio
    begins at the same time stamp, to the sample, and is exactly as long as the frames, whatever the source's
    audio does; where it has none, it is silent. Frames are displayed as `popdanceset.media.frames` does:
    rotated, mirrored, with square pixels, of one size. An odd size loses its last row or column, frames
    become 8-bit 4:2:0 of limited range, and the other colour tags (primaries, transfer, matrix) stay.

    Args:
        source: the video.
        start, end: seconds from its first frame.
        target: the clip, an `.mp4`.
        sound: its audio, a `.wav` of 48 kHz 16 bit; None or a source without audio: no such file is made.

    Returns:
        Number of frames, `frame_count(start, end)`.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: the source is damaged, or ends before `end`.
        StoreError: the disk is full.
    """
    frames = frame_count(start, end)
    found = probe(source)
    if start < 0 or frames < 1 or end > found.available + _HELD:
        raise MediaError(
            f"has no span {start:.3f} to {end:.3f} s", source, f"it ends at {found.available:.3f} s"
        )
    zero = found.start + start
    heard: Samples | None = None
    layout = "mono"
    if sound is not None and found.has_sound:
        length = frames / FPS
        layout = LAYOUTS.get(channels(source, zero, zero + length) or 1, "stereo")
        heard = placed(source, SAMPLE_RATE, layout, zero, zero + length)
    # The last frame that began half a frame later is the nearest one.
    times = (zero + (k + 0.5) / FPS - _SLACK for k in range(frames))
    shown = sampled(pictures(source, zero), times)
    with _explained(source):
        made = _encode(target, shown, heard, layout)
        if sound is not None and heard is not None:
            _write_wav(sound, heard, layout)
    if made != frames:
        raise MediaError(
            f"has {made} frames between {start:.3f} and {end:.3f} s instead of {frames}",
            source,
            "fetch the file again",
        )
    _check(target, sound if heard is not None else None, frames, source)
    return frames


@contextlib.contextmanager
def _explained(source: Path) -> Iterator[None]:
    import av

    try:
        yield
    except (OSError, av.FFmpegError) as error:
        if getattr(error, "errno", 0) in FULL:
            raise StoreError(
                f"cannot be written: {error.strerror}", source, "free some space and run again"
            ) from error
        raise MediaError(
            f"cannot be cut: {error.strerror or error}", source, "fetch the file again"
        ) from error


def _encode(target: Path, shown: Iterator[Picture], heard: Samples | None, layout: str) -> int:
    """Writes the clip; returns its number of frames."""
    import av

    first = next(shown, None)
    if first is None:
        return 0
    with av.open(f"file:{target}", "w", format="mp4", options={"movflags": "+faststart"}) as clip:
        video = clip.add_stream("libx264", rate=FPS, options=_X264)
        video.width, video.height = (side // 2 * 2 for side in first.geometry.size)
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_type = "FRAME"
        _tag(video.codec_context, first.frame)
        voice = None
        if heard is not None:
            voice = clip.add_stream("aac", rate=SAMPLE_RATE, layout=layout)
            voice.bit_rate = 192_000
        sent = number = 0
        last: tuple[Picture, Any] | None = None
        for number, picture in enumerate(itertools.chain((first,), shown), 1):
            frame = last[1] if last is not None and last[0] is picture else _converted(picture)
            last = picture, frame
            frame.pts, frame.time_base = number - 1, Fraction(1, FPS)
            frame.pict_type = 0  # the encoder's choice, not the source's
            clip.mux(video.encode(frame))
            if voice is not None and heard is not None:
                until = number * SAMPLE_RATE // FPS // _AAC_FRAME * _AAC_FRAME
                sent = _send(clip, voice, heard, layout, sent, until)
        clip.mux(video.encode())
        if voice is not None and heard is not None:
            _send(clip, voice, heard, layout, sent, heard.shape[1])
            clip.mux(voice.encode())
    return number


def _converted(picture: Picture) -> Any:
    """The frame as displayed, in 4:2:0 of limited range, of even size."""
    import av

    frame, place = picture.frame, picture.geometry.place(picture.frame)
    range_ = {"src_color_range": frame.color_range or None, "dst_color_range": _LIMITED}
    (width, height), orientation = place.size, place.orientation
    even = width % 2 == 0 and height % 2 == 0
    if even and place.coded == place.size and orientation == type(orientation)():
        made = frame.reformat(width=width, height=height, format="yuv420p", **range_)
        return made if made is not frame else frame.reformat(format="yuv444p").reformat(format="yuv420p")
    coded = dict(zip(("width", "height"), place.coded, strict=True))
    planes = frame.reformat(**coded, format="yuv444p", **range_).to_ndarray(format="yuv444p")
    whole = np.stack([place.apply(plane, black) for plane, black in zip(planes, (16, 128, 128), strict=True)])
    cropped = np.ascontiguousarray(whole[:, : height // 2 * 2, : width // 2 * 2])
    made = av.VideoFrame.from_ndarray(cropped, "yuv444p")
    made.color_range, made.colorspace = _LIMITED, frame.colorspace
    return made.reformat(format="yuv420p")


def _tag(encoder: Any, frame: Any) -> None:
    """Gives a clip the colour tags of its source."""
    encoder.color_primaries, encoder.color_trc = int(frame.color_primaries), int(frame.color_trc)
    if int(frame.colorspace) != _RGB:
        encoder.colorspace = int(frame.colorspace)
    encoder.color_range = _LIMITED if int(frame.color_range) == _FULL else int(frame.color_range)


def _send(clip: Any, voice: Any, heard: Samples, layout: str, sent: int, until: int) -> int:
    """Encodes samples `sent` to `until` as AAC; returns how many have been sent."""
    import av

    while sent < until:
        piece = np.ascontiguousarray(heard[:, sent : min(sent + _AAC_FRAME, until)])
        frame = av.AudioFrame.from_ndarray(piece, "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, sent, Fraction(1, SAMPLE_RATE)
        clip.mux(voice.encode(frame))
        sent += piece.shape[1]
    return sent


def _write_wav(path: Path, heard: Samples, layout: str) -> None:
    import av

    whole = np.round(np.clip(heard, -1, 1) * 32767).astype("<i2")
    packed = np.ascontiguousarray(whole.T.reshape(1, -1))
    with av.open(f"file:{path}", "w", format="wav") as file:
        track = file.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout=layout)
        frame = av.AudioFrame.from_ndarray(packed, "s16", layout)
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        file.mux(track.encode(frame))
        file.mux(track.encode())


def _check(clip: Path, sound: Path | None, frames: int, source: Path) -> None:
    """Reads the files again: they must have their frames, and as much audio, to the sample.

    Raises:
        MediaError: they have not.
    """
    made = probe(clip).frames
    samples = frames * SAMPLE_RATE // FPS
    heard = samples
    if sound is not None:
        import soundfile

        heard = soundfile.info(sound).frames
    if (made, heard) != (frames, samples):
        raise MediaError(
            f"its clip has {made} frames and {heard} samples instead of {frames} and {samples}",
            source,
            "fetch the file again",
        )
