"""Networks that cannot be loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hybrik_runner.blazepose.network import Network
from popdanceset.errors import AssetError


def test_a_file_that_is_not_a_network(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(b"no network")
    with pytest.raises(AssetError, match=r"net\.tflite: is not a network"):
        Network(path)


def test_without_the_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(AssetError, match=r"pip install 'popdanceset\[pose\]'"):
        Network(tmp_path / "net.tflite")
