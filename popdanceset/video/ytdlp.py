"""Downloads one file with yt-dlp, as a library. Only this module knows its options."""

from __future__ import annotations

import io
import logging
import re
import shutil
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popdanceset.bilibili.text import one_line
from popdanceset.errors import DamagedError, SettingsError, StoreError, TransferError
from popdanceset.video import ffmpeg
from popdanceset.video.failure import classify, tidy

if TYPE_CHECKING:
    from popdanceset.settings import Settings

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 30.0  # seconds
_MOST_TAGS = 100  # the site allows about twelve
_MEDIA_NAME = re.compile(r"/(\d+)(?:[_-][a-z]\w*)?-1-\d+\.(?:m4s|mp4|flv)")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A finished download.

    Attributes:
        path: the file.
        cid: id of the part, None if it is not known.
        seconds: length that the player announced, None if it is not known.
        of_several: the video has several parts, and this is one of them.
        tags: of the video, as its page shows them, one line each.
        warnings: yt-dlp's.
    """

    path: Path
    cid: int | None
    seconds: float | None
    of_several: bool
    tags: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass
class _Listener:
    """Logger for yt-dlp: keeps its warnings, and passes everything on to our log."""

    where: str
    warnings: list[str] = field(default_factory=list)

    def debug(self, message: str) -> None:
        log.debug("%s: %s", self.where, tidy(message))

    def info(self, message: str) -> None:
        log.debug("%s: %s", self.where, tidy(message))

    def warning(self, message: str) -> None:
        self.warnings.append(tidy(message))
        log.info("%s: %s", self.where, tidy(message))

    def error(self, message: str) -> None:
        log.debug("%s: %s", self.where, tidy(message))


def fetch(bvid: str, page: int, folder: Path, settings: Settings) -> Fetched:
    """Downloads one part of a video into a folder, and continues what an earlier try left there.

    Several threads may download at once, each into a folder of its own.

    Raises:
        GoneError, RestrictedError, DamagedError: a verdict on the video.
        RefusedError: the host asked us to stay away.
        TransferError: the connection failed more often than allowed.
        SettingsError: the cookie file or the CA certificate cannot be read.
        StoreError: the disk is full.
    """
    import yt_dlp

    check_space(folder, 0, settings.download.min_free)
    listener = _Listener(bvid)
    address = f"https://www.bilibili.com/video/{bvid}" + (f"?p={page}" if page > 1 else "")
    try:
        with _downloader(
            _options(folder, listener, settings), _trust(settings.network.ca_file)
        ) as downloader:
            info = downloader.extract_info(address)
    except yt_dlp.utils.YoutubeDLError as error:
        raise classify(error, listener.warnings, bvid) from error
    except OSError as error:
        raise classify(error, listener.warnings, bvid) from error
    if not info or "entries" in info:
        raise DamagedError("is an interactive video or a list, not one video", bvid)
    done = info.get("requested_downloads") or [{}]
    path = Path(done[0].get("filepath", ""))
    if not path.is_file():
        raise TransferError("yt-dlp ended without a file", bvid, "run again")
    return Fetched(
        path=path,
        cid=_cid(info),
        seconds=info.get("duration"),
        of_several=info.get("id", bvid) != bvid,
        tags=_tags(info),
        warnings=tuple(listener.warnings),
    )


def _options(folder: Path, listener: _Listener, settings: Settings) -> dict[str, Any]:
    download = settings.download
    return {
        # Sorted by the smaller side, so that portrait videos are not limited to a landscape height.
        "format": "bv*+ba/b",
        "format_sort": [f"res:{download.max_height}", "vcodec:h264", "acodec:m4a"],
        "merge_output_format": "mp4",
        "ffmpeg_location": ffmpeg.executable(),
        "paths": {"home": str(folder)},
        "outtmpl": {"default": "video.%(ext)s"},
        "continuedl": True,
        "cachedir": False,
        "noplaylist": True,
        "allowed_extractors": ["BiliBili"],
        "geo_bypass": False,
        "proxy": settings.network.proxy or None,
        "cookiefile": _cookies(download.cookie_file),
        "socket_timeout": settings.network.timeout,
        "retries": download.retries,
        "fragment_retries": download.retries,
        "extractor_retries": download.retries,
        "retry_sleep_functions": {"http": _pause, "fragment": _pause, "extractor": _pause},
        "ratelimit": download.rate_limit or None,
        "updatetime": False,
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "logger": listener,
        "progress_hooks": [_Space(folder, download.min_free)],
    }


@dataclass(frozen=True, slots=True)
class _Space:
    """Stops a download for which the disk is too small, as soon as its size is announced.

    Merging the audio and video files needs the same size again.
    """

    folder: Path
    min_free: int

    def __call__(self, progress: dict[str, Any]) -> None:
        if progress.get("status") != "downloading":
            return
        total = progress.get("total_bytes") or progress.get("total_bytes_estimate") or 0
        left = max(0.0, total - (progress.get("downloaded_bytes") or 0))
        check_space(self.folder, left + total, self.min_free)


def check_space(folder: Path, need: float, min_free: int) -> None:
    """Checks that a disk has room.

    Args:
        folder: on the disk.
        need: bytes to be written.
        min_free: bytes that must stay free.

    Raises:
        StoreError: there is too little.
    """
    free = shutil.disk_usage(folder).free
    if free - need < min_free:
        raise StoreError(
            f"{free / 1e6:,.0f} MB are free, {(need + min_free) / 1e6:,.0f} MB are needed",
            folder,
            "free some space, or set download.min_free lower, and run again",
        )


def _pause(n: int) -> float:
    """Seconds before try n + 1."""
    return float(min(2.0 ** (n - 1), _LONGEST_PAUSE))


def _cookies(file: str) -> io.StringIO | None:
    """The cookies in memory: from a file, yt-dlp would write changed ones back into it."""
    if not file:
        return None
    try:
        return io.StringIO(Path(file).expanduser().read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("cookie file cannot be read", "download.cookie_file", "check its path") from error


def _trust(ca_file: str) -> ssl.SSLContext | None:
    if not ca_file:
        return None
    try:
        return ssl.create_default_context(cafile=str(Path(ca_file).expanduser()))
    except OSError as error:
        raise SettingsError("not a readable certificate", ca_file, "check network.ca_file") from error


def _downloader(options: dict[str, Any], trusted: ssl.SSLContext | None) -> Any:
    """Returns a YoutubeDL that trusts a given certificate instead of those that yt-dlp finds itself.

    yt-dlp takes one only from the environment variable SSL_CERT_FILE, which belongs to the whole process:
    every other thread and child process would then trust it, and nothing else.
    """
    import yt_dlp

    class Downloader(yt_dlp.YoutubeDL):  # type: ignore[misc]
        def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
            director = super().build_request_director(handlers, preferences)
            if trusted is not None:
                for handler in director.handlers.values():
                    handler._make_sslcontext = lambda legacy_ssl_support=None: trusted
            return director

    return Downloader(options)


def _tags(info: dict[str, Any]) -> tuple[str, ...]:
    """Each tag once, in the page's order; what is not text is left out."""
    tags = info.get("tags")
    lines = (one_line(tag) for tag in (tags if isinstance(tags, list) else ()))
    return tuple(dict.fromkeys(line for line in lines if line))[:_MOST_TAGS]


def _cid(info: dict[str, Any]) -> int | None:
    """The part's id, which yt-dlp only reports as part of the names of media files."""
    for format_ in (info, *(info.get("requested_formats") or ())):
        if found := _MEDIA_NAME.search(str(format_.get("url", ""))):
            return int(found[1])
    return None
