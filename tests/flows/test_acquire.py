"""The acquire flow's batches, called as plain functions."""

from pathlib import Path
from typing import Any

import pytest

from flows.acquire import acquire_batch, replan_batch
from popdanceset.errors import TransferError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.schema import CLIPS, VIDEOS
from popdanceset.store import Store
from popdanceset.tables import from_rows
from popdanceset.video import acquire as acquire_module
from popdanceset.video.clips import blank_row, clips_name

ONE, TWO = ManifestVideo("BV1xx411c7mD", 1.0, mid=1), ManifestVideo("BV1yy411c7mD", 1.0, mid=2)


@pytest.fixture
def overrides(tmp_path: Path) -> dict[str, Any]:
    """A manifest of two videos; the first was screened once, but its report is lost."""
    write_manifest(tmp_path / "manifests" / "m", Manifest("m", (ONE, TWO)))
    store = Store(tmp_path / "store")
    clip = blank_row(ONE, 1, 0.0, 5.0, "") | {"clip_id": f"{ONE.bvid}_Clip_1", "accepted": True}  # type: ignore[arg-type]
    store.write_table(clips_name(ONE.bvid), from_rows([clip], CLIPS), CLIPS)
    row = {"bvid": ONE.bvid, "page": 1, "path": "", "sha256": "x", "accepted": True, "reason": "", "note": ""}
    store.write_table(f"videos/{ONE.bvid}.parquet", from_rows([row], VIDEOS), VIDEOS)
    return {"store": store.address, "manifests": str(tmp_path / "manifests")}


def test_planning_again_names_what_it_had_to_leave(overrides: dict[str, Any]) -> None:
    assert replan_batch.fn(overrides, "m", [ONE.bvid]) == [ONE.bvid]
    assert replan_batch.fn(overrides, "m", [TWO.bvid]) == []  # never acquired


def test_a_broken_transfer_makes_its_batch_fail(
    overrides: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise TransferError("the connection failed")

    monkeypatch.setattr(acquire_module, "download", broken)
    monkeypatch.setattr(acquire_module, "load_detector", lambda settings: None)
    acquire_batch.fn(overrides, "m", [ONE.bvid])  # is there already
    with pytest.raises(TransferError, match=TWO.bvid):
        acquire_batch.fn(overrides, "m", [ONE.bvid, TWO.bvid])
