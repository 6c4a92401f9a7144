"""Validation during training: metrics of dances to music of the test part."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from popdanceset.schema import FPS
from training.data import DanceWindows
from training.data.music_scaler import MusicScaler
from training.data.representation import MinMaxScaler, SmplMotion, decode
from training.data.shuffled_batches import ShuffledBatches
from training.export import Dance
from training.fitting.trainer import Validate
from training.interface import Distilled, Options, Trained
from training.metrics.clip import Clip
from training.metrics.score import UNDEFINED
from training.metrics.suite import evaluate_set
from training.models import model_of
from training.sampling.dancing import whole

MEASURED = ("FID_k", "FID_g", "Div_k", "Div_g", "PFC", "PBC", "BAS")


def validation(
    windows: DanceWindows, count: int = 32, seed: int = 0, distilled: Distilled | None = None
) -> Validate:
    """Prepares a validation on up to `count` windows of a part that is not trained on.

    Args:
        windows: of the test part.
        count: number of windows; the same windows each time.
        seed: of the choice and of the dances.
        distilled: of a network that is being distilled.

    Returns:
        A function that returns `validation/{metric}` for `MEASURED`, except for metrics that are undefined
        for so few dances.
    """
    count = min(count, len(windows))
    motion, music = ShuffledBatches(windows, count, seed, scaled=False).batch(0)
    beats = [_beats(one, windows.extractor) for one in music]
    real = [_clip(f"{number}", decode(one), beats[number]) for number, one in enumerate(motion)]

    def validate(network: Any, scaler: MinMaxScaler, music_scaler: MusicScaler) -> dict[str, float]:
        device = next(network.parameters()).device
        trained = Trained(network, scaler, music_scaler, windows.extractor, 2.0, device, distilled)
        model = model_of(network.config)
        options = model.quick if distilled is None else Options()
        made = [
            _clip(f"{number}", whole(model.dance(trained, one, options, seed + number)), beats[number])
            for number, one in enumerate(music)
        ]
        result = evaluate_set(real, made, seed=seed, bootstrap=0)
        known = {name: result.numbers[name] for name in MEASURED if name in result.numbers}
        return {f"validation/{name}": one.value for name, one in known.items() if one.flag not in UNDEFINED}

    return validate


def _beats(music: torch.Tensor, extractor: str) -> np.ndarray | None:
    """Frames of the beats, if the features contain them."""
    return np.flatnonzero(music[:, -1].numpy() > 0.5) if extractor.startswith("baseline") else None


def _clip(name: str, motion: SmplMotion, beats: np.ndarray | None) -> Clip:
    dance = Dance(motion.poses.double().numpy(), motion.translation.double().numpy(), FPS)
    return Clip(name, dance.joints, FPS, beats)
