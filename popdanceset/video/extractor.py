"""yt-dlp's extractor of the site, which also reports what yt-dlp itself leaves out.

Which parts the video has now, which part is fetched, at which other addresses the media are, whether the
player refuses, and whether the page leads elsewhere.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yt_dlp.extractor import bilibili

from popdanceset.errors import GoneError, RefusedError, TransferError
from popdanceset.ledger import count
from popdanceset.video.failure import GONE_CODES, elsewhere

log = logging.getLogger(__name__)

MOST_REFUSALS = 3
"""Refusals of the player in a row that end the run."""

_TRIES = 2
_BEFORE_NEXT_TRY = 3  # the pause, as the number of a try

_PAGE_LIST = "/x/player/pagelist"
_DETAIL = "/x/web-interface/wbi/view/detail"


@dataclass(frozen=True, slots=True)
class ListedPart:
    """A part in the host's own list.

    Attributes:
        cid: its id.
        seconds: its length; None if the list does not say.
    """

    cid: int
    seconds: float | None


class Refusals:
    """Refusals of the player in a row, of all threads of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.in_a_row = 0

    def answered(self) -> None:
        """Records an answer, which ends a row."""
        with self._lock:
            self.in_a_row = 0

    def refused(self, where: str) -> None:
        """Records a refusal.

        Raises:
            RefusedError: it is the last one that is borne.
        """
        count(refused=1)
        with self._lock:
            self.in_a_row += 1
            refusals = self.in_a_row
        if refusals >= MOST_REFUSALS:
            raise refusal(where)


REFUSALS = Refusals()


def refusal(where: str) -> RefusedError:
    """Returns what ends the run."""
    said = f"the player answered {REFUSALS.in_a_row} times in a row with a challenge (v_voucher) only"
    return RefusedError(said, where, "wait some hours and run again")


class BiliBiliIE(bilibili.BiliBiliIE):  # type: ignore[misc]
    """The extractor of one part of one video. yt-dlp knows it by the name of its class.

    Args:
        bvid: the video.
        page: the part, from 1.
        pause: returns the seconds to wait before a try.
    """

    def __init__(self, bvid: str, page: int, pause: Callable[[int], float]) -> None:
        super().__init__()
        self._bvid, self._page, self._pause = bvid, page, pause
        self.parts: tuple[ListedPart, ...] = ()
        """The parts that the host lists now; empty if the list did not arrive."""
        self.cid: int | None = None
        """Id of the part whose addresses were requested."""

    @property
    def listed(self) -> ListedPart | None:
        """The part in the host's list."""
        return self.parts[self._page - 1] if self._page <= len(self.parts) else None

    def _download_json(self, url_or_request: Any, *args: Any, **options: Any) -> Any:
        answer = super()._download_json(url_or_request, *args, **options)
        address = str(url_or_request)
        if address.endswith(_PAGE_LIST):
            self._check_parts(answer)
        elif address.endswith(_DETAIL):
            self._check_detail(answer)
        return answer

    def _check_parts(self, answer: Any) -> None:
        data = answer.get("data") if isinstance(answer, dict) else None
        self.parts = tuple(_listed(data if isinstance(data, list) else []))
        if self.parts and self._page > len(self.parts):
            now = f"{len(self.parts)} part" + ("s" if len(self.parts) > 1 else "")
            raise GoneError(f"part {self._page} was removed: the video has {now} now", self._bvid)

    def _check_detail(self, answer: Any) -> None:
        """The answer that yt-dlp requests if the page holds no data."""
        if not isinstance(answer, dict):
            return
        code = answer.get("code")
        if isinstance(code, int) and abs(code) in GONE_CODES:
            raise GoneError(f"{answer.get('message') or ''} ({code})", self._bvid)
        view = (answer.get("data") or {}).get("View") if isinstance(answer.get("data"), dict) else None
        target = view.get("redirect_url") if isinstance(view, dict) else None
        if isinstance(target, str) and target:
            raise elsewhere(target, self._bvid)

    def _download_playinfo(self, bvid: str, cid: Any, *args: Any, **options: Any) -> Any:
        if not cid:
            raise TransferError(f"the host did not list part {self._page}", self._bvid, "run again")
        self.cid = int(cid)
        for number in range(_TRIES):
            if number:
                time.sleep(self._pause(_BEFORE_NEXT_TRY))
            answer = super()._download_playinfo(bvid, cid, *args, **options)
            if not _is_challenge(answer):
                REFUSALS.answered()
                return answer
            log.info("%s: the player answered with a challenge (v_voucher) only", self._bvid)
            REFUSALS.refused(self._bvid)
        raise TransferError(
            "the player refused: it answered with a challenge (v_voucher) only", self._bvid, "run again later"
        )

    def extract_formats(self, play_info: Any) -> Any:
        """Adds `mirrors` to each format and segment: the other addresses of the same file."""
        formats = super().extract_formats(play_info)
        mirrors = dict(_mirrors(play_info))
        for format_ in formats:
            for file in (format_, *format_.get("fragments", ())):
                file["mirrors"] = mirrors.get(file.get("url"), ())
        return formats


def _listed(entries: Sequence[Any]) -> Iterator[ListedPart]:
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("cid"), int):
            seconds = entry.get("duration")
            yield ListedPart(entry["cid"], float(seconds) if isinstance(seconds, int | float) else None)


def _is_challenge(answer: Any) -> bool:
    """An answer of the player with a challenge for browsers in place of addresses."""
    return (
        isinstance(answer, dict) and "v_voucher" in answer and not (answer.get("dash") or answer.get("durl"))
    )


def _mirrors(play_info: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields address → other addresses of the same file."""
    for track in _tracks(play_info):
        first = track.get("baseUrl") or track.get("base_url") or track.get("url")
        others = track.get("backupUrl") or track.get("backup_url") or ()
        if isinstance(first, str) and isinstance(others, list):
            distinct = dict.fromkeys(other for other in others if isinstance(other, str) and other != first)
            yield first, tuple(distinct)


def _tracks(play_info: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(play_info, dict):
        return
    dash = play_info.get("dash")
    dash = dash if isinstance(dash, dict) else {}
    dolby, flac = ((dash.get(name) or {}).get("audio") for name in ("dolby", "flac"))
    for tracks in (dash.get("video"), dash.get("audio"), dolby, [flac], play_info.get("durl")):
        for track in tracks if isinstance(tracks, list) else ():
            if isinstance(track, dict):
                yield track
