"""What yt-dlp's failures mean. The texts are those of yt-dlp 2026.10 and of Bilibili."""

import errno
from types import SimpleNamespace

import pytest
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import DownloadError, ExtractorError

from popdanceset.errors import (
    DamagedError,
    GoneError,
    PopDanceSetError,
    RefusedError,
    RestrictedError,
    StoreError,
    TransferError,
)
from popdanceset.video.failure import classify, tidy

BVID = "BV1xx411c7mD"


def failed(message: str, cause: BaseException | None = None) -> DownloadError:
    """As yt-dlp raises it: the cause is hidden in attributes."""
    inner = ExtractorError(message, expected=True, cause=cause, video_id=BVID[2:], ie="BiliBili")
    return DownloadError(f"ERROR: {inner}", (ExtractorError, inner, None))


def status(number: int) -> HTTPError:
    return HTTPError(SimpleNamespace(status=number, reason="", close=lambda: None))


NO_FORMATS = "No video formats found!; please report this issue on  https://github.com/yt-dlp/yt-dlp/issues"


@pytest.mark.parametrize(
    ("message", "cause", "warning", "meaning"),
    [
        ("This video may be deleted or geo-restricted. You might want to try a VPN", None, "", GoneError),
        ("Unable to download webpage: HTTP Error 404: Not Found", status(404), "", GoneError),
        (NO_FORMATS, None, "Unable to download video info: 404: 啥都木有", GoneError),
        (NO_FORMATS, None, "Unable to download video info: 62002: 稿件不可见", GoneError),
        ("This video is only available for registered users. Use --cookies", None, "", RestrictedError),
        ("This is a supporter-only video: 充电专属", None, "", RestrictedError),
        (NO_FORMATS, None, "Unable to download video info: 10403: 您所在地区不可观看", RestrictedError),
        (NO_FORMATS, None, "Unable to download video info: 87007: 充电专属", RestrictedError),
        (NO_FORMATS, None, "Unable to download video info: 352: -352, please wait", RefusedError),
        (NO_FORMATS, None, "Unable to download video info: 799: 请求过于频繁", RefusedError),
        ("You have exceeded the rate limit. Try again later", None, "", RefusedError),
        ("Unable to download webpage: HTTP Error 412: Precondition Failed", status(412), "", RefusedError),
        (
            "Unable to download JSON metadata: HTTP Error 429: Too Many Requests",
            status(429),
            "",
            RefusedError,
        ),
        ("unable to download video data: HTTP Error 403: Forbidden", status(403), "", TransferError),
        ("Unable to download webpage: HTTP Error 502: Bad Gateway", status(502), "", TransferError),
        ("Unable to download webpage", TransportError("timed out"), "", TransferError),
        (NO_FORMATS, None, "", TransferError),
        ("Unsupported URL: https://www.bilibili.com/blackboard/x", None, "", DamagedError),
        ("unable to write data: [Errno 28] No space left on device", None, "", StoreError),
        ("unable to write data: [Errno 27] File too large", None, "", StoreError),
        ("unable to open for writing", OSError(errno.ENOSPC, "No space"), "", StoreError),
        ("something nobody has ever seen", None, "", TransferError),
    ],
)
def test_meaning(
    message: str, cause: BaseException | None, warning: str, meaning: type[PopDanceSetError]
) -> None:
    error = classify(failed(message, cause), [warning] if warning else [], BVID)
    assert type(error) is meaning
    assert BVID in str(error)
    assert "\n" not in str(error)


def test_the_host_s_own_words_are_kept() -> None:
    error = classify(failed(NO_FORMATS), ["Unable to download video info: 10403: 您所在地区不可观看"], BVID)
    assert error.what == "Unable to download video info: 10403: 您所在地区不可观看"
    gone = classify(failed("This video may be deleted or geo-restricted. You might want to try"), [], BVID)
    assert gone.what == "This video may be deleted or geo-restricted"


def test_signatures_in_addresses_are_not_kept() -> None:
    text = tidy("cannot get https://api.bilibili.com/x/player/wbi/playurl?w_rid=0123&wts=1 today\x1b[0m")
    assert text == "cannot get https://api.bilibili.com/x/player/wbi/playurl today"
