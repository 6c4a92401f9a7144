"""A 3-D skeleton from the side as a small drawing, to stand below the still that shows it from the front."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from popdanceset.report import colours
from popdanceset.skeleton import SMPL_BONES, SMPL_JOINTS

LEFT, TOP, WIDTH, HEIGHT = -1.1, -1.3, 2.2, 2.45
"""The part of the plane that is drawn, metres around the root."""


def side_view(joints: NDArray[np.floating[Any]]) -> Markup:
    """What somebody at the picture's right edge would see: the camera is at the left.

    It shows the depth that the still does not, where a pose from one camera is least certain.

    Args:
        joints: (24, 3) SMPL joints relative to the root, metres, world axes (y away from the camera, z up).
    """
    # Limbs nearer to that somebody are drawn last.
    order = sorted(SMPL_BONES, key=lambda bone: float(joints[list(bone), 0].sum()))
    lines = "".join(
        f'<path d="M{joints[a, 1]:.3f} {-joints[a, 2]:.3f}L{joints[b, 1]:.3f} {-joints[b, 2]:.3f}" '
        f'stroke="{colours.of_bone((SMPL_JOINTS[a], SMPL_JOINTS[b]))}"/>'
        for a, b in order
        if np.isfinite(joints[[a, b]]).all()
    )
    return Markup(
        '<svg class="body" role="img" aria-label="the 3-D skeleton from the side" '
        f'viewBox="{LEFT} {TOP} {WIDTH} {HEIGHT}">'
        f'<g fill="none" stroke-width="0.045" stroke-linecap="round">{lines}</g></svg>'
    )
