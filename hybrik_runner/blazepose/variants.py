"""The landmark networks of BlazePose, and what was tuned for each of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from hybrik_runner.assets import Asset
from hybrik_runner.blazepose import assets


@dataclass(frozen=True, slots=True)
class Variant:
    """A landmark network.

    Attributes:
        name: name and version, as it is written into every row.
        asset: its file.
        depths: what is added to the depth of some landmarks, metres: how much the network sees them too near
            on average over nine rendered films of the tuning set; on two views of a real person and two
            dances it is the same within 2 cm.
        image_filter: cut-off at rest (Hz) of the One-Euro filter of image points, and its growth with speed
            (body sizes per second).
        metric_filter: the same for metric points (m/s). Only their depth stays in the result, and that is the
            noisiest of all that a network sees.
    """

    name: str
    asset: Asset
    depths: dict[int, float] = field(default_factory=dict)
    # As MediaPipe's own pipeline filters image points (pose_landmark_filtering.pbtxt of its later releases).
    # For metric points it has (0.1, 40). With 5 instead of 40 the acceleration error on four films with known
    # truth falls by 5 to 15 %, whichever network runs, and no error of the joints grows.
    image_filter: tuple[float, float] = (0.05, 80.0)
    metric_filter: tuple[float, float] = (0.1, 5.0)


FULL = Variant(
    f"blazepose-full-{assets.VERSION}", assets.LANDMARKS, {11: -0.033, 12: -0.033, 23: -0.007, 24: 0.007}
)
HEAVY = Variant(
    f"blazepose-heavy-{assets.NPM_VERSION}",
    assets.HEAVY_LANDMARKS,
    # This network twists every trunk to the same side.
    {11: -0.010, 12: -0.075, 23: -0.021, 24: 0.021} | dict.fromkeys(range(27, 33), -0.05),
)
AUTO = Variant(f"blazepose-auto-{assets.NPM_VERSION}", assets.LANDMARKS)
"""The full network, corrected by the heavy one here and there (`hybrik_runner.blazepose.auto`)."""
