"""Stages leave withdrawn videos alone, and nothing outlives a withdrawal in the middle of their work."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError, StoreError
from popdanceset.manifest import ManifestVideo, read_manifest
from popdanceset.music.features import extract_features
from popdanceset.popularity.command import explain
from popdanceset.popularity.fit import fit
from popdanceset.popularity.model import paper_midpoints
from popdanceset.popularity.selection import select
from popdanceset.popularity.statistics import Statistics, of_table
from popdanceset.release.reader import Release
from popdanceset.release.versions import find_release
from popdanceset.release.writer import publish
from popdanceset.schema import CLIPS, COUNTS, STATISTICS
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from popdanceset.video import acquire as acquiring
from popdanceset.video.clip_list import write_clip_list
from popdanceset.video.manifest_folder import ManifestFolder
from popdanceset.withdrawal.tombstones import WithdrawalReason
from popdanceset.withdrawal.withdraw import withdraw
from tests.popdanceset.withdrawal.planting import DAY, GONE, KEPT, OTHER, places_of, statistics_row


def gone(settings: Settings, store: Store, **more: Any) -> None:
    withdraw(settings, store, [GONE], WithdrawalReason.LEGAL, cache_dir=Path(settings.store), **more)


def only_the_tombstone(settings: Settings) -> bool:
    stone = str(Path(settings.store, "tombstones", f"{GONE}.json"))
    return places_of(GONE, settings.store, settings.manifests) == [stone]


# -- publication


def test_a_manifest_that_still_names_the_video_publishes_nothing_of_it(
    planted: Store, settings: Settings, synthetic: ModuleType
) -> None:
    checkout = Path(settings.manifests, "weekly", "videos.csv")
    before = checkout.read_bytes()
    gone(settings, planted, purge_old=True)
    checkout.write_bytes(before)  # as git brings it back
    synthetic.fill_store(planted, "other", [synthetic.clip_row(f"{GONE}_Clip_1", 90)])

    done = publish(settings, planted, "weekly", day=DAY)

    assert done.clips == 3
    assert places_of(GONE, Path(settings.store, done.path)) == []
    assert Release(Path(settings.store, done.path)).info.counts.videos == 2


def test_shards_with_a_withdrawn_clip_are_not_used_again(
    planted: Store, settings: Settings, synthetic: ModuleType
) -> None:
    gone(settings, planted)
    done = publish(settings, planted, "weekly", day=DAY.replace(year=2027))
    folder = Path(settings.store, done.path)
    assert places_of(GONE, folder) == []
    assert {row["bvid"] for row in Release(folder).clips.to_pylist()} == {KEPT, OTHER}


def test_a_withdrawal_during_publication_stops_it(planted: Store, settings: Settings) -> None:
    def advance(steps: int = 1, note: str = "") -> None:
        gone(settings, planted)

    before = planted.list("releases")
    with pytest.raises(StoreError, match=r"withdrawn while|missing"):
        publish(settings, planted, "weekly", advance, day=DAY.replace(year=2027))
    assert planted.list("releases") == before


def test_a_purged_release_is_not_found(planted: Store, settings: Settings) -> None:
    gone(settings, planted, purge_old=True)
    with pytest.raises(InputError, match="videos in it were withdrawn"):
        find_release(planted, "2026.01.02")


# -- statistics


@pytest.fixture
def popular() -> pa.Table:
    """Statistics of three videos; the more views, the more of everything."""
    rows = []
    for number, bvid in enumerate((GONE, KEPT, OTHER), 1):
        counts = {name: number * (100 + 7 * k) + 13 * k * k for k, name in enumerate(COUNTS)}
        rows.append(statistics_row(bvid, number) | counts | {"follower": 1, "duration": 60.0, "pages": 1})
    return from_rows(rows, STATISTICS)


def lenient(settings: Settings) -> Settings:
    chosen = settings.popularity.model_copy(update={"min_pop": 0.0})
    return settings.model_copy(update={"popularity": chosen})


def test_a_selection_leaves_it_out(settings: Settings, store: Store, popular: pa.Table) -> None:
    gone(settings, store)
    model = paper_midpoints(dict.fromkeys(COUNTS, 1000.0))
    report = select(lenient(settings), store, model, "weekly", popular)
    assert report.videos == 2
    assert only_the_tombstone(settings)


def test_a_withdrawal_during_a_selection(settings: Settings, store: Store, popular: pa.Table) -> None:
    class Slow(Statistics):
        def batches(self, columns: Any = STATISTICS.names) -> Any:
            yield from super().batches(columns)
            gone(settings, store)

    def scan(columns: Any) -> Any:
        yield popular.select([*columns])

    model = paper_midpoints(dict.fromkeys(COUNTS, 1000.0))
    select(lenient(settings), store, model, "weekly", Slow("here", scan))
    assert only_the_tombstone(settings)
    assert [video.bvid for video in read_manifest(Path(settings.manifests, "weekly")).videos] == [OTHER, KEPT]


def test_statistics_without_some_videos(popular: pa.Table) -> None:
    left = of_table(popular).without(frozenset({GONE}))
    assert left.table()["bvid"].to_pylist() == [OTHER, KEPT]
    assert [batch.column_names for batch in left.batches(["view"])] == [["view"]]
    assert sum(map(len, left.batches(["view"]))) == 2


def test_a_fit_does_not_name_it(settings: Settings, store: Store) -> None:
    random = np.random.default_rng(0)
    rows = [
        statistics_row(f"BV1{number:09d}", number)
        | {name: int(random.lognormal(5 + k, 1)) for k, name in enumerate(COUNTS)}
        for number in range(60)
    ]
    rows[7]["bvid"] = GONE
    gone(settings, store)
    done = fit(settings, store, from_rows(rows, STATISTICS))
    assert len(done.sample.bvids) == 59
    assert only_the_tombstone(settings)


def test_an_explanation_says_that_it_was_withdrawn(planted: Store, settings: Settings) -> None:
    gone(settings, planted)
    result = CliRunner().invoke(explain, [GONE, "--store", settings.store])
    assert isinstance(result.exception, InputError)
    assert "was withdrawn on" in str(result.exception)


# -- music features


class Extractor:
    """Features of zeros; the video of the first clip is withdrawn while it works."""

    name, width, events = "baseline", 35, ()

    def __init__(self, during: Any) -> None:
        self._during = during

    def __call__(self, audio: Path) -> np.ndarray:
        self._during()
        return np.zeros((30, 35), np.float32)


def test_features_of_a_video_that_is_withdrawn_meanwhile(planted: Store, settings: Settings) -> None:
    for name in planted.list("music"):
        planted.remove(name)
    gone_already = []

    def during() -> None:
        if not gone_already:
            gone_already.append(True)
            for name in planted.list("failures"):
                planted.remove(name)
            gone(settings, planted, purge_old=True)

    done = extract_features(settings, planted, extractor=Extractor(during))
    assert gone_already
    assert only_the_tombstone(settings)
    assert planted.list("music") == [
        f"music/baseline/{OTHER}_Clip_1.parquet",
        f"music/baseline/{OTHER}_Clip_2.parquet",
        f"music/baseline/{KEPT}_Clip_1.parquet",
    ]
    assert done >= 3


# -- acquisition


def test_a_withdrawn_video_is_not_acquired(
    planted: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, synthetic: ModuleType
) -> None:
    folder = ManifestFolder(read_manifest(Path(settings.manifests, "weekly")))
    seen = []

    def acquire_video(video: ManifestVideo, *_: Any) -> list[dict[str, Any]]:
        seen.append(video.bvid)
        rows = planted.read_table("clips", CLIPS, filter=pc.field("bvid") == video.bvid).to_pylist()
        if video.bvid == KEPT:
            gone(settings, planted, purge_old=True)
        return rows

    monkeypatch.setattr(acquiring, "acquire_video", acquire_video)
    summary = acquiring.acquire(folder, settings, planted, detector=object())  # type: ignore[arg-type]
    assert seen == [OTHER, KEPT]
    assert (summary.videos, summary.withdrawn) == (2, 1)


@pytest.mark.parametrize("fails", [False, True])
def test_a_video_that_is_withdrawn_while_it_is_acquired(
    fails: bool, planted: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, synthetic: ModuleType
) -> None:
    folder = ManifestFolder(read_manifest(Path(settings.manifests, "weekly"))).only([GONE, KEPT])

    def acquire_video(video: ManifestVideo, *_: Any) -> list[dict[str, Any]]:
        row = synthetic.clip_row(f"{video.bvid}_Clip_1", 90)
        if video.bvid == GONE:
            gone(settings, planted, purge_old=True)
            planted.write_rows(f"clips/{GONE}.parquet", [row], CLIPS)
            planted.write_bytes(f"media/{GONE}/p1.mp4", b"late")
            if fails:
                raise StoreError("file is missing")
        return [row]

    monkeypatch.setattr(acquiring, "acquire_video", acquire_video)
    summary = acquiring.acquire(folder, settings, planted, detector=object())  # type: ignore[arg-type]
    assert (summary.videos, summary.withdrawn) == (1, 1)
    assert "1 were withdrawn" in str(summary)
    assert only_the_tombstone(settings)


def test_the_clip_list_loses_its_lines(planted: Store, settings: Settings) -> None:
    folder = Path(settings.manifests, "weekly")
    write_clip_list(folder, [], {GONE})
    assert (folder / "clips.csv").read_text().splitlines()[1:] == [
        f"{KEPT}_Clip_1,{KEPT},1,1,0.0000,5.0000,current"
    ]
