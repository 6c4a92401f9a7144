"""Downloads one file with yt-dlp, as a library. Only this module knows its options."""

from __future__ import annotations

import io
import logging
import shutil
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from popdanceset.bilibili.text import one_line
from popdanceset.errors import (
    DamagedError,
    ElsewhereError,
    GoneError,
    RefusedError,
    SettingsError,
    StoreError,
    TransferError,
)
from popdanceset.ledger import count
from popdanceset.video import ffmpeg, segments
from popdanceset.video.failure import classify, elsewhere, tidy

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.video.extractor import BiliBiliIE

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 30.0  # seconds
_MOST_TAGS = 100  # the site allows about twelve
_MOST_SEGMENTS = 200  # of six minutes each


@dataclass(frozen=True, slots=True)
class Fetched:
    """A finished download.

    Attributes:
        path: the file.
        cid: id of the part, None if it is not known.
        listed: length of this part in the host's list of parts, None if it is not known.
        seconds: length that the player announced, None if it is not known.
        of_several: the video has several parts, and this is one of them.
        tags: of the video, as its page shows them, one line each.
        warnings: yt-dlp's.
    """

    path: Path
    cid: int | None
    listed: float | None
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


def fetch(
    bvid: str, page: int, folder: Path, settings: Settings, others: Mapping[int, int] = MappingProxyType({})
) -> Fetched:
    """Downloads one part of a video into a folder, and continues what an earlier try left there.

    Several threads may download at once, each into a folder of its own.

    Args:
        others: id → page of the video's other parts that are in the store.

    Raises:
        GoneError, RestrictedError, ElsewhereError, DamagedError: a verdict on the video.
        RefusedError: the host asked us to stay away.
        TransferError: the connection failed more often than allowed, at every address of the media.
        SettingsError: the cookie file or the CA certificate cannot be read.
        StoreError: the disk is full.
    """
    import yt_dlp

    from popdanceset.video.extractor import BiliBiliIE

    check_space(folder, 0, settings.download.min_free)
    listener = _Listener(bvid)
    address = f"https://www.bilibili.com/video/{bvid}" + (f"?p={page}" if page > 1 else "")
    extractor = BiliBiliIE(bvid, page, _pause)
    try:
        with _downloader(
            _options(folder, listener, settings), _trust(settings.network.ca_file), listener
        ) as downloader:
            downloader.add_info_extractor(extractor)
            info = downloader.extract_info(address, download=False, process=False)
            _check(info, extractor, bvid, page, others)
            path = _received(info, downloader, folder)
    except yt_dlp.utils.YoutubeDLError as error:
        raise classify(error, listener.warnings, bvid) from error
    except OSError as error:
        raise classify(error, listener.warnings, bvid) from error
    return Fetched(
        path=path,
        cid=_cid(extractor),
        listed=extractor.listed.seconds if extractor.listed else None,
        seconds=info.get("duration"),
        of_several=info.get("id", bvid) != bvid,
        tags=_tags(info),
        warnings=tuple(listener.warnings),
    )


def _check(info: Any, extractor: BiliBiliIE, bvid: str, page: int, others: Mapping[int, int]) -> None:
    """Checks that what the page describes is the part that was asked for, before any media are requested.

    Raises:
        ElsewhereError: it leads to something else.
        TransferError: it leads to an unknown address.
        DamagedError: it is an interactive video or a list.
        GoneError: the part is another one now, which is in the store already.
    """
    if not info:
        raise DamagedError("is not a video", bvid)
    kind = info.get("_type", "video")
    if kind in ("url", "url_transparent"):
        raise elsewhere(str(info.get("url", "")), bvid)
    if kind != "multi_video" and "entries" in info:
        raise DamagedError("is an interactive video or a list, not one video", bvid)
    shown = str(info.get("id", bvid)).partition("_p")[0]
    if shown != bvid:
        raise ElsewhereError(f"its page shows another video, {shown}", bvid)
    other = others.get(_cid(extractor) or 0, page)
    if other != page:
        raise GoneError(f"part {page} was replaced: it is now what was fetched as part {other}", bvid)


def _received(info: Any, downloader: Any, folder: Path) -> Path:
    """Downloads the file that the extractor found, or its segments, and returns the path."""
    if info.get("_type") != "multi_video":
        return _file_of(downloader.process_ie_result(info, download=True), info["id"])
    target = folder / "video.mp4"
    entries = list(info["entries"])
    if len(entries) > _MOST_SEGMENTS:
        raise DamagedError(f"has {len(entries)} segments, more than {_MOST_SEGMENTS}", info["id"])
    common = {key: value for key, value in info.items() if key not in ("_type", "entries", "duration")}
    paths = []
    for number, entry in enumerate(entries, 1):
        downloader.params["outtmpl"]["default"] = f"segment{number:03d}.%(ext)s"
        done = downloader.process_ie_result({**common, **entry}, download=True)
        paths.append(_file_of(done, info["id"]))
    segments.join(paths, target)
    return target


def _file_of(done: Any, where: str) -> Path:
    finished = (done or {}).get("requested_downloads") or [{}]
    path = Path(finished[0].get("filepath", ""))
    if not path.is_file():
        raise TransferError("yt-dlp ended without a file", where, "run again")
    return path


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


def _downloader(options: dict[str, Any], trusted: ssl.SSLContext | None, listener: _Listener) -> Any:
    """Returns a YoutubeDL without extractors, which tries the other addresses of a file if one fails.

    It trusts a given certificate instead of those that yt-dlp finds itself. yt-dlp takes one only from the
    environment variable SSL_CERT_FILE, which belongs to the whole process: every other thread and child
    process would then trust it, and nothing else.
    """
    import yt_dlp

    class Downloader(yt_dlp.YoutubeDL):  # type: ignore[misc]
        def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
            director = super().build_request_director(handlers, preferences)
            if trusted is not None:
                for handler in director.handlers.values():
                    handler._make_sslcontext = lambda legacy_ssl_support=None: trusted
            return director

        def urlopen(self, request: Any) -> Any:
            """Counts requests, and the bytes of their answers, in the cost ledger."""
            count(requests=1)
            response = super().urlopen(request)
            read = response.read

            def counted(*size: Any) -> bytes:
                block: bytes = read(*size)
                count(bytes_received=len(block))
                return block

            response.read = counted
            return response

        def dl(self, name: str, info: dict[str, Any], *args: Any, **more: Any) -> Any:
            """Downloads one file. A node that fails says nothing about the video.

            Raises:
                RefusedError, StoreError: as `classify`.
                TransferError: none of the addresses worked.
            """
            addresses = [address for address in (info.get("url"), *info.get("mirrors", ())) if address]
            said = "there is no address"
            for address in addresses:
                try:
                    done = super().dl(name, {**info, "url": address}, *args, **more)
                    if done[0]:
                        return done
                    said = "yt-dlp ended without a file"
                except (yt_dlp.utils.YoutubeDLError, OSError) as error:
                    meaning = classify(error, (), listener.where)
                    if isinstance(meaning, RefusedError | StoreError):
                        raise meaning from error
                    said = meaning.what
                log.info("%s: %s: %s", listener.where, tidy(address), said)
            tried = f"{len(addresses)} addresses of the file" if len(addresses) > 1 else "the file"
            raise TransferError(f"{tried} cannot be fetched: {said}", listener.where, "run again")

    return Downloader(options, auto_init=False)


def _tags(info: dict[str, Any]) -> tuple[str, ...]:
    """Each tag once, in the page's order; what is not text is left out."""
    tags = info.get("tags")
    lines = (one_line(tag) for tag in (tags if isinstance(tags, list) else ()))
    return tuple(dict.fromkeys(line for line in lines if line))[:_MOST_TAGS]


def _cid(extractor: BiliBiliIE) -> int | None:
    """The part's id: that of its media, or, if the page had embedded their addresses, that of the list."""
    return extractor.cid or (extractor.listed.cid if extractor.listed else None)
