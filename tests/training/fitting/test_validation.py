"""Validation during training."""

import numpy as np

from training.data import DanceWindows
from training.data.music_scaler import MusicScaler
from training.fitting.validation import validation
from training.popdg.config import ModelConfig
from training.popdg.model import POPDG


def test_validation_measures_dances_to_unseen_music(release_dir, tmp_path):
    windows = DanceWindows(release_dir, "test", length=30, stride=10, cache_dir=tmp_path)
    measured = validation(windows, count=5)(
        POPDG(ModelConfig(music_dim=35, window=30, width=32, feedforward=32, heads=4, layers=1)).eval(),
        windows.scaler,
        MusicScaler.none(35),
    )
    assert {"validation/FID_k", "validation/Div_g", "validation/PFC"} <= measured.keys()
    assert all(np.isfinite(value) for value in measured.values())
