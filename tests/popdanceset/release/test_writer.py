"""Publishing: the content of a release, that it is complete or absent, and that it is not written twice."""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

from popdanceset.clip_id import clip_order
from popdanceset.errors import InputError, SchemaError, StoreError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.release import writer
from popdanceset.release.command import publish as publish_command
from popdanceset.release.reader import Release
from popdanceset.release.writer import PublishSummary, publish
from popdanceset.schema import CLIPS, FRAMES, MERGES, RELEASE_CLIPS, VERDICTS, music_schema
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows

ORDER = ["BV3_Clip_1", "BV1_Clip_2", "BV1_Clip_10", "BV2_Clip_1"]
"""The test split comes first, as the names of its files do."""


def hashes(store):
    return {n: hashlib.sha256(store.read_bytes(n)).hexdigest() for n in store.list("releases")}


def with_release(settings: Settings, **values: object) -> Settings:
    return settings.model_copy(update={"release": settings.release.model_copy(update=values)})


def test_the_summary_counts(published: PublishSummary) -> None:
    assert published == PublishSummary(
        "2026.01.02", "releases/2026.01.02", 4, 675, 22.5, written=True, semantic_version="1.0.0"
    )


def test_pandas_and_pyarrow_open_the_frames(folder: Path, ready: Store) -> None:
    frames = pd.read_parquet(folder / "data")
    assert list(frames["clip_id"].unique()) == ORDER
    assert ds.dataset(folder / "data").count_rows() == len(frames) == 675
    stored = ready.read_table("poses/BV2_Clip_1.parquet", FRAMES)
    mine = ds.dataset(folder / "data").to_table(filter=ds.field("clip_id") == "BV2_Clip_1")
    assert mine.equals(stored)


def test_each_clip_is_one_row_group_and_the_clip_table_says_which(folder: Path) -> None:
    clips = pq.read_table(folder / "meta/clips.parquet")
    assert clips.schema.equals(RELEASE_CLIPS, check_metadata=True)
    assert clips["clip_id"].to_pylist() == ORDER
    first_row = 0
    for clip in clips.to_pylist():
        with pq.ParquetFile(folder / clip["file"]) as file:
            rows = file.read_row_group(clip["row_group"])
            column = file.metadata.row_group(clip["row_group"]).column(3)
        assert set(rows["clip_id"].to_pylist()) == {clip["clip_id"]}
        assert len(rows) == clip["frames"]
        assert clip["first_row"] == first_row
        first_row += clip["frames"]
        assert column.compression == "ZSTD"
        assert "BYTE_STREAM_SPLIT" in column.encodings
    assert clips["has_music"].to_pylist() == [False, True, True, True]


def test_units_and_axes_travel_in_the_files(folder: Path) -> None:
    field = pq.read_schema(next((folder / "data").iterdir())).field("smpl_trans")
    assert field.metadata[b"unit"] == b"m"
    assert field.metadata[b"axes"] == b"x right, y forward, z up"


def test_the_description_states_the_content(folder: Path) -> None:
    info = json.loads((folder / "meta/info.json").read_text())
    assert info["version"] == "2026.01.02"
    assert info["fps"] == 30
    assert info["counts"] == {
        "clips": 4, "frames": 675, "seconds": 22.5, "videos": 3, "music": 3, "genres": 1, "dancers": 2,
        "short": 3, "medium": 1, "long": 0,
    }  # fmt: skip
    assert info["features"]["smpl_poses"]["shape"] == [24, 3]
    assert info["features"]["smpl_poses"]["unit"] == "rad"
    assert info["music"]["baseline"]["width"] == 35
    assert info["music"]["baseline"]["clips"] == 3
    assert info["splits"]["train"]["clips"] + info["splits"]["test"]["clips"] == 4
    listed = "".join((folder / f"splits/{part}.txt").read_text() for part in ("train", "test"))
    assert sorted(listed.split()) == sorted(ORDER)


def test_statistics_are_those_of_the_rows(folder: Path) -> None:
    stats = json.loads((folder / "meta/stats.json").read_text())
    frames = pd.read_parquet(folder / "data")
    poses = np.stack(frames["smpl_poses"].to_numpy()).reshape(-1, 24, 3).astype(np.float64)
    np.testing.assert_allclose(stats["smpl_poses"]["mean"], poses.mean(0), atol=1e-9)
    np.testing.assert_allclose(stats["smpl_poses"]["std"], poses.std(0), atol=1e-9)
    np.testing.assert_allclose(stats["smpl_poses"]["max"], poses.max(0))
    np.testing.assert_allclose(stats["smpl_poses"]["q90"], np.quantile(poses, 0.9, axis=0), atol=0.02)
    assert stats["smpl_poses"]["count"] == 675
    assert np.shape(stats["music/baseline"]["features"]["mean"]) == (35,)


def test_the_card_has_front_matter_that_names_the_files(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    _, front_matter, body = text.split("---\n", 2)
    front = yaml.safe_load(front_matter)
    for configuration in front["configs"]:
        for entry in configuration["data_files"]:
            assert list(folder.glob(entry["path"])), entry
    columns = {info["config_name"]: info["features"] for info in front["dataset_info"]}
    assert [c["name"] for c in columns["frames"]] == FRAMES.names
    assert {"name": "smpl_poses", "sequence": "float32", "length": 72} in columns["frames"]
    assert "| clips | 4 |" in body
    meaning = FRAMES.field("smpl_trans").metadata[b"doc"].decode()
    assert f"| `smpl_trans` | float32 | 3 | m | x right, y forward, z up | {meaning} |" in body


def test_huggingface_reads_the_card(folder: Path) -> None:
    from huggingface_hub import DatasetCard

    data = DatasetCard.load(folder / "README.md").data
    assert (data.license, data.pretty_name) == ("other", "PopDanceSet")
    assert [each["config_name"] for each in data.configs] == ["frames", "clips", "music-baseline"]
    assert data.configs[0]["default"]


def test_mlcroissant_validates_the_description_and_reads_rows(folder: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(folder / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings
    (first, *_) = dataset.records("clips")
    assert first["clips/clip_id"] == b"BV3_Clip_1"
    assert first["clips/frames"] == 45


def test_croissant_has_the_hash_of_every_file(folder: Path) -> None:
    document = json.loads((folder / "croissant.json").read_text())
    assert document["conformsTo"][0] == "http://mlcommons.org/croissant/1.0"
    objects = {
        d["contentUrl"]: d["sha256"] for d in document["distribution"] if d["@type"] == "cr:FileObject"
    }
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    assert objects.keys() == files.keys() - {"croissant.json"}
    for name, digest in objects.items():
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == digest
    sets = {d["@id"]: d["includes"] for d in document["distribution"] if d["@type"] == "cr:FileSet"}
    for record_set in document["recordSet"]:
        for field in record_set["field"]:
            patterns = sets[field["source"]["fileSet"]["@id"]]
            for pattern in [patterns] if isinstance(patterns, str) else patterns:
                assert list(folder.glob(pattern))


def test_large_releases_have_several_files(ready: Store, settings: Settings, day: datetime.date) -> None:
    report = publish(settings, ready, "weekly", day=day, max_bytes=1)
    folder = Path(settings.store, report.path)
    names = sorted(path.name for path in (folder / "data").iterdir())
    assert [name[:-25] for name in names] == ["frames-test-00000"] + [
        f"frames-train-0000{n}" for n in range(3)
    ]
    for path in (folder / "data").iterdir():
        assert path.stem[-16:] == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    assert list(pd.read_parquet(folder / "data")["clip_id"].unique()) == ORDER
    with Release(folder) as release:
        assert [len(rows["timestamp"]) for _, rows in release.iterate()] == [45, 170, 60, 400]


def test_what_has_not_changed_is_not_published_again(
    ready: Store, settings: Settings, published: PublishSummary, day: datetime.date
) -> None:
    before = hashes(ready)
    again = publish(settings, ready, "weekly", day=day + datetime.timedelta(days=7))
    assert again.version == published.version
    assert not again.written
    assert hashes(ready) == before


def test_what_has_changed_gets_the_next_version_of_the_day(
    ready: Store, settings: Settings, published: PublishSummary, day: datetime.date, synthetic: ModuleType
) -> None:
    versions = [published.version]
    for seed in (10, 11):
        synthetic.add_poses(ready, "BV3_Clip_1", 45, seed=seed)
        versions.append(publish(settings, ready, "weekly", day=day).version)
    assert versions == ["2026.01.02", "2026.01.02.1", "2026.01.02.2"]


def test_a_named_version_never_changes(
    ready: Store, settings: Settings, day: datetime.date, synthetic: ModuleType
) -> None:
    named = with_release(settings, version="1.0")
    assert publish(named, ready, "weekly", day=day).written
    assert not publish(named, ready, "weekly", day=day).written
    synthetic.add_poses(ready, "BV3_Clip_1", 45, seed=9)
    with pytest.raises(InputError, match=r"release 1\.0 exists with other content"):
        publish(named, ready, "weekly", day=day)


def test_the_same_store_gives_the_same_rows(
    tmp_path: Path, settings: Settings, published: PublishSummary, synthetic: ModuleType, day: datetime.date
) -> None:
    twin = Store(tmp_path / "twin")
    rows = {c["clip_id"]: c for c in Release(Path(settings.store, published.path)).clips.to_pylist()}
    clips = [  # the same clips, found in another order
        synthetic.clip_row("BV1_Clip_10", 60, "m1"),
        synthetic.clip_row("BV1_Clip_2", 170, "m1"),
        synthetic.clip_row("BV2_Clip_1", 400, "m2", genre="kpop", dancer_id="8"),
        synthetic.clip_row("BV3_Clip_1", 45, "m3", music_path=""),
    ]
    synthetic.fill_store(twin, "weekly", clips)
    report = publish(settings, twin, "weekly", day=day)
    release = Release(tmp_path / "twin" / report.path)
    assert {c["clip_id"]: c for c in release.clips.to_pylist()} == rows
    assert release.content == Release(Path(settings.store, published.path)).content


def test_an_interrupted_run_leaves_nothing_visible(
    ready: Store, settings: Settings, day: datetime.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("_write_description", "checked_frame_rows", "checked_music_rows"):
        with monkeypatch.context() as patch:
            patch.setattr(writer, step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                publish(settings, ready, "weekly", day=day)
        assert ready.list("releases") == []
        assert not list(Path(settings.store, ".scratch").iterdir())
    assert publish(settings, ready, "weekly", day=day).written


KILLED = """
import datetime, os, signal, sys
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.release import writer
from popdanceset.settings import Settings
from popdanceset.store import Store
store, manifests, step = sys.argv[1:]
settings = Settings.load(overrides={"store": store, "manifests": manifests})
owner = Store if hasattr(Store, step) else writer
setattr(owner, step, lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))
writer.publish(settings, Store(store), "weekly", day=datetime.date(2026, 1, 2))
"""


@pytest.mark.parametrize("step", ["_write_description", "put_folder"])
def test_a_killed_run_leaves_nothing_visible(
    ready: Store, settings: Settings, day: datetime.date, step: str
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, settings.store, settings.manifests, step], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert ready.list("releases") == []
    ready.sweep()
    assert not list(Path(settings.store, ".scratch").iterdir())
    assert publish(settings, ready, "weekly", day=day).version == "2026.01.02"


def test_an_object_store_shows_the_description_last(
    settings: Settings, day: datetime.date, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(f"memory://release-{time.monotonic_ns()}")
    synthetic.fill_store(store, "weekly", [synthetic.clip_row("BV1_Clip_1", 40, "m1")])
    put = Store.put
    sent: list[str] = []

    def failing(self: Store, local: Path, name: str) -> None:
        if len(sent) == 3:
            raise StoreError("connection lost")
        sent.append(name)
        put(self, local, name)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", failing)
        with pytest.raises(StoreError, match="connection lost"):
            publish(settings, store, "weekly", day=day)
    assert len(store.list("releases")) == 3
    with pytest.raises(InputError, match="is not a release"):
        Release(f"{store.address}/releases/2026.01.02")
    store.write_bytes("releases/2026.01.02/data/frames-00000-of-00009.parquet", b"leftover")
    report = publish(settings, store, "weekly", day=day)
    assert report.written
    assert "releases/2026.01.02/data/frames-00000-of-00009.parquet" not in store.list("releases")
    with Release(f"{store.address}/{report.path}") as release:
        assert release.frames("BV1_Clip_1")["joints3d"].shape == (40, 24, 3)
        assert release.music("BV1_Clip_1").shape == (40, 35)


def test_only_what_every_stage_accepted_is_published(
    ready: Store, settings: Settings, synthetic: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    synthetic.add_poses(ready, "BV1_Clip_2", 170, accepted=False)
    ready.remove("verdicts/BV3_Clip_1.parquet")
    table = from_rows([synthetic.clip_row("BV9_Clip_1", 50)], synthetic.CLIPS)
    ready.write_table("clips/BV9.parquet", table, synthetic.CLIPS)
    synthetic.add_poses(ready, "BV9_Clip_1", 50)  # its video is not selected
    with caplog.at_level(logging.WARNING):
        report = publish(settings, ready, "weekly")
    assert Release(Path(settings.store, report.path)).clip_ids() == ["BV1_Clip_10", "BV2_Clip_1"]
    assert (
        "1 clips wait for their poses and are left out (run `popdanceset extract`): BV3_Clip_1" in caplog.text
    )


def test_the_manifest_decides_and_is_copied(store: Store, settings: Settings, synthetic: ModuleType) -> None:
    kept, removed = "BV1aaaaaaaaa", "BV1bbbbbbbbb"
    synthetic.fill_store(store, "m", [synthetic.clip_row(f"{v}_Clip_1", 40, v) for v in (kept, removed)])
    folder = Path(settings.manifests, "m")
    # Both were selected, but a reviewer has taken one out of the manifest.
    write_manifest(
        folder, Manifest("m", (ManifestVideo(kept, 0.95),), {"snapshot": datetime.date(2026, 1, 1)})
    )
    report = publish(settings, store, "m")
    release = Release(Path(settings.store, report.path))
    assert release.clip_ids() == [f"{kept}_Clip_1"]
    assert release.clips["pop"].to_pylist() == [0.95]
    assert release.info.document()["source"] == {"manifest": "m", "snapshot": "2026-01-01"}
    for name in ("manifest.yaml", "videos.csv"):
        copied = Path(settings.store, report.path, "meta/manifest", name)
        assert copied.read_bytes() == (folder / name).read_bytes()


def test_nothing_to_publish_is_one_line(store: Store, settings: Settings, synthetic: ModuleType) -> None:
    with pytest.raises(StoreError, match="file is missing"):
        publish(settings, store, "weekly")
    synthetic.fill_store(store, "weekly", [synthetic.clip_row("BV1_Clip_1", 40)])
    synthetic.add_poses(store, "BV1_Clip_1", 40, accepted=False)
    with pytest.raises(
        InputError, match="nothing to publish: 1 videos selected, 1 clips cut, no poses accepted"
    ):
        publish(settings, store, "weekly")
    assert store.list("releases") == []


def test_rows_that_contradict_each_other_are_named(
    ready: Store, settings: Settings, synthetic: ModuleType
) -> None:
    good = ready.read_table("poses/BV1_Clip_2.parquet", FRAMES)
    trans = np.zeros(170 * 3, np.float32)
    trans[5] = np.nan
    broken = pa.FixedSizeListArray.from_arrays(pa.array(trans), type=FRAMES.field("smpl_trans").type)
    index = FRAMES.get_field_index("smpl_trans")
    cases = {
        "belongs": (synthetic.pose_rows("BV1_Clip_3", 170), "rows of another clip"),
        "gap": (good.filter(pa.array([n != 7 for n in range(170)])), "without gaps"),
        "empty": (good[:0], "holds no rows"),
        "nan": (
            good.set_column(index, FRAMES.field("smpl_trans"), broken),
            "'smpl_trans' holds NaN or infinity",
        ),
        "short": (good[:100], r"BV1_Clip_2\.parquet: has 170 rows, but the poses of the clip have 100"),
    }
    for table, message in cases.values():
        ready.write_table("poses/BV1_Clip_2.parquet", table, FRAMES)
        with pytest.raises(SchemaError, match=message):
            publish(settings, ready, "weekly")
    assert ready.list("releases") == []


def test_a_clip_listed_twice_is_an_error(ready: Store, settings: Settings, synthetic: ModuleType) -> None:
    table = from_rows([synthetic.clip_row("BV2_Clip_1", 400)], synthetic.CLIPS)
    ready.write_table("clips/again.parquet", table, synthetic.CLIPS)
    with pytest.raises(InputError, match=r"clips \['BV2_Clip_1'\] are listed twice"):
        publish(settings, ready, "weekly")


def test_a_table_of_something_else_is_not_music(ready: Store, settings: Settings) -> None:
    ready.write_table(
        "music/baseline/BV2_Clip_1.parquet", ready.read_table("poses/BV2_Clip_1.parquet", FRAMES), FRAMES
    )
    with pytest.raises(SchemaError, match="is not a table of baseline music features"):
        publish(settings, ready, "weekly")


def test_the_order_of_clips_is_natural() -> None:
    ids = ["BV1_Clip_1", "BV1_Clip_2", "BV1_Clip_10", "BV1_p2_Clip_1", "BV1_p10_Clip_1", "BV2_Clip_1"]
    assert sorted(set(ids), key=clip_order) == ids
    assert clip_order("something") == ("something", 0, 0)


def test_a_manifest_may_be_given_by_its_folder(
    store: Store, settings: Settings, synthetic: ModuleType
) -> None:
    video = "BV1aaaaaaaaa"
    synthetic.fill_store(store, "m", [synthetic.clip_row(f"{video}_Clip_1", 40)])
    folder = Path(settings.manifests, "m")
    write_manifest(folder, Manifest("m", (ManifestVideo(video, 0.95),)))
    by_name = publish(settings, store, "m")
    by_folder = publish(settings, store, folder)
    assert (by_name.written, by_folder.written) == (True, False)
    assert by_folder.version == by_name.version
    assert Release(Path(settings.store, by_name.path)).info.source.manifest == "m"


def test_the_command_says_what_it_did(
    ready: Store, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    arguments = [
        "--store",
        settings.store,
        "--set",
        f"manifests={settings.manifests}",
        "--manifest",
        "weekly",
    ]
    for done in ("published", "unchanged"):
        result = CliRunner().invoke(publish_command, [*arguments, "--version", "v1"], catch_exceptions=False)
        assert f"release v1 {done}: 4 clips, 675 frames, 22.5 s in " in result.output
        assert f"release v1 {done}: 4 clips, 675 frames, in " in caplog.text


def test_a_release_holds_features_of_several_extractors(ready: Store, settings: Settings) -> None:
    wide = music_schema("jukebox", 8)
    rows = [
        {"clip_id": "BV2_Clip_1", "frame_index": k, "features": np.full(8, k, np.float32)} for k in range(400)
    ]
    ready.write_table("music/jukebox/BV2_Clip_1.parquet", from_rows(rows, wide), wide)
    report = publish(settings, ready, "weekly")
    with Release(Path(settings.store, report.path)) as release:
        assert sorted(release.extractors) == ["baseline", "jukebox"]
        assert release.clips_with_music("jukebox") == ["BV2_Clip_1"]
        assert release.music("BV2_Clip_1", "jukebox")[7].tolist() == [7] * 8
        assert release.music("BV2_Clip_1").shape == (400, 35)


def test_merged_music_has_one_id_and_one_side(ready: Store, settings: Settings) -> None:
    ids = sorted({row["music_id"] for row in ready.read_table("clips", CLIPS).to_pylist()} - {""})[:2]
    pair = {"first": ids[0], "second": ids[1], "bvid": "", "page": 1, "method": "", "similarity": 0.0}
    for state in ("proposed", "merged", "refused"):
        ready.write_table("merges/pair.parquet", from_rows([{**pair, "state": state}], MERGES), MERGES)
        report = publish(settings, ready, "weekly")
        clips = ready.read_table(f"{report.path}/meta/clips.parquet", RELEASE_CLIPS).to_pylist()
        sides = {clip["split"] for clip in clips if clip["music_id"] in ids}
        assert len(sides) == 1
        assert (ids[1] in {clip["music_id"] for clip in clips}) == (state != "merged")


def test_a_clip_that_a_gap_ended_keeps_the_music_of_its_poses(
    ready: Store, settings: Settings, synthetic: ModuleType
) -> None:
    """With poses of 100 of 170 frames, 100 rows of music are published, and the clip's end moves."""
    name = "verdicts/BV1_Clip_2.parquet"
    (verdict,) = ready.read_table(name, VERDICTS).to_pylist()
    cut = verdict | {"frames": 100, "detected": 100, "clip_frames": 170, "verdict": "review"}
    ready.write_table(name, from_rows([cut], VERDICTS), VERDICTS)
    ready.write_table(
        "poses/BV1_Clip_2.parquet", ready.read_table("poses/BV1_Clip_2.parquet", FRAMES)[:100], FRAMES
    )
    release = Release(Path(settings.store) / publish(settings, ready, "weekly").path)
    assert len(release.frames("BV1_Clip_2")["smpl_poses"]) == 100
    assert len(release.music("BV1_Clip_2", "baseline")) == 100
    rows = {row["clip_id"]: row for row in release.clips.to_pylist()}
    assert rows["BV1_Clip_2"]["end"] - rows["BV1_Clip_2"]["start"] == pytest.approx(100 / 30)


def test_a_release_says_what_the_extractor_thought_of_each_clip(
    ready: Store, settings: Settings, synthetic: ModuleType
) -> None:
    synthetic.add_poses(
        ready, "BV2_Clip_1", 400, verdict="review", score=0.55, reasons=["turned", "foot_height"]
    )
    release = Release(Path(settings.store, publish(settings, ready, "weekly").path))
    rows = {row["clip_id"]: row for row in release.clips.to_pylist()}
    assert [rows["BV2_Clip_1"][name] for name in ("verdict", "score", "reasons")] == [
        "review", 0.55, ["turned", "foot_height"],
    ]  # fmt: skip
    assert (rows["BV1_Clip_2"]["verdict"], rows["BV1_Clip_2"]["reasons"]) == ("accept", [])


def test_clips_with_a_low_score_are_left_out_and_counted(
    ready: Store, settings: Settings, synthetic: ModuleType
) -> None:
    """Poses that need a review are no longer published whatever their score is."""
    synthetic.add_poses(ready, "BV2_Clip_1", 400, verdict="review", score=0.0, reasons=["foot_height"])
    synthetic.add_poses(ready, "BV1_Clip_2", 170, accepted=False)
    ready.remove("verdicts/BV3_Clip_1.parquet")
    done = publish(settings, ready, "weekly")
    assert Release(Path(settings.store, done.path)).clip_ids() == ["BV1_Clip_10"]
    assert done.left_out == {"score below 0.5": 1, "not_tracked": 1, "waiting for poses": 1}
    arguments = [
        "--store",
        settings.store,
        "--set",
        f"manifests={settings.manifests}",
        "--manifest",
        "weekly",
    ]
    output = CliRunner().invoke(publish_command, arguments, catch_exceptions=False).output
    assert output.splitlines()[1:] == [
        "  left out      1 not_tracked",
        "  left out      1 score below 0.5",
        "  left out      1 waiting for poses",
    ]
    everything = [*arguments, "--min-score", "0"]
    assert "2 clips" in CliRunner().invoke(publish_command, everything, catch_exceptions=False).output
    with pytest.raises(InputError, match=r"1 not_tracked; 2 score below 0\.95; 1 waiting"):
        publish(with_release(settings, min_score=0.95), ready, "weekly")


def test_poses_without_a_score_are_published_and_said(
    ready: Store, settings: Settings, synthetic: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    synthetic.add_poses(ready, "BV2_Clip_1", 400, verdict=None, score=None, reasons=None)
    done = publish(settings, ready, "weekly")
    assert (done.clips, done.left_out) == (4, {})
    assert "1 clips have poses without a score" in caplog.text


def test_each_split_has_files_of_its_own(folder: Path) -> None:
    """`load_dataset` offers `train` and `test`, because a split is a set of whole files."""
    front = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    configurations = {each["config_name"]: each["data_files"] for each in front["configs"]}
    rows = pq.read_table(folder / "meta/clips.parquet").to_pylist()
    splits = {row["clip_id"]: row["split"] for row in rows}
    for name in ("frames", "music-baseline"):
        found: dict[str, str] = {}
        for entry in configurations[name]:
            for file in folder.glob(entry["path"]):
                found |= dict.fromkeys(pq.read_table(file)["clip_id"].unique().to_pylist(), entry["split"])
        assert found == {clip: split for clip, split in splits.items() if clip in found}
        assert len(found) == (4 if name == "frames" else 3)
    assert {entry["split"] for entry in configurations["frames"]} == {"train", "test"}


def test_the_files_of_extractors_whose_names_begin_alike_are_told_apart(
    ready: Store, settings: Settings
) -> None:
    other = music_schema("baseline-corrected", 2)
    rows = [{"clip_id": "BV2_Clip_1", "frame_index": k, "features": [0.0, 1.0]} for k in range(400)]
    ready.write_table("music/baseline-corrected/BV2_Clip_1.parquet", from_rows(rows, other), other)
    folder = Path(settings.store, publish(settings, ready, "weekly").path)
    front = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    for each in front["configs"]:
        for entry in each["data_files"]:
            for file in folder.glob(entry["path"]):
                extractor = (pq.read_schema(file).metadata or {}).get(b"extractor", b"").decode()
                assert each["config_name"] in ("frames", "clips", f"music-{extractor}")


def test_a_release_without_a_test_split_offers_train_only(ready: Store, settings: Settings) -> None:
    folder = Path(settings.store, publish(with_release(settings, test_share=0.0), ready, "weekly").path)
    front = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    assert [entry["split"] for entry in front["configs"][0]["data_files"]] == ["train"]


def test_the_card_names_the_reader_that_cannot_open_it(folder: Path) -> None:
    assert "fastparquet cannot read the files" in (folder / "README.md").read_text()
