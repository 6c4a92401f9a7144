"""Reading checkpoints of the released code, also those that want to do more than be read."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from popdanceset.errors import InputError
from training.popdg.released import from_released, load_released

SIZES: dict[str, Any] = {"width": 48, "ff": 80, "layers": 3, "music_layers": 1, "music_dim": 11}


@pytest.fixture(scope="module")
def weights(plain: ModuleType) -> dict[str, torch.Tensor]:
    return plain.random_weights(**SIZES, seed=3)


def test_another_width_and_depth_gives_what_the_plain_network_gives(
    plain: ModuleType, weights: dict[str, torch.Tensor]
) -> None:
    model = from_released(weights, heads=6).eval()
    assert (model.config.width, model.config.layers, model.config.music_layers) == (48, 3, 1)
    generator = torch.Generator().manual_seed(0)
    x, music = (torch.randn(4, 150, size, generator=generator) for size in (156, 11))
    time = torch.tensor([0, 12, 500, 999])
    keep = torch.tensor([True, False, True, False]), torch.tensor([True, True, False, False])
    with torch.no_grad():
        prediction = model(x, time, music, *keep)
        start, variance = plain.forward(weights, 6, x, time, music, *keep)
    torch.testing.assert_close(prediction.x_start, start, atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(prediction.variance, variance, atol=2e-5, rtol=1e-5)


def test_all_forms_of_a_checkpoint_are_the_same(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    other = {name: weight + 1 for name, weight in weights.items()}
    forms: dict[str, Any] = {
        "bare": weights,
        "ema": {"ema_state_dict": weights, "model_state_dict": other, "normalizer": None},
        "model": {"model_state_dict": weights, "optimizer_state_dict": {"state": {}}},
        "config": {"state_dict": weights, "config": {"num_heads": 6}},
        "parallel": {"model_state_dict": {f"module.{name}": weight for name, weight in weights.items()}},
        "dead": {**weights, "DecoderSequence.stack.0.align1.temporal_embedding_dance.conv.bias": other},
    }
    for name, saved in forms.items():
        torch.save(saved, tmp_path / name)
        model, scaler = load_released(tmp_path / name, heads=None if name == "config" else 6)
        assert scaler is None
        assert model.config.heads == 6
        assert torch.equal(model.start_projection.weight, weights["final_layer.weight"])


def test_the_pickled_normaliser_becomes_our_scaler(
    tmp_path: Path, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As theirs is pickled: an object of a class that is not here, holding another one with the arrays."""
    module = types.ModuleType("dataset_of_others")
    monkeypatch.setitem(sys.modules, "dataset_of_others", module)
    for name in ("Normalizer", "MinMaxScaler"):
        setattr(module, name, type(name, (), {"__module__": "dataset_of_others"}))
    for kind in (torch.tensor, np.array):
        normalizer, inner = module.Normalizer(), module.MinMaxScaler()
        inner.data_min_, inner.data_max_ = kind([-1.0, 2.0]), kind([1.0, 5.0])
        inner.feature_range = (-1, 1)
        normalizer.scaler = inner
        torch.save({"ema_state_dict": weights, "normalizer": normalizer}, tmp_path / "theirs.pt")
        _, scaler = load_released(tmp_path / "theirs.pt", heads=6)
        assert scaler is not None
        assert scaler.minimum.tolist() == [-1, 2]
        assert scaler.maximum.tolist() == [1, 5]


def test_a_checkpoint_cannot_run_anything(tmp_path: Path, weights: dict[str, torch.Tensor]) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "broken-into"),)

    torch.save({"ema_state_dict": weights, "normalizer": Attack()}, tmp_path / "attack.pt")
    assert load_released(tmp_path / "attack.pt", heads=6).scaler is None
    assert not (tmp_path / "broken-into").exists()


def test_files_that_are_not_checkpoints_get_one_line(
    tmp_path: Path, weights: dict[str, torch.Tensor]
) -> None:
    (tmp_path / "text.pt").write_text("no weights")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"a": torch.zeros(2)}, tmp_path / "foreign.pt")
    without = {name: weight for name, weight in weights.items() if name != "final_layer.bias"}
    torch.save(without, tmp_path / "without.pt")
    torch.save({**weights, "final_layer.weight": torch.zeros(156, 9)}, tmp_path / "shape.pt")
    empty = {"data_min_": np.array({}), "data_max_": "words"}
    torch.save({"ema_state_dict": weights, "normalizer": empty}, tmp_path / "normaliser.pt")
    messages = {
        "missing.pt": "not readable: No such file",
        "text.pt": "is not a checkpoint of torch",
        "normaliser.pt": "has a normaliser without numbers",
        "list.pt": "does not contain weights by name",
        "foreign.pt": "does not contain weights of the released network",
        "without.pt": "has no final_layer.bias",
        "shape.pt": "final_layer.weight of 156 × 9 does not fit a released network",
    }
    for name, message in messages.items():
        with pytest.raises(InputError, match=message) as caught:
            load_released(tmp_path / name, heads=6)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="width 48 does not fit 5 heads"):
        load_released(_saved(tmp_path / "fine.pt", weights), heads=5)


def _saved(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    torch.save(weights, path)
    return path
