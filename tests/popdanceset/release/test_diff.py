"""The difference of two releases, semantic versions, the changelog, and what `popdanceset release` prints."""

from __future__ import annotations

import datetime
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from popdanceset.errors import InputError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.release.command import release as release_command
from popdanceset.release.diff import UNRECORDED, Content, Level, ReleaseDifference, difference, read_content
from popdanceset.release.info import parse_info
from popdanceset.release.listing import listing
from popdanceset.release.versions import find_release, next_semantic_version, published
from popdanceset.release.writer import PublishSummary, publish
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.withdrawal.releases import purge
from popdanceset.withdrawal.tombstones import Tombstone, WithdrawalReason, withdrawn, write_tombstone

DAY = datetime.date(2026, 1, 2)
WEEK = datetime.timedelta(days=7)
VIDEOS = ["BV1aaaaaaaaa", "BV1bbbbbbbbb", "BV1ccccccccc", "BV1ddddddddd"]


def clip(number: int, n: int = 1) -> str:
    return f"{VIDEOS[number]}_Clip_{n}"


def with_release(settings: Settings, **values: object) -> Settings:
    return settings.model_copy(update={"release": settings.release.model_copy(update=values)})


class Refresher:
    """A store of three videos with two clips each, all in training, refreshed every week."""

    def __init__(self, store: Store, settings: Settings, synthetic: ModuleType) -> None:
        self.store, self.synthetic = store, synthetic
        self.settings = with_release(settings, test_share=0.0)
        self.day = DAY
        self.fill(range(3))

    def fill(self, videos: range, first: int = 0) -> None:
        rows = [self.synthetic.clip_row(clip(v, n), 40, f"m{v}") for v in videos for n in (1, 2)]
        kept = {
            name: self.store.read_bytes(name)
            for folder in ("poses", "music", "verdicts")
            for name in self.store.list(folder)
        }
        self.synthetic.fill_store(self.store, "weekly", rows)
        for name, data in kept.items():
            self.store.write_bytes(name, data)

    def publish(self, **values: object) -> PublishSummary:
        settings = with_release(self.settings, **values)
        done = publish(settings, self.store, "weekly", day=self.day)
        self.day += WEEK
        return done

    def diff(self, a: PublishSummary, b: PublishSummary) -> ReleaseDifference:
        before, after = (read_content(self.store, each.path) for each in (a, b))
        return difference(before, after, withdrawn(self.store))

    def changelog(self, done: PublishSummary) -> str:
        return self.store.read_bytes(f"{done.path}/CHANGELOG.md").decode()

    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(
            release_command, [*arguments, "--store", self.settings.store], catch_exceptions=False
        )


@pytest.fixture
def weekly(store: Store, settings: Settings, synthetic: ModuleType) -> Refresher:
    return Refresher(store, settings, synthetic)


def info(semantic_version: str | None) -> Any:
    document = {
        "version": "x", "created": "2026-01-02", "license": "other", "schema_version": 3, "generator": "g",
        "content": "c", "fps": 30, "axes": "", "source": {"manifest": "m"}, "splits": {}, "genres": {},
        "counts": dict.fromkeys(
            ("clips", "frames", "seconds", "videos", "music"), 0
        ) | dict.fromkeys(("genres", "dancers", "short", "medium", "long"), 0),
        "estimators": [], "data": [], "features": {}, "music": {},
    }  # fmt: skip
    return parse_info(document | ({"semantic_version": semantic_version} if semantic_version else {}), "x")


@pytest.mark.parametrize(
    ("before", "level", "after"),
    [
        ("1.2.3", Level.PATCH, "1.2.4"),
        ("1.2.3", Level.MINOR, "1.3.0"),
        ("1.9.9", Level.MAJOR, "2.0.0"),
        ("9.9.9", Level.MINOR, "9.10.0"),
        (None, Level.MINOR, "1.1.0"),
    ],
)
def test_the_next_semantic_version(before: str | None, level: Level, after: str) -> None:
    assert next_semantic_version(info(before), level) == after


def test_the_first_semantic_version_and_a_damaged_one() -> None:
    assert next_semantic_version(None, Level.MAJOR) == "1.0.0"
    with pytest.raises(InputError, match=r"'1\.0' is not MAJOR\.MINOR\.PATCH"):
        next_semantic_version(info("1.0"), Level.PATCH)


def test_a_release_after_purged_ones_counts_on_from_the_highest(weekly: Refresher) -> None:
    first = weekly.publish()
    weekly.fill(range(4))
    second = weekly.publish()
    assert second.semantic_version == "1.1.0"
    purge(weekly.store, second.version, "2026-01-10")
    third = weekly.publish()
    assert (third.version, third.semantic_version) != (second.version, second.semantic_version)
    assert third.semantic_version == "2.0.0"
    for done in (first, third):
        purge(weekly.store, done.version, "2026-02-01")
    assert weekly.publish().semantic_version == "3.0.0"
    assert next_semantic_version(info("2.1.0"), Level.PATCH, ["1.0.0", "2.0.9"]) == "2.1.1"


def test_a_series_of_releases(weekly: Refresher) -> None:
    first = weekly.publish()
    weekly.fill(range(4))
    more = weekly.publish()
    weekly.synthetic.add_poses(weekly.store, clip(0), 40, seed=77)
    changed = weekly.publish()
    weekly.synthetic.add_poses(weekly.store, clip(1, 2), 40, accepted=False)
    fewer = weekly.publish()
    same = weekly.publish()
    licensed = weekly.publish(license="mit")
    versions = [each.semantic_version for each in (first, more, changed, fewer, same, licensed)]
    assert versions == ["1.0.0", "1.1.0", "1.2.0", "2.0.0", "2.0.0", "2.0.1"]
    assert [each.written for each in (fewer, same, licensed)] == [True, False, True]
    found = published(weekly.store)
    assert [each.info.previous for each in found] == [None, *(each.version for each in found[:-1])]
    assert [past.semantic_version for past in found[-1].info.history] == ["2.0.0", "1.2.0", "1.1.0", "1.0.0"]
    text = weekly.changelog(licensed)
    assert text.index("(2.0.1)") < text.index("(2.0.0)") < text.index("(1.0.0)")
    assert "2 clips added" in text
    card = weekly.store.read_bytes(f"{licensed.path}/README.md").decode()
    assert "| semantic version | 2.0.1 |" in card
    assert f"| new since {fewer.version} | the same rows, described anew" in card


def test_a_test_part_that_changes_is_a_major_change(weekly: Refresher) -> None:
    weekly.settings = with_release(weekly.settings, test_share=0.5, seed=1)
    first = weekly.publish()
    splits = {c: row["split"] for c, row in read_content(weekly.store, first.path).clips.items()}
    held_out = next(c for c, split in splits.items() if split == "test")
    trained = next(c for c, split in splits.items() if split == "train")
    weekly.synthetic.add_music(weekly.store, trained, 40, seed=5)
    assert weekly.publish().semantic_version == "1.1.0"
    weekly.synthetic.add_music(weekly.store, held_out, 40, seed=5)
    done = weekly.publish()
    assert done.semantic_version == "2.0.0"
    moved = weekly.publish(test_share=0.0)
    assert moved.semantic_version == "3.0.0"
    found = weekly.diff(done, moved)
    assert {(m.clip_id, m.before, m.after) for m in found.moved} >= {(held_out, "test", "train")}
    assert not found.changed
    assert f"- {held_out}: test → train" in weekly.changelog(moved)


def test_lost_features_are_a_major_change(weekly: Refresher) -> None:
    first = weekly.publish()
    weekly.store.remove(f"music/baseline/{clip(2)}.parquet")
    second = weekly.publish()
    found = weekly.diff(first, second)
    assert found.lost_features == {"baseline": 1}
    assert found.changed[0].reason == "baseline features removed"
    assert second.semantic_version == "2.0.0"


def test_the_reason_of_every_removed_clip(weekly: Refresher, settings: Settings) -> None:
    folder = Path(settings.manifests, "weekly")
    write_manifest(folder, Manifest("weekly", tuple(ManifestVideo(v, 0.9) for v in VIDEOS[:3])))
    first = weekly.publish()
    weekly.synthetic.add_poses(weekly.store, clip(0, 1), 40, accepted=False)
    weekly.synthetic.add_poses(weekly.store, clip(0, 2), 40, score=0.3)
    weekly.store.remove(f"verdicts/{clip(1, 2)}.parquet")
    write_manifest(folder, Manifest("weekly", tuple(ManifestVideo(v, 0.9) for v in VIDEOS[:2])))
    second = weekly.publish()
    found = weekly.diff(first, second)
    assert {(c.clip_id, c.reason) for c in found.removed} == {
        (clip(0, 1), "not_tracked"),
        (clip(0, 2), "score below 0.5"),
        (clip(1, 2), "waiting for poses"),
        (clip(2, 1), "its video is not in the manifest"),
        (clip(2, 2), "its video is not in the manifest"),
    }
    text = weekly.changelog(second)
    assert f"- {clip(0, 1)}: not_tracked: the pose estimator lost the dancer" in text
    back = weekly.diff(second, first)
    assert len(back.added) == 5
    assert not back.removed


def test_a_withdrawn_video_is_counted_and_not_named(weekly: Refresher) -> None:
    first = weekly.publish()
    write_tombstone(Tombstone(VIDEOS[1], "2026-01-03", WithdrawalReason.UPLOADER), weekly.store)
    for folder in ("clips", "poses", "verdicts", "music"):
        for name in weekly.store.list(folder):
            if VIDEOS[1] in name:
                weekly.store.remove(name)
    selection = [v for v in VIDEOS if v != VIDEOS[1]][:2]
    rows = [weekly.synthetic.clip_row(f"{v}_Clip_{n}", 40, v) for v in selection for n in (1, 2)]
    weekly.synthetic.fill_store(weekly.store, "weekly", rows)
    second = weekly.publish()
    for name in weekly.store.list(second.path):
        assert VIDEOS[1].encode() not in weekly.store.read_bytes(name), name
    for path in Path(weekly.settings.store, second.path).rglob("*.parquet"):
        assert VIDEOS[1] not in str(pq.read_table(path).to_pydict()), path
    assert "2 clips were removed because their videos were withdrawn" in weekly.changelog(second)
    found = weekly.diff(first, second)
    assert {(c.clip_id, c.reason) for c in found.removed} == {
        (clip(1, 1), "withdrawn"), (clip(1, 2), "withdrawn")
    }  # fmt: skip


def test_a_removal_that_nothing_explains_says_so(weekly: Refresher) -> None:
    first = weekly.publish()
    weekly.synthetic.add_poses(weekly.store, clip(0), 40, accepted=False)
    content = read_content(weekly.store, weekly.publish().path)
    unexplained = difference(
        read_content(weekly.store, first.path), type(content)(content.info, content.clips, {})
    )
    assert unexplained.removed[0].reason == UNRECORDED


def test_statistics_before_and_after(weekly: Refresher) -> None:
    first = weekly.publish()
    weekly.fill(range(4))
    second = weekly.publish()
    found = weekly.diff(first, second)
    document = found.as_document()
    assert document["counts"]["clips"] == {"a": 6, "b": 8}
    assert document["counts"]["clips, train"] == {"a": 6, "b": 8}
    stats = [json.loads(weekly.store.read_bytes(f"{d.path}/meta/stats.json")) for d in (first, second)]
    mean_a, mean_b = (np.array(each["smpl_poses"]["mean"]) for each in stats)
    std_a = np.array(stats[0]["smpl_poses"]["std"])
    expected = np.sqrt(np.mean(((mean_b - mean_a) / std_a) ** 2))
    assert found.shifts["smpl_poses"].mean == pytest.approx(expected)
    assert found.shifts["smpl_poses"].std_before == pytest.approx(np.sqrt(np.mean(std_a**2)))
    assert "music/baseline/features" in found.shifts
    assert found.shifts["smpl_scaling"].mean == 0


def test_numbers_that_are_constant_but_for_rounding_do_not_shift(weekly: Refresher) -> None:
    first = read_content(weekly.store, weekly.publish().path)

    def with_hands(mean: float, std: float) -> Content:
        return replace(first, statistics={"hands": {"mean": [0.25, mean], "std": [0.5, std]}})

    rounded = difference(with_hands(1.0, 1e-13), with_hands(1.0 + 1e-7, 1e-13)).shifts["hands"]
    assert rounded.mean == 0
    moving = difference(with_hands(1.0, 0.1), with_hands(1.2, 0.1)).shifts["hands"]
    assert moving.mean == pytest.approx(2 / np.sqrt(2))


def test_a_release_without_hashes_is_compared_by_its_rows(weekly: Refresher, tmp_path: Path) -> None:
    """As those of schema version 2 are: no table of rows, no reasons, no semantic version."""
    first = weekly.publish()
    weekly.synthetic.add_poses(weekly.store, clip(0), 40, seed=77)
    weekly.synthetic.add_poses(weekly.store, clip(1), 40, accepted=False)
    second = weekly.publish()
    old = tmp_path / "old"
    shutil.copytree(Path(weekly.settings.store, first.path), old)
    for name in ("meta/rows.parquet", "meta/left_out.parquet", "CHANGELOG.md"):
        (old / name).unlink()
    document = json.loads((old / "meta/info.json").read_text())
    for name in ("semantic_version", "previous", "summary", "history"):
        document.pop(name, None)
    (old / "meta/info.json").write_text(json.dumps(document | {"schema_version": 2}))
    found = difference(read_content(Store(old)), read_content(weekly.store, second.path))
    assert [c.clip_id for c in found.changed] == [clip(0)]
    assert found.changed[0].reason == "poses"
    assert [c.clip_id for c in found.removed] == [clip(1)]
    assert found.unchanged == 4
    shutil.rmtree(Path(weekly.settings.store, "releases"))
    shutil.copytree(old, Path(weekly.settings.store, first.path))
    weekly.fill(range(4))
    after = weekly.publish()
    assert after.semantic_version == "2.0.0"  # a clip was removed
    assert len(read_content(weekly.store, after.path).clips) == 7


def test_the_command_lists_clips_and_figures(weekly: Refresher) -> None:
    first = weekly.publish()
    weekly.fill(range(4))
    weekly.synthetic.add_poses(weekly.store, clip(0), 40, seed=77)
    weekly.synthetic.add_poses(weekly.store, clip(1), 40, accepted=False)
    second = weekly.publish()
    text = weekly.run("diff", first.version, "2.0.0").output
    assert text.splitlines()[0] == "A  2026.01.02 (1.0.0), 2026-01-02: 6 clips, 8.0 s"
    assert text.splitlines()[2] == "2 clips added, 1 clip removed, 1 clip changed, 4 unchanged: major"
    for line in (
        f"+  {clip(3):<24}train",
        f"-  {clip(1):<24}train   not_tracked: the pose estimator lost the dancer",
        f"~  {clip(0):<24}train   poses",
    ):
        assert line in text.splitlines()
    by_folder = weekly.run("diff", str(Path(weekly.settings.store, first.path)), second.version, "--json")
    document = json.loads(by_folder.output)
    assert document["level"] == "major"
    assert [c["clip_id"] for c in document["added"]] == [clip(3), clip(3, 2)]
    assert document["removed"] == [{"clip_id": clip(1), "split": "train", "reason": "not_tracked"}]
    assert document["b"]["semantic_version"] == "2.0.0"


def test_the_list_says_what_is_complete(weekly: Refresher) -> None:
    first = weekly.publish()
    weekly.store.write_bytes("releases/2025.12.01/WITHDRAWN.md", b"gone")
    weekly.store.write_bytes("releases/half/data/frames-train-00000.parquet", b"half")
    found = {each.version: each for each in listing(weekly.store)}
    assert {version: each.state for version, each in found.items()} == {
        first.version: "complete", "2025.12.01": "purged", "half": "incomplete"
    }  # fmt: skip
    size = sum(p.stat().st_size for p in Path(weekly.settings.store, first.path).rglob("*") if p.is_file())
    assert found[first.version][:6] == (first.version, "1.0.0", "2026-01-02", 6, 8.0, size)
    done = weekly.run("list")
    assert done.exit_code == 0
    assert done.output.splitlines()[1].startswith(
        f"{first.version:<16}1.0.0     2026-01-02         6         8.0"
    )
    assert json.loads(weekly.run("list", "--json").output)[0]["state"] == "complete"
    weekly.store.write_bytes("releases/bad/meta/info.json", b"{")
    with pytest.raises(InputError, match="1 releases are damaged"):
        weekly.run("list")


def test_releases_that_cannot_be_found(weekly: Refresher, tmp_path: Path) -> None:
    first = weekly.publish()
    weekly.store.write_bytes("releases/2025.12.01/WITHDRAWN.md", b"gone")
    for name, message in (
        ("nowhere", f"there is no release 'nowhere' .*{first.version}"),
        ("../releases", "there is no release"),
        ("2025.12.01", "was deleted because videos in it were withdrawn"),
        ("memory://nothing-here", "is not a complete release"),
        (str(tmp_path), "there is no release"),
    ):
        with pytest.raises(InputError, match=message):
            find_release(weekly.store, name)
    assert find_release(weekly.store, "1.0.0") == (weekly.store, first.path)
