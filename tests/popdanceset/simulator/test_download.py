"""The real, unmodified yt-dlp downloads from the simulator."""

import hashlib
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest
import yt_dlp
from yt_dlp.extractor.bilibili import BilibiliBaseIE
from yt_dlp.networking.exceptions import HTTPError

from popdanceset.simulator.casting import Media, cast, with_mode
from popdanceset.simulator.faults import MEDIA, NAMED, Answer, Fault
from popdanceset.simulator.population import population
from popdanceset.simulator.records import Mode, SimulatedVideo
from popdanceset.simulator.server import Simulator

VIDEOS = population(60, 0, date(2026, 3, 1))


@pytest.fixture
def simulator(media: dict[str, Media]) -> Iterator[Simulator]:
    videos = cast(VIDEOS, media)
    for mode in (Mode.LOGIN, Mode.PAID, Mode.GEO, Mode.INVISIBLE):
        videos = with_mode(videos, mode, 1)
    with Simulator(videos, media) as running:
        yield running
    assert not running.leaks


class Downloader:
    """yt-dlp as the project uses it, with its warnings."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.warnings: list[str] = []
        self.options: dict[str, Any] = {
            "proxy": simulator.proxy_url,
            "compat_opts": {"no-certifi"},
            "cachedir": False,
            "ffmpeg_location": imageio_ffmpeg.get_ffmpeg_exe(),
            "outtmpl": f"{folder}/%(id)s.%(ext)s",
            "merge_output_format": "mp4",
            "noprogress": True,
            "retries": 3,
            "logger": self,
        }

    def debug(self, message: str) -> None:
        logging.getLogger(__name__).debug(message)

    error = debug

    def warning(self, message: str) -> None:
        self.warnings.append(message)

    def __call__(self, video: SimulatedVideo) -> dict[str, Any]:
        with yt_dlp.YoutubeDL(self.options) as ydl:
            return dict(ydl.extract_info(f"https://www.bilibili.com/video/{video.bvid}"))


@pytest.fixture
def download(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Downloader:
    monkeypatch.setenv("SSL_CERT_FILE", simulator.ca_file)
    BilibiliBaseIE._wbi_key_cache.clear()
    return Downloader(simulator, tmp_path)


def choose(simulator: Simulator, mode: Mode = Mode.OK, medium: str = "waltz") -> SimulatedVideo:
    return next(v for v in simulator.catalogue.videos if v.mode is mode and v.media == medium)


def frames(path: Path) -> tuple[list[str], list[float]]:
    """Returns hash and time of every frame."""
    with av.open(str(path)) as source:
        frames = list(source.decode(video=0))
    return [hashlib.md5(f.to_ndarray()).hexdigest() for f in frames], [float(f.time) for f in frames]


def sound(path: Path) -> np.ndarray:
    with av.open(str(path)) as source:
        return np.concatenate([f.to_ndarray().ravel() for f in source.decode(audio=0)])


def test_a_download_is_the_shipped_file_again(
    simulator: Simulator, download: Downloader, media: dict[str, Media]
) -> None:
    video = choose(simulator)
    info = download(video)
    assert (info["id"], info["title"], info["duration"]) == (video.bvid, video.title, video.duration)
    assert info["uploader_id"] == str(video.mid)
    path = Path(info["requested_downloads"][0]["filepath"])
    assert frames(path) == frames(media["waltz"].path)
    np.testing.assert_array_equal(sound(path), sound(media["waltz"].path))
    asked = {(line.host, line.path.partition("/BV")[0]) for line in simulator.log}
    assert asked >= {
        ("www.bilibili.com", "/video"),
        ("api.bilibili.com", "/x/player/pagelist"),
        ("api.bilibili.com", "/x/web-interface/nav"),
        ("api.bilibili.com", "/x/player/wbi/playurl"),
        ("api.bilibili.com", "/x/player/wbi/v2"),
        ("upos-sz-mirrorcos.bilivideo.com", "/upgcxcode"),
    }


def test_several_at_once(simulator: Simulator, download: Downloader) -> None:
    videos = [v for v in simulator.catalogue.videos if v.mode is Mode.OK][:6]
    with ThreadPoolExecutor(3) as pool:
        found = [info["id"] for info in pool.map(download, videos)]
    assert found == [v.bvid for v in videos]


def test_a_paid_preview_succeeds_with_a_short_file(simulator: Simulator, download: Downloader) -> None:
    video = choose(simulator, Mode.PAID_PREVIEW)
    path = Path(download(video)["requested_downloads"][0]["filepath"])
    with av.open(str(path)) as source:
        assert 3 * source.duration / av.time_base <= video.duration
    assert any("only the preview" in warning for warning in download.warnings)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (Mode.DELETED, "may be deleted"),
        (Mode.INVISIBLE, "may be deleted"),
        (Mode.LOGIN, "registered users"),
        (Mode.PAID, "supporter-only"),
    ],
)
def test_what_nobody_may_have(simulator: Simulator, download: Downloader, mode: Mode, said: str) -> None:
    video = next(v for v in simulator.catalogue.videos if v.mode is mode)
    with pytest.raises(yt_dlp.DownloadError, match=said) as raised:
        download(video)
    assert raised.value.exc_info[1].expected


def test_another_country_is_reported_in_a_warning(simulator: Simulator, download: Downloader) -> None:
    with pytest.raises(yt_dlp.DownloadError, match="No video formats found"):
        download(next(v for v in simulator.catalogue.videos if v.mode is Mode.GEO))
    assert any("10403" in warning for warning in download.warnings)


def test_refused_playurl_is_reported_in_a_warning(simulator: Simulator, download: Downloader) -> None:
    simulator.faults.add(NAMED["playurl-352"])
    with pytest.raises(yt_dlp.DownloadError, match="No video formats found"):
        download(choose(simulator))
    assert any("352" in warning for warning in download.warnings)
    assert download(choose(simulator))  # the fault occurs only once


@pytest.mark.parametrize(("name", "status"), [("page-412", 412), ("media-403", 403)])
def test_refusals_over_http(simulator: Simulator, download: Downloader, name: str, status: int) -> None:
    simulator.faults.add(replace(NAMED[name], times=None))
    with pytest.raises(yt_dlp.DownloadError, match=str(status)) as raised:
        download(choose(simulator))
    cause: BaseException | None = raised.value.exc_info[1]
    while cause is not None and not isinstance(cause, HTTPError):
        cause = getattr(cause, "cause", None) or cause.__cause__
    assert cause is not None
    assert cause.status == status


def test_risk_page(simulator: Simulator, download: Downloader) -> None:
    simulator.faults.add(NAMED["page-risk"])
    with pytest.raises(yt_dlp.DownloadError, match="rate limit"):
        download(choose(simulator))


def test_cut_transfers_are_resumed(
    simulator: Simulator, download: Downloader, media: dict[str, Media]
) -> None:
    simulator.faults.add(Fault(MEDIA, Answer(send=0.5), each=True))
    path = Path(download(choose(simulator))["requested_downloads"][0]["filepath"])
    assert frames(path) == frames(media["waltz"].path)
    statuses = [line.status for line in simulator.log if "bilivideo" in line.host]
    assert statuses.count(206) >= 2  # video and audio, each continued where it broke off


def test_parts_are_a_playlist(
    media: dict[str, Media], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = replace(cast(VIDEOS, media)[0], parts=2, mode=Mode.OK, media="crowd", duration=1)
    with Simulator([video], media) as simulator:
        monkeypatch.setenv("SSL_CERT_FILE", simulator.ca_file)
        BilibiliBaseIE._wbi_key_cache.clear()
        info = Downloader(simulator, tmp_path)(video)
    assert [entry["id"] for entry in info["entries"]] == [f"{video.bvid}_p1", f"{video.bvid}_p2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{video.bvid}_p{p}.mp4" for p in (1, 2)]
