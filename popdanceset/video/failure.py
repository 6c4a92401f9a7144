"""What a failure of yt-dlp means: a verdict on the video, a refusal, or a connection that broke.

A verdict is permanent, so it is given only for statements of the host that are known. Anything else counts as
a broken transfer, and is tried again in a later run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from popdanceset.errors import (
    DamagedError,
    ElsewhereError,
    GoneError,
    PopDanceSetError,
    RefusedError,
    RestrictedError,
    StoreError,
    TransferError,
)
from popdanceset.safety import FULL, says_full

REFUSING_STATUS = frozenset({412, 429})
"""HTTP: the request was taken for an attack, or came too often."""

REFUSING_CODES = frozenset({352, 401, 412, 509, 799})
GONE_CODES = frozenset({404, 62002, 62004, 62012})
RESTRICTED_CODES = frozenset({403, 10403, 87007, 87008})
"""Codes of Bilibili's answers, as yt-dlp prints them: without their minus sign."""

_CODE = re.compile(r"Unable to download video info: -?(\d+)")
_STATUS = re.compile(r"HTTP Error (\d{3})")
_NO_PAGE = re.compile(r"Unable to download webpage: HTTP Error (404|410)", re.I)
"""Only the video's page can say that it is gone; another address may fail for many reasons."""

_SAYS_REFUSED = re.compile(r"exceeded the rate limit|request was (rejected|banned)", re.I)
_SAYS_GONE = re.compile(
    r"may be deleted|no longer available|video is (deleted|unavailable|private)|does not exist", re.I
)
_SAYS_RESTRICTED = re.compile(
    r"supporter-only|registered users|members? only|premium member|login required|need to (log ?in|purchase)"
    r"|geo.?restrict|not available (from|in) your|DRM protected",
    re.I,
)  # fmt: skip
_SAYS_NO_VIDEO = re.compile(r"Unsupported URL|is not a video|interactive video", re.I)
_ELSEWHERE = re.compile(
    r"(https?:)?//(\w+\.)?bilibili\.com/(bangumi|festival|cheese|blackboard|opus|read|movie|anime)\b", re.I
)
"""Pages that are not those of uploaded videos: episodes, festivals, courses, events, articles."""

_PREFIX = re.compile(r"^(ERROR: )?(\[\w+\] )?(\w{10,12}: )?")
_ADVICE = re.compile(r"; please report this issue|\. Use --cookies|\. You might want to|\(caused by")
_QUERY = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\")]*")


def classify(error: BaseException, warnings: Sequence[str], where: str) -> PopDanceSetError:
    """Returns the exception of this project for a failed download.

    Args:
        error: what yt-dlp raised.
        warnings: its warnings. The real cause of "No video formats found" is only there.
        where: the video concerned.

    Returns:
        One of GoneError, RestrictedError, DamagedError, RefusedError, TransferError, StoreError; its text is
        the host's own statement, without the queries of addresses, which contain signatures.
    """
    chain = list(_causes(error))
    full = any(isinstance(e, OSError) and e.errno in FULL for e in chain)
    if full or says_full(str(chain[0])):
        return StoreError("the disk is full", where, "free some space and run again")
    message = tidy(str(chain[0]))
    texts = [message, *warnings]
    said = next((tidy(w) for w in warnings if _CODE.search(w)), message)
    codes = {int(match[1]) for text in texts for match in _CODE.finditer(text)}
    statuses = {int(match[1]) for text in texts for match in _STATUS.finditer(text)}
    statuses |= {status for e in chain if isinstance(status := getattr(e, "status", None), int)}

    def says(pattern: re.Pattern[str]) -> bool:
        return any(pattern.search(text) for text in texts)

    if codes & REFUSING_CODES or statuses & REFUSING_STATUS or says(_SAYS_REFUSED):
        return RefusedError(said, where, "wait some hours and run again")
    if _NO_PAGE.search(message) and (target := _led_to(chain)) and where not in target:
        return elsewhere(target, where)
    if codes & GONE_CODES or _NO_PAGE.search(message) or (says(_SAYS_GONE) and not codes):
        return GoneError(said, where)
    if codes & RESTRICTED_CODES or says(_SAYS_RESTRICTED):
        return RestrictedError(said, where)
    if says(_SAYS_NO_VIDEO):
        return DamagedError(said, where)
    return TransferError(said, where, "run again")


def elsewhere(target: str, where: str) -> PopDanceSetError:
    """Returns what it means that a video's page leads to another address.

    Args:
        target: the address.
        where: the video concerned.

    Returns:
        ElsewhereError if the address is known for what it is, else TransferError.
    """
    said = f"its page leads to {tidy(target)}"
    return (
        ElsewhereError(said, where) if _ELSEWHERE.match(target) else TransferError(said, where, "run again")
    )


def tidy(text: str) -> str:
    """Puts a message on one line, without yt-dlp's advice, terminal colours and the queries of addresses."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = _ADVICE.split(_QUERY.sub(r"\1", text))[0]
    return " ".join(_PREFIX.sub("", text).split())


def _led_to(chain: Sequence[BaseException]) -> str:
    """The address that answered with the error, after redirections; empty if it is not known."""
    urls = (getattr(getattr(error, "response", None), "url", "") for error in chain)
    return next((str(url) for url in urls if url), "")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yields the exception and all its causes; yt-dlp keeps them in attributes of its own too."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        info = getattr(current, "exc_info", None)
        waiting += [getattr(current, "cause", None), info[1] if isinstance(info, tuple) else None]
        waiting += [current.__cause__, current.__context__]
