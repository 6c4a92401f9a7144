"""Checks of the doctor: model files and devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrik_runner import checks
from popdanceset.errors import SettingsError
from popdanceset.settings import Settings


def with_pose(settings: Settings, **values: object) -> Settings:
    pose = type(settings.pose).model_validate(settings.pose.model_dump() | values)
    return settings.model_copy(update={"pose": pose})


def test_files_of_blazepose_are_fetched_later(settings: Settings, tmp_path: Path) -> None:
    finding = checks.models(with_pose(settings, model_dir=str(tmp_path)))
    assert (finding.verdict, finding.do) == ("warning", "popdanceset assets --fetch")
    assert "pose_detection.tflite" in finding.what


def test_a_damaged_file_of_blazepose_fails(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "pose_detection.tflite").write_bytes(b"odd")
    assert checks.models(with_pose(settings, model_dir=str(tmp_path))).verdict == "failed"


def test_hybrik_without_weights_fails(settings: Settings, tmp_path: Path) -> None:
    finding = checks.models(with_pose(settings, model_dir=str(tmp_path), estimator="hybrik"))
    assert finding.verdict == "failed"
    assert "hybrik" in finding.what
    assert "popdanceset assets" in finding.do


def test_an_estimator_that_nobody_installed(settings: Settings) -> None:
    finding = checks.models(with_pose(settings, estimator="nobody's"))
    assert (finding.verdict, finding.where) == ("failed", "pose.estimator")


def test_a_gpu_that_is_not_there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("popdanceset.devices.devices", lambda: ("cpu",))
    named = with_pose(settings, estimator="hybrik", devices="cuda:0")
    with pytest.raises(SettingsError, match="there is no device 'cuda:0'"):
        checks.devices(named)
    assert checks.devices(with_pose(settings, estimator="hybrik", devices="cpu")).what == "cpu"
    assert checks.devices(with_pose(settings, devices="cuda:0")).verdict == "warning"
