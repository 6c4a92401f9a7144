"""Physical body contact score (PBC): hands and head move when shoulders and neck drive them."""

from __future__ import annotations

import numpy as np

from training.metrics.clip import Floats, checked
from training.metrics.mode import Mode
from training.metrics.pfc import SCALE, contact_terms, frame_scale, relative_acceleration
from training.metrics.score import Score, joined

DRIVEN = {"left hand": (13, (20, 22), 0.01), "right hand": (14, (21, 23), 0.01), "head": (12, (15,), 0.1)}
"""Part → the joint that drives it, the joints whose displacement counts, the released code's weight."""


def pbc(joints: Floats, fps: float, mode: Mode = "corrected", weighted: bool = True) -> Score:
    """Physical body contact score (PBC) of one dance.

    PBC = 10⁴ · mean over frames of w₁·L·â₁₃ + w₂·R·â₁₄ + w₃·H·â₁₂ − F, where L is the smaller displacement
    of left wrist and hand, R of the right ones, H that of the head (in space, from one frame to the next), â
    the norm of a joint's acceleration over its maximum in the clip, and F the summand of PFC.

    The printed equation (POPDG, Eq. 12) has no weights; the code, and therefore every published number, has
    0.01, 0.01 and 0.1. `corrected` takes displacements in 1/30 s. A joint that never accelerates adds 0, with
    a flag.

    Nearer to the real dances' PBC is better: only by this rule is POPDG the best model in all three parts of
    its paper's Table 2, where generated dances have larger numbers than real ones in two parts.

    Source: POPDG, Sec. 9, Eq. 12, and its released code.

    Args:
        joints: (frames, 24, 3) metres, z up; 3 frames at least.
        fps: frames a second.
        mode: `corrected` or `released`.
        weighted: use the weights of the released code; False computes the equation as printed.

    Returns:
        A number of either sign, in 10⁻⁴ m (from which the paper subtracts m²).

    Raises:
        InputError: the dance has a wrong shape, too few frames or NaN.
    """
    contact, still = contact_terms(checked(joints, fps), fps, mode)
    if mode == "corrected":
        joints = joints.astype(np.float64, copy=False)
    total, flags = -contact, ["motionless root" if still else ""]
    for part, (driver, driven, weight) in DRIVEN.items():
        moved = np.linalg.norm(joints[2:, driven] - joints[1:-1, driven], axis=-1).min(axis=1)
        share, still = relative_acceleration(joints[:, driver], mode)
        total = total + (weight if weighted else 1.0) * moved * frame_scale(fps, mode) * share
        flags.append(f"motionless base of the {part}" if still else "")
    return Score(float(total.mean()) * SCALE, joined(*flags))
