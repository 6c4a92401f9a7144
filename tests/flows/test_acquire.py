"""The acquire flow's batches, called as plain functions."""

from pathlib import Path
from typing import Any

import pytest

from flows.acquire import acquire_batch, replan_batch
from popdanceset import layout
from popdanceset.errors import FailedError, TransferError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.in_force import write_decisions
from popdanceset.schema import CLIPS, VIDEOS
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from popdanceset.video import acquire as acquire_module
from popdanceset.video import manifest_folder
from popdanceset.video.clips import blank_row
from popdanceset.video.screening import detector

ONE, TWO = ManifestVideo("BV1xx411c7mD", 1.0, mid=1), ManifestVideo("BV1yy411c7mD", 1.0, mid=2)


@pytest.fixture
def overrides(tmp_path: Path) -> dict[str, Any]:
    """A manifest of two videos; the first was screened once, but its report is lost."""
    write_manifest(tmp_path / "manifests" / "m", Manifest("m", (ONE, TWO)))
    store = Store(tmp_path / "store")
    clip = blank_row(ONE, 1, 0.0, 5.0, "") | {"clip_id": f"{ONE.bvid}_Clip_1", "accepted": True}  # type: ignore[arg-type]
    store.write_table(layout.clip_rows(ONE.bvid), from_rows([clip], CLIPS), CLIPS)
    row = {"bvid": ONE.bvid, "page": 1, "path": "", "sha256": "x", "accepted": True, "reason": "", "note": ""}
    store.write_table(f"videos/{ONE.bvid}.parquet", from_rows([row], VIDEOS), VIDEOS)
    return {"store": store.address, "manifests": str(tmp_path / "manifests")}


def test_planning_again_names_what_it_had_to_leave(overrides: dict[str, Any]) -> None:
    assert replan_batch.fn(overrides, "m", [ONE.bvid]) == [ONE.bvid]
    assert replan_batch.fn(overrides, "m", [TWO.bvid]) == []  # never acquired


def test_changes_of_reviewers_that_cannot_be_made_fail_their_batch(overrides: dict[str, Any]) -> None:
    """As everything else that went wrong with some videos, it does not fail the flow."""
    change = Decision(f"{ONE.bvid}_Clip_1", Kind.GENRE, "jazz")
    write_decisions(Path(overrides["manifests"], "m"), [change])
    with pytest.raises(FailedError, match=f"{ONE.bvid}: reviewers' changes to 1 part could not be made"):
        acquire_batch.fn(overrides, "m", [ONE.bvid])


def test_a_broken_transfer_makes_its_batch_fail(
    overrides: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise TransferError("the connection failed")

    monkeypatch.setattr(acquire_module, "download", broken)
    monkeypatch.setattr(detector, "load_detector", lambda settings: object())
    acquire_batch.fn(overrides, "m", [ONE.bvid])  # is there already
    with pytest.raises(TransferError, match=TWO.bvid):
        acquire_batch.fn(overrides, "m", [ONE.bvid, TWO.bvid])


def test_what_failed_unexpectedly_is_tried_again_when_asked(
    overrides: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def surprised(bvid: str, *_: Any) -> None:
        tried.append(bvid)
        raise ZeroDivisionError("an absurd header")

    monkeypatch.setattr(acquire_module, "download", surprised)
    monkeypatch.setattr(detector, "load_detector", lambda settings: object())
    for options, attempts in ({}, 1), ({}, 1), ({"retry_failed": True}, 2):
        with pytest.raises(FailedError, match=TWO.bvid):
            acquire_batch.fn(overrides, "m", [TWO.bvid], **options)
        assert tried == [TWO.bvid] * attempts


def test_batches_of_a_process_load_detector_and_manifest_once(
    overrides: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the manifest is written again, or the settings are others."""
    loaded: list[str] = []

    def broken(*_: Any) -> None:
        raise TransferError("the connection failed")

    def counted(name: str, function: Any) -> Any:
        return lambda *arguments: loaded.append(name) or function(*arguments)  # type: ignore[func-returns-value]

    detector.forget_detectors()
    monkeypatch.setattr(acquire_module, "download", broken)
    monkeypatch.setattr(detector, "load_detector", counted("detector", lambda settings: object()))
    for name in ("read_manifest", "read_clip_list", "read_dancers"):
        monkeypatch.setattr(manifest_folder, name, counted(name, getattr(manifest_folder, name)))
    once = ["read_manifest", "read_clip_list", "read_dancers", "detector"]

    def run_batches(changed: dict[str, Any]) -> None:
        for _ in range(3):
            with pytest.raises(TransferError):
                acquire_batch.fn(changed, "m", [TWO.bvid])

    run_batches(overrides)
    assert loaded == once
    run_batches(overrides | {"clips": {"min_seconds": 3.0}})  # nothing that the detector knows
    assert loaded == once
    run_batches(overrides | {"screening": {"height": 240}})
    assert loaded == [*once, "detector"]
    write_manifest(Path(overrides["manifests"], "m"), Manifest("m", (TWO,)))
    run_batches(overrides | {"screening": {"height": 240}})
    assert loaded == [*once, "detector", *once[:3]]
    detector.forget_detectors()


def test_two_batches_at_once_have_detectors_of_their_own(
    overrides: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load(overrides=overrides)
    detector.forget_detectors()
    monkeypatch.setattr(detector, "load_detector", lambda settings: object())
    with detector.loaded_detector(settings) as one, detector.loaded_detector(settings) as other:
        assert one is not other
    with detector.loaded_detector(settings) as third:
        assert third in (one, other)
    detector.forget_detectors()
