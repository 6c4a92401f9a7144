"""Ranges of motion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrik_runner.blazepose.joint_limits import FOREARM, HEAD, HIP, SHOULDER, Range

RANGES = [SHOULDER, SHOULDER.mirrored(), HIP, FOREARM, FOREARM.mirrored(), HEAD]


@pytest.mark.parametrize("limit", RANGES)
@given(st.floats(-np.pi, np.pi))
def test_angles_are_kept_in_range_and_never_turned_round(limit: Range, angle: float) -> None:
    (kept,) = limit.keep(np.array([angle]))
    assert limit.low - 1e-12 <= kept <= limit.high + 1e-12
    if limit.low <= angle <= limit.high:
        assert kept == pytest.approx(angle, abs=1e-12)
    assert kept * angle >= -1e-12


@pytest.mark.parametrize("limit", RANGES)
def test_nothing_jumps(limit: Range) -> None:
    """Round the whole circle, half a turn being the same from both sides."""
    angles = np.linspace(-np.pi, np.pi, 2001)
    kept = limit.keep(angles)
    assert np.abs(np.diff(kept)).max() < 0.02
    assert kept[0] == pytest.approx(0, abs=1e-9)
    assert kept[-1] == pytest.approx(0, abs=1e-9)


def test_the_shoulder_turns_further_outwards() -> None:
    assert -SHOULDER.low > SHOULDER.high
    assert SHOULDER.mirrored().high == -SHOULDER.low
    assert np.degrees(HIP.high) == pytest.approx(47 + 15)
