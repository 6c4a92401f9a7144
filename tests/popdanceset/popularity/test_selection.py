import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from popdanceset.errors import InputError
from popdanceset.manifest import IMPORTS, Manifest, ManifestVideo, read_manifest, write_manifest
from popdanceset.popularity.fit import fit
from popdanceset.popularity.model import PopularityModel
from popdanceset.popularity.normalise import LogNormaliser
from popdanceset.popularity.score import score
from popdanceset.popularity.selection import judge, select
from popdanceset.schema import SELECTION, STATISTICS, Reason
from popdanceset.settings import PopularitySettings, Settings
from popdanceset.store import Store
from popdanceset.tables import conform
from tests.popdanceset.popularity.conftest import READ_AT, bvid, row, table

VIEWS = PopularityModel("views", {"view": 1.0}, 0.0, LogNormaliser({"view": 10**6 - 1}), "made up")
"""Pop is the logarithm of views to the base of a million: 0.85 is 125,892 views."""


def changed(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(update={"popularity": settings.popularity.model_copy(update=values)})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"view": 125_892, "follower": 125_891}, Reason.NONE),
        ({"view": 125_891, "follower": 0}, Reason.LOW_POPULARITY),
        ({"view": 200_000, "follower": 200_000}, Reason.VIEWS_NOT_ABOVE_FOLLOWERS),
        ({"view": 200_000, "follower": None}, Reason.FOLLOWERS_UNKNOWN),
        ({"view": None, "follower": 0}, Reason.COUNTS_MISSING),
        ({"view": 200_000, "state": "gone"}, Reason.NOT_PUBLIC),
        ({"view": 10, "follower": None}, Reason.LOW_POPULARITY),
        ({"view": 10**7, "follower": 5}, Reason.NONE),
    ],
)
def test_the_first_failed_rule_is_the_reason(changes: dict[str, Any], reason: Reason) -> None:
    result = judge(table(row(1, **changes)), VIEWS, PopularitySettings())
    assert result["reason"].to_pylist() == [reason.value]
    assert result["accepted"].to_pylist() == [reason is Reason.NONE]
    assert result["beyond_reference"].to_pylist() == [changes["view"] == 10**7]
    conform(result, SELECTION)


def test_the_rule_of_followers_can_be_changed() -> None:
    videos = table(row(1, view=200_000, follower=150_000), row(2, view=200_000, follower=None))
    twice = judge(videos, VIEWS, PopularitySettings(min_views_per_follower=2))
    assert twice["reason"].to_pylist() == ["views_not_above_followers", "followers_unknown"]
    off = judge(videos, VIEWS, PopularitySettings(min_views_per_follower=0))
    assert off["accepted"].to_pylist() == [True, True]


def test_every_video_has_a_row_and_the_accepted_ones_a_manifest(
    settings: Settings, store: Store, dances: pa.Table
) -> None:
    model = fit(settings, store, dances).model
    report = select(settings, store, model, "v1", dances)
    judged = store.read_table("selection/v1.parquet", SELECTION).to_pylist()
    pop, _ = score(dances, model)
    expected = {
        r["bvid"]
        for r, p in zip(dances.to_pylist(), pop, strict=True)
        if p > 0.85 and r["view"] > r["follower"]
    }
    assert {r["bvid"] for r in judged if r["accepted"]} == expected
    assert report.videos == len(judged) == 400
    assert report.accepted + sum(report.reasons.values()) == 400
    assert report.highest_pop == np.max(pop)

    manifest = read_manifest(report.manifest)
    assert {video.bvid for video in manifest.videos} == expected
    by_id = {r["bvid"]: r for r in judged}
    for video in manifest.videos:
        assert video.pop == pytest.approx(by_id[video.bvid]["pop"], abs=5e-7)
        assert (video.title, video.duration) == (by_id[video.bvid]["title"], 60.0)
    assert manifest.provenance["model"]["name"] == model.name
    assert manifest.provenance["thresholds"]["min_pop"] == 0.85
    assert manifest.provenance["rejected"] == report.reasons
    assert manifest.provenance["snapshot"]["last"] == "2026-03-01T00:00:00+00:00"


def test_the_same_inputs_give_the_same_bytes(settings: Settings, store: Store, dances: pa.Table) -> None:
    model = fit(settings, store, dances).model
    contents = []
    for videos in (dances, dances.take(np.random.default_rng(0).permutation(400))):
        folder = select(settings, store, model, "v1", videos).manifest
        contents.append([(folder / name).read_bytes() for name in ("manifest.yaml", "videos.csv")])
    assert contents[0] == contents[1]


def test_imported_videos_stay_in_the_manifest(settings: Settings, store: Store, dances: pa.Table) -> None:
    model = fit(settings, store, dances).model
    chosen = read_manifest(select(settings, store, model, "v1", dances).manifest).videos
    folder, source = Path(settings.manifests, "v1"), "imported: popdanceset"
    also_chosen, foreign = chosen[3], ManifestVideo("BV1zzzzzzzzz", None, source=source)
    rows = [replace(also_chosen, pop=None, view=None, source=source), foreign]
    write_manifest(folder, Manifest("v1", tuple(rows), {IMPORTS: [{"kind": "popdanceset"}]}))

    report = select(settings, store, model, "v1", dances)
    manifest = read_manifest(folder)
    assert (report.accepted, report.imported) == (len(chosen), 2)
    marked = [replace(video, source=source if video == also_chosen else None) for video in chosen]
    assert manifest.videos == (*marked, foreign)
    assert manifest.provenance[IMPORTS] == [{"kind": "popdanceset"}]
    assert manifest.provenance["accepted"] == len(chosen)

    again = (folder / "videos.csv").read_bytes()
    select(settings, store, model, "v1", dances)
    assert (folder / "videos.csv").read_bytes() == again


@pytest.mark.parametrize("size", [1, 7, 399])
def test_batches_change_nothing(
    settings: Settings, store: Store, dances: pa.Table, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fit(settings, store, dances).model
    whole = select(settings, store, model, "whole", dances)
    monkeypatch.setattr("popdanceset.popularity.statistics.BATCH", size)
    parts = select(settings, store, model, "parts", dances)
    assert (parts.videos, parts.accepted, parts.reasons, parts.highest_pop) == (
        (whole.videos, whole.accepted, whole.reasons, whole.highest_pop)
    )
    assert (parts.manifest / "videos.csv").read_bytes() == (whole.manifest / "videos.csv").read_bytes()
    tables = [store.read_table(report.table, SELECTION) for report in (whole, parts)]
    assert tables[0].equals(tables[1])


def test_the_manifest_names_the_commit_of_its_checkout(
    settings: Settings, store: Store, dances: pa.Table
) -> None:
    model = fit(settings, store, dances).model
    without = select(settings, store, model, "v1", dances).manifest
    assert "commit" not in read_manifest(without).provenance
    git = ["git", "-C", settings.manifests, "-c", "user.name=a", "-c", "user.email=a@localhost"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    contents = []
    for _ in range(2):  # the manifest of the first round is a change in the checkout of the second
        folder = select(settings, store, model, "v2", dances).manifest
        contents.append((folder / "manifest.yaml").read_bytes())
    assert read_manifest(folder).provenance["commit"] == head
    assert contents[0] == contents[1]


def test_a_store_is_selected_from_by_its_newest_snapshots(settings: Settings, store: Store) -> None:
    rich, poor = row(1, view=500_000), row(1, view=500, snapshot_at=READ_AT - timedelta(days=1))
    for name, rows in (("02-28", [poor, row(2, view=500_000)]), ("03-01", [rich])):
        rows = [{**r, "pubdate": READ_AT} for r in rows]
        store.write_table(f"statistics/date=2026-{name}/a.parquet", table(*rows), STATISTICS)
    report = select(settings, store, VIEWS, "v1")
    assert (report.videos, report.accepted) == (2, 2)


def test_a_threshold_that_accepts_nothing_tells_the_highest_pop(settings: Settings, store: Store) -> None:
    videos = table(row(1, view=9_999), row(2, view=99), row(3, state="gone", view=10**6))
    with pytest.raises(
        InputError, match=r"highest Pop is 0\.6667, the threshold 0\.85.*lower popularity\.min_pop"
    ):
        select(settings, store, VIEWS, "v1", videos)
    assert len(store.read_table("selection/v1.parquet", SELECTION)) == 3  # the reasons are kept
    assert not (Path(settings.manifests) / "v1").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"follower": None}, r"1 above it: followers_unknown.*crawl --followers"),
        ({"follower": 10**9}, r"1 above it: views_not_above_followers.*min_views_per_follower"),
        ({"state": "gone"}, "no public video"),
    ],
)
def test_what_else_stood_in_the_way_is_reported(
    settings: Settings, store: Store, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        select(settings, store, VIEWS, "v1", table(row(1, view=500_000, **changes)))


def test_an_empty_store_is_reported(settings: Settings, store: Store) -> None:
    with pytest.raises(InputError, match=r"no videos to select from.*popdanceset crawl"):
        select(settings, store, VIEWS, "v1")


def test_a_manifest_is_given_by_its_name_or_its_folder(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    videos = table(row(1, view=500_000))
    assert select(settings, store, VIEWS, "v1", videos).manifest == Path(settings.manifests, "v1")
    report = select(settings, store, VIEWS, tmp_path / "elsewhere" / "v2", videos)
    assert (report.name, report.manifest) == ("v2", tmp_path / "elsewhere" / "v2")
    assert read_manifest(report.manifest).name == "v2"


def test_the_end_of_a_selection_is_logged(
    settings: Settings, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    select(settings, store, VIEWS, "v1", table(row(1, view=500_000), row(2, view=5)))
    assert "selection v1: 1 of 2 videos accepted" in caplog.text


@pytest.mark.parametrize("name", ["", " ", ".hidden", "../.hidden", "v 1", "a" * 200])
def test_an_invalid_name_is_reported(settings: Settings, store: Store, name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not a valid name of a manifest|name is empty"):
        select(settings, store, VIEWS, name, table(row(1, view=500_000)))
    assert list(tmp_path.iterdir()) == []


def test_an_accepted_row_without_a_proper_id_is_reported(settings: Settings, store: Store) -> None:
    videos = table(row(1, view=500_000, bvid="../../etc/passwd"), row(2, view=500_000))
    with pytest.raises(InputError, match=r"etc/passwd.*not a video id"):
        select(settings, store, VIEWS, "v1", videos)


def test_hostile_titles_stay_in_their_cells(settings: Settings, store: Store) -> None:
    titles = ['"; rm -rf /', "a,b\nc\r\nd", "../../etc/passwd", "💃" * 2000, "=HYPERLINK()", "  "]
    videos = table(*(row(i, view=500_000, title=title) for i, title in enumerate(titles)))
    manifest = read_manifest(select(settings, store, VIEWS, "v1", videos).manifest)
    assert [video.bvid for video in manifest.videos] == [bvid(i) for i in range(len(titles))]
    assert [video.title for video in manifest.videos] == titles


def test_the_dancers_of_joint_uploads_reach_the_manifest(settings: Settings, store: Store) -> None:
    videos = table(
        *(row(i, view=10**6 + i) for i in range(3)), row(9, view=10**6, staff="9+5", dancers="5+9")
    )
    report = select(settings, store, VIEWS, "v1", videos)
    dancers = {video.bvid: video.dancers for video in read_manifest(report.manifest).videos}
    assert dancers == {bvid(0): None, bvid(1): None, bvid(2): None, bvid(9): "5+9"}
