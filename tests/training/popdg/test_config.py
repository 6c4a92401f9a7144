"""Impossible sizes, and ablations."""

from __future__ import annotations

import pytest

from popdanceset.errors import InputError
from training.popdg.config import ABLATIONS, PAPER, RELEASED, ModelConfig, ablate


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 10, "heads": 4}, "width 10 does not fit 4 heads"),
        ({"width": 9, "heads": 3}, "width 9 does not fit"),
        ({"layers": 0}, "layers is 0"),
        ({"kernel": 4}, "kernel is 4"),
        ({"frame_mask": 1.0}, "frame_mask is 1.0"),
    ],
)
def test_impossible_sizes_are_named(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModelConfig(**change)


def test_presets_differ_where_paper_and_code_do() -> None:
    assert PAPER.model.kernel == 5
    assert RELEASED.model.kernel == 0
    assert PAPER.objective.bound == "same-pass"
    assert RELEASED.objective.bound == "double-pass"
    assert RELEASED.objective.weights.acceleration == 0


def test_feature_heads_divide_the_window() -> None:
    assert [ModelConfig(window=frames).feature_heads for frames in (150, 148, 149, 20, 6)] == [5, 4, 1, 5, 3]


def test_ablations_add_up() -> None:
    bare = ablate(ModelConfig(), ABLATIONS)
    kept = [bare.mf_attention, bare.ds_attention, bare.alignment, bare.learned_variance]
    assert not any(kept)
    assert (bare.width, bare.feedforward) == (256, 512)
    with pytest.raises(InputError, match="unknown ablation 'music'"):
        ablate(ModelConfig(), ["music"])
