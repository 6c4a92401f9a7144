"""The synthetic dances are slowest on their beats, and beat tracking finds these beats."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import argrelmin

from popdanceset.skeleton import FOOT_JOINTS

pytest.importorskip("torch", reason="training needs the extra 'train'")


@pytest.fixture(scope="module")
def dances():
    spec = importlib.util.spec_from_file_location("dances", Path(__file__).with_name("dances.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["dances"] = module  # data classes look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(4))
def test_the_dancer_rests_on_the_beats(dances, seed):
    piece = dances.compose(seed)
    joints = dances.joints(*dances.choreograph(piece))
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1).sum(1)
    for rest in argrelmin(speed, order=5)[0] + 0.5:  # a step of speed lies between two frames
        assert np.abs(piece.beats * 30 - rest).min() <= 1
    assert joints[:, FOOT_JOINTS, 2].min(1) == pytest.approx(0.03)


def test_the_beats_are_heard(dances):
    found = []
    for seed in range(4):
        piece = dances.compose(seed)
        heard = np.flatnonzero(dances.features(piece)[:, 34])
        composed = piece.beats[(piece.beats > 0.5) & (piece.beats < 7.5)] * 30
        found += list(np.abs(composed[:, None] - heard).min(1) < 2)
    assert np.mean(found) > 0.9
    assert {dances.compose(seed).style for seed in range(12)} == {0, 1, 2}
