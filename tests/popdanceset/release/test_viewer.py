"""The 3D viewer inside a release."""

from __future__ import annotations

import base64
import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from popdanceset.errors import AssetError
from popdanceset.release import viewer
from popdanceset.release.reader import Release
from popdanceset.release.validation import validate
from popdanceset.release.writer import publish
from popdanceset.review import static
from popdanceset.review.vendoring import vendor
from popdanceset.settings import Settings
from popdanceset.store import Store


@pytest.fixture
def wanted(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that ask for the viewer. Without three.js its script is an empty one."""
    if vendor.missing():
        folder = tmp_path / "vendor"
        folder.mkdir()
        (folder / "LICENSE").write_text("MIT")
        monkeypatch.setattr(vendor, "FOLDER", folder)
        monkeypatch.setattr(static, "link", lambda _: "// no page\n")
        monkeypatch.setattr(viewer, "check_viewer", lambda: None)
        monkeypatch.setattr("popdanceset.release.writer.check_viewer", lambda: None)
    release = settings.release.model_copy(update={"viewer": True})
    return settings.model_copy(update={"release": release})


def script(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8").partition(" = ")[2].strip().removesuffix(";"))


def test_a_release_with_a_viewer_is_valid_and_its_card_leads_there(
    ready: Store, wanted: Settings, day: datetime.date
) -> None:
    folder = Path(wanted.store, publish(wanted, ready, "weekly", day=day).path)

    assert validate(str(folder)).faults == []
    assert "| 3D viewer | [viewer/index.html](viewer/index.html)" in (folder / "README.md").read_text()
    assert (folder / "viewer/index.html").is_file()
    described = json.loads((folder / "croissant.json").read_text())["distribution"]
    kinds = {item.get("contentUrl"): item["encodingFormat"] for item in described}
    assert kinds["viewer/index.html"] == "text/html"
    assert kinds["viewer/page.js"] == kinds["viewer/clips/0001.js"] == "text/javascript"


def test_it_shows_the_clips_of_the_release_also_those_in_kept_files(
    store: Store, wanted: Settings, synthetic: Any, day: datetime.date
) -> None:
    rows = [synthetic.clip_row(f"BV{n}_Clip_1", 60 + n, f"m{n}") for n in range(1, 14)]
    synthetic.fill_store(store, "weekly", rows[:-1])
    first = publish(wanted, store, "weekly", day=day)
    synthetic.fill_store(store, "weekly", rows)

    second = publish(wanted, store, "weekly", day=day + datetime.timedelta(7))

    kept = {path.name for path in Path(wanted.store, first.path, "data").iterdir()}
    assert kept & {path.name for path in Path(wanted.store, second.path, "data").iterdir()}
    folder = Path(wanted.store, second.path)
    release = Release(str(folder))
    files = script(folder / "viewer/room.js")["files"]
    assert set(files) == {row["clip_id"] for row in rows}
    for clip_id, name in files.items():
        packed = script(folder / "viewer" / name)["arrays"]["joints"][""]
        shown = np.frombuffer(base64.b64decode(packed["data"]), "<i2").reshape(-1, 24, 3) * packed["scale"]
        frames = release.frames(clip_id, ("joints3d", "smpl_trans"))
        assert np.abs(shown - frames["joints3d"] - frames["smpl_trans"][:, None]).max() < 1e-4
    assert validate(str(folder)).faults == []


def test_without_three_nothing_is_published(
    ready: Store, settings: Settings, day: datetime.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = settings.release.model_copy(update={"viewer": True})
    monkeypatch.setattr(vendor, "missing", lambda: ["three.module.min.js"])

    with pytest.raises(AssetError, match="run `popdanceset review vendor`"):
        publish(settings.model_copy(update={"release": release}), ready, "weekly", day=day)

    assert not ready.list("releases")


def test_without_the_option_there_is_none(ready: Store, settings: Settings, day: datetime.date) -> None:
    folder = Path(settings.store, publish(settings, ready, "weekly", day=day).path)
    assert not (folder / "viewer").exists()
    assert "viewer/" not in (folder / "README.md").read_text()
