"""Small drawings of a 3D skeleton from the side, shown below the still with the same pose from the front."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from popdanceset.report.colours import as_hex
from popdanceset.skeleton import SMPL_BONES, SMPL_JOINTS, bone_colour

LEFT, TOP, WIDTH, HEIGHT = -1.1, -1.3, 2.2, 2.45
"""The drawn part of the plane, metres around the root."""


def side_view(joints: NDArray[np.floating[Any]]) -> Markup:
    """Draws the skeleton as seen from the image's right edge: the camera is on the left.

    The drawing shows the depth, which the still does not show and which is the least certain part of a pose
    estimated from one camera.

    Args:
        joints: (24, 3) SMPL joints relative to the root, metres, world axes (y away from the camera, z up).
    """
    # Limbs nearer to the viewer are drawn last.
    order = sorted(SMPL_BONES, key=lambda bone: float(joints[list(bone), 0].sum()))
    lines = "".join(
        f'<path d="M{joints[a, 1]:.3f} {-joints[a, 2]:.3f}L{joints[b, 1]:.3f} {-joints[b, 2]:.3f}" '
        f'stroke="{as_hex(bone_colour(SMPL_JOINTS[a], SMPL_JOINTS[b]))}"/>'
        for a, b in order
        if np.isfinite(joints[[a, b]]).all()
    )
    return Markup(  # nosec B704  # numbers and colours only
        '<svg class="body" role="img" aria-label="the 3D skeleton from the side" '
        f'viewBox="{LEFT} {TOP} {WIDTH} {HEIGHT}">'
        f'<g fill="none" stroke-width="0.045" stroke-linecap="round">{lines}</g></svg>'
    )
