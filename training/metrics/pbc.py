"""PBC, the physical body contact score: hands and head that move with shoulders and neck that drive them."""

from __future__ import annotations

import numpy as np

from training.metrics.clip import Floats, checked
from training.metrics.mode import Mode
from training.metrics.pfc import SCALE, accelerations, contact_terms, frame_scale
from training.metrics.score import Score, joined

DRIVEN = {"left hand": (13, (20, 22), 0.01), "right hand": (14, (21, 23), 0.01), "head": (12, (15,), 0.1)}
"""Part → the joint that drives it, the joints whose displacement counts, the code's weight."""


def pbc(joints: Floats, fps: float, mode: Mode = "corrected", weighted: bool = True) -> Score:
    """Physical body contact score of one dance.

    PBC = 10⁴ · mean over frames of w₁·L·â₁₃ + w₂·R·â₁₄ + w₃·H·â₁₂ − F, where L is the smaller displacement
    of left wrist and hand, R of the right ones, H that of the head (in space, per frame), â the norm of a
    joint's acceleration over its maximum in the clip, and F the summand of PFC.

    The printed equation (POPDG, Eq. 12) has no weights; the code, and so every published number, has 0.01,
    0.01 and 0.1. `corrected` takes displacements in 1/30 s; a joint that never accelerates adds 0, flagged.

    Source: POPDG, Sec. 9, Eq. 12, and its released code.

    Args:
        joints: (frames, 24, 3) metres, z up; 3 frames at least.
        fps: frames a second.
        mode: way of counting.
        weighted: with the weights of the code; False for the equation as printed.

    Returns:
        Any number, in 10⁻⁴ m (from which m² are subtracted: the paper's choice); more is better.

    Raises:
        InputError: a wrong shape, too few frames, NaN.
    """
    contact, still = contact_terms(checked(joints, fps), fps, mode)
    if mode == "corrected":
        joints = joints.astype(np.float64, copy=False)
    total, flags = -contact, ["motionless root" if still else ""]
    for part, (driver, driven, weight) in DRIVEN.items():
        moved = np.linalg.norm(joints[2:, driven] - joints[1:-1, driven], axis=-1).min(axis=1)
        share, still = accelerations(joints[:, driver], mode)
        total = total + (weight if weighted else 1.0) * moved * frame_scale(fps, mode) * share
        flags.append(f"motionless base of the {part}" if still else "")
    return Score(float(total.mean()) * SCALE, joined(*flags))
