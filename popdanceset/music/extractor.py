"""What every music feature extractor has in common: its interface, and one feature row per clip frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float32]]


class FeatureExtractor(Protocol):
    """Turns an audio file into features at 30 frames a second; frame k is centred at k / 30 s.

    Attributes:
        name: what the features are called in a release.
        width: number of features per frame.
        events: columns that mark events (1 in the frame of an onset or a beat, otherwise 0); may be empty.
    """

    @property
    def name(self) -> str: ...

    @property
    def width(self) -> int: ...

    @property
    def events(self) -> slice: ...

    def __call__(self, path: Path) -> Floats:
        """Returns the features of an audio file: (frames, width) float32."""
        ...


def fit_length(features: Floats, frames: int, events: slice = slice(0, 0)) -> Floats:
    """Cuts or extends features to the clip's number of frames.

    The audio and the frames of a clip begin together, so rows after the clip's last frame are cut off. If the
    audio ends early, its last row is repeated, but not the events in it: a beat happens once.

    Args:
        features: (n, width) float32, n ≥ 1.
        frames: number of rows wanted.
        events: columns that mark events.

    Returns:
        (frames, width) float32.
    """
    missing = frames - len(features)
    if missing <= 0:
        return features[:frames]
    padding = np.repeat(features[-1:], missing, axis=0)
    padding[:, events] = 0
    return np.concatenate([features, padding])
