"""The splits of releases in one store: settings, earlier releases, and the preview of both."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from popdanceset.release.dividing import divide, earlier_releases, split_rule
from popdanceset.release.members import members, release_videos
from popdanceset.release.reader import Release
from popdanceset.release.split_check import check_splits
from popdanceset.release.split_preview import preview_splits
from popdanceset.release.splits_command import splits
from popdanceset.release.writer import publish
from popdanceset.settings import Settings
from popdanceset.store import Store


def with_release(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(update={"release": settings.release.model_copy(update=values)})


def videos(synthetic: ModuleType, numbers: Iterable[int], clips: int = 2) -> list[dict[str, Any]]:
    return [
        synthetic.clip_row(f"BV{n}_Clip_{c}", 30 + n, f"m{n}", dancer_id=str(n // 2))
        for n in numbers
        for c in range(1, clips + 1)
    ]


def released(settings: Settings, version: str) -> dict[str, str]:
    with Release(Path(settings.store, "releases", version)) as release:
        ids = release.clips["clip_id"].to_pylist()
        return dict(zip(ids, release.clips["split"].to_pylist(), strict=True))


def test_a_growing_dataset_keeps_its_test_split(
    store: Store, settings: Settings, synthetic: ModuleType
) -> None:
    wanted = with_release(settings, test_size="4clips", version="1")
    synthetic.fill_store(store, "weekly", videos(synthetic, range(10, 16)))
    publish(wanted, store, "weekly")
    first = released(settings, "1")
    assert sorted(first.values()).count("test") == 4
    assert not publish(wanted, store, "weekly").written
    assert not publish(with_release(settings, test_size="4clips"), store, "weekly").written

    synthetic.fill_store(store, "weekly", videos(synthetic, range(10, 30)))
    publish(with_release(wanted, version="2"), store, "weekly")
    second = released(settings, "2")
    assert {name for name in second if second[name] == "test"} == {n for n in first if first[n] == "test"}

    # Another seed and a larger size: only what was never trained on can be held out.
    publish(with_release(wanted, version="3", test_size="0.4", seed=7), store, "weekly")
    assert released(settings, "3") == second
    fresh = with_release(wanted, version="4", test_size="0.4", seed=7, keep_splits=False)
    publish(fresh, store, "weekly")
    assert sorted(released(settings, "4").values()).count("test") > 8


def test_the_release_says_how_it_was_divided_and_the_check_knows(
    store: Store, settings: Settings, synthetic: ModuleType
) -> None:
    synthetic.fill_store(store, "weekly", videos(synthetic, range(10, 20), clips=1))
    for version, held_out in (("1", False), ("2", True)):
        wanted = with_release(
            settings, version=version, hold_out_dancers=held_out, test_size="3clips", keep_splits=False
        )
        publish(wanted, store, "weekly")
        (report,) = check_splits([str(Path(settings.store, "releases", version))])
        assert not report.failed
        with Release(Path(settings.store, "releases", version)) as release:
            rule = release.info.split_rule
            assert rule is not None
            assert rule.held_out == ["video", "music", *(["dancer"] if held_out else [])]
            assert (rule.by, rule.size, rule.seed) == ("size", "3clips", 0)
            assert release.info.tiers == {"A": 0, "B": 10, "C": 0}
        assert ("dancer" in report.failing) is held_out
    assert split_rule(settings.release).by == "piece"


def test_music_of_earlier_releases_counts_under_all_of_its_ids(
    store: Store, settings: Settings, synthetic: ModuleType
) -> None:
    synthetic.fill_store(store, "weekly", videos(synthetic, range(10, 14)))
    publish(with_release(settings, version="1", test_share=0.0), store, "weekly")
    assert earlier_releases(store).trained >= {"video BV10", "music m13"}
    rows = members(store, release_videos(store, Path(settings.manifests, "weekly"))).clips
    assert set(divide(store, with_release(settings, test_share=0.9).release, rows).values()) == {"train"}


def test_the_preview_shows_what_publish_writes(
    store: Store, settings: Settings, synthetic: ModuleType
) -> None:
    synthetic.fill_store(store, "weekly", videos(synthetic, range(10, 20)))
    publish(with_release(settings, version="1"), store, "weekly")
    before = sorted(path for path in Path(settings.store).rglob("*"))
    wanted = with_release(settings, version="2", test_size="0.3", keep_splits=False, stratify=("length",))
    document = preview_splits(wanted, store, "weekly").document()
    assert sorted(path for path in Path(settings.store).rglob("*")) == before
    old = released(settings, "1")
    publish(wanted, store, "weekly")
    new = released(settings, "2")
    for split in ("train", "test"):
        shown = document["splits"][split]
        mine = [name for name in new if new[name] == split]
        assert shown["clips"] == len(mine)
        assert shown["seconds"] == pytest.approx(sum(30 + int(name[2:4]) for name in mine) / 30, abs=1e-3)
        assert shown["genres"] == {"unknown": shown["seconds"]}
        assert shown["tiers"] == {"B": len(mine)}
    moved = sum(old[name] != new[name] for name in new)
    assert sum(document["moved"].values()) == moved > 0
    assert document["newest"] == "1"


def test_the_preview_command(settings: Settings, store: Store, synthetic: ModuleType) -> None:
    synthetic.fill_store(store, "weekly", videos(synthetic, range(10, 20)))

    def run(*options: str) -> str:
        arguments = ["preview", "--store", settings.store, "--manifest", "weekly", *options]
        done = CliRunner().invoke(splits, arguments, catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    text = run("--test-size", "4clips", "--stratify", "genre,length", "--hold-out-dancers", "--tier", "b")
    assert "test size 4clips, chosen by size; no video, music, dancer in both splits" in text
    assert "stratified by genre, length" in text
    assert "16 (80.0%)         4 (20.0%)" in text
    document = json.loads(run("--json"))
    assert document["rule"]["by"] == "piece"
    assert document["splits"]["train"]["clips"] + document["splits"]["test"]["clips"] == 20


def test_published_splits_of_imported_clips_are_checked_too(
    store: Store, settings: Settings, synthetic: ModuleType
) -> None:
    clips = videos(synthetic, range(10, 14))
    for clip in clips[:6]:
        clip["published_split"] = "test" if clip["clip_id"] == "BV10_Clip_1" else "train"
    synthetic.fill_store(store, "weekly", clips)
    publish(with_release(settings, version="1"), store, "weekly")
    own, imported = check_splits([str(Path(settings.store, "releases/1"))])
    assert not own.failed
    assert imported.failed
    assert imported.sizes == {"train": 5, "test": 1}
    assert {(leak.kind.value, leak.clip_id) for leak in imported.leaks} >= {
        ("video", "BV10_Clip_1"), ("music", "BV10_Clip_1")
    }  # fmt: skip


def test_the_card_states_tiers_and_how_clips_were_divided(
    store: Store, settings: Settings, synthetic: ModuleType
) -> None:
    synthetic.fill_store(store, "weekly", videos(synthetic, range(10, 16)))
    wanted = with_release(settings, version="1", hold_out_dancers=True, stratify=("genre", "length"))
    publish(wanted, store, "weekly")
    text = Path(settings.store, "releases/1/README.md").read_text(encoding="utf-8")
    assert "No dancer of the test split occurs in the training split, either." in text
    assert "The test split has genre and length in proportion" in text
    assert "| B | 12 |" in text
