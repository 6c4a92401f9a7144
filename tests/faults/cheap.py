"""A person detector and a pose estimator that need no network, for the processes of the bed.

`install` writes the metadata of a package that registers them, so that processes with the folder in
PYTHONPATH find them as they find any plug-in.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from popdanceset.settings import Settings

NAME = "cheap"

_METADATA = "Metadata-Version: 2.1\nName: popdanceset-fault-bed\nVersion: 1.0\n"
_ENTRY_POINTS = f"""\
[popdanceset.detectors]
{NAME} = {__name__}:load_detector

[hybrik_runner.estimators]
{NAME} = {__name__}:load_estimator
"""


def install(folder: Path) -> None:
    """Registers both in a folder."""
    info = folder / "popdanceset_fault_bed-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(_METADATA, encoding="utf-8")
    (info / "entry_points.txt").write_text(_ENTRY_POINTS, encoding="utf-8")


def load_detector(settings: Settings) -> Any:
    """Returns a detector that sees one person in the middle of every frame."""

    def detect(image: np.ndarray, near: np.ndarray | None = None) -> np.ndarray:
        height, width = image.shape[:2]
        return np.array([[width / 2, height / 2, 0.4 * height, 0.99]])

    return detect


def load_estimator(settings: Settings) -> Any:
    """Returns an estimator that sees one dancer who sways."""
    from tests.hybrik_runner.conftest import FakeEstimator

    return FakeEstimator()
