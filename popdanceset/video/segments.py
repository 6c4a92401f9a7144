"""Legacy videos that the host keeps as several files, one after the other, joined into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popdanceset.errors import DamagedError
from popdanceset.video import ffmpeg


@dataclass(frozen=True, slots=True)
class _Segment:
    """A file and what must be the same in all segments that are joined without encoding.

    Attributes:
        end: time stamp at which its picture ends, seconds.
        kind: codec, size, rate and header of each track.
    """

    path: Path
    end: float
    kind: tuple[Any, ...]


def join(paths: Sequence[Path], target: Path) -> None:
    """Joins segments in their order. Each one lasts as long as its picture: sound that goes on is cut off.

    Segments of one encoder are copied. Others are encoded again, in the size of the first.

    Raises:
        DamagedError: a segment cannot be read, or has no picture.
        MediaError: ffmpeg cannot join them.
        StoreError: the disk is full.
    """
    segments = [_read(path) for path in paths]
    list_file = target.with_suffix(".txt")
    lines = ["ffconcat version 1.0"]
    for segment in segments:
        lines += [f"file '{segment.path.name}'", f"outpoint {segment.end:.6f}"]
    list_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    alike = len({segment.kind for segment in segments}) == 1
    codec = ["-c", "copy"] if alike else ["-c:v", "libx264", "-crf", "18", "-c:a", "aac", "-b:a", "192k"]
    ffmpeg.run(
        ["-f", "concat", "-i", list_file, "-map", "0:v:0", "-map", "0:a:0?", *codec,
         "-movflags", "+faststart", target],
        target,
    )  # fmt: skip
    list_file.unlink()


def _read(path: Path) -> _Segment:
    """Reads a segment's packets, without decoding them."""
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as source:
            if not source.streams.video or source.streams.video[0].codec_context is None:
                raise DamagedError("a segment has no picture", path)
            picture = source.streams.video[0]
            sounds = [sound for sound in source.streams.audio[:1] if sound.codec_context is not None]
            stamps: list[float] = []
            for packet in source.demux(picture):
                if packet.pts is not None and packet.time_base is not None:
                    stamps.append(float(packet.pts * packet.time_base))
            context = picture.codec_context
            kind: tuple[Any, ...] = (context.name, context.width, context.height, context.extradata)
            for sound in sounds:
                voice = sound.codec_context
                kind += (voice.name, voice.sample_rate, voice.layout.name, voice.extradata)
    except (av.FFmpegError, OSError) as error:
        raise DamagedError(f"a segment is not readable: {error}", path) from error
    if not stamps:
        raise DamagedError("a segment has no picture", path)
    stamps.sort()
    # The last picture is shown as long as pictures are on average.
    each = (stamps[-1] - stamps[0]) / (len(stamps) - 1) if len(stamps) > 1 else 1 / 30
    return _Segment(path, stamps[-1] + each, kind)
