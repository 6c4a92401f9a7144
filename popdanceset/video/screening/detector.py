"""Person detectors: what screening asks of one, and where it comes from."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import SettingsError

if TYPE_CHECKING:
    from popdanceset.settings import Settings

Floats = NDArray[np.float64]

GROUP = "popdanceset.detectors"
"""Entry points: name → `load_detector(settings) -> PersonDetector`."""


class PersonDetector(Protocol):
    """Finds people in a frame. One thread at a time may use it."""

    def __call__(self, image: NDArray[np.uint8], near: Floats | None = None) -> Floats:
        """People, each once.

        Args:
            image: (height, width, 3) uint8 RGB.
            near: (m, 4) people found shortly before: a quick look for them, and for whoever stands out, is
                enough; None: everybody must be found.

        Returns:
            (n, ≥ 4) centre x, y of the hips and radius of the circle around the whole body, in pixels; score
            0..1; further columns are the detector's own.
        """
        ...


@runtime_checkable
class LimbFinder(Protocol):
    """What a person detector may also do: find a person's limbs."""

    def limbs(self, image: NDArray[np.uint8], person: Floats) -> Floats | None:
        """Shoulders, elbows, wrists, hips, knees and ankles, each left then right.

        Args:
            image: (height, width, 3) uint8 RGB.
            person: a row of what the detector found in this frame.

        Returns:
            (12, 3) x, y in pixels, also outside the frame, and confidence 0..1 that it is seen; None if there
            is no body.
        """
        ...


def load_detector(settings: Settings) -> PersonDetector:
    """Loads the detector that `screening.detector` names, for one thread.

    Raises:
        SettingsError: no installed package has one of that name.
        AssetError: its model files are missing.
    """
    name = settings.screening.detector
    for point in entry_points(group=GROUP, name=name):
        detector: PersonDetector = point.load()(settings)
        return detector
    known = ", ".join(sorted(point.name for point in entry_points(group=GROUP))) or "none"
    raise SettingsError(f"no person detector {name!r}", "screening.detector", f"installed: {known}")


class _Pool:
    """Detectors that nobody is using, all loaded with the same settings."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made_with: Any = None
        self.free: list[PersonDetector] = []


_pool = _Pool()


@contextlib.contextmanager
def loaded_detector(settings: Settings) -> Iterator[PersonDetector]:
    """Lends a detector for the block, and keeps it for the next block of this process.

    A detector serves one thread at a time, so that as many are loaded as blocks run at once. They are kept
    for one set of the settings that detectors may use, those of screening and of poses.

    Raises:
        SettingsError, AssetError: as `load_detector`.
    """
    made_with = settings.screening, settings.pose
    with _pool.lock:
        if _pool.made_with != made_with:
            _pool.made_with, _pool.free = made_with, []
        detector = _pool.free.pop() if _pool.free else None
    if detector is None:
        detector = load_detector(settings)
    try:
        yield detector
    finally:
        with _pool.lock:
            if _pool.made_with == made_with:
                _pool.free.append(detector)


def forget_detectors() -> None:
    """Frees the detectors that nobody is using."""
    with _pool.lock:
        _pool.made_with, _pool.free = None, []
