"""The card, its figures, and the fields of responsible AI."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.release.card import card
from popdanceset.release.figures import FIGURES, Limits, save_figures
from popdanceset.release.info import ReleaseInfo, parse_info
from popdanceset.release.overview import Overview, motion_energy, rotation_angles, tempo
from popdanceset.release.responsible import responsible_ai
from popdanceset.release.writer import publish
from popdanceset.schema import FRAMES, STATISTICS
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows

DAY = datetime.date(2026, 1, 2)
LIMITS = Limits(12.0, 29.5, 0.85)
PROVENANCE = {"thresholds": {"min_pop": 0.85, "min_views_per_follower": 1.0}, "judged": 40}


def with_release(settings: Settings, **values: object) -> Settings:
    return settings.model_copy(update={"release": settings.release.model_copy(update=values)})


def fill(settings: Settings, synthetic: ModuleType) -> Store:
    """A store with three videos, a manifest of them, and the statistics from which they were selected."""
    store = Store(settings.store)
    seen = datetime.datetime(2026, 1, 1, 23, 30, tzinfo=datetime.UTC)
    ids = [f"BV1aaaaaaaa{k}" for k in range(3)]
    videos = [
        ManifestVideo(bvid, 0.9, mid=mid, snapshot_at=seen)
        for bvid, mid in zip(ids, (7, 8, None), strict=True)
    ]
    write_manifest(Path(settings.manifests, "listed"), Manifest("listed", tuple(videos), PROVENANCE))
    sources = {ids[0]: ["ranking:1004"], ids[1]: ["ranking:1004", "newest:1004"], "BV1zz": ["newest:1004"]}
    rows = [
        {"bvid": bvid, "snapshot_at": seen, "state": "public", "note": "", "source": source}
        for bvid, listings in sources.items()
        for source in listings
    ]
    store.write_table("statistics/date=2026-01-01/ranking-1.parquet", from_rows(rows, STATISTICS), STATISTICS)
    row = synthetic.clip_row
    clips = [row(f"{bvid}_Clip_1", 60 + 30 * k, f"m{k}", genre=f"g|{k}") for k, bvid in enumerate(ids)]
    synthetic.fill_store(store, "other", clips)
    return store


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a store of its own, with figures."""
    folder = tmp_path_factory.mktemp("listed")
    release = {"contact": "us@example.org"}
    places = {"store": str(folder / "store"), "manifests": str(folder / "manifests")}
    return Settings.load(overrides={**places, "release": release})


@pytest.fixture(scope="module")
def listed(drawing: Settings, synthetic: ModuleType) -> Path:
    """A release of that manifest, with figures; made once, and only read."""
    return Path(drawing.store, publish(drawing, fill(drawing, synthetic), "listed", day=DAY).path)


def body(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2]


def tables(text: str) -> list[list[list[str]]]:
    """Every Markdown table as rows of cells."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [
        [[c.strip() for c in re.split(r"(?<!\\)\|", line.strip())[1:-1]] for line in each.splitlines()]
        for each in found
    ]


def test_the_card_has_the_row_of_table_1_and_the_sizes_of_the_published_sets(listed: Path) -> None:
    every = tables(body(listed))
    assert all(len({len(row) for row in table}) == 1 for table in every)
    (table_1,) = (table for table in every if table[0][0] == "dataset")
    assert table_1[2] == ["this release (2026.01.02)", "–", "✓", "✓", "✓", "✓", "3", "1", "9"]
    assert table_1[3][1:] == ["✓", "✓", "✓", "✓", "✓", "19", "132", "12,819"]
    assert table_1[4][1:] == ["✗", "✗", "✓", "✓", "✓", "10", "30", "18,694"]
    (sizes,) = (table for table in every if "this release" in table[0])
    by_name = {row[0]: row[1:] for row in sizes}
    assert by_name["videos"] == ["3", "263", "305"]
    assert by_name["long clips"] == ["0", "14", "14"]
    seconds = [float(by_name[f"{split} seconds"][0]) for split in ("train", "test")]
    assert sum(seconds) == pytest.approx(9.0)
    (genres,) = (table for table in every if table[0][0] == "genre")
    assert genres[2] == ["g\\|0", "1"]


def test_the_card_links_every_figure_that_there_is(listed: Path) -> None:
    linked = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", body(listed))
    assert linked == [f"figures/{stem}.png" for stem in FIGURES]
    assert sorted(path.name for path in (listed / "figures").iterdir()) == sorted(
        f"{stem}.png" for stem in FIGURES
    )
    document = json.loads((listed / "croissant.json").read_text())
    encodings = {each.get("contentUrl"): each["encodingFormat"] for each in document["distribution"]}
    assert {encodings[name] for name in linked} == {"image/png"}


def test_the_same_content_gives_the_same_figures(
    listed: Path, settings: Settings, synthetic: ModuleType
) -> None:
    store = fill(settings, synthetic)
    again = publish(with_release(settings, figures=True, license="cc-by-4.0"), store, "listed", day=DAY)
    for stem in FIGURES:
        name = f"figures/{stem}.png"
        assert (Path(settings.store, again.path) / name).read_bytes() == (listed / name).read_bytes()
        assert b"Software" not in (listed / name).read_bytes()


def test_no_figures_no_links(folder: Path) -> None:
    assert "![" not in body(folder)
    assert not (folder / "figures").exists()


def test_how_the_videos_were_found_is_stated(listed: Path) -> None:
    info = parse_info(json.loads((listed / "meta/info.json").read_text()), listed)
    assert info.collection is not None
    assert info.collection.model_dump() == {
        "first_day": "2026-01-01",
        "last_day": "2026-01-01",
        "listings": {"newest:1004": 1, "ranking:1004": 2},
        "uploaders": 2,
        "without_uploader": 1,
    }
    fields = responsible_ai(info)
    assert fields["dataCollectionTimeframe"] == ["2026-01-01T00:00:00Z", "2026-01-01T23:59:59Z"]
    assert "newest:1004 (1 video), ranking:1004 (2 videos)" in fields["dataCollection"]
    assert (
        "The release has 3 videos by 2 uploaders; the uploaders of 1 are unknown." in fields["dataCollection"]
    )
    assert (
        "Of 40 videos, each was selected if its popularity score Pop is above 0.85"
        in (fields["dataCollection"])
    )
    assert info.settings["min_score"] == 0.5
    assert not {"contact", "version", "license"} & info.settings.keys()


def test_unreadable_statistics_cost_the_listings_only(
    settings: Settings, synthetic: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    store = fill(settings, synthetic)
    store.write_bytes("statistics/date=2026-01-01/ranking-1.parquet", b"PAR1 no")
    done = publish(settings, store, "listed", day=DAY)
    info = parse_info(store.read_json(f"{done.path}/meta/info.json"), "")
    assert info.collection is not None
    assert (info.collection.listings, info.collection.uploaders) == ({}, 2)
    assert "does not name the listings of 2026-01-01" in caplog.text


def test_mlcroissant_reads_the_fields_of_responsible_ai(listed: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(listed / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    assert not dataset.metadata.ctx.issues.warnings
    document = json.loads((listed / "croissant.json").read_text())
    assert document["conformsTo"] == [
        "http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0",
    ]  # fmt: skip
    metadata = dataset.metadata
    assert metadata.data_collection == document["rai:dataCollection"]
    assert "us@example.org" in metadata.data_release_maintenance_plan
    assert "poses by synthetic 1" in metadata.machine_annotation_tools
    for name in (
        "data_collection_type", "data_collection_raw_data", "data_limitations", "data_biases",
        "personal_sensitive_information", "data_annotation_protocol", "data_preprocessing_protocol",
        "data_use_cases", "data_social_impact", "annotations_per_item",
    ):  # fmt: skip
        assert getattr(metadata, name), name


# Names of the vocabulary (its specification 1.0), and whether they have one value or many.
VOCABULARY = {
    "dataCollection": str, "dataCollectionType": list, "dataCollectionMissingData": str,
    "dataCollectionRawData": str, "dataCollectionTimeframe": list, "dataImputationProtocol": str,
    "dataManipulationProtocol": str, "dataPreprocessingProtocol": list, "dataAnnotationProtocol": str,
    "dataAnnotationPlatform": list, "dataAnnotationAnalysis": list, "dataReleaseMaintenancePlan": str,
    "personalSensitiveInformation": list, "dataSocialImpact": str, "dataBiases": list,
    "dataLimitations": list, "dataUseCases": list, "annotationsPerItem": str, "annotatorDemographics": list,
    "machineAnnotationTools": list,
}  # fmt: skip


def a_release(folder: Path, **changes: Any) -> ReleaseInfo:
    info = parse_info(json.loads((folder / "meta/info.json").read_text()), folder)
    return info.model_copy(update=changes)


def test_only_names_of_the_vocabulary_are_used(folder: Path) -> None:
    fields = responsible_ai(a_release(folder))
    assert fields.keys() <= VOCABULARY.keys()
    for name, value in fields.items():
        assert isinstance(value, VOCABULARY[name]), name
        texts = [value] if isinstance(value, str) else value
        assert all(text and "  " not in text for text in texts), name


def test_imported_clips_are_named_and_nothing_is_claimed_that_was_not_done(folder: Path) -> None:
    some = responsible_ai(a_release(folder, imported={"aist++": 2}))
    assert "Clips imported from other data: 2 from aist++." in some["dataCollection"]
    assert "Secondary Data analysis" in some["dataCollectionType"]
    assert "Web API" in some["dataCollectionType"]
    every = responsible_ai(a_release(folder, imported={"aist++": 4}))
    assert every["dataCollectionType"] == ["Secondary Data analysis"]
    texts = json.dumps(every)
    assert "Bilibili" not in texts
    assert "one camera" not in texts
    assert "Screening" not in texts
    assert "pose estimator" not in texts
    assert "Bilibili" not in card(a_release(folder, imported={"aist++": 4}), {})
    text = card(a_release(folder, imported={"popdanceset": 1, "aist++": 2}), {})
    assert "| imported clips | 1 from popdanceset, 2 from aist++ |" in text
    assert "Imported clips (1 from popdanceset, 2 from aist++) are under the terms of their sources" in text


def test_what_was_left_out_and_held_out_is_stated(folder: Path) -> None:
    info = a_release(folder)
    assert info.split_rule is not None
    rule = info.split_rule.model_copy(update={"held_out": ["video", "music", "dancer"]})
    texts = responsible_ai(a_release(folder, settings={"min_score": 0.7, "min_tier": "B"}, split_rule=rule))
    steps = " ".join(texts["dataPreprocessingProtocol"])
    assert "a score below 0.7 are left out" in steps
    assert "below quality tier B are left out" in steps
    assert "none of these with the training split: video, music, dancer." in steps
    everything = responsible_ai(a_release(folder, settings={"min_score": 0.0, "min_tier": "C"}))
    assert "left out" not in " ".join(everything["dataPreprocessingProtocol"])


def test_a_release_that_states_little_has_a_card(folder: Path) -> None:
    """As one of an older version: neither collection nor Table 1 nor settings."""
    info = a_release(folder, collection=None, table_1=None, settings={}, music={}, genres={"unknown": 4})
    text = card(info, {})
    assert "| – | – | – | – | – | 1 | 2 |" in text
    assert "No clip has music features." in text


def test_names_cannot_break_the_tables_of_the_card(folder: Path) -> None:
    info = a_release(folder, genres={"a|b\n<script>\\": 4})
    (genres,) = (table for table in tables(card(info, {})) if table[0][0] == "genre")
    assert genres[2] == ["a\\|b \\<script>\\\\", "4"]


def test_the_front_matter_is_still_yaml(listed: Path) -> None:
    front = yaml.safe_load((listed / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert front["license"] == "other"


# -- measures


def test_tempo_is_that_of_the_beats() -> None:
    beats = np.zeros(300, np.float32)
    beats[10:300:15] = 1  # every half second
    assert tempo(beats) == pytest.approx(120)
    assert tempo(beats[:50]) is None
    assert tempo(np.zeros(300)) is None


def test_motion_energy_is_half_the_squared_speed() -> None:
    time = np.arange(31)[:, None] / 30
    joints = np.zeros((31, 24, 3))
    joints[:, :, 0] = 2 * time  # all at 2 m/s
    assert motion_energy(joints) == pytest.approx(2.0)
    joints[:, 12:] = 0  # half of them
    assert motion_energy(joints) == pytest.approx(1.0)


def test_angles_go_the_short_way_round() -> None:
    axis = np.array([0.6, 0.0, 0.8])
    turns = np.radians([0, 30, 180, 200, 360, 400, 725])
    assert rotation_angles(turns[:, None] * axis) == pytest.approx([0, 30, 180, 160, 0, 40, 5])


def frames(poses: np.ndarray, keypoints: bool = True) -> pa.Table:
    count = len(poses)
    zeros = {
        name: list(np.zeros((count, FRAMES.field(name).type.list_size), np.float32))
        for name in ("joints3d", "smpl_trans", "smpl_scaling", "coco_keypoints2d")
        if keypoints or name != "coco_keypoints2d"
    }
    rows = [
        {
            "clip_id": "c", "frame_index": k, "timestamp": k / 30, "estimator": "e",
            "smpl_poses": poses[k].ravel(), **{name: values[k] for name, values in zeros.items()},
        }
        for k in range(count)
    ]  # fmt: skip
    return from_rows(rows, FRAMES)


def test_quantiles_of_the_angles_are_those_of_all_frames() -> None:
    random = np.random.default_rng(0)
    degrees = random.uniform(0, 90, (400, 24))
    poses = np.radians(degrees)[..., None] * np.array([0, 1, 0])
    overview = Overview()
    for part in np.split(poses.astype(np.float32), 4):
        overview.add_frames("c", frames(part))
    for share in (0.01, 0.5, 0.99):
        expected = np.quantile(degrees, share, axis=0, method="inverted_cdf")
        assert np.abs(overview.angle_quantile(share) - expected).max() <= 0.51
    assert overview.energies == {"c": 0.0}


def test_clips_without_2d_keypoints_are_counted() -> None:
    overview = Overview()
    overview.add_frames("a", frames(np.zeros((2, 24, 3))))
    overview.add_frames("b", frames(np.zeros((1, 24, 3)), keypoints=False))
    assert (overview.keypoints2d, overview.clips) == (1, 2)


def test_other_features_have_no_beats(synthetic: ModuleType) -> None:
    from popdanceset.schema import music_schema

    overview, wide = Overview(), music_schema("jukebox", 40)
    rows = [{"clip_id": "a", "frame_index": k, "features": np.ones(40)} for k in range(20)]
    overview.add_music("a", "jukebox", from_rows(rows, wide))
    overview.add_music("a", "baseline", from_rows(rows, wide))
    assert overview.tempos == {}


# -- figures of unusual releases


def clip(number: int, **values: Any) -> dict[str, Any]:
    return {
        "clip_id": f"c{number}", "bvid": f"v{number}", "frames": 300, "genre": "k-pop", "split": "train",
        "pop": 0.9,
    } | values  # fmt: skip


@pytest.mark.parametrize(
    ("clips", "threshold"),
    [
        ([clip(0)], None),
        ([clip(k, pop=None) for k in range(3)], 0.85),
        ([clip(k, genre=f"genre {k}", frames=3 + 4000 * k, pop=k * 9.0) for k in range(40)], None),
        ([clip(0, genre="舞 $x$ " * 9, split="validation"), clip(1, split="test", pop=-2.0)], 0.85),
    ],
)
def test_any_release_can_be_drawn(
    tmp_path: Path,
    clips: list[dict[str, Any]],
    threshold: float | None,
    recwarn: pytest.WarningsRecorder,
) -> None:
    overview = Overview()
    for number, each in enumerate(clips):
        overview.add_frames(each["clip_id"], frames(np.full((2, 24, 3), 0.1)))
        overview.energies[each["clip_id"]] = 10.0 ** (number % 7 - 3) if number else 0.0
        overview.tempos.setdefault("baseline", {})[each["clip_id"]] = 20.0 + 30 * number
    drawn = save_figures(tmp_path, clips, overview, Limits(12.0, 29.5, threshold))
    names = {figure.title for figure in drawn}
    missing = {"Pop"} if all(each["pop"] is None for each in clips) else set()
    missing |= {"Motion energy"} if len(clips) == 1 else set()
    assert names == {title for title, _ in FIGURES.values()} - missing
    assert all((tmp_path / figure.name).stat().st_size > 2000 for figure in drawn)
    assert not [str(w.message) for w in recwarn if "lyph" in str(w.message)]
