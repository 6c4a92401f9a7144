"""Downloads from the simulator through the real yt-dlp, good and bad."""

import hashlib
import os
import re
from collections import namedtuple
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from yt_dlp.extractor.bilibili import BilibiliBaseIE

from popdanceset.checksum import sha256_of
from popdanceset.commands import with_values
from popdanceset.errors import (
    DamagedError,
    InputError,
    RefusedError,
    SettingsError,
    StoreError,
    TransferError,
)
from popdanceset.media import probe
from popdanceset.schema import VIDEOS
from popdanceset.settings import Settings
from popdanceset.simulator.casting import Media
from popdanceset.simulator.faults import MEDIA, NAMED, PAGE, Answer, Fault
from popdanceset.simulator.media_host import HOST, MIRROR, file_response
from popdanceset.simulator.population import population
from popdanceset.simulator.proxy import Request
from popdanceset.simulator.records import Mode, SimulatedVideo
from popdanceset.simulator.response import Response, envelope
from popdanceset.simulator.server import Simulator
from popdanceset.store import Store
from popdanceset.tables import from_rows
from popdanceset.video import segments, ytdlp
from popdanceset.video.download import download
from popdanceset.video.extractor import REFUSALS

SECONDS = 2


@pytest.fixture(scope="module")
def medium(film: Any, tmp_path_factory: pytest.TempPathFactory) -> Media:
    folder = tmp_path_factory.mktemp("media")
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (180, 320, 3), np.uint8) for _ in range(SECONDS * 30)]
    sound = 0.3 * np.sin(np.arange(SECONDS * 48_000) / 20).astype(np.float32)
    path = film.write(folder / "film.mp4", pictures=noise, sound=sound)
    return Media("film", path, SECONDS, 30, 320, 180, "accepted")


VIDEOS_THERE = population(20, 3, date(2026, 3, 1))
PLAYED = replace(VIDEOS_THERE[0], media="film", duration=SECONDS, mode=Mode.OK, parts=1)


@pytest.fixture
def simulate(medium: Media) -> Iterator[Callable[..., Simulator]]:
    running: list[Simulator] = []
    BilibiliBaseIE._wbi_key_cache.clear()

    def start(*videos: SimulatedVideo, faults: tuple[Fault, ...] = ()) -> Simulator:
        simulator = Simulator(videos or (PLAYED,), {"film": medium}, faults=faults)
        simulator.__enter__()
        running.append(simulator)
        return simulator

    yield start
    for simulator in running:
        simulator.__exit__(None, None, None)
        assert not simulator.leaks


@pytest.fixture
def reach(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings that lead to a simulator."""
    monkeypatch.setattr(ytdlp, "_pause", lambda n: 0.0)

    def lead(simulator: Simulator, **download_settings: Any) -> Settings:
        there = with_values(
            settings, "network", proxy=simulator.proxy_url, ca_file=simulator.ca_file, timeout=5.0
        )
        return with_values(there, "download", **download_settings)

    return lead


def media_requests(simulator: Simulator) -> list[Any]:
    return [request for request in simulator.log if "bilivideo" in request.host]


def test_a_video_arrives_whole(simulate: Any, reach: Any, store: Store, medium: Media) -> None:
    row = download(PLAYED.bvid, float(SECONDS), reach(simulate()), store)
    assert (row["accepted"], row["reason"], row["note"]) == (True, "", "")
    assert (row["page"], row["cid"], row["path"]) == (1, PLAYED.cid, f"media/{PLAYED.bvid}/p1.mp4")
    assert (row["width"], row["height"], row["fps"], row["has_sound"]) == (320, 180, 30.0, True)
    assert row["duration"] == pytest.approx(SECONDS, abs=0.05)
    with store.local(row["path"]) as path:
        assert probe(path).frames == probe(medium.path).frames
        assert sha256_of(path) == row["sha256"]
        assert path.stat().st_size == row["size"]
        assert [p.name for p in path.parent.iterdir()] == ["p1.mp4"]
    (written,) = store.read_table("videos", VIDEOS).to_pylist()
    assert written["bvid"] == PLAYED.bvid


def test_a_finished_download_asks_for_nothing(simulate: Any, reach: Any, store: Store) -> None:
    simulator = simulate()
    first = download(PLAYED.bvid, float(SECONDS), reach(simulator), store)
    asked = len(simulator.log)
    again = download(PLAYED.bvid, float(SECONDS), reach(simulator), store)
    assert len(simulator.log) == asked
    assert again.items() >= first.items()


def test_a_lost_file_is_fetched_again(
    simulate: Any, reach: Any, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    settings = reach(simulate())
    row = download(PLAYED.bvid, float(SECONDS), settings, store)
    store.remove(row["path"])
    download(PLAYED.bvid, float(SECONDS), settings, store)
    assert store.exists(row["path"])
    assert "no longer in the store" in caplog.text


@pytest.mark.parametrize(
    ("mode", "reason", "words"),
    [
        (Mode.DELETED, "gone", "deleted"),
        (Mode.INVISIBLE, "gone", ""),
        (Mode.LOGIN, "restricted", "registered users"),
        (Mode.PAID, "restricted", "supporter-only"),
        (Mode.GEO, "restricted", "10403"),
        (Mode.PAID_PREVIEW, "paid_preview", "2.0 s of 60.0 s announced"),
    ],
)
def test_a_video_that_is_not_available_has_a_row(
    simulate: Any, reach: Any, store: Store, mode: Mode, reason: str, words: str
) -> None:
    seconds = 60 if mode is Mode.PAID_PREVIEW else SECONDS
    simulator = simulate(replace(PLAYED, mode=mode, duration=seconds))
    row = download(PLAYED.bvid, float(seconds), reach(simulator), store)
    assert (row["accepted"], row["reason"], row["path"]) == (False, reason, "")
    assert words in row["note"]
    assert store.read_table("videos", VIDEOS)["reason"].to_pylist() == [reason]
    assert not store.list("media")


def test_a_preview_is_known_without_statistics(simulate: Any, reach: Any, store: Store) -> None:
    """yt-dlp warns of it; then the length need not be known."""
    simulator = simulate(replace(PLAYED, mode=Mode.PAID_PREVIEW))
    row = download(PLAYED.bvid, None, reach(simulator), store)
    assert row["reason"] == "paid_preview"
    assert "preview" in row["note"]


def test_one_part_of_several_is_not_a_preview(simulate: Any, reach: Any, store: Store) -> None:
    """The statistics announce the length of all parts together."""
    simulator = simulate(replace(PLAYED, parts=3))
    row = download(PLAYED.bvid, 3.0 * SECONDS, reach(simulator), store)
    assert row["accepted"]
    second = download(PLAYED.bvid, 3.0 * SECONDS, reach(simulator), store, page=2)
    assert (second["page"], second["cid"]) == (2, PLAYED.cid + 1)
    assert second["path"] == f"media/{PLAYED.bvid}/p2.mp4"
    assert len(store.list("videos")) == 2


@pytest.mark.parametrize("fault", ["page-412", "page-risk", "playurl-352"])
def test_a_refusal_is_not_a_verdict(simulate: Any, reach: Any, store: Store, fault: str) -> None:
    simulator = simulate(faults=(replace(NAMED[fault], times=None),))
    with pytest.raises(RefusedError):
        download(PLAYED.bvid, float(SECONDS), reach(simulator), store)
    assert not store.list("videos")
    simulator.faults.clear()
    assert download(PLAYED.bvid, float(SECONDS), reach(simulator), store)["accepted"]


# -- a media node that fails says nothing about the video


@pytest.mark.parametrize("answer", [Answer(404), Answer(403), Answer(410), Answer(503)], ids=str)
def test_a_node_that_fails_is_replaced_by_the_other(
    simulate: Any, reach: Any, store: Store, answer: Answer
) -> None:
    simulator = simulate(faults=(Fault(re.escape(HOST), answer, times=None),))
    row = download(PLAYED.bvid, float(SECONDS), reach(simulator, retries=0), store)
    assert row["accepted"]
    hosts = [request.host for request in media_requests(simulator)]
    assert hosts.count(MIRROR) == 2  # two tracks
    assert len(hosts) <= 4


def test_a_file_that_no_node_has_is_tried_again_later(simulate: Any, reach: Any, store: Store) -> None:
    simulator = simulate(faults=(replace(NAMED["media-404"], times=None),))
    settings = reach(simulator)
    for _ in range(2):
        with pytest.raises(TransferError, match="2 addresses of the file cannot be fetched: HTTP Error 404"):
            download(PLAYED.bvid, float(SECONDS), settings, store)
    assert not store.list("videos")
    assert len(media_requests(simulator)) == 4
    simulator.faults.clear()
    assert download(PLAYED.bvid, float(SECONDS), settings, store)["accepted"]


def test_a_node_that_refuses_is_not_evaded(simulate: Any, reach: Any, store: Store) -> None:
    simulator = simulate(faults=(Fault(MEDIA, Answer(412), times=None),))
    with pytest.raises(RefusedError):
        download(PLAYED.bvid, float(SECONDS), reach(simulator, retries=0), store)
    assert len(media_requests(simulator)) == 1


# -- a player that answers with a challenge


def test_challenges_in_a_row_end_the_run(simulate: Any, reach: Any, store: Store) -> None:
    videos = [replace(v, media="film", duration=SECONDS, mode=Mode.OK, parts=1) for v in VIDEOS_THERE[:3]]
    simulator = simulate(*videos, faults=(replace(NAMED["playurl-voucher"], times=None),))
    settings = reach(simulator)
    with pytest.raises(TransferError, match="the player refused"):
        download(videos[0].bvid, None, settings, store)
    for video in videos[1:]:
        with pytest.raises(RefusedError, match="in a row with a challenge") as caught:
            download(video.bvid, None, settings, store)
        assert caught.value.exit_code == 3
    assert not store.list("videos")
    assert not media_requests(simulator)
    assert len([r for r in simulator.log if r.path.endswith("/playurl")]) == 4
    simulator.faults.clear()
    assert all(download(video.bvid, None, settings, store)["accepted"] for video in videos)


def test_one_challenge_is_borne(simulate: Any, reach: Any, store: Store) -> None:
    simulator = simulate(faults=(NAMED["playurl-voucher"],))
    assert download(PLAYED.bvid, float(SECONDS), reach(simulator), store)["accepted"]
    assert REFUSALS.in_a_row == 0


# -- a page that leads elsewhere


@pytest.mark.parametrize("fault", ["page-episode", "page-festival"])
def test_a_page_that_leads_elsewhere_is_a_lasting_verdict(
    simulate: Any, reach: Any, store: Store, fault: str
) -> None:
    simulator = simulate(faults=(replace(NAMED[fault], times=None),))
    settings = reach(simulator)
    row = download(PLAYED.bvid, float(SECONDS), settings, store)
    assert (row["accepted"], row["reason"]) == (False, "elsewhere")
    assert "leads to https://www.bilibili.com/" in row["note"]
    asked = len(simulator.log)
    assert download(PLAYED.bvid, float(SECONDS), settings, store)["reason"] == "elsewhere"
    assert len(simulator.log) == asked


def test_a_page_that_leads_to_an_unknown_place_is_no_verdict(simulate: Any, reach: Any, store: Store) -> None:
    login = Answer(location="https://www.bilibili.com/login")
    simulator = simulate(faults=(Fault(PAGE, login, times=None),))
    with pytest.raises(TransferError, match=r"leads to https://www\.bilibili\.com/login"):
        download(PLAYED.bvid, float(SECONDS), reach(simulator), store)
    assert not store.list("videos")


def test_a_page_that_shows_another_video_is_not_stored_under_this_id(
    simulate: Any, reach: Any, store: Store
) -> None:
    other = replace(VIDEOS_THERE[1], media="film", duration=SECONDS, mode=Mode.OK, parts=1)
    there = Answer(location=f"https://www.bilibili.com/video/{other.bvid}")
    simulator = simulate(PLAYED, other, faults=(Fault(f"{PAGE}{PLAYED.bvid}", there, times=None),))
    row = download(PLAYED.bvid, float(SECONDS), reach(simulator), store)
    assert (row["reason"], row["note"]) == ("elsewhere", f"its page shows another video, {other.bvid}")
    assert not media_requests(simulator)


# -- parts that the uploader has removed or replaced since the statistics were read


def test_removed_parts_are_gone_and_the_rest_is_whole(simulate: Any, reach: Any, store: Store) -> None:
    """The statistics still announce three parts together."""
    simulator = simulate()
    settings = reach(simulator)
    rows = [download(PLAYED.bvid, 3.0 * SECONDS, settings, store, page) for page in (1, 2, 3)]
    assert [(row["accepted"], row["reason"]) for row in rows] == [
        (True, ""),
        (False, "gone"),
        (False, "gone"),
    ]
    assert rows[1]["note"] == "part 2 was removed: the video has 1 part now"
    assert store.list("media", ".mp4") == [f"media/{PLAYED.bvid}/p1.mp4"]


def test_a_part_that_moved_is_not_stored_twice(simulate: Any, reach: Any, store: Store) -> None:
    """The first of two parts was removed after the second was fetched, and another one was added."""
    before, after = replace(PLAYED, parts=2), replace(PLAYED, parts=2, cid=PLAYED.cid + 1)
    assert download(PLAYED.bvid, None, reach(simulate(before)), store, page=2)["cid"] == PLAYED.cid + 1
    simulator = simulate(after)
    row = download(PLAYED.bvid, None, reach(simulator), store, page=1)
    assert (row["accepted"], row["reason"]) == (False, "gone")
    assert row["note"] == "part 1 was replaced: it is now what was fetched as part 2"
    assert not media_requests(simulator)


def test_a_shorter_replacement_is_not_a_preview(simulate: Any, reach: Any, store: Store) -> None:
    assert download(PLAYED.bvid, 60.0, reach(simulate()), store)["accepted"]


# -- legacy videos: one flv, or several


@pytest.mark.parametrize("alike", [True, False])
def test_segments_are_joined_each_as_long_as_its_picture(
    film: Any, reach: Any, store: Store, tmp_path: Path, alike: bool
) -> None:
    """The sound of each goes on for a second after its picture."""
    paths = []
    for number in range(3):
        pictures = (film.picture(n) for n in range(60 * number, 60 * (number + 1)))
        sound = 0.3 * np.sin(np.arange(3 * 48_000) / (20 + 9 * number)).astype(np.float32)
        if not alike and number == 1:
            sound = np.stack([sound, sound])
        paths.append(
            film.write(tmp_path / f"{number}.flv", pictures=pictures, sound=sound, sound_rate=44_100)
        )

    class Legacy(Simulator):
        def answer(self, request: Request) -> Response:
            if request.path == "/x/player/wbi/playurl":
                files = [
                    {"order": n, "length": 2000, "url": f"https://{HOST}/upgcxcode/{PLAYED.cid}-{n}-32.flv"}
                    for n in range(1, len(paths) + 1)
                ]
                return envelope(
                    {"quality": 32, "format": "flv480", "timelength": 6000, "accept_quality": [32],
                     "durl": files, "support_formats": [{"quality": 32, "new_description": "480P"}]}
                )  # fmt: skip
            if request.host == HOST:
                return file_response(paths[int(request.path.split("-")[-2]) - 1], "")
            return super().answer(request)

    BilibiliBaseIE._wbi_key_cache.clear()
    video = replace(PLAYED, duration=6, media="")
    with Legacy([video], {}) as simulator:
        row = download(video.bvid, 6.0, reach(simulator), store)
    assert row["accepted"], row["note"]
    assert row["duration"] == pytest.approx(6.0, abs=0.1)
    assert row["cid"] == video.cid
    with store.local(row["path"]) as path:
        assert film.numbers(path) == list(range(180))


def test_a_segment_without_a_picture_is_damage(film: Any, tmp_path: Path) -> None:
    path = tmp_path / "1.flv"
    path.write_bytes(b"FLV\x01\x05\0\0\0\x09\0\0\0\0")
    with pytest.raises(DamagedError, match="a segment"):
        segments.join([path], tmp_path / "video.mp4")


def test_a_cut_connection_is_continued_at_once(simulate: Any, reach: Any, store: Store) -> None:
    simulator = simulate(faults=(Fault(MEDIA, Answer(send=0.5), each=True),))
    assert download(PLAYED.bvid, float(SECONDS), reach(simulator), store)["accepted"]
    assert len(media_requests(simulator)) >= 4  # two tracks, twice


def test_a_broken_download_is_continued_in_the_next_run(
    simulate: Any, reach: Any, store: Store, medium: Media
) -> None:
    simulator = simulate(faults=(Fault(MEDIA, Answer(send=0.5), times=None),))
    with pytest.raises(TransferError):
        download(PLAYED.bvid, float(SECONDS), reach(simulator, retries=0), store)
    assert not store.list("videos")
    simulator.faults.clear()
    before = len(media_requests(simulator))
    row = download(PLAYED.bvid, float(SECONDS), reach(simulator), store)
    resumed = [request.headers.get("range", "") for request in media_requests(simulator)[before:]]
    assert any(wanted and not wanted.startswith("bytes=0-") for wanted in resumed)
    with store.local(row["path"]) as path:
        assert probe(path).frames == probe(medium.path).frames


def test_a_spoilt_leftover_is_fetched_again(
    simulate: Any, reach: Any, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """As a machine that lost power leaves it: a finished name, no content."""
    with store.scratch() as scratch:
        leftover = scratch.parent.parent / "media" / PLAYED.bvid / ".part" / "p1"
    leftover.mkdir(parents=True)
    (leftover / "video.mp4").write_bytes(bytes(5000))
    row = download(PLAYED.bvid, float(SECONDS), reach(simulate()), store)
    assert row["accepted"]
    assert "fetched again from the beginning" in caplog.text


def test_a_file_that_is_not_a_video_is_damaged(simulate: Any, reach: Any, store: Store) -> None:
    nonsense = Answer(status=200, html="<p>not what was announced</p>")
    simulator = simulate(faults=(Fault(MEDIA, nonsense, times=None),))
    try:
        row = download(PLAYED.bvid, float(SECONDS), reach(simulator), store)
    except TransferError:  # ffmpeg could not join the tracks: then it is not known who is to blame
        assert not store.list("videos")
    else:
        assert row["reason"] == "damaged"


def test_several_downloads_at_once(simulate: Any, reach: Any, store: Store) -> None:
    videos = [replace(v, media="film", duration=SECONDS, mode=Mode.OK, parts=1) for v in VIDEOS_THERE[:4]]
    settings = reach(simulate(*videos))
    environment = dict(os.environ)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda v: download(v.bvid, float(SECONDS), settings, store), videos))
    assert all(row["accepted"] for row in rows)
    assert os.environ == environment  # the certificate is trusted here only


def test_two_downloads_of_one_video_do_not_meet(simulate: Any, reach: Any, store: Store) -> None:
    simulator = simulate()
    settings = reach(simulator)
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(lambda _: download(PLAYED.bvid, float(SECONDS), settings, store), range(2)))
    assert rows[0]["sha256"] == rows[1]["sha256"]
    assert len(media_requests(simulator)) == 2


def formats_of(*sizes: tuple[int, int]) -> list[dict[str, Any]]:
    common = {"vcodec": "avc1.640032", "acodec": "none", "ext": "mp4", "protocol": "https"}
    return [
        common | {"format_id": f"{w}x{h}", "width": w, "height": h, "url": f"https://example.com/{w}x{h}"}
        for w, h in sizes
    ]


@pytest.mark.parametrize(
    ("sizes", "max_height", "chosen"),
    [
        ([(3840, 2160), (1920, 1080), (1280, 720)], 1080, "1920x1080"),
        ([(2160, 3840), (1080, 1920), (720, 1280)], 1080, "1080x1920"),  # upright: the smaller side counts
        ([(3840, 2160), (1920, 1080), (1280, 720)], 720, "1280x720"),
        ([(852, 480), (640, 360)], 1080, "852x480"),
    ],
)
def test_the_largest_picture_within_the_limit_is_taken(
    settings: Settings, tmp_path: Path, sizes: Any, max_height: int, chosen: str
) -> None:
    import yt_dlp

    limited = with_values(settings, "download", max_height=max_height)
    options = ytdlp._options(tmp_path, ytdlp._Listener("x"), limited)
    info = {"id": "x", "title": "x", "extractor": "x", "formats": formats_of(*sizes)}
    with yt_dlp.YoutubeDL(options | {"simulate": True, "format": "bv*"}) as downloader:
        assert downloader.process_video_result(info, download=False)["format_id"] == chosen


def test_the_rate_limit_and_retries_reach_the_downloader(settings: Settings, tmp_path: Path) -> None:
    listener = ytdlp._Listener("x")
    slow = with_values(settings, "download", rate_limit=50_000, retries=7)
    options = ytdlp._options(tmp_path, listener, slow)
    assert options["ratelimit"] == 50_000
    assert {options[name] for name in ("retries", "fragment_retries", "extractor_retries")} == {7}
    assert ytdlp._options(tmp_path, listener, settings)["ratelimit"] is None


def test_a_disk_that_fills_meanwhile_stops_the_download(
    simulate: Any, reach: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is room before it begins, but not for audio, video and both joined."""
    simulator = simulate()
    settings = reach(simulator, min_free=1000)
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as during:
        during.setattr(ytdlp.shutil, "disk_usage", lambda _: usage(0, 0, 100_000))
        with pytest.raises(StoreError, match=r"0 MB are free, \d+ MB are needed \(free some space"):
            download(PLAYED.bvid, float(SECONDS), settings, store)
    assert media_requests(simulator)
    assert not store.list("videos")
    assert download(PLAYED.bvid, float(SECONDS), settings, store)["accepted"]


def test_tags_are_kept(simulate: Any, reach: Any, store: Store) -> None:
    """As the page shows them, each once; they are outsiders' words."""
    tags = ("舞蹈", "Popping", "舞蹈", " 街舞\n\u202e", "")
    row = download(PLAYED.bvid, None, reach(simulate(replace(PLAYED, tags=tags))), store)
    assert row["tags"] == ["舞蹈", "Popping", "街舞"]
    (written,) = store.read_table("videos", VIDEOS).to_pylist()
    assert written["tags"] == row["tags"]


def test_rows_of_before_there_were_tags_are_read(store: Store) -> None:
    row = {"bvid": PLAYED.bvid, "page": 1, "path": "", "sha256": "", "accepted": False, "note": ""}
    older = VIDEOS.remove(VIDEOS.get_field_index("tags"))
    store.write_table("videos/a.parquet", from_rows([row | {"reason": "gone"}], older), older)
    newer = row | {"reason": "gone", "tags": ["x"]}
    store.write_table("videos/b.parquet", from_rows([newer], VIDEOS), VIDEOS)
    assert store.read_table("videos", VIDEOS)["tags"].to_pylist() == [None, ["x"]]
    assert store.read_table("videos/a.parquet", VIDEOS)["tags"].to_pylist() == [None]


def test_cookies_are_sent_but_never_logged(
    simulate: Any, reach: Any, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    cookies = tmp_path / "cookies.txt"
    line = ".bilibili.com\tTRUE\t/\tTRUE\t4102444800\tSESSDATA\tsecret-of-mine\n"
    cookies.write_text("# Netscape HTTP Cookie File\n" + line)
    before = cookies.read_bytes()
    simulator = simulate()
    row = download(PLAYED.bvid, float(SECONDS), reach(simulator, cookie_file=str(cookies)), store)
    sent = [r.headers.get("cookie", "") for r in simulator.log if r.host.endswith("bilibili.com")]
    assert any("secret-of-mine" in text for text in sent)
    assert "secret" not in caplog.text
    assert "secret" not in str(row)
    assert cookies.read_bytes() == before


def test_settings_that_cannot_be_used_are_named(
    simulate: Any, reach: Any, store: Store, tmp_path: Path
) -> None:
    settings = reach(simulate(), cookie_file=str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="cookie file cannot be read"):
        download(PLAYED.bvid, None, settings, store)
    plain = with_values(reach(simulate()), "network", ca_file=str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="not a readable certificate"):
        download(PLAYED.bvid, None, plain, store)


def test_a_store_elsewhere_gets_the_file_too(
    simulate: Any, reach: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    remote = Store(f"memory://{tmp_path.name}")
    row = download(PLAYED.bvid, float(SECONDS), reach(simulate()), remote)
    assert hashlib.sha256(remote.read_bytes(row["path"])).hexdigest() == row["sha256"]
    assert not list(tmp_path.rglob("*.mp4"))


@pytest.mark.parametrize("bvid", ["", "BV1", "../../etc", "BV1xx411c7m/", "av170001"])
def test_what_is_not_id_goes_nowhere(settings: Settings, store: Store, bvid: str) -> None:
    with pytest.raises(InputError, match="is not a video id"):
        download(bvid, None, settings, store)
    assert not any(store.list(folder) for folder in ("media", "videos"))


def test_a_host_out_of_reach_is_a_broken_transfer(settings: Settings, store: Store, reach: Any) -> None:
    nobody = with_values(settings, "network", proxy="http://127.0.0.1:9", timeout=2.0)
    with pytest.raises(TransferError):
        download(PLAYED.bvid, None, with_values(nobody, "download", retries=0), store)
