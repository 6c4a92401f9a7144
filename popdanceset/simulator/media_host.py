"""The media hosts (`*.bilivideo.com`): separate video and audio files, as DASH players fetch them.

The shipped media contain both tracks in one file. They are split by stream copy on the first request; time
stamps are kept, so that audio and video of a merged download agree with the shipped file.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from popdanceset.atomic import atomic_path
from popdanceset.errors import MediaError
from popdanceset.simulator.casting import Media
from popdanceset.simulator.catalogue import Catalogue
from popdanceset.simulator.records import SimulatedVideo
from popdanceset.simulator.response import Response

HOST = "upos-sz-mirrorcos.bilivideo.com"
MIRROR = "upos-sz-mirrorali.bilivideo.com"
"""Serves the same files."""
VIDEO_ID = 64  # Bilibili's number for 720p
AUDIO_ID = 30280  # Bilibili's number for its better audio
WHOLE_ID = 32  # Bilibili's number for 480p, in which its old videos are
REFERER = "https://www.bilibili.com"

_PATH = re.compile(r"/upgcxcode/(?P<bvid>BV[0-9A-Za-z]{10})/(?P<cid>\d+)-1-(?P<track>\d+)\.(m4s|flv)")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CODECS = {"h264": "avc1.640028", "hevc": "hev1.1.6.L120.90", "av1": "av01.0.08M.08"}


def address(bvid: str, cid: str, track: int, host: str = HOST) -> str:
    """Returns the address of a track of a part, or of the file that contains all of them."""
    suffix = "flv" if track == WHOLE_ID else "m4s"
    return f"https://{host}/upgcxcode/{bvid}/{cid}-1-{track}.{suffix}?e=simulated"


@dataclass(frozen=True, slots=True)
class Tracks:
    """The separate tracks of a media file."""

    media: Media
    video: Path
    audio: Path | None
    video_codec: str  # RFC 6381


class MediaHost:
    """Serves the media of a catalogue's videos. Thread-safe.

    Args:
        media: by name.
        folder: folder for the separate tracks; existing files are reused.
    """

    def __init__(self, media: Mapping[str, Media], folder: Path) -> None:
        self._media = dict(media)
        self._folder = folder
        self._tracks: dict[str, Tracks] = {}
        self._locks = {name: threading.Lock() for name in self._media}

    def tracks(self, video: SimulatedVideo) -> Tracks | None:
        """Returns the tracks of the video; None if it has no media.

        Raises:
            MediaError: the media file is not a readable video.
        """
        if not video.media:
            return None
        with self._locks[video.media]:
            if video.media not in self._tracks:
                self._tracks[video.media] = split_tracks(self._media[video.media], self._folder)
            return self._tracks[video.media]

    def answer(self, catalogue: Catalogue, path: str, headers: Mapping[str, str]) -> Response:
        """Returns a track or a range of it; 403 without Bilibili as the referer, as the real host does.

        Args:
            headers: headers of the request, names in lower case.
        """
        match = _PATH.fullmatch(path)
        video = catalogue.by_bvid.get(match["bvid"]) if match else None
        if match is None or video is None:
            return Response(404, content_type="text/plain")
        if not headers.get("referer", "").startswith(REFERER):
            return Response(403, content_type="text/plain")
        if match["track"] == str(WHOLE_ID) and video.media:
            return file_response(self._media[video.media].path, headers.get("range", ""))
        tracks = self.tracks(video)
        files = {str(VIDEO_ID): tracks.video, str(AUDIO_ID): tracks.audio} if tracks else {}
        file = files.get(match["track"])
        if file is None:
            return Response(404, content_type="text/plain")
        return file_response(file, headers.get("range", ""))


def file_response(file: Path, wanted: str) -> Response:
    """Returns a file, or the range of it that the `Range` header requests (RFC 9110, section 14).

    Args:
        wanted: value of the header; anything but a single range of bytes means the whole file.
    """
    data = file.read_bytes()
    headers = {"Accept-Ranges": "bytes"}
    match = _RANGE.fullmatch(wanted.strip())
    if not match or not any(match.groups()):
        return Response(200, data, "video/mp4", headers)
    first, last = match.groups()
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last) + 1, len(data)) if first and last else len(data)
    if start >= len(data) or end <= start:
        return Response(416, b"", "video/mp4", {**headers, "Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    return Response(206, data[start:end], "video/mp4", headers)


def split_tracks(media: Media, folder: Path) -> Tracks:
    """Copies the tracks of a media file into `{name}.video.m4s` and, if it has audio, `{name}.audio.m4s`.

    Raises:
        MediaError: the file has no readable video track, or a track cannot be copied.
    """
    import av

    try:
        with av.open(str(media.path), metadata_errors="replace") as source:
            codecs = {s.type: s.codec_context.name for s in source.streams if s.codec_context is not None}
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"not a readable video: {error}", media.path, "render it again") from error
    if "video" not in codecs:
        raise MediaError("there is no video track", media.path, "render it again")
    copies: dict[str, Path] = {}
    for kind in sorted(codecs.keys() & {"video", "audio"}):
        try:
            copies[kind] = _copy_track(media.path, kind, folder / f"{media.name}.{kind}.m4s")
        except (av.FFmpegError, OSError, ValueError) as error:  # ValueError: a codec that only decodes
            raise MediaError(f"its {kind} cannot be copied: {error}", media.path) from error
    video, audio = copies["video"], copies.get("audio")
    return Tracks(media, video, audio, _CODECS.get(codecs["video"], codecs["video"]))


def _copy_track(source_path: Path, kind: str, target_path: Path) -> Path:
    """Remuxes one track into its own file."""
    import av

    if target_path.is_file():
        return target_path
    with (
        atomic_path(target_path) as partial,
        av.open(str(source_path), metadata_errors="replace") as source,
        av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as target,
    ):
        stream = next(stream for stream in source.streams if stream.type == kind)
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:  # the demuxer ends with an empty packet
                packet.stream = copy
                target.mux(packet)
    return target_path
