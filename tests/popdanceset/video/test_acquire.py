"""From a manifest's videos to clips, through the simulator and the real yt-dlp."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from yt_dlp.extractor.bilibili import BilibiliBaseIE

import popdanceset
from popdanceset import layout
from popdanceset.commands import with_values
from popdanceset.errors import FailedError, ManifestError, RefusedError, SettingsError, TransferError
from popdanceset.ledger import read_ledger
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.media import probe
from popdanceset.schema import CLIPS, VIDEOS
from popdanceset.settings import Settings
from popdanceset.simulator.casting import Media
from popdanceset.simulator.faults import MEDIA, NAMED, Answer, Fault
from popdanceset.simulator.population import population
from popdanceset.simulator.records import Mode, SimulatedVideo
from popdanceset.simulator.server import Simulator
from popdanceset.store import Store
from popdanceset.video import acquire as acquire_module
from popdanceset.video import clips as clips_module
from popdanceset.video import ytdlp
from popdanceset.video.acquire import acquire, acquire_manifest, acquire_video
from popdanceset.video.clip_list import list_clips, read_clip_list, write_clip_list
from popdanceset.video.command import acquire as command
from popdanceset.video.manifest_folder import ManifestFolder
from popdanceset.video.replan import replan
from popdanceset.video.screening import detector as detector_module
from tests.in_process import InProcess

PEOPLE = population(20, 3, date(2026, 3, 1))
NAMES = ("good", "two_shots", "many_cuts", "shaky", "crowd", "nobody", "short", "silent")


@pytest.fixture(scope="module")
def media(stage: Any, film: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Media]:
    """Small videos, one for each outcome."""
    folder = tmp_path_factory.mktemp("media")
    walls = [stage.wall(seed) for seed in range(3)]
    shake = 8 * np.sin(np.arange(150) * 1.3)

    def picture(name: str, n: int) -> np.ndarray:
        match name:
            case "two_shots":
                return stage.picture(walls[n >= 140], people=[stage.dancer(n)])
            case "many_cuts":
                return stage.picture(walls[n // 25 % 3], people=[stage.dancer(n)])
            case "shaky":
                return stage.picture(walls[0], (0, shake[n]), [stage.dancer(n)])
            case "crowd":
                return stage.picture(
                    walls[0], people=[(x + 9 * np.sin(n / 9), 95, x / 2 + 40) for x in (70, 165, 255)]
                )
            case "nobody":
                return stage.picture(walls[0], (n / 8 - 9, 0))
        return stage.picture(walls[0], people=[stage.dancer(n)])

    made = {}
    for name in NAMES:
        count = {"two_shots": 280, "short": 75}.get(name, 150)
        sound = None
        if name not in ("nobody", "silent"):
            sound = 0.3 * np.sin(np.arange(count * 1600) / (20 + NAMES.index(name))).astype(np.float32)
        path = film.write(
            folder / f"{name}.mp4", pictures=[picture(name, n) for n in range(count)], sound=sound
        )
        made[name] = Media(name, path, count / 30, 30, stage.width, stage.height, "")
    return made


def played(number: int, medium: Media, mode: Mode = Mode.OK, seconds: int = 0) -> SimulatedVideo:
    duration = seconds or round(medium.seconds)
    return replace(PEOPLE[number], media=medium.name, duration=duration, mode=mode, parts=1)


def listed(video: SimulatedVideo) -> ManifestVideo:
    return ManifestVideo(
        video.bvid,
        1.0,
        mid=video.mid,
        duration=float(video.duration),
        tid=video.section.tid,
        tid_v2=video.section.tid_v2,
    )


@pytest.fixture
def simulate(media: dict[str, Media]) -> Iterator[Callable[..., Simulator]]:
    running: list[Simulator] = []
    BilibiliBaseIE._wbi_key_cache.clear()

    def start(*videos: SimulatedVideo, faults: tuple[Fault, ...] = ()) -> Simulator:
        simulator = Simulator(videos, media, faults=faults)
        simulator.__enter__()
        running.append(simulator)
        return simulator

    yield start
    for simulator in running:
        simulator.__exit__(None, None, None)
        assert not simulator.leaks


@pytest.fixture
def reach(settings: Settings, stage: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings that lead to a simulator; screening sees the stage's dancers."""
    monkeypatch.setattr(ytdlp, "_pause", lambda n: 0.0)
    monkeypatch.setattr(detector_module, "load_detector", lambda settings: stage.find_ovals)

    def lead(simulator: Simulator, **download_settings: Any) -> Settings:
        there = with_values(
            settings, "network", proxy=simulator.proxy_url, ca_file=simulator.ca_file, timeout=5.0
        )
        return with_values(there, "download", **download_settings)

    return lead


def test_every_video_meets_its_fate(simulate: Any, reach: Any, store: Store, media: dict[str, Media]) -> None:
    videos = [played(n, media[name]) for n, name in enumerate(NAMES[:7])]
    videos += [played(7, media["good"], Mode.DELETED), played(8, media["good"], Mode.PAID_PREVIEW, 60)]
    settings = reach(simulate(*videos))
    summary = acquire(ManifestFolder(Manifest("test", tuple(map(listed, videos)))), settings, store)

    table = store.read_table("clips", CLIPS).to_pylist()
    reasons = [[r["reason"] for r in table if r["bvid"] == v.bvid] for v in videos]
    assert reasons == [
        [""],
        ["", "camera_cuts", ""],
        ["camera_cuts"],
        ["camera_shake"],
        ["several_dancers"],
        ["no_dancer"],
        ["too_short"],
        ["gone"],
        ["paid_preview"],
    ]
    assert (summary.videos, summary.clips, summary.unfinished) == (9, 3, [])
    assert summary.seconds == pytest.approx(5 + (280 - 2) / 30, abs=0.01)
    assert summary.rejected["camera_cuts"] == 2
    (row,) = read_ledger(store)
    assert (row.items, row.rejected, row.failed) == (9, 7, 0)
    assert row.frames == sum(r["frames"] for r in table)
    received = sum(r["size"] for r in store.read_table("videos", VIDEOS).to_pylist() if r["accepted"])
    assert row.bytes_received >= received > 0
    assert row.requests >= len(videos)  # the pages, the players, the files
    assert row.cpu_seconds > 0


def test_clips_are_cut_as_their_rows_say(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media]
) -> None:
    video = played(1, media["two_shots"])
    settings = reach(simulate(video))
    rows = acquire_video(listed(video), settings, store)
    first, seam, second = rows
    assert [r["clip_id"] for r in rows] == [f"{video.bvid}_Clip_1", None, f"{video.bvid}_Clip_2"]
    assert (first["start"], first["end"]) == (0.0, pytest.approx(139 / 30))
    assert (second["start"], second["end"]) == (pytest.approx(141 / 30), pytest.approx(280 / 30))
    assert (seam["path"], seam["frames"]) == ("", 0)
    assert first["music_id"] == second["music_id"]
    assert first["music_id"].startswith("sound:")
    for row in (first, second):
        assert row["dancer_id"] == str(video.mid)
        assert row["cuts_per_minute"] == pytest.approx(60 / (280 / 30))
        assert (row["dancers"], row["visibility"]) == (1.0, 1.0)
        assert row["shake"] < 0.001
        with store.local(row["path"]) as path, store.local(row["music_path"]) as sound:
            assert probe(path).frames == row["frames"] == round((row["end"] - row["start"]) * 30)
            assert sound.suffix == ".wav"


def test_a_clip_without_audio_has_no_wav(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media]
) -> None:
    video = played(1, media["silent"])
    (row,) = acquire_video(listed(video), reach(simulate(video)), store)
    assert row["accepted"]
    assert (row["music_path"], row["music_id"]) == ("", f"silent:{video.bvid}")


def test_every_part_of_a_video_has_rows_of_its_own(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media]
) -> None:
    video = replace(played(0, media["good"]), parts=2)
    settings = reach(simulate(video))
    rows = acquire_video(replace(listed(video), pages=2, duration=10.0), settings, store)
    assert [row["clip_id"] for row in rows] == [f"{video.bvid}_Clip_1", f"{video.bvid}_p2_Clip_1"]
    parts = store.read_table("videos", VIDEOS).to_pylist()
    assert sorted((part["page"], part["accepted"]) for part in parts) == [(1, True), (2, True)]


def test_the_genre_comes_from_the_tags_too(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media]
) -> None:
    video = replace(played(0, media["nobody"]), tags=("舞蹈", "POPPING"))
    (row,) = acquire_video(replace(listed(video), tid_v2=2028), reach(simulate(video)), store)
    assert row["genre"] == "popping"


def test_wrong_rules_for_genres_are_reported_before_the_work(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media]
) -> None:
    video = played(0, media["good"])
    simulator = simulate(video)
    settings = with_values(reach(simulator), "music", genres="none.toml")
    with pytest.raises(SettingsError, match="cannot read the genre rules"):
        acquire(ManifestFolder(Manifest("test", (listed(video),))), settings, store)
    assert not simulator.log


def test_a_later_plan_keeps_the_ids_of_the_manifest(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media], tmp_path: Path
) -> None:
    """The list beside the videos says that the second shot is clip 7; another clip 9 no longer exists."""
    video = played(1, media["two_shots"])
    settings = reach(simulate(video))
    place = {"bvid": video.bvid, "page": 1, "accepted": True}
    earlier = [
        place | {"clip_id": f"{video.bvid}_Clip_7", "start": 4.8, "end": 9.3},
        place | {"clip_id": f"{video.bvid}_Clip_9", "start": 1.0, "end": 2.0},
    ]
    write_clip_list(tmp_path, earlier)
    rows = acquire_video(listed(video), settings, store, listed=read_clip_list(tmp_path))
    ids = [row["clip_id"] for row in rows]
    assert ids == [f"{video.bvid}_Clip_10", None, f"{video.bvid}_Clip_7"]
    list_clips(tmp_path, Manifest("test", (listed(video),)), store)
    lines = (tmp_path / "clips.csv").read_text().splitlines()[1:]
    assert [(line.split(",")[0].rpartition("_")[2], line.split(",")[-1]) for line in lines] == [
        ("7", "current"), ("9", "retired"), ("10", "current"),
    ]  # fmt: skip


def test_finished_work_is_kept(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    video = played(0, media["good"])
    simulator = simulate(video)
    settings = reach(simulator)
    rows = acquire_video(listed(video), settings, store)
    asked = len(simulator.log)
    detector_module.forget_detectors()
    monkeypatch.setattr(detector_module, "load_detector", lambda settings: pytest.fail("not needed"))
    assert acquire_video(listed(video), settings, store) == rows
    again = acquire(ManifestFolder(Manifest("test", (listed(video),))), settings, store)
    assert (again.videos, again.clips) == (1, 1)
    assert len(simulator.log) == asked


def test_a_run_that_was_killed_is_continued(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it was cutting: download and screening are kept, the rows are the same."""
    video = played(1, media["two_shots"])
    simulator = simulate(video)
    settings = reach(simulator)
    real_cut, calls = clips_module.cut, []

    def killed(*args: Any) -> int:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real_cut(*args)

    with monkeypatch.context() as during:
        during.setattr(clips_module, "cut", killed)
        with pytest.raises(KeyboardInterrupt):
            acquire_video(listed(video), settings, store)
    assert not store.list("clips")
    asked = len(simulator.log)
    with monkeypatch.context() as during:
        during.setattr(acquire_module, "screen", lambda *a: pytest.fail("screened twice"))
        rows = acquire_video(listed(video), settings, store)
    assert len(simulator.log) == asked
    assert [row["frames"] for row in rows] == [139, 0, 139]
    assert len(store.list("media", ".mp4")) == 3


def test_other_settings_need_another_screening(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media], caplog: pytest.LogCaptureFixture
) -> None:
    video = played(0, media["good"])
    settings = reach(simulate(video))
    acquire_video(listed(video), settings, store)
    name = f"media/{video.bvid}/p1.screening.json"
    before = store.read_json(name)
    store.remove(f"clips/{video.bvid}.parquet")
    acquire_video(listed(video), with_values(settings, "screening", sample_fps=4.0), store)
    assert len(store.read_json(name)["dancers"]["time"]) == 2 * len(before["dancers"]["time"])

    store.write_json(name, {"no": "report"})
    store.remove(f"clips/{video.bvid}.parquet")
    acquire_video(listed(video), settings, store)
    assert store.read_json(name) == before
    assert "screened again" in caplog.text


def test_a_damaged_film_has_a_row(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    from popdanceset.errors import MediaError

    video = played(0, media["good"])

    def fail(*_: Any) -> None:
        raise MediaError("is damaged", "p1.mp4")

    monkeypatch.setattr(acquire_module, "screen", fail)
    settings = reach(simulate(video))
    (row,) = acquire_video(listed(video), settings, store)
    assert (row["accepted"], row["reason"], row["end"]) == (False, "damaged", pytest.approx(5.0, abs=0.1))
    (part,) = store.read_table("videos", VIDEOS).to_pylist()
    assert (part["accepted"], part["reason"], part["path"]) == (False, "damaged", "")
    assert store.list(f"media/{video.bvid}", ".mp4") == [f"media/{video.bvid}/quarantine/p1.mp4"]
    assert acquire_video(listed(video), settings, store) == [row]


def test_a_broken_transfer_leaves_the_others_alone(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media], caplog: pytest.LogCaptureFixture
) -> None:
    videos = [played(0, media["good"]), played(1, media["nobody"])]
    broken = Fault(rf"{MEDIA}.*{videos[0].bvid}", Answer(send=0.3), times=None)
    settings = reach(simulate(*videos, faults=(broken,)), retries=0)
    told: list[str] = []
    with caplog.at_level(logging.WARNING):
        summary = acquire(
            ManifestFolder(Manifest("test", tuple(map(listed, videos)))),
            settings,
            store,
            lambda n, note: told.append(note),
        )
    assert summary.unfinished == [videos[0].bvid]
    assert summary.videos == 1
    assert told == [v.bvid for v in videos]
    assert videos[0].bvid in caplog.text
    assert store.list("clips") == [f"clips/{videos[1].bvid}.parquet"]


def test_a_refusal_ends_the_run(simulate: Any, reach: Any, store: Store, media: dict[str, Media]) -> None:
    videos = [played(0, media["nobody"]), played(1, media["good"]), played(2, media["good"])]
    refusal = replace(NAMED["page-412"], after=1, times=None)
    simulator = simulate(*videos, faults=(refusal,))
    with pytest.raises(RefusedError):
        acquire(ManifestFolder(Manifest("test", tuple(map(listed, videos)))), reach(simulator), store)
    assert store.list("clips") == [f"clips/{videos[0].bvid}.parquet"]
    assert sum(request.path.startswith("/video/") for request in simulator.log) == 2


# -- on an engine: downloads here, screening and cutting elsewhere


def on_engine(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "ray"})


def test_an_engine_screens_and_cuts_what_was_downloaded_here(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media], tmp_path: Path, in_process: InProcess
) -> None:
    videos = [played(n, media[name]) for n, name in enumerate(("good", "nobody", "short"))]
    videos += [played(7, media["good"], Mode.DELETED), replace(played(8, media["silent"]), parts=2)]
    lines = [*map(listed, videos[:4]), replace(listed(videos[4]), pages=2, duration=10.0)]
    write_manifest(tmp_path / "m", Manifest("m", tuple(lines)))
    simulator = simulate(*videos)
    settings = reach(simulator)
    asked: list[int] = []
    in_process.before = lambda ids: asked.append(len(simulator.log))
    summary = acquire_manifest(tmp_path / "m", on_engine(settings), store)
    assert sorted(in_process.given) == sorted(video.bvid for video in videos)
    assert (summary.videos, summary.clips, summary.unfinished) == (5, 3, [])
    assert len(simulator.log) == asked[0], "the workers request nothing"

    before = {name: store.read_bytes(name) for name in store.list("clips")}
    again = acquire_manifest(tmp_path / "m", on_engine(settings), store)
    assert str(again).split(",")[:2] == str(summary).split(",")[:2]
    assert len(in_process.given) == 5, "finished videos are handed to nobody"
    assert {name: store.read_bytes(name) for name in store.list("clips")} == before


def test_an_engine_gets_what_a_broken_transfer_and_a_refusal_leave(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media], tmp_path: Path, in_process: InProcess
) -> None:
    videos = [played(n, media["nobody"]) for n in range(3)]
    write_manifest(tmp_path / "m", Manifest("m", tuple(map(listed, videos))))
    broken = Fault(rf"{MEDIA}.*{videos[0].bvid}", Answer(send=0.3), times=None)
    settings = on_engine(reach(simulate(*videos, faults=(broken,)), retries=0))
    summary = acquire_manifest(tmp_path / "m", settings, store)
    assert (summary.videos, summary.unfinished) == (2, [videos[0].bvid])
    assert sorted(in_process.given) == sorted(video.bvid for video in videos[1:])

    videos = [played(n, media["nobody"]) for n in (3, 4)]
    write_manifest(tmp_path / "n", Manifest("n", tuple(map(listed, videos))))
    refusal = replace(NAMED["page-412"], after=1, times=None)
    with pytest.raises(RefusedError):
        acquire_manifest(tmp_path / "n", on_engine(reach(simulate(*videos, faults=(refusal,)))), store)
    (downloaded,) = in_process.given[2:]
    assert downloaded in {video.bvid for video in videos}
    assert store.exists(f"clips/{downloaded}.parquet"), "what came before the refusal is screened and cut"


class TestCommand:
    """`popdanceset acquire MANIFEST`."""

    def run(self, folder: Path, settings: Settings) -> Any:
        network = settings.network
        changed = [
            f"network.proxy={network.proxy}",
            f"network.ca_file={network.ca_file}",
            "download.retries=0",
        ]
        options = [text for change in changed for text in ("--set", change)]
        return CliRunner().invoke(command, [str(folder), "--store", settings.store, *options])

    def test_it_reports_the_result(
        self, simulate: Any, reach: Any, media: dict[str, Media], tmp_path: Path
    ) -> None:
        videos = [played(0, media["good"]), played(1, media["nobody"])]
        write_manifest(tmp_path / "m", Manifest("m", tuple(map(listed, videos))))
        result = self.run(tmp_path / "m", reach(simulate(*videos)))
        assert result.exit_code == 0, result.output
        assert "2 videos, 1 clips, 5.0 s" in result.output
        assert "no_dancer: 1" in result.output

    def test_it_fails_if_videos_are_missing(
        self, simulate: Any, reach: Any, media: dict[str, Media], tmp_path: Path
    ) -> None:
        video = played(0, media["good"])
        write_manifest(tmp_path / "m", Manifest("m", (listed(video),)))
        broken = Fault(MEDIA, Answer(send=0.3), times=None)
        result = self.run(tmp_path / "m", reach(simulate(video, faults=(broken,))))
        assert isinstance(result.exception, TransferError)
        assert "1 of 1 videos could not be fetched" in str(result.exception)

    def test_a_missing_manifest_is_named(self, settings: Settings, tmp_path: Path) -> None:
        result = self.run(tmp_path / "none", settings)
        assert isinstance(result.exception, ManifestError)
        assert "none" in str(result.exception)


# -- an unexpected error costs one part


def stumble_over(bvid: str, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> list[str]:
    """Plants an error in the screening of one video; returns the videos that are screened from now on."""
    real, screened = acquire_module.screen, []

    def planted(path: Path, *arguments: Any) -> Any:
        screened.append(path.parent.name)
        if bvid in str(path):
            raise error
        return real(path, *arguments)

    monkeypatch.setattr(acquire_module, "screen", planted)
    return screened


def test_a_video_that_fails_does_not_stop_the_others(
    simulate: Any,
    reach: Any,
    store: Store,
    media: dict[str, Media],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    videos = [played(n, media["good"]) for n in range(3)]
    folder = ManifestFolder(Manifest("test", tuple(map(listed, videos))))
    settings = reach(simulate(*videos))
    with monkeypatch.context() as during:
        stumble_over(videos[1].bvid, during, ValueError("max() of nothing"))
        summary = acquire(folder, settings, store)
    assert (summary.videos, summary.clips, summary.failed) == (3, 2, [videos[1].bvid])
    assert summary.rejected == {"failed": 1}
    assert str(summary).endswith("; 1 failed unexpectedly")
    with pytest.raises(FailedError, match=videos[1].bvid) as caught:
        summary.check()
    assert caught.value.exit_code == 1
    assert "Traceback" in caplog.text
    (row,) = store.read_table(layout.clip_rows(videos[1].bvid), CLIPS).to_pylist()
    assert (row["accepted"], row["reason"], row["clip_id"]) == (False, "failed", None)
    assert row["note"].startswith("ValueError: max() of nothing")

    # The next run of this version leaves it alone, and so does planning again; the others are not touched.
    before = {name: store.modified(name) for folder_ in ("media", "videos") for name in store.list(folder_)}
    with monkeypatch.context() as during:
        screened = stumble_over("nothing", during, ValueError())
        again = acquire(folder, settings, store)
    assert (screened, again.failed) == ([], summary.failed)
    planned = replan(folder, settings, store)
    assert (planned.kept, planned.failed) == (2, summary.failed)
    with pytest.raises(FailedError):
        planned.check()
    assert {name: store.modified(name) for name in before} == before

    # Another try finds the file that was downloaded.
    with monkeypatch.context() as during:
        during.setattr(popdanceset, "__version__", "99")
        screened = stumble_over("nothing", during, ValueError())
        finished = acquire(folder, settings, store)
    assert screened == [videos[1].bvid]
    assert (finished.clips, finished.failed, finished.rejected) == (3, [], {})
    assert store.list(layout.FAILURES) == []


def test_a_run_that_was_killed_while_it_tried_again(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    video = played(0, media["good"])
    folder = ManifestFolder(Manifest("test", (listed(video),)))
    settings = reach(simulate(video))
    for error in (RuntimeError("planted"), KeyboardInterrupt()):
        with monkeypatch.context() as during:
            stumble_over(video.bvid, during, error)
            if isinstance(error, Exception):
                assert acquire(folder, settings, store, retry_failed=True).failed == [video.bvid]
            else:
                with pytest.raises(KeyboardInterrupt):
                    acquire(folder, settings, store, retry_failed=True)
    assert acquire(folder, settings, store).failed == [video.bvid]
    assert acquire(folder, settings, store, retry_failed=True).clips == 1


def test_a_damaged_table_costs_its_video(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media]
) -> None:
    videos = [played(n, media["good"]) for n in range(2)]
    folder = ManifestFolder(Manifest("test", tuple(map(listed, videos))))
    settings = reach(simulate(*videos))
    acquire(folder, settings, store)
    store.write_bytes(layout.clip_rows(videos[0].bvid), b"no parquet")
    summary = acquire(folder, settings, store)
    assert (summary.clips, summary.failed) == (1, [videos[0].bvid])
    assert acquire(folder, settings, store, retry_failed=True).clips == 2


def test_the_command_ends_with_1_and_tries_again(
    simulate: Any,
    reach: Any,
    store: Store,
    media: dict[str, Media],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    videos = [played(n, media["good"]) for n in range(2)]
    simulator = simulate(*videos)
    reach(simulator)
    write_manifest(tmp_path / "m", Manifest("m", tuple(map(listed, videos))))
    for name, value in simulator.environment.items():
        monkeypatch.setenv(name, value)
    arguments = [str(tmp_path / "m"), "--store", store.address]
    with monkeypatch.context() as during:
        stumble_over(videos[0].bvid, during, AssertionError())
        result = CliRunner().invoke(command, arguments)
    assert result.output == "2 videos, 1 clips, 5.0 s; 1 failed unexpectedly\n  failed: 1\n"
    assert isinstance(result.exception, FailedError)
    result = CliRunner().invoke(command, [*arguments, "--retry-failed"], catch_exceptions=False)
    assert (result.exit_code, result.output) == (0, "2 videos, 2 clips, 10.0 s\n")


def test_a_refusal_as_the_last_answer_ends_the_run(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media]
) -> None:
    """Also if there are too few videos for three in a row."""
    video = played(0, media["good"])
    simulator = simulate(video, faults=(replace(NAMED["playurl-voucher"], times=None),))
    settings = reach(simulator)
    folder = ManifestFolder(Manifest("test", (listed(video),)))
    summary = acquire(folder, settings, store)
    assert summary.unfinished == [video.bvid]
    with pytest.raises(RefusedError):
        summary.check()
    simulator.faults.clear()
    acquire(folder, settings, store).check()


def test_the_parts_after_a_removed_one_are_requested(
    simulate: Any, reach: Any, store: Store, media: dict[str, Media]
) -> None:
    video = played(0, media["good"])
    settings = reach(simulate(video))
    rows = acquire_video(replace(listed(video), pages=3, duration=15.0), settings, store)
    assert [(row["page"], row["reason"]) for row in rows] == [(1, ""), (2, "gone"), (3, "gone")]
    assert rows[1]["note"] == "part 2 was removed: the video has 1 part now"
