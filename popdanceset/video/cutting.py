"""Cuts clips: frame-exact, at 30 frames a second, with the audio in step."""

from __future__ import annotations

import logging
from pathlib import Path

from popdanceset.errors import MediaError
from popdanceset.media import probe
from popdanceset.schema import FPS
from popdanceset.video import ffmpeg

log = logging.getLogger(__name__)

SAMPLE_RATE = 48_000  # 1/s
_SEEK_BACK = 5.0  # seconds before a late clip at which decoding begins
_SLACK = 0.002  # seconds: time stamps of common containers are rounded to a millisecond


def frame_count(start: float, end: float) -> int:
    """Number of frames of a clip between two times in seconds."""
    return round((end - start) * FPS)


def cut(source: Path, start: float, end: float, target: Path, sound: Path | None) -> int:
    """Encodes a span of a video again, frame-exact (x264 veryfast, crf 18; AAC).

    The clip's time 0 is `start`; frame k is the one that is shown nearest to `start + k / 30`. The audio
    begins at the same time stamp, to the sample, and is exactly as long as the frames. Rotation is applied,
    an odd size loses its last row or column, frames become 8-bit 4:2:0 of limited range, and the other colour
    tags (primaries, transfer, matrix) stay.

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
    """
    frames = frame_count(start, end)
    found = probe(source)
    if start < 0 or frames < 1 or end > found.duration + 0.5:
        raise MediaError(
            f"has no span {start:.3f} to {end:.3f} s", source, f"it ends at {found.duration:.3f} s"
        )
    # Time stamps stay as they are in the file (-copyts), so that both tracks are cut by the same clock.
    zero = found.start + start
    seek = ["-ss", f"{start - _SEEK_BACK:.6f}", "-noaccurate_seek"] if start > _SEEK_BACK else []
    picture = ",".join(
        (
            f"trim=start={zero - _SLACK:.6f}:end={zero + frames / FPS + 1.0:.6f}",
            f"setpts=PTS-{zero:.9f}/TB",
            f"fps={FPS}:start_time=0",
            f"tpad=stop={FPS // 2}:stop_mode=clone",
            f"trim=end_frame={frames}",
            "crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0",
            "scale=out_range=tv",  # the range of yuv420p differs by version; players know this one
            "format=yuv420p",
        )
    )
    with_sound = sound is not None and found.has_sound
    graph = f"[0:{found.track}]{picture}[picture]"
    if with_sound:
        samples = frames * SAMPLE_RATE // FPS
        heard = ",".join(
            (
                f"atrim=start={zero:.9f}:end={zero + frames / FPS + 1.0:.6f}",
                f"asetpts=PTS-{zero:.9f}/TB",
                f"aresample={SAMPLE_RATE}:async=1:first_pts=0",
                f"apad=whole_len={samples}",
                f"atrim=end_sample={samples}",
            )
        )
        graph += f";[0:a:0]{heard},asplit=2[heard][kept]"
    arguments: list[str | Path] = ["-copyts", *seek, "-i", source, "-filter_complex", graph]
    arguments += ["-map", "[picture]", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18"]
    if with_sound:
        arguments += ["-map", "[heard]", "-c:a", "aac", "-b:a", "192k"]
    arguments += [
        "-map_metadata",
        "-1",
        "-map_chapters",
        "-1",
        "-movflags",
        "+faststart",
        "-f",
        "mp4",
        target,
    ]
    if sound is not None and with_sound:
        arguments += ["-map", "[kept]", "-c:a", "pcm_s16le", "-map_metadata", "-1", "-f", "wav", sound]
    ffmpeg.run(arguments, source)
    made = _frames_in(target)
    if made != frames:
        raise MediaError(
            f"has {made} frames between {start:.3f} and {end:.3f} s instead of {frames}",
            source,
            "fetch the file again",
        )
    return frames


def _frames_in(clip: Path) -> int:
    """Number of frames of a clip; 0 for the file that ffmpeg makes from a source without frames there."""
    try:
        return probe(clip).frames
    except MediaError:
        return 0
