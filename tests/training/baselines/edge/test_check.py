"""Recorded values of EDGE are met, and a wrong value is noticed."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from popdanceset.errors import InputError
from training.baselines.edge import check
from training.baselines.edge.released import load_released


def test_the_recorded_values_are_met(golden: Path) -> None:
    found = list(check.differences(golden))
    assert len(found) > 80
    assert [difference.name for difference in found if not difference.fine] == []


def test_a_wrong_value_is_noticed(golden: Path, tmp_path: Path) -> None:
    for name in ("weights", "io", "samplers", "pipeline"):
        record = torch.load(golden / f"{name}.pt", weights_only=True)
        if name == "io":
            record["uncond"][1, 3, 5] += 1e-2
        if name == "pipeline":
            record["stitch"]["smpl_trans"][0, 0] = float("nan")
        torch.save(record, tmp_path / f"{name}.pt")
    result = CliRunner().invoke(check.check, [str(tmp_path)], standalone_mode=False)
    assert result.return_value == 1
    assert result.output.count("TOO LARGE") == 2
    (tmp_path / "pipeline.pt").unlink()
    with pytest.raises(InputError, match=r"pipeline.pt: not readable"):
        list(check.differences(tmp_path))


def test_all_released_weights_have_a_place(shared: Path, plain: ModuleType, tmp_path: Path) -> None:
    """The plain network has exactly the released names; with other sizes, the shapes follow them."""
    path = shared / "golden/baselines/edge/released_shapes.json"
    released: dict[str, Any] = next(iter(json.loads(path.read_text()).values()))
    with torch.device("meta"):
        network = plain.PlainEDGE(width=512, ff=1024, heads=8, layers=8, music_dim=4800, window=150)
    own = {name: list(value.shape) for name, value in network.state_dict().items()}
    assert own == released
    small = plain.PlainEDGE(width=16, ff=24, heads=2, layers=8, music_dim=35, window=10)
    torch.save({"ema_state_dict": small.state_dict()}, tmp_path / "edge.pt")
    model = load_released(tmp_path / "edge.pt", heads=2).model
    ours = sum(p.numel() for p in model.parameters())
    # Key biases affect no output and are left out: one for each of 2 + 2 · 8 attentions.
    assert ours == sum(p.numel() for p in small.parameters()) - 18 * 16


def test_files_that_are_not_of_edge_get_one_line(plain: ModuleType, tmp_path: Path) -> None:
    weights = plain.PlainEDGE(width=16, ff=24, heads=2, layers=1, music_dim=5, window=10).state_dict()
    without = {name: weight for name, weight in weights.items() if name != "final_layer.bias"}
    forms = {
        "foreign.pt": ({"a": torch.zeros(2)}, "does not contain weights of EDGE"),
        "without.pt": (without, "has no final_layer.bias"),
        "shape.pt": ({**weights, "final_layer.weight": torch.zeros(151, 9)}, "final_layer.weight of 151 × 9"),
    }
    for name, (content, message) in forms.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(InputError, match=message) as caught:
            load_released(tmp_path / name, heads=2)
        assert "\n" not in str(caught.value)
