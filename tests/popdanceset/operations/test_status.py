"""The status of a store: what waits, runs, is rejected and failed at each stage."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from popdanceset import layout
from popdanceset.ledger import Entry
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.operations.prometheus import exposition, write_metrics
from popdanceset.operations.status import Failures, Status, status
from popdanceset.operations.status_command import status as command
from popdanceset.operations.status_text import size, span, text
from popdanceset.schema import CLIPS, VERDICTS
from popdanceset.settings import Settings
from popdanceset.store import Store

if TYPE_CHECKING:
    from tests.s3 import FaultyS3

Recorded = Callable[..., Entry]


@pytest.fixture
def found(busy: Store, settings: Settings, recorded: Recorded, now: datetime) -> Status:
    recorded("acquire", (-120, -100), items=30)
    recorded("extract", (-30, -1), items=10, seconds=1800.0, outcome="running")
    recorded("extract", (-30, -1), items=5, seconds=1800.0, outcome="running", device="cuda:0")
    recorded("extract", (-29, -20), items=1, seconds=540.0, outcome="running")  # silent for twenty minutes
    return status(settings, busy, now)


def test_what_waits(found: Status) -> None:
    waiting = {name: stage.waiting for name, stage in found.stages.items()}
    assert waiting == {
        "crawl": 0,
        "select": 0,
        "acquire": 2,  # one of which a part is missing, one without any; the one that was gone is done
        "extract": 3,  # seven clips, two verdicts, one failure... and the rejected span is no clip
        "features": 2,  # six clips with sound, two tables, one failure; one clip is silent
        "publish": 1,  # poses that are usable and in no release
    }


def test_what_is_done_and_why_the_rest_is_not(found: Status) -> None:
    stages = found.stages
    assert stages["crawl"].done == 20
    assert (stages["select"].done, stages["select"].rejected) == (20, {"low_popularity": 16})
    assert stages["acquire"].rejected == {"camera_cuts": 1, "gone": 1}
    assert (stages["extract"].done, stages["extract"].rejected) == (2, {"not_tracked": 1})
    assert stages["extract"].failed == (
        Failures("ValueError", 1, "BV1aaaaaaaaa_Clip_3", "ValueError: odd (a.py, line 1)"),
    )
    assert [kind.kind for kind in stages["features"].failed] == ["OSError"]


def test_speed_and_end_are_those_of_the_runs_at_work(found: Status) -> None:
    """10 and 5 clips in half an hour each: 30 an hour together. The silent run is dead."""
    extract = found.stages["extract"]
    assert (extract.workers, extract.dead) == (2, 1)
    assert extract.items_per_hour == pytest.approx(30.0)
    assert extract.eta_seconds == pytest.approx(3600 * extract.waiting / 30)
    acquire = found.stages["acquire"]
    assert (acquire.workers, acquire.eta_seconds) == (0, None)
    assert acquire.items_per_hour == pytest.approx(90.0)


def test_snapshot_budget_and_disk(found: Status, busy: Store) -> None:
    assert found.snapshot is not None
    assert found.snapshot.age_seconds == 3 * 3600
    assert found.requests_today == 125
    assert found.release is None
    assert found.folders["music"] == found.folders["music"].__class__(2, 10)
    on_disk = sum(path.stat().st_size for path in Path(busy.address).rglob("*.*") if path.is_file())
    assert sum(folder.bytes for folder in found.folders.values()) == on_disk


def test_claims_count_while_they_are_renewed(busy: Store, settings: Settings, now: datetime) -> None:
    folder = busy.workplace(layout.claim_lock("x")).parent
    folder.mkdir(parents=True)
    for name, until in (("a", 30), ("b", 5), ("c", -1)):
        claim = {"owner": name, "until": (now + timedelta(seconds=until)).timestamp()}
        (folder / name).write_text(json.dumps(claim))
    (folder / "d").write_text("")  # its owner died while writing it

    assert status(settings, busy, now).stages["extract"].running == 2


@pytest.mark.parametrize("shared", [False, True])
def test_an_edited_manifest_replaces_its_selection(
    shared: bool, busy: Store, settings: Settings, now: datetime
) -> None:
    kept = (
        ManifestVideo("BV1ddddddddd", pop=0.9, pages=1),
        ManifestVideo("BV1eeeeeeeee", pop=None, source="imported: x"),
    )
    folder = busy.workplace(layout.manifest("weekly")) if shared else Path(settings.manifests) / "weekly"
    write_manifest(folder, Manifest("weekly", kept))
    assert status(settings, busy, now).stages["acquire"].waiting == 1


def test_withdrawn_videos_wait_for_nothing(busy: Store, settings: Settings, now: datetime) -> None:
    for bvid in ("BV1aaaaaaaaa", "BV1ddddddddd"):
        busy.write_json(layout.tombstone(bvid), {})
    stages = status(settings, busy, now).stages
    assert (stages["acquire"].waiting, stages["extract"].waiting, stages["features"].waiting) == (1, 1, 0)


def test_the_document_has_its_documented_keys(found: Status) -> None:
    document = found.document()
    assert list(document) == [
        *(
            "schema",
            "store",
            "at",
            "stages",
            "snapshot",
            "requests_today",
            "release",
            "folders",
            "free_bytes",
        ),
    ]
    assert set(document["stages"]["extract"]) == {
        *("unit", "waiting", "running", "done", "rejected", "failed", "workers", "dead"),
        *("items_per_hour", "eta_seconds", "progressed_at"),
    }
    assert document["snapshot"]["at"] == "2026-05-04T09:00:00+00:00"
    readme = Path(__file__).parents[3] / "popdanceset/operations/README.md"
    explained = readme.read_text(encoding="utf-8")
    assert [key for key in document if f"`{key}`" not in explained] == []
    assert [key for key in document["stages"]["extract"] if f"`{key}`" not in explained] == []


def test_an_empty_store_has_a_status(settings: Settings, store: Store) -> None:
    found = status(settings, store)
    assert all(stage.waiting == 0 for stage in found.stages.values())
    assert "snapshot  none" in text(found)
    assert not Path(store.address).exists()


def test_the_text_names_reasons_and_failures(found: Status) -> None:
    lines = text(found).splitlines()
    assert any(line.split()[:3] == ["extract", "3", "0"] for line in lines)
    assert any("ValueError: odd" in line for line in lines)
    assert any("1 run died" in line for line in lines)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(8, "8 s"), (60, "1 min"), (3700, "1 h 1 min"), (277_200, "3 d 5 h")]
)
def test_spans(seconds: float, expected: str) -> None:
    assert span(seconds) == expected


def test_sizes() -> None:
    assert [size(number) for number in (12, 1200, 3.4e9)] == ["12 B", "1.2 kB", "3.4 GB"]


def test_prometheus_reads_the_metrics(found: Status, tmp_path: Path) -> None:
    """Read by Prometheus' own parser, which comes with Prefect."""
    parser = pytest.importorskip("prometheus_client.parser")
    write_metrics(tmp_path / "popdanceset.prom", found)
    families = list(parser.text_string_to_metric_families((tmp_path / "popdanceset.prom").read_text()))

    assert all(family.name.startswith("popdanceset_") and family.documentation for family in families)
    assert {family.type for family in families} == {"gauge"}
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert samples["popdanceset_items_waiting", "extract"] == found.stages["extract"].waiting
    assert samples["popdanceset_items_rejected", "acquire", "camera_cuts"] == 1
    assert samples["popdanceset_items_per_hour", "extract"] == pytest.approx(30.0)
    assert ("popdanceset_eta_seconds", "acquire") not in samples  # unknown, so absent
    assert (
        samples["popdanceset_snapshot_timestamp_seconds",] == datetime(2026, 5, 4, 9, tzinfo=UTC).timestamp()
    )


def test_labels_are_escaped(found: Status) -> None:
    odd = found.stages["acquire"].rejected
    odd['a "quoted" \\ reason\n'] = 1
    assert r'reason="a \"quoted\" \\ reason\n"} 1.0' in exposition(found)


def test_the_command(busy: Store, settings: Settings, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.prom"
    arguments = ["--store", settings.store, "--set", f"manifests={settings.manifests}"]
    done = CliRunner().invoke(command, [*arguments, "--json", "--prometheus", str(metrics)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["stages"]["extract"]["waiting"] == 3
    assert "popdanceset_items_waiting" in metrics.read_text()
    assert CliRunner().invoke(command, [*arguments, "--json", "--watch"]).exit_code == 2


def test_watching_shows_it_again(
    busy: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    done = CliRunner().invoke(command, ["--store", settings.store, "--watch"])
    assert pauses == [10.0, 10.0]
    assert "waiting" in done.output


def test_only_columns_of_small_tables_are_read(
    busy: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    """No frames, features, media or whole rows: what makes ten thousand clips a matter of seconds."""
    read: list[tuple[str, object]] = []
    original = Store.read_table

    def watched(self: Store, name: str, schema: object, columns: object = None, *rest: object) -> object:
        read.append((name, columns))
        return original(self, name, schema, columns, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "read_table", watched)
    monkeypatch.setattr(Store, "local", None)
    status(settings, busy, now)
    folders = {name.partition("/")[0] for name, _ in read}
    assert folders <= {"ledger", "clips", "verdicts", "failures", "selection", "statistics"}
    assert all(columns is not None for _, columns in read)


def test_the_fixture_holds_what_the_tables_allow(busy: Store) -> None:
    """Clips and verdicts as other readers see them."""
    clips = busy.read_table(layout.CLIPS, CLIPS).to_pylist()
    assert sum(row["accepted"] for row in clips) == 6
    assert len(busy.read_table(layout.VERDICTS, VERDICTS)) == 2
    assert asdict(Failures("a", 1, "b", "c"))["kind"] == "a"


def test_an_object_store_has_claims_and_no_disk(settings: Settings, now: datetime, s3: FaultyS3) -> None:
    store = Store(s3.new_address())
    for name, until in (("a", 30), ("b", -1)):
        store.write_json(layout.claim(name), {"until": (now + timedelta(seconds=until)).timestamp()})
    found = status(settings, store, now)
    assert (found.stages["extract"].running, found.free_bytes) == (1, None)
    assert "store_free_bytes" not in exposition(found)
